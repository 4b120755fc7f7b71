#pragma once
// What each processor can be told, with the collector's own defaults. Keys and meanings are
// those of the processors' READMEs in opentelemetry-collector(-contrib), read against release 0.159.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/diagnostics.h"
#include "config/otelcol/otelcol_ottl.h"

namespace sightline::config {

// processors: batch
struct BatchProcessorConfig {
  std::chrono::nanoseconds timeout{std::chrono::milliseconds(200)};
  uint32_t send_batch_size = 8192;   // spans or data points
  uint32_t send_batch_max_size = 0;  // 0: no maximum
  std::vector<std::string> metadata_keys;
  uint32_t metadata_cardinality_limit = 1000;
};

// processors: memory_limiter. Either in MiB or in percent of the machine's memory.
struct MemoryLimiterConfig {
  std::chrono::nanoseconds check_interval{0};
  uint32_t limit_mib = 0;
  uint32_t spike_limit_mib = 0;  // 0: a fifth of the limit
  uint32_t limit_percentage = 0;
  uint32_t spike_limit_percentage = 0;
};

// A value written in a file: its type is that of YAML.
using ScalarValue = std::variant<std::string, int64_t, double, bool>;

// One step of the attributes and resource processors.
struct AttributeAction {
  enum class Kind { kInsert, kUpdate, kUpsert, kDelete, kHash, kExtract, kConvert };
  enum class Type { kString, kInt, kDouble };
  Kind kind = Kind::kUpsert;
  std::string key;  // may be empty for delete and hash with a pattern
  std::optional<ScalarValue> value;
  std::string from_attribute;
  std::optional<ScalarValue> default_value;  // when from_attribute names none
  std::string pattern;  // delete, hash: of keys; extract: of the value, every group named
  Type converted_type = Type::kString;
};

// Which spans are meant: every list that is not empty must match.
struct SpanMatchConfig {
  struct Attribute {
    std::string key;
    std::optional<ScalarValue> value;  // none: the attribute must be there
  };
  struct Library {
    std::string name;
    std::optional<std::string> version;
  };
  bool regexp = false;
  std::vector<std::string> services;    // one of
  std::vector<std::string> span_names;  // one of
  std::vector<std::string> span_kinds;  // one of; "SPAN_KIND_SERVER"
  std::vector<Attribute> attributes;    // all of
  std::vector<Attribute> resources;     // all of
  std::vector<Library> libraries;       // one of
};

// processors: attributes
struct AttributesProcessorConfig {
  std::vector<AttributeAction> actions;
  std::optional<SpanMatchConfig> include;
  std::optional<SpanMatchConfig> exclude;
};

// processors: resource
struct ResourceProcessorConfig {
  std::vector<AttributeAction> actions;  // key `attributes`
};

// What to do when a condition cannot be evaluated (a number compared with a map).
enum class OttlErrorMode { kPropagate, kIgnore, kSilent };

// The older form of a filter of metrics: include, exclude. Each list that is given must match.
struct MetricMatchConfig {
  struct Attribute {
    std::string key;
    std::string value;  // a pattern with `regexp`; ignored without has_value
    bool has_value = false;
  };
  bool regexp = false;
  std::vector<std::string> metric_names;       // one of
  std::vector<Attribute> resource_attributes;  // all of
};

// processors: filter. What matches is dropped.
struct FilterProcessorConfig {
  OttlErrorMode error_mode = OttlErrorMode::kIgnore;
  std::vector<OttlCondition> conditions;         // of resources, scopes, spans, span events
  std::vector<OttlCondition> metric_conditions;  // of resources, scopes, metrics, data points
  std::optional<MetricMatchConfig> include_metrics;
  std::optional<MetricMatchConfig> exclude_metrics;
  // The older form: `include` keeps only what matches, `exclude` drops what matches.
  std::optional<SpanMatchConfig> include;
  std::optional<SpanMatchConfig> exclude;
  bool filters_metrics() const {
    return !metric_conditions.empty() || include_metrics || exclude_metrics;
  }
};

// processors: probabilistic_sampler
struct ProbabilisticSamplerConfig {
  enum class Mode { kHashSeed, kProportional, kEqualizing };
  float sampling_percentage = 0;
  uint32_t hash_seed = 0;
  Mode mode = Mode::kHashSeed;
  uint32_t sampling_precision = 4;  // hexadecimal digits
  bool fail_closed = true;
};

// processors: groupbytrace
struct GroupByTraceConfig {
  std::chrono::nanoseconds wait_duration{std::chrono::seconds(1)};
  uint64_t num_traces = 1'000'000;
};

}  // namespace sightline::config
