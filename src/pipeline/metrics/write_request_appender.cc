#include "pipeline/metrics/write_request_appender.h"

namespace sightline::pipeline {

using wire::prometheus::SentSeries;

Result<tsdb::SeriesId> WriteRequestAppender::series(const model::Labels& labels) {
  const auto [at, is_new] = by_labels_.try_emplace(labels, series_.size());
  if (is_new) {
    model::LabelsBuilder sent(labels);
    for (const auto& [name, value] : always_)
      if (sent.get(name).empty()) sent.set(name, value);
    series_.push_back({.labels = sent.build()});
  }
  return tsdb::SeriesId{at->second};
}

Status WriteRequestAppender::append(tsdb::SeriesId series, TimestampMs time, double value,
                                    std::optional<TimestampMs> created) {
  SentSeries& to = series_[series.value];
  to.samples.push_back({value, time});
  if (created) to.created = *created;
  return {};
}

Status WriteRequestAppender::append_histogram(tsdb::SeriesId series, TimestampMs time,
                                              const model::Histogram& histogram,
                                              std::optional<TimestampMs> created) {
  SentSeries& to = series_[series.value];
  to.histograms.push_back({histogram, time});
  if (created) to.created = *created;
  return {};
}

Status WriteRequestAppender::append_exemplar(tsdb::SeriesId series,
                                             const model::Exemplar& exemplar) {
  series_[series.value].exemplars.push_back(exemplar);
  return {};
}

void WriteRequestAppender::set_metadata(std::string_view metric,
                                        const model::MetricMetadata& metadata) {
  metadata_.insert_or_assign(std::string(metric), metadata);
}

std::vector<SentSeries> WriteRequestAppender::take_series() {
  for (SentSeries& series : series_) {
    std::string_view name = series.labels.metric_name();
    auto known = metadata_.find(std::string(name));
    for (const std::string_view suffix : {"_bucket", "_sum", "_count"})
      if (known == metadata_.end() && name.ends_with(suffix))
        known = metadata_.find(std::string(name.substr(0, name.size() - suffix.size())));
    if (known != metadata_.end()) series.metadata = known->second;
  }
  by_labels_.clear();
  return std::move(series_);
}

}  // namespace sightline::pipeline
