#pragma once
// Conditions on spans and on metrics in the OpenTelemetry Transformation Language, as filters and sampling
// policies write them: `attributes["http.route"] == "/healthz" and not IsRootSpan()`.
//   Here      or, and, not, parentheses; == != < <= > >=; + - * /; strings, numbers, true, false, nil,
//             0x bytes, lists, the enums of span kind, status, metric type and temporality; the paths of OttlField, with or
//             without `span.`, `resource.` and the other contexts in front; the functions of ottl_functions().
//   Errors    kInvalidArgument with the column (from 1) in the text, naming what is not there.
//   Limits    kOttlNodesMax nodes, kOttlDepthMax nested.
//   Threads   immutable once parsed.
//   Source    opentelemetry-collector-contrib, pkg/ottl README and LANGUAGE, ottlspan, ottlspanevent, ottlmetric, ottldatapoint.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::config {

inline constexpr size_t kOttlNodesMax = 2000;
inline constexpr size_t kOttlDepthMax = 64;

// What a condition can be about. It may name fields of its context and of those around it: a data point's metric, that
// metric's scope and resource.
enum class OttlContext { kResource, kScope, kSpan, kSpanEvent, kMetric, kDataPoint };

enum class OttlField : uint8_t {
  kTraceId,
  kTraceIdText,
  kSpanId,
  kSpanIdText,
  kParentSpanId,
  kParentSpanIdText,
  kTraceState,
  kName,
  kKind,
  kKindText,
  kDeprecatedKind,
  kStartNs,
  kEndNs,
  kDroppedAttributes,
  kDroppedEvents,
  kDroppedLinks,
  kStatusCode,
  kStatusMessage,
  kFlags,
  kAttributes,
  kResourceAttributes,
  kResourceDropped,
  kResourceSchemaUrl,
  kScopeName,
  kScopeVersion,
  kScopeAttributes,
  kScopeSchemaUrl,
  kEventName,
  kEventTimeNs,
  kEventAttributes,
  kEventDropped,
  kMetricName,
  kMetricDescription,
  kMetricUnit,
  kMetricType,
  kMetricTemporality,
  kMetricIsMonotonic,
  kMetricMetadata,
  kPointAttributes,
  kPointStartNs,
  kPointTimeNs,
  kPointDouble,
  kPointInt,
  kPointFlags,
  kPointCount,
  kPointSum,
  kPointScale,
  kPointZeroCount,
  kPointBucketCounts,
  kPointBounds
};

struct OttlNode {
  enum class Kind : uint8_t {
    kNil,
    kBool,
    kInt,
    kDouble,
    kString,
    kBytes,
    kList,
    kField,
    kCall,
    kOr,
    kAnd,
    kNot,
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide
  };
  Kind kind = Kind::kNil;
  bool bool_value = false;
  int64_t int_value = 0;
  double double_value = 0;
  std::string text;  // kString, kBytes: the value; kCall: the function's name
  OttlField field = OttlField::kName;
  std::vector<std::string> keys;   // kField of a map: ["a"]["b"]; empty for the whole map
  std::vector<OttlNode> children;  // operands, arguments, list items
};

struct OttlCondition {
  std::string text;  // as written, for people
  OttlContext context = OttlContext::kSpan;
  OttlNode root;
};

Result<OttlCondition> parse_ottl_condition(std::string_view text, OttlContext context);
// The context a condition without one is about, by the paths it names: the most inner one.
Result<OttlCondition> parse_span_condition(std::string_view text);
Result<OttlCondition> parse_metric_condition(std::string_view text);
// "IsMatch", "HasPrefix", ...: sorted.
const std::vector<std::string>& ottl_functions();

}  // namespace sightline::config
