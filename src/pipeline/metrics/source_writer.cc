#include "pipeline/metrics/source_writer.h"

#include "base/number_text.h"
#include "model/sample.h"

namespace sightline::pipeline {

SourceWriter::SourceWriter(const MetricSource& source, tsdb::Appendable& store, const Clock& clock,
                           Telemetry& telemetry)
    : source_(source),
      store_(store),
      clock_(clock),
      refused_(
          telemetry.counter("sightline_native_metrics_refused_items_total",
                            "Samples and exemplars of span metrics the metrics store refused.")) {}

// A family as the store holds it: a series a sample, classic buckets spelled out.
std::vector<SourceWriter::Sample> SourceWriter::samples_of(const model::MetricFamily& family) {
  std::vector<Sample> samples;
  for (const model::MetricPoint& point : family.points) {
    model::LabelsBuilder labels(point.labels);
    const auto add = [&](std::string_view suffix, double value,
                         const model::Histogram* native = nullptr) {
      labels.set(model::kMetricName, family.name + std::string(suffix));
      samples.push_back({labels.build(), value, native, point.created});
    };
    if (point.native) {
      add("", static_cast<double>(point.count), point.native.get());
    } else if (family.metadata.type == model::MetricType::kHistogram) {
      add("_sum", point.sum);
      add("_count", static_cast<double>(point.count));
      for (const model::HistogramBucket& bucket : point.buckets) {
        labels.set("le", format_float_openmetrics(bucket.le));
        add("_bucket", static_cast<double>(bucket.count));
      }
    } else {
      add(family.metadata.type == model::MetricType::kCounter ? "_total" : "", point.value);
    }
  }
  return samples;
}

Status SourceWriter::write(tsdb::Appender& appender, const Sample& sample, TimestampMs now) {
  auto known = written_.find(sample.labels);
  if (known == written_.end()) {
    const auto id = appender.series(sample.labels);
    if (!id) return std::unexpected(id.error());
    known = written_.emplace(sample.labels, Written{.id = *id, .value = -1}).first;
  }
  Written& written = known->second;
  written.round = round_;
  const bool due = now.value - written.time.value >= std::chrono::milliseconds(kHeartbeat).count();
  if (!due && written.value == sample.value) return {};
  const Status status =
      sample.native != nullptr
          ? appender.append_histogram(written.id, now, *sample.native, sample.created)
          : appender.append(written.id, now, sample.value, sample.created);
  if (status) {
    written.value = sample.value;
    written.time = now;
    return {};
  }
  if (status.error().code == Errc::kNotFound)
    written_.erase(known);  // looked up anew with the next write
  return status;
}

Status SourceWriter::write_due() {
  const auto families = source_.collect();
  const TimestampMs now = clock_.now_ms();
  ++round_;
  Status refused;
  auto appender = store_.appender();
  for (const model::MetricFamily& family : families) {
    appender->set_metadata(family.name, family.metadata);
    for (const Sample& sample : samples_of(family)) {
      auto status = write(*appender, sample, now);
      if (status) continue;
      refused_.add();
      refused = std::move(status);
    }
  }
  std::erase_if(written_, [&](const auto& entry) {
    if (entry.second.round == round_) return false;
    if (!appender->append(entry.second.id, now, model::stale_marker())) refused_.add();
    return true;
  });
  if (auto status = appender->commit(); !status) return status;
  return refused;
}

}  // namespace sightline::pipeline
