#pragma once
// What of one request the count connector counts: each span, span event, metric and data point that has the attributes a
// metric counts by, or a default for them, and that one of its conditions matches.
//   Attributes  those of the item come before those of its scope, and those before its resource's; a metric has the latter two.
//   Errors      a condition that cannot be evaluated, where conditions were made to say so.
//   Threads     rules are immutable once made; a tally has one owner.
//   Source      opentelemetry-collector-contrib, countconnector README and counter.go.
#include <map>
#include <span>
#include <string>
#include <vector>

#include "config/otelcol/otelcol_connectors.h"
#include "model/span_batch.h"
#include "pipeline/processors/condition.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::pipeline {

struct CountedMetric {
  size_t number = 0;  // its place in CountRules::all()
  config::OttlContext counts = config::OttlContext::kSpan;
  config::CountConfig::Metric config;
  Conditions conditions;
};

class CountRules {
 public:
  CountRules(const config::CountConfig& config, config::OttlErrorMode mode);
  const std::vector<CountedMetric>& all() const { return all_; }
  bool ask_for_points() const;  // of a metric

 private:
  std::vector<CountedMetric> all_;
};

// Told what is counted. Views live as long as the request.
class CountTally {
 public:
  using Attributes = std::vector<model::AttributeView>;
  virtual ~CountTally() = default;
  virtual void on_resource(std::span<const model::AttributeView> attributes) = 0;
  // When an item of the resource was, counted or not.
  virtual void on_time(config::OttlContext item, uint64_t time_ns) = 0;
  virtual void on_match(const CountedMetric& metric, const Attributes& attributes) = 0;
};

Status count_spans(const CountRules& rules, const model::SpanBatch& batch, CountTally& tally);
Status count_metrics(const CountRules& rules, std::string_view protobuf, CountTally& tally);

// A request's counts as the peer tells them: an ExportMetricsServiceRequest of deltas, resource by resource.
class CountDeltas final : public CountTally {
 public:
  CountDeltas(const CountRules& rules, uint64_t now_ns) : rules_(rules), now_ns_(now_ns) {}
  void on_resource(std::span<const model::AttributeView> attributes) override;
  void on_time(config::OttlContext item, uint64_t time_ns) override;
  void on_match(const CountedMetric& metric, const Attributes& attributes) override;
  // The request and how many points it has; none: nothing was counted.
  std::pair<std::string, uint64_t> take();

 private:
  struct Count {
    Attributes attributes;
    uint64_t n = 0;
  };
  struct Times {
    uint64_t first_ns = 0, last_ns = 0;
  };
  void end_resource();

  const CountRules& rules_;
  const uint64_t now_ns_;
  Attributes resource_;
  std::map<std::pair<size_t, std::string>, Count> counts_;  // by metric and attributes
  std::map<config::OttlContext, Times> times_;              // of the resource
  wire::otlp::MetricsEncoder encoder_;
};

// The scope of everything that is counted here.
inline constexpr std::string_view kCountScope =
    "github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector";

}  // namespace sightline::pipeline
