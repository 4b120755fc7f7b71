#include "config/otelcol/otelcol_ottl_words.h"

#include <algorithm>

namespace sightline::config {
namespace {

// Of one context alone.
constexpr std::pair<std::string_view, OttlContext> kFunctionContexts[] = {
    {"HasAttrKeyOnDatapoint", OttlContext::kMetric}, {"HasAttrOnDatapoint", OttlContext::kMetric}};
constexpr OttlFunction kFunctions[] = {{"Concat", 2, 2},
                                       {"Double", 1, 1},
                                       {"HasAttrKeyOnDatapoint", 1, 1},
                                       {"HasAttrOnDatapoint", 2, 2},
                                       {"HasPrefix", 2, 2},
                                       {"HasSuffix", 2, 2},
                                       {"Int", 1, 1},
                                       {"IsBool", 1, 1},
                                       {"IsDouble", 1, 1},
                                       {"IsInt", 1, 1},
                                       {"IsList", 1, 1},
                                       {"IsMap", 1, 1},
                                       {"IsMatch", 2, 2},
                                       {"IsRootSpan", 0, 0},
                                       {"IsString", 1, 1},
                                       {"Len", 1, 1},
                                       {"String", 1, 1},
                                       {"ContainsValue", 2, 2},
                                       {"SpanID", 1, 1},
                                       {"Substring", 3, 3},
                                       {"ToLowerCase", 1, 1},
                                       {"ToUpperCase", 1, 1},
                                       {"TraceID", 1, 1},
                                       {"Trim", 1, 1}};

const std::map<std::string, OttlField, std::less<>>& span_paths() {
  static const std::map<std::string, OttlField, std::less<>> kPaths = {
      {"trace_id", OttlField::kTraceId},
      {"trace_id.string", OttlField::kTraceIdText},
      {"span_id", OttlField::kSpanId},
      {"span_id.string", OttlField::kSpanIdText},
      {"parent_span_id", OttlField::kParentSpanId},
      {"parent_span_id.string", OttlField::kParentSpanIdText},
      {"trace_state", OttlField::kTraceState},
      {"name", OttlField::kName},
      {"kind", OttlField::kKind},
      {"kind.string", OttlField::kKindText},
      {"kind.deprecated_string", OttlField::kDeprecatedKind},
      {"start_time_unix_nano", OttlField::kStartNs},
      {"end_time_unix_nano", OttlField::kEndNs},
      {"dropped_attributes_count", OttlField::kDroppedAttributes},
      {"dropped_events_count", OttlField::kDroppedEvents},
      {"dropped_links_count", OttlField::kDroppedLinks},
      {"status.code", OttlField::kStatusCode},
      {"status.message", OttlField::kStatusMessage},
      {"flags", OttlField::kFlags},
      {"attributes", OttlField::kAttributes}};
  return kPaths;
}
const std::map<std::string, OttlField, std::less<>>& event_paths() {
  static const std::map<std::string, OttlField, std::less<>> kPaths = {
      {"name", OttlField::kEventName},
      {"time_unix_nano", OttlField::kEventTimeNs},
      {"attributes", OttlField::kEventAttributes},
      {"dropped_attributes_count", OttlField::kEventDropped}};
  return kPaths;
}
const std::map<std::string, OttlField, std::less<>>& resource_paths() {
  static const std::map<std::string, OttlField, std::less<>> kPaths = {
      {"attributes", OttlField::kResourceAttributes},
      {"dropped_attributes_count", OttlField::kResourceDropped},
      {"schema_url", OttlField::kResourceSchemaUrl}};
  return kPaths;
}
const std::map<std::string, OttlField, std::less<>>& scope_paths() {
  static const std::map<std::string, OttlField, std::less<>> kPaths = {
      {"name", OttlField::kScopeName},
      {"version", OttlField::kScopeVersion},
      {"attributes", OttlField::kScopeAttributes},
      {"schema_url", OttlField::kScopeSchemaUrl}};
  return kPaths;
}
const std::map<std::string, OttlField, std::less<>>& metric_paths() {
  static const std::map<std::string, OttlField, std::less<>> kPaths = {
      {"name", OttlField::kMetricName},
      {"description", OttlField::kMetricDescription},
      {"unit", OttlField::kMetricUnit},
      {"type", OttlField::kMetricType},
      {"aggregation_temporality", OttlField::kMetricTemporality},
      {"is_monotonic", OttlField::kMetricIsMonotonic},
      {"metadata", OttlField::kMetricMetadata}};
  return kPaths;
}
const std::map<std::string, OttlField, std::less<>>& point_paths() {
  static const std::map<std::string, OttlField, std::less<>> kPaths = {
      {"attributes", OttlField::kPointAttributes},
      {"start_time_unix_nano", OttlField::kPointStartNs},
      {"time_unix_nano", OttlField::kPointTimeNs},
      {"value_double", OttlField::kPointDouble},
      {"value_int", OttlField::kPointInt},
      {"flags", OttlField::kPointFlags},
      {"count", OttlField::kPointCount},
      {"sum", OttlField::kPointSum},
      {"scale", OttlField::kPointScale},
      {"zero_count", OttlField::kPointZeroCount},
      {"bucket_counts", OttlField::kPointBucketCounts},
      {"explicit_bounds", OttlField::kPointBounds}};
  return kPaths;
}

}  // namespace

const OttlFunction* find_ottl_function(std::string_view name) {
  const auto found = std::ranges::find(kFunctions, name, &OttlFunction::name);
  return found == std::end(kFunctions) ? nullptr : found;
}

std::optional<OttlContext> only_context_of(std::string_view function) {
  for (const auto& [name, context] : kFunctionContexts)
    if (name == function) return context;
  return std::nullopt;
}

const std::map<std::string, OttlField, std::less<>>& ottl_paths_of(OttlContext context) {
  switch (context) {
    case OttlContext::kResource: return resource_paths();
    case OttlContext::kScope: return scope_paths();
    case OttlContext::kSpan: return span_paths();
    case OttlContext::kSpanEvent: return event_paths();
    case OttlContext::kMetric: return metric_paths();
    case OttlContext::kDataPoint: return point_paths();
  }
  return span_paths();
}

bool ottl_context_knows(OttlContext inner, OttlContext outer) {
  const bool of_metrics = inner >= OttlContext::kMetric;
  return outer <= inner &&
         (outer <= OttlContext::kScope || of_metrics == (outer >= OttlContext::kMetric));
}

std::optional<int64_t> ottl_enum_value(std::string_view word) {
  static const std::map<std::string, int64_t, std::less<>> kEnums = {
      {"SPAN_KIND_UNSPECIFIED", 0},
      {"SPAN_KIND_INTERNAL", 1},
      {"SPAN_KIND_SERVER", 2},
      {"SPAN_KIND_CLIENT", 3},
      {"SPAN_KIND_PRODUCER", 4},
      {"SPAN_KIND_CONSUMER", 5},
      {"STATUS_CODE_UNSET", 0},
      {"STATUS_CODE_OK", 1},
      {"STATUS_CODE_ERROR", 2},
      {"METRIC_DATA_TYPE_NONE", 0},
      {"METRIC_DATA_TYPE_GAUGE", 1},
      {"METRIC_DATA_TYPE_SUM", 2},
      {"METRIC_DATA_TYPE_HISTOGRAM", 3},
      {"METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM", 4},
      {"METRIC_DATA_TYPE_SUMMARY", 5},
      {"AGGREGATION_TEMPORALITY_UNSPECIFIED", 0},
      {"AGGREGATION_TEMPORALITY_DELTA", 1},
      {"AGGREGATION_TEMPORALITY_CUMULATIVE", 2},
      {"FLAG_NONE", 0},
      {"FLAG_NO_RECORDED_VALUE", 1}};
  const auto found = kEnums.find(word);
  return found == kEnums.end() ? std::nullopt : std::optional(found->second);
}

bool is_ottl_map(OttlField field) {
  return field == OttlField::kAttributes || field == OttlField::kResourceAttributes ||
         field == OttlField::kScopeAttributes || field == OttlField::kEventAttributes ||
         field == OttlField::kMetricMetadata || field == OttlField::kPointAttributes;
}

const std::vector<std::string>& ottl_functions() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const OttlFunction& function : kFunctions) names.emplace_back(function.name);
    std::sort(names.begin(), names.end());
    return names;
  }();
  return kNames;
}

}  // namespace sightline::config
