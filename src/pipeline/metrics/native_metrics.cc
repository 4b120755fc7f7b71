#include "pipeline/metrics/native_metrics.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/number_text.h"
#include "model/sample.h"

namespace sightline::pipeline {
namespace {

using connectors::spanmetrics::ExemplarSnapshot;
using connectors::spanmetrics::SeriesIdentity;
using connectors::spanmetrics::SeriesSnapshot;
using connectors::spanmetrics::SpanMetrics;
using connectors::spanmetrics::SpanMetricsChanges;

std::vector<std::string> le_texts(const SpanMetrics& metrics) {
  std::vector<std::string> texts;
  if (!metrics.has_histogram() || metrics.has_exponential_histogram()) return texts;
  for (const double bound : metrics.bounds()) texts.push_back(format_float_openmetrics(bound));
  texts.push_back(format_float_openmetrics(std::numeric_limits<double>::infinity()));
  return texts;
}

}  // namespace

NativeMetrics::NativeMetrics(const SpanMetrics& metrics, tsdb::Appendable& store,
                             const Clock& clock, Telemetry& telemetry)
    : metrics_(metrics),
      store_(store),
      clock_(clock),
      refused_(
          telemetry.counter("sightline_native_metrics_refused_items_total",
                            "Samples and exemplars of span metrics the metrics store refused.")),
      le_(le_texts(metrics)) {}

NativeMetrics::~NativeMetrics() { stop(); }

void NativeMetrics::start() {
  thread_ = std::thread([this] { run(); });
}

void NativeMetrics::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void NativeMetrics::run() {
  std::string last_error;
  for (;;) {
    const auto began = std::chrono::steady_clock::now();
    const Status status = write_changes();
    const std::string error = status ? std::string() : status.error().message;
    // Said once, not four times a second.
    if (error != last_error && !error.empty()) SL_LOG_WARN("span metrics: {}", error);
    last_error = error;
    // A tenth of the time at most goes into writing, unless that would break the promise of a second.
    const auto took = std::chrono::steady_clock::now() - began;
    const auto pause =
        std::clamp<std::chrono::nanoseconds>(took * 9, kWriteInterval, kWriteIntervalMax);
    std::unique_lock lock(mutex_);
    if (stopping_) break;
    changed_.wait_for(lock, pause, [&] { return stopping_; });
  }
  (void)write_changes();
}

Result<const NativeMetrics::SeriesIds*> NativeMetrics::ids_of(tsdb::Appender& appender,
                                                              const SeriesSnapshot& series) {
  if (const auto known = ids_.find(series.identity->id); known != ids_.end()) return &known->second;
  SeriesIds made;
  model::LabelsBuilder labels(series.identity->labels);
  const auto resolve = [&](const std::string& name) -> Status {
    labels.set(model::kMetricName, name);
    auto id = appender.series(labels.build());
    if (!id) return std::unexpected(std::move(id).error());
    made.ids.push_back(*id);
    return {};
  };
  std::vector<std::string> names;
  if (series.has_calls)
    names.push_back((series.is_events ? metrics_.events_name() : metrics_.calls_name()) + "_total");
  made.first_bucket = names.size();
  if (series.native) {
    names.push_back(metrics_.duration_name());
  } else if (series.has_duration) {
    names.push_back(metrics_.duration_name() + "_sum");
    names.push_back(metrics_.duration_name() + "_count");
    made.first_bucket = names.size();
  }
  for (const std::string& name : names)
    if (auto status = resolve(name); !status) return std::unexpected(std::move(status).error());
  if (series.has_duration && !series.native) {
    for (const std::string& le : le_) {
      labels.set("le", le);
      if (auto status = resolve(metrics_.duration_name() + "_bucket"); !status)
        return std::unexpected(std::move(status).error());
    }
  }
  return &ids_.emplace(series.identity->id, std::move(made)).first->second;
}

Status NativeMetrics::append_series(tsdb::Appender& appender, const SeriesIds& series_ids,
                                    const SeriesSnapshot& series, std::span<const uint64_t> buckets,
                                    TimestampMs now) {
  const TimestampMs created = series.identity->created;
  size_t next = 0;
  const auto append = [&](double value) {
    return appender.append(series_ids.ids[next++], now, value, created);
  };
  if (series.has_calls)
    if (auto status = append(static_cast<double>(series.calls)); !status) return status;
  if (series.native)
    return appender.append_histogram(series_ids.ids[next], now, *series.native, created);
  if (!series.has_duration) return {};
  if (auto status = append(series.duration_sum); !status) return status;
  if (auto status = append(static_cast<double>(buckets.back())); !status) return status;
  for (const uint64_t count : buckets)
    if (auto status = append(static_cast<double>(count)); !status) return status;
  return {};
}

void NativeMetrics::append_exemplars(tsdb::Appender& appender, const SpanMetricsChanges& changes) {
  // Of one series the exemplars of a native histogram come in order of time, as the store takes them.
  auto exemplars = changes.exemplars;
  std::stable_sort(exemplars.begin(), exemplars.end(),
                   [](const ExemplarSnapshot& a, const ExemplarSnapshot& b) {
                     return a.exemplar.time < b.exemplar.time;
                   });
  for (const ExemplarSnapshot& each : exemplars) {
    const SeriesSnapshot& series = changes.series[each.series];
    const auto ids = ids_.find(series.identity->id);
    if (ids == ids_.end()) continue;
    const size_t place = each.bucket == ExemplarSnapshot::kOfCalls
                             ? 0
                             : ids->second.first_bucket + (series.native ? 0 : each.bucket);
    // Out of order means a newer one of that series is stored already: nothing is missing.
    const auto status = appender.append_exemplar(ids->second.ids[place], each.exemplar);
    if (!status && status.error().code != Errc::kOutOfRange) refused_.add();
  }
}

Status NativeMetrics::append_targets(tsdb::Appender& appender, TimestampMs now) {
  for (const model::Labels& target : metrics_.targets()) {
    auto id = appender.series(
        model::LabelsBuilder(target).set(model::kMetricName, "target_info").build());
    if (!id) return std::unexpected(std::move(id).error());
    if (auto status = appender.append(*id, now, 1); !status) return status;
  }
  return {};
}

Status NativeMetrics::write_changes() {
  const std::lock_guard lock(write_mutex_);
  // Each write has a time of its own, even when the wall clock stands still or steps back a little.
  const TimestampMs now{std::max(clock_.now_ms().value, last_write_.value + 1)};
  const bool heartbeat =
      now.value - last_heartbeat_.value >= std::chrono::milliseconds(kHeartbeat).count();
  const SpanMetricsChanges changes = metrics_.changes_since(heartbeat ? 0 : epoch_);
  if (changes.series.empty()) {
    epoch_ = changes.epoch;
    return {};
  }
  auto appender = store_.appender();
  appender->set_metadata(metrics_.calls_name(), {.type = model::MetricType::kCounter});
  if (metrics_.has_histogram())
    appender->set_metadata(metrics_.duration_name(), {.type = model::MetricType::kHistogram});
  bool has_new_series = false;
  Status refused;
  for (const SeriesSnapshot& series : changes.series) {
    has_new_series = has_new_series || !ids_.contains(series.identity->id);
    const auto ids = ids_of(*appender, series);
    const bool has_buckets = series.has_duration && !series.native;
    const auto buckets =
        std::span(changes.bucket_counts)
            .subspan(has_buckets ? series.buckets_begin : 0, has_buckets ? le_.size() : 0);
    Status status =
        ids ? append_series(*appender, **ids, series, buckets, now) : std::unexpected(ids.error());
    if (status) continue;
    // The store may have forgotten the series: it is looked up anew with the next write.
    ids_.erase(series.identity->id);
    refused_.add();
    refused = std::move(status);
  }
  append_exemplars(*appender, changes);
  if (heartbeat || has_new_series)
    if (auto status = append_targets(*appender, now); !status) refused = std::move(status);
  if (auto status = appender->commit(); !status)
    return status;  // the epoch stays: all of it is read again
  last_write_ = now;
  if (heartbeat) last_heartbeat_ = now;
  if (refused) epoch_ = changes.epoch;
  return refused;
}

Status NativeMetrics::write_expired(std::span<const std::shared_ptr<const SeriesIdentity>> gone) {
  const std::lock_guard lock(write_mutex_);
  auto appender = store_.appender();
  const TimestampMs now{std::max(clock_.now_ms().value, last_write_.value + 1)};
  for (const auto& identity : gone) {
    const auto ids = ids_.find(identity->id);
    if (ids == ids_.end()) continue;
    for (const tsdb::SeriesId id : ids->second.ids)
      if (!appender->append(id, now, model::stale_marker())) refused_.add();
    ids_.erase(ids);
  }
  last_write_ = now;
  return appender->commit();
}

}  // namespace sightline::pipeline
