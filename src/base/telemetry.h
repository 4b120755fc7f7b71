#pragma once
// The process' own counters and gauges, exposed on /metrics under the peers'
// names. A part takes a Telemetry& in its constructor, asks once for each
// metric it owns, and keeps the reference: updating is one relaxed atomic add.
//   Threads   everything here is safe from any thread.
//   Lifetime  a metric lives as long as its Telemetry.
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sightline {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double v) { value_.store(v, std::memory_order_relaxed); }
  void add(double v) { value_.fetch_add(v, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Label pairs in the order given; names must be valid Prometheus label names.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Telemetry {
 public:
  // The same name and labels give the same metric. `help` is kept from the first call.
  Counter& counter(std::string_view name, std::string_view help, MetricLabels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, MetricLabels labels = {});
  // Prometheus text format 0.0.4, families sorted by name.
  std::string text() const;
  // Sum of a counter family over all label sets; 0 when it does not exist.
  uint64_t counter_total(std::string_view name) const;

 private:
  struct Family {
    std::string help;
    std::map<MetricLabels, std::unique_ptr<Counter>> counters;
    std::map<MetricLabels, std::unique_ptr<Gauge>> gauges;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;  // guarded by mutex_
};

}  // namespace sightline
