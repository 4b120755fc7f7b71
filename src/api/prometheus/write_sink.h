#pragma once
// One remote write request on its way into one transaction of the store.
//   Threads  one owner.
#include <optional>
#include <string>
#include <vector>

#include "api/prometheus/series_id_cache.h"
#include "base/telemetry.h"
#include "wire/prometheus/remote_write.h"

namespace sightline::api::prometheus {

struct WriteCounters {
  Counter& samples;
  Counter& histograms;
  Counter& exemplars;
  Counter& exemplars_refused;
  Counter& samples_refused;
  Counter& series_skipped;
  Counter& requests_refused;
};

enum class WriteVersion { k1, k2 };

class WriteTransaction final : public wire::prometheus::WriteSink {
 public:
  WriteTransaction(tsdb::Appender& appender, SeriesIdCache& cache, WriteCounters& counters,
                   WriteVersion version)
      : appender_(appender),
        cache_(std::in_place, cache, static_cast<uint8_t>(version)),
        counters_(counters),
        version_(version) {}

  size_t expected_label_bytes() override { return cache_->expected_bytes(); }
  bool expects(std::string_view labels) override { return cache_->recognizes(labels); }
  // An error ends the request: of 1.0 the first bad sample, of both a limit or a fault of the store.
  Status on_series(const wire::prometheus::WriteSeries& series) override;
  Status on_metadata(std::string_view metric, const model::MetricMetadata& metadata) override;

  // When all of the request came: others need the cache.
  void end() { cache_.reset(); }

  struct Written {
    uint64_t samples = 0;
    uint64_t histograms = 0;
    uint64_t exemplars = 0;
  };
  const Written& written() const { return written_; }
  // What was bad in a 2.0 request, a line each; the last line says how many more there were.
  std::string refusals() const;

 private:
  Result<tsdb::SeriesId> find_series(const wire::prometheus::WriteSeries& series);
  Status append_all(const wire::prometheus::WriteSeries& series, tsdb::SeriesId id);
  template <typename Append>
  Status append_one(tsdb::SeriesId& id, const wire::prometheus::WriteSeries& series,
                    const Append& append);
  void append_exemplars(const wire::prometheus::WriteSeries& series, tsdb::SeriesId id);
  void set_metadata(const wire::prometheus::WriteSeries& series);
  // Of one item: passed on, or noted.
  Status refuse(Error error);

  tsdb::Appender& appender_;
  static constexpr size_t kExpectedSeries = 256;  // told to the store at a time
  std::optional<SeriesIdCache::Session> cache_;
  size_t until_expecting_ = 0;  // series that still come before the store is told of more
  WriteCounters& counters_;
  const WriteVersion version_;
  Written written_;
  std::vector<model::LabelView> labels_;
  std::vector<std::string> refusals_;
  uint64_t refusals_left_out_ = 0;
};

}  // namespace sightline::api::prometheus
