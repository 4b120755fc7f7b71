#pragma once
// An Appender that keeps what is appended, for sending it elsewhere by remote write.
//   Order     series in the order they were first named. commit() keeps everything; there is nothing to roll back to.
//   Threads   one owner.
#include <absl/container/flat_hash_map.h>

#include <map>
#include <string>
#include <vector>

#include "tsdb/appender.h"
#include "wire/prometheus/encode_write_request.h"

namespace sightline::pipeline {

class WriteRequestAppender final : public tsdb::Appender {
 public:
  // `always`: labels of every series, where it has none of that name.
  explicit WriteRequestAppender(const std::map<std::string, std::string>& always)
      : always_(always) {}

  Result<tsdb::SeriesId> series(const model::Labels& labels) override;
  Status append(tsdb::SeriesId series, TimestampMs time, double value,
                std::optional<TimestampMs> created) override;
  Status append_histogram(tsdb::SeriesId series, TimestampMs time,
                          const model::Histogram& histogram,
                          std::optional<TimestampMs> created) override;
  Status append_exemplar(tsdb::SeriesId series, const model::Exemplar& exemplar) override;
  void set_metadata(std::string_view metric, const model::MetricMetadata& metadata) override;
  Status commit() override { return {}; }
  void rollback() override {}

  // Every series knows the metadata of its metric then.
  std::vector<wire::prometheus::SentSeries> take_series();
  std::vector<wire::prometheus::SentMetadata> metadata() const {
    return {metadata_.begin(), metadata_.end()};
  }

 private:
  const std::map<std::string, std::string>& always_;
  std::vector<wire::prometheus::SentSeries> series_;  // by SeriesId
  absl::flat_hash_map<model::Labels, size_t, model::LabelsHash> by_labels_;
  std::map<std::string, model::MetricMetadata> metadata_;
};

}  // namespace sightline::pipeline
