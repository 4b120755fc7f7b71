#pragma once
// What pods expose, as remote write requests of 2,000 series each: 134 series a pod, eight classic histograms with
// exemplars, counters and gauges, scraped every 15 s. Every value comes from a simulated request or resource: Poisson
// arrivals with a daily swing, log-normal durations in nanoseconds summed up in seconds as client libraries do.
//   Threads  one owner.
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace sightline::bench {

inline constexpr size_t kSeriesPerPod = 134;
inline constexpr int64_t kScrapeMs = 15'000;
inline constexpr size_t kRequestSeries = 2'000;

// Of the 134 series, what lies between the six histograms of the HTTP server and the 22 counters and gauges of the process.
enum class MetricsMix {
  kHistograms,  // two more histograms, of an RPC client
  kRequests,  // requests_total by route, method and status (18), table_queries_total by table (10): for questions
};

class MetricsWorkload {
 public:
  MetricsWorkload(size_t series, uint64_t seed, MetricsMix mix = MetricsMix::kHistograms);
  // The snappy-packed requests of one scrape of all pods at about `time`; samples and exemplars are added to the counts.
  std::vector<std::string> scrape(int64_t time_ms);
  uint64_t samples() const { return samples_; }
  uint64_t exemplars() const { return exemplars_; }

 private:
  struct Histogram {
    double requests_per_scrape = 0;
    double log_seconds = 0;  // of the median
    double log_spread = 0;
    std::vector<uint64_t> buckets;
    double sum = 0;
    uint64_t count = 0;
  };
  struct Gauge {
    enum Kind { kBytes, kCount, kRatio, kConstant } kind = kBytes;
    double value = 0;
  };
  struct Counter {
    double per_scrape = 0;
    bool is_seconds = false;
    double value = 0;
    double weight = 1;  // more of them in what one request does
  };
  struct Pod {
    int64_t offset_ms = 0;
    double load = 1;
    std::vector<Histogram> histograms;
    std::vector<Counter> counters;
    std::vector<Gauge> gauges;
    std::vector<std::string> labels;  // encoded, in the order their samples come
  };

  double normal();
  uint64_t poisson(double mean);
  void observe(Pod& pod, Histogram& histogram, double swing, int64_t time, size_t first_series);
  void name_series(Pod& pod, size_t number);
  void add_request_counters(Pod& pod);
  void add(const std::string& labels, double value, int64_t time, const std::string& exemplars);
  std::string exemplar(double value, int64_t time);
  void finish_request();

  Random random_;
  size_t series_;
  MetricsMix mix_;
  std::vector<Pod> pods_;
  std::string request_;
  size_t request_series_ = 0;
  std::vector<std::string> requests_;
  std::vector<std::string> bucket_exemplars_;
  uint64_t samples_ = 0;
  uint64_t exemplars_ = 0;
};

}  // namespace sightline::bench
