#include "server/openmetrics_source.h"

#include <algorithm>
#include <set>

#include "tsdb/head/series.h"
#include "tsdb/options.h"
#include "wire/openmetrics/exposition_parser.h"

namespace sightline::server {

using tsdb::kDayMs;
using tsdb::window_start;

class TextSink final : public wire::openmetrics::ExpositionSink {
 public:
  explicit TextSink(OpenMetricsText& out) : out_(out) {}
  Status on_metadata(const wire::openmetrics::ExpositionMetadata& m) override {
    using wire::openmetrics::MetadataKind;
    model::MetricMetadata& entry = out_.metadata_[std::string(m.metric)];
    switch (m.kind) {
      case MetadataKind::kHelp: entry.help = wire::openmetrics::unescape_help(m.text); break;
      case MetadataKind::kType:
        entry.type = wire::openmetrics::parse_metric_type(
                         m.text, wire::openmetrics::ExpositionFormat::kOpenMetrics)
                         .value_or(model::MetricType::kUnknown);
        break;
      case MetadataKind::kUnit: entry.unit = m.text; break;
    }
    return {};
  }
  Status on_sample(const wire::openmetrics::ExpositionSample& sample) override {
    if (!sample.time)
      return fail(Errc::kInvalidArgument, sample.line,
                  ":1: a sample without a timestamp cannot be backfilled");
    model::LabelsBuilder labels;
    if (auto status = wire::openmetrics::parse_series(
            sample.series, wire::openmetrics::BoundText::kNormalized, labels);
        !status)
      return status;
    auto& series = out_.series_[labels.build()];
    series.samples.insert_or_assign(sample.time->value, sample.value);
    ++out_.samples_;
    return sample.exemplar ? add_exemplar(*sample.exemplar, *sample.time, series) : Status();
  }

 private:
  static Status add_exemplar(const wire::openmetrics::ExpositionExemplar& e,
                             TimestampMs sample_time, OpenMetricsText::Series& series) {
    model::LabelsBuilder labels;
    if (auto status = wire::openmetrics::parse_exemplar_labels(e.labels, labels); !status)
      return status;
    const auto exemplar =
        model::Exemplar::from_labels(labels.build(), e.value, e.time.value_or(sample_time));
    tsdb::StoredExemplar stored{.time = exemplar.time.value,
                                .value = e.value,
                                .trace_id = exemplar.trace_id,
                                .span_id = exemplar.span_id,
                                .has_time = e.time.has_value()};
    if (!exemplar.labels.empty())
      stored.labels = std::make_shared<const std::string>(exemplar.labels.packed());
    series.exemplars.push_back(std::move(stored));
    return {};
  }
  OpenMetricsText& out_;
};

// One day of the text.
class DaySource final : public tsdb::BlockSource {
 public:
  DaySource(const OpenMetricsText& text, int64_t start)
      : next_(text.series_.begin()), end_(text.series_.end()), start_(start) {}

  Result<bool> next(model::Labels& labels) override {
    if (next_ == end_) return false;
    labels = next_->first;
    series_.push_back(&next_->second);
    ++next_;
    return true;
  }
  Status read_times(uint32_t number, std::vector<int64_t>& out) override {
    tsdb::SampleColumns columns;
    auto status = read_floats(number, columns);
    out = std::move(columns.times);
    return status;
  }
  Status read_floats(uint32_t number, tsdb::SampleColumns& out) override {
    out.clear();
    const auto& samples = series_[number]->samples;
    for (auto at = samples.lower_bound(start_); at != samples.end() && at->first < start_ + kDayMs;
         ++at) {
      out.times.push_back(at->first);
      out.values.push_back(at->second);
    }
    return {};
  }
  Status read_histograms(uint32_t, tsdb::SampleColumns& out) override {
    out.clear();
    return {};
  }
  Status read_exemplars(uint32_t number, std::vector<tsdb::StoredExemplar>& out) override {
    out.clear();
    for (const auto& e : series_[number]->exemplars)
      if (e.time >= start_ && e.time < start_ + kDayMs) out.push_back(e);
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    out.erase(std::unique(out.begin(), out.end(), tsdb::same_exemplar), out.end());
    tsdb::thin_exemplars(out, {});
    return {};
  }

 private:
  std::map<model::Labels, OpenMetricsText::Series>::const_iterator next_;
  const std::map<model::Labels, OpenMetricsText::Series>::const_iterator end_;
  const int64_t start_;
  std::vector<const OpenMetricsText::Series*> series_;
};

Result<OpenMetricsText> OpenMetricsText::parse(std::string_view text) {
  OpenMetricsText out;
  TextSink sink(out);
  if (auto status = wire::openmetrics::parse_exposition(
          text, wire::openmetrics::ExpositionFormat::kOpenMetrics, sink);
      !status)
    return std::unexpected(std::move(status).error());
  return out;
}

std::vector<std::unique_ptr<tsdb::BlockSource>> OpenMetricsText::days() const {
  std::set<int64_t> starts;
  for (const auto& [labels, series] : series_) {
    for (const auto& [time, value] : series.samples) starts.insert(window_start(time, kDayMs));
    for (const auto& e : series.exemplars) starts.insert(window_start(e.time, kDayMs));
  }
  std::vector<std::unique_ptr<tsdb::BlockSource>> out;
  for (const int64_t start : starts) out.push_back(std::make_unique<DaySource>(*this, start));
  return out;
}

}  // namespace sightline::server
