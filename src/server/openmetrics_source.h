#pragma once
// Exposition text with timestamps as the content of blocks, for backfill: samples and exemplars, a day at a time, and what it says of its metrics.
//   Errors   kInvalidArgument "line:column: what"; a sample without a timestamp is one.
//   Memory   all of it.
#include <map>
#include <vector>

#include "tsdb/block/block_writer.h"

namespace sightline::server {

class OpenMetricsText {
 public:
  static Result<OpenMetricsText> parse(std::string_view text);
  uint64_t samples() const { return samples_; }
  uint64_t series() const { return series_.size(); }
  const std::map<std::string, model::MetricMetadata>& metadata() const { return metadata_; }

  // What lies in each day, ascending; the text outlives them.
  std::vector<std::unique_ptr<tsdb::BlockSource>> days() const;

 private:
  friend class DaySource;
  friend class TextSink;
  struct Series {
    std::map<int64_t, double> samples;
    std::vector<tsdb::StoredExemplar> exemplars;
  };
  std::map<model::Labels, Series> series_;
  std::map<std::string, model::MetricMetadata> metadata_;
  uint64_t samples_ = 0;
};

}  // namespace sightline::server
