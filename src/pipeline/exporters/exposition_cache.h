#pragma once
// The exposition of a spanmetrics connector, with the text of every series kept until it changes: what is shown again and
// again is copied, with the time put in, and only what was counted meanwhile is written anew.
//   Kept      of the last format and escaping that was asked for, at most kKeptBytesMax.
//   Threads   any; one mutex, held while a text is put together.
//   Lifetime  the metrics outlive it.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/spanmetrics/span_metrics.h"
#include "wire/openmetrics/exposition_writer.h"

namespace sightline::pipeline {

class ExpositionCache {
 public:
  static constexpr size_t kKeptBytesMax = 64u << 20;
  // How an exporter shows what the connector counts. Both are always the same for the same input.
  struct Look {
    std::function<void(std::vector<model::MetricFamily>&)> change_heads;  // names, labels of all
    std::function<void(model::MetricPoint&)> change_point;
  };
  ExpositionCache(const connectors::spanmetrics::SpanMetrics& metrics, Look look);
  ~ExpositionCache();

  // Nothing: there is more than may be kept; write_exposition() does it then.
  std::optional<std::string> write(wire::openmetrics::ExpositionFormat format,
                                   wire::openmetrics::Escaping escaping, TimestampMs now);

 private:
  using Texts = std::map<std::string, wire::openmetrics::RenderedPoint>;  // by exposition_key()
  struct Shown {
    model::MetricFamily head;
    std::string head_text;
    std::unique_ptr<wire::openmetrics::PointRenderer> renderer;
    Texts texts;
    std::unordered_map<uint64_t, Texts::iterator> by_series;  // by SeriesIdentity::id
  };
  enum Family : size_t { kTargetInfo, kCalls, kDurations, kEvents, kFamilies };

  void start_anew();
  void keep(Shown& shown, uint64_t series, model::MetricPoint point);
  void keep_targets(const std::vector<model::Labels>& targets);
  std::string put_together(TimestampMs now) const;

  const connectors::spanmetrics::SpanMetrics& metrics_;
  const Look look_;
  std::mutex mutex_;
  // All below is guarded by mutex_.
  wire::openmetrics::ExpositionFormat format_ = wire::openmetrics::ExpositionFormat::kOpenMetrics;
  wire::openmetrics::Escaping escaping_ = wire::openmetrics::Escaping::kUnderscores;
  std::vector<Shown> shown_;   // by Family
  std::vector<size_t> order_;  // of families, by name
  uint64_t epoch_ = 0;
  uint64_t expired_ = 0;
  size_t kept_bytes_ = 0;
  bool is_full_ = false;
};

}  // namespace sightline::pipeline
