#pragma once
// processors: tail_sampling. Keys and meanings are those of the README in
// opentelemetry-collector-contrib, read against release 0.159.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/otelcol/otelcol_processors.h"

namespace sightline::config {

struct SamplingPolicyConfig {
  enum class Type {
    kAlwaysSample,
    kLatency,
    kNumericAttribute,
    kProbabilistic,
    kStatusCode,
    kStringAttribute,
    kRateLimiting,
    kBytesLimiting,
    kSpanCount,
    kTraceState,
    kTraceFlags,
    kBooleanAttribute,
    kOttlCondition,
    kComposite,
    kAnd,
    kNot,
    kDrop
  };
  std::string name;
  Type type = Type::kAlwaysSample;
  // Which of these count depends on the type.
  int64_t threshold_ms = 0;         // latency: longer than
  int64_t upper_threshold_ms = 0;   // and not longer than; 0: no bound
  std::string key;                  // *_attribute, trace_state
  std::vector<std::string> values;  // string_attribute, trace_state; status_codes
  bool regex = false;               // string_attribute: enabled_regex_matching
  bool invert_match = false;
  std::optional<int64_t> min_value;  // numeric_attribute
  std::optional<int64_t> max_value;
  bool bool_value = false;  // boolean_attribute
  std::string hash_salt;    // probabilistic
  double sampling_percentage = 0;
  int64_t per_second =
      0;  // rate_limiting (spans), bytes_limiting, composite: max_total_spans_per_second
  int64_t burst_capacity = 0;  // 0: twice per_second
  int64_t min_spans = 0;       // span_count
  int64_t max_spans = 0;
  std::vector<OttlCondition> conditions;  // ottl_condition: one of
  OttlErrorMode error_mode = OttlErrorMode::kPropagate;
  std::vector<SamplingPolicyConfig> sub_policies;  // composite (in policy_order), and, not, drop
  std::vector<int64_t> allocations;                // composite: spans per second of each sub-policy
};

// A trace that stands for a point of a metric can always be opened: our own key `exemplars`.
struct ExemplarKeepingConfig {
  bool keep = true;
  uint32_t max_traces_per_second = 1000;  // kept beyond what the policies sample
};

struct TailSamplingConfig {
  std::chrono::nanoseconds decision_wait{std::chrono::seconds(30)};
  std::chrono::nanoseconds decision_wait_after_root_received{0};  // 0: not used
  uint64_t num_traces = 50'000;
  bool sample_on_first_match = false;
  bool drop_pending_traces_on_shutdown = false;
  uint64_t maximum_trace_size_bytes = 0;  // 0: no bound
  uint64_t sampled_cache_size =
      0;  // decision_cache: trace ids remembered after their spans are gone
  uint64_t non_sampled_cache_size = 0;
  std::vector<SamplingPolicyConfig> policies;
  ExemplarKeepingConfig exemplars;
};

using ProcessorConfig =
    std::variant<BatchProcessorConfig, MemoryLimiterConfig, AttributesProcessorConfig,
                 ResourceProcessorConfig, FilterProcessorConfig, ProbabilisticSamplerConfig,
                 GroupByTraceConfig, TailSamplingConfig>;

}  // namespace sightline::config
