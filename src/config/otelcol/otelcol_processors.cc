#include "config/otelcol/otelcol_processors.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/number_text.h"
#include "config/otelcol/otelcol_readers.h"

namespace sightline::config {
namespace {

void read_metadata_keys(MapReader& map, std::vector<std::string>& out) {
  map.read("metadata_keys", out);
  std::set<std::string> seen;
  for (std::string key : out) {
    std::transform(key.begin(), key.end(), key.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    if (!seen.insert(key).second)
      map.at().error("metadata_keys names \"" + key + "\" twice (case does not count)");
  }
}

// A scalar with the type YAML gives it.
void read_scalar(const Cursor& at, std::optional<ScalarValue>& out) {
  const YamlValue& value = at.value();
  if (value.kind != YamlValue::Kind::kScalar)
    return at.error("takes a string, a number or a boolean here");
  const std::string& text = value.scalar;
  if (value.quoted)
    out = text;
  else if (text == "true" || text == "false")
    out = text == "true";
  else if (const auto integer = parse_int(text))
    out = *integer;
  else if (const auto number = parse_float(text);
           number && text.find_first_of("0123456789") != std::string::npos)
    out = *number;
  else
    out = text;
}

void read_scalar(MapReader& map, std::string_view key, std::optional<ScalarValue>& out) {
  if (const auto at = map.take(key); at && !at->is_null()) read_scalar(*at, out);
}

// Says whether `pattern` is a regular expression, and which of its groups have no name.
bool check_regexp(const Cursor& at, std::string_view key, const std::string& pattern) {
  const RE2 regexp(pattern, RE2::Quiet);
  if (regexp.ok()) return true;
  at.error(std::string(key) + ": \"" + pattern + "\" is no regular expression: " + regexp.error());
  return false;
}

void check_extract(const Cursor& at, const std::string& pattern) {
  const RE2 regexp(pattern, RE2::Quiet);
  if (!regexp.ok())
    return at.error("pattern: \"" + pattern + "\" is no regular expression: " + regexp.error());
  if (regexp.NumberOfCapturingGroups() == 0)
    return at.error("pattern contains no named matcher groups");
  if (static_cast<size_t>(regexp.NumberOfCapturingGroups()) != regexp.CapturingGroupNames().size())
    at.error("pattern contains at least one unnamed matcher group; write (?P<key>...)");
}

void check_action(const Cursor& at, const AttributeAction& action, const std::string& name,
                  bool converts) {
  using Kind = AttributeAction::Kind;
  const int sources = (action.value ? 1 : 0) + (action.from_attribute.empty() ? 0 : 1);
  const bool by_key_only = action.kind != Kind::kDelete && action.kind != Kind::kHash;
  if (action.key.empty() && (by_key_only || action.pattern.empty()))
    return at.error(by_key_only ? "action " + name + " needs a key"
                                : "action " + name + " needs a key or a pattern");
  switch (action.kind) {
    case Kind::kInsert:
    case Kind::kUpdate:
    case Kind::kUpsert:
      if (sources == 0 && !action.default_value)
        at.error("action " + name + " needs value, from_attribute or default_value");
      if (sources > 1)
        at.error("action " + name + " takes one of value and from_attribute, not both");
      if (!action.pattern.empty()) at.error("action " + name + " does not use pattern");
      break;
    case Kind::kDelete:
    case Kind::kHash:
      if (sources > 0) at.error("action " + name + " does not use value or from_attribute");
      if (!action.pattern.empty()) check_regexp(at, "pattern", action.pattern);
      break;
    case Kind::kExtract:
      if (sources > 0) at.error("action extract does not use value or from_attribute");
      if (action.pattern.empty()) return at.error("action extract needs a pattern");
      check_extract(at, action.pattern);
      break;
    case Kind::kConvert:
      if (sources > 0 || !action.pattern.empty())
        at.error("action convert does not use value, from_attribute or pattern");
      if (!converts) at.error("action convert needs converted_type: string, int or double");
      break;
  }
  if (action.kind != Kind::kConvert && converts)
    at.error("action " + name + " does not use converted_type");
}

void read_actions(MapReader& map, std::string_view key, std::vector<AttributeAction>& out) {
  static constexpr std::pair<std::string_view, AttributeAction::Kind> kKinds[] = {
      {"insert", AttributeAction::Kind::kInsert},  {"update", AttributeAction::Kind::kUpdate},
      {"upsert", AttributeAction::Kind::kUpsert},  {"delete", AttributeAction::Kind::kDelete},
      {"hash", AttributeAction::Kind::kHash},      {"extract", AttributeAction::Kind::kExtract},
      {"convert", AttributeAction::Kind::kConvert}};
  const auto at = map.take(key);
  if (!at || at->is_null())
    return map.at().error("missing required field \"" + std::string(key) + "\"");
  for (const Cursor& item : at->items()) {
    AttributeAction action;
    MapReader inner(item);
    std::string name, type;
    inner.read("key", action.key);
    inner.read("action", name);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    read_scalar(inner, "value", action.value);
    inner.read("from_attribute", action.from_attribute);
    inner.reject(
        {"from_context"},
        "what came with a request is not kept with its spans here; use from_attribute or value");
    read_scalar(inner, "default_value", action.default_value);
    inner.read("pattern", action.pattern);
    inner.read_choice("converted_type", type, {"", "string", "int", "double"});
    inner.finish();
    const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const auto& k) { return k.first == name; });
    if (kind == std::end(kKinds)) {
      item.error("action \"" + name +
                 "\" is not one of insert, update, upsert, delete, hash, extract, convert");
      continue;
    }
    action.kind = kind->second;
    if (type == "int") action.converted_type = AttributeAction::Type::kInt;
    if (type == "double") action.converted_type = AttributeAction::Type::kDouble;
    check_action(item, action, name, !type.empty());
    out.push_back(std::move(action));
  }
  if (out.empty()) at->error("names no action");
}

void read_match_attributes(MapReader& map, std::string_view key,
                           std::vector<SpanMatchConfig::Attribute>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  for (const Cursor& item : at->items()) {
    SpanMatchConfig::Attribute attribute;
    MapReader inner(item);
    inner.read("key", attribute.key);
    read_scalar(inner, "value", attribute.value);
    inner.finish();
    if (attribute.key.empty()) item.error("needs a key");
    out.push_back(std::move(attribute));
  }
}

void check_match(const Cursor& at, const SpanMatchConfig& match) {
  if (match.services.empty() && match.span_names.empty() && match.span_kinds.empty() &&
      match.attributes.empty() && match.resources.empty() && match.libraries.empty())
    at.error(
        "at least one of services, span_names, span_kinds, attributes, libraries or resources must "
        "be specified");
  if (!match.regexp) return;
  for (const auto* list : {&match.services, &match.span_names, &match.span_kinds})
    for (const std::string& pattern : *list) check_regexp(at, "match_type regexp", pattern);
  for (const auto* list : {&match.attributes, &match.resources})
    for (const auto& attribute : *list)
      if (attribute.value && std::holds_alternative<std::string>(*attribute.value))
        check_regexp(at, attribute.key, std::get<std::string>(*attribute.value));
}

void read_match(MapReader& map, std::string_view key, std::optional<SpanMatchConfig>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  SpanMatchConfig match;
  MapReader inner(*at);
  std::string type;
  inner.read_choice("match_type", type, {"strict", "regexp"});
  if (type.empty()) at->error("match_type must be strict or regexp");
  match.regexp = type == "regexp";
  inner.ignore("regexp", "compiled expressions are always kept");
  inner.read("services", match.services);
  inner.read("span_names", match.span_names);
  inner.read("span_kinds", match.span_kinds);
  read_match_attributes(inner, "attributes", match.attributes);
  read_match_attributes(inner, "resources", match.resources);
  if (const auto libraries = inner.take("libraries"); libraries && !libraries->is_null()) {
    for (const Cursor& item : libraries->items()) {
      SpanMatchConfig::Library library;
      MapReader each(item);
      each.read("name", library.name);
      each.read("version", library.version);
      each.finish();
      match.libraries.push_back(std::move(library));
    }
  }
  inner.reject({"log_bodies", "log_severity_texts", "log_severity_number", "metric_names"},
               "is not about spans");
  inner.finish();
  check_match(*at, match);
  out = std::move(match);
}

void read_error_mode(MapReader& map, OttlErrorMode& out) {
  std::string mode = "ignore";
  map.read_choice("error_mode", mode, {"propagate", "ignore", "silent"});
  out = mode == "propagate" ? OttlErrorMode::kPropagate
        : mode == "silent"  ? OttlErrorMode::kSilent
                            : OttlErrorMode::kIgnore;
}

void add_condition(const Cursor& at, Result<OttlCondition> condition,
                   std::vector<OttlCondition>& out) {
  if (condition)
    out.push_back(std::move(*condition));
  else
    at.error(condition.error().message);
}

using ContextName = std::pair<std::string_view, OttlContext>;
constexpr ContextName kSpanContexts[] = {{"resource", OttlContext::kResource},
                                         {"scope", OttlContext::kScope},
                                         {"span", OttlContext::kSpan},
                                         {"spanevent", OttlContext::kSpanEvent}};
constexpr ContextName kMetricContexts[] = {{"resource", OttlContext::kResource},
                                           {"scope", OttlContext::kScope},
                                           {"metric", OttlContext::kMetric},
                                           {"datapoint", OttlContext::kDataPoint}};

// `trace_conditions`, `metric_conditions`: strings, or groups {context, conditions, error_mode}.
void read_conditions(MapReader& map, std::string_view key, std::span<const ContextName> contexts,
                     Result<OttlCondition> (*parse)(std::string_view),
                     std::vector<OttlCondition>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  for (const Cursor& item : at->items()) {
    if (!item.is_map()) {
      std::string text;
      read_value(item, text);
      add_condition(item, parse(text), out);
      continue;
    }
    MapReader inner(item);
    std::string context;
    inner.read_choice(
        "context", context,
        {"", contexts[0].first, contexts[1].first, contexts[2].first, contexts[3].first});
    inner.ignore("error_mode", "the filter's own error_mode counts");
    std::optional<OttlContext> meant;
    for (const auto& [name, value] : contexts)
      if (context == name) meant = value;
    if (const auto list = inner.take("conditions"); list)
      for (const Cursor& each : list->items()) {
        std::string text;
        read_value(each, text);
        add_condition(each, meant ? parse_ottl_condition(text, *meant) : parse(text), out);
      }
    inner.finish();
  }
}

// `metrics`: `include`, `exclude`.
void read_metric_match(MapReader& map, std::string_view key,
                       std::optional<MetricMatchConfig>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  MetricMatchConfig match;
  MapReader inner(*at);
  std::string type;
  inner.read_choice("match_type", type, {"strict", "regexp", "expr"});
  match.regexp = type == "regexp";
  if (type == "expr")
    at->error("match_type expr is not available here; write the expressions as metric_conditions");
  inner.read("metric_names", match.metric_names);
  inner.ignore("regexp", "compiled patterns are kept anyway");
  inner.ignore("expressions", "they belong to match_type expr");
  if (const auto list = inner.take("resource_attributes"); list && !list->is_null())
    for (const Cursor& item : list->items()) {
      MapReader each(item);
      auto& attribute = match.resource_attributes.emplace_back();
      each.read("key", attribute.key);
      if (const auto value = each.take("value"); value && !value->is_null()) {
        attribute.has_value = true;
        attribute.value = value->value().scalar;
      }
      each.finish();
      if (attribute.key.empty()) item.error("\"key\" is missing");
    }
  inner.finish();
  if (type.empty()) at->error("match_type must be given: strict or regexp");
  if (match.regexp) {
    std::vector<std::string> patterns = match.metric_names;
    for (const auto& attribute : match.resource_attributes)
      if (attribute.has_value) patterns.push_back(attribute.value);
    for (const std::string& pattern : patterns)
      if (const re2::RE2 compiled(pattern, re2::RE2::Quiet); !compiled.ok())
        at->error("\"" + pattern + "\" is no regular expression: " + compiled.error());
  }
  out = std::move(match);
}

void read_metrics_filter(MapReader& map, FilterProcessorConfig& out) {
  if (const auto metrics = map.take("metrics"); metrics && !metrics->is_null()) {
    MapReader inner(*metrics);
    read_ottl_conditions(inner, "resource", OttlContext::kResource, out.metric_conditions);
    read_ottl_conditions(inner, "metric", OttlContext::kMetric, out.metric_conditions);
    read_ottl_conditions(inner, "datapoint", OttlContext::kDataPoint, out.metric_conditions);
    read_metric_match(inner, "include", out.include_metrics);
    read_metric_match(inner, "exclude", out.exclude_metrics);
    inner.ignore("regexp", "compiled patterns are kept anyway");
    inner.finish();
    if (!out.metric_conditions.empty() && (out.include_metrics || out.exclude_metrics))
      metrics->error("include and exclude cannot be used together with conditions");
  }
  read_conditions(map, "metric_conditions", kMetricContexts, parse_metric_condition,
                  out.metric_conditions);
}

}  // namespace

void read_ottl_conditions(MapReader& map, std::string_view key, OttlContext context,
                          std::vector<OttlCondition>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  for (const Cursor& item : at->items()) {
    std::string text;
    read_value(item, text);
    add_condition(item, parse_ottl_condition(text, context), out);
  }
}

void read_component(const Cursor& at, BatchProcessorConfig& out) {
  MapReader map(at);
  map.read("timeout", out.timeout);
  map.read("send_batch_size", out.send_batch_size);
  map.read("send_batch_max_size", out.send_batch_max_size);
  read_metadata_keys(map, out.metadata_keys);
  map.read("metadata_cardinality_limit", out.metadata_cardinality_limit);
  map.finish();
  if (out.send_batch_max_size > 0 && out.send_batch_max_size < out.send_batch_size)
    at.error("send_batch_max_size must not be less than send_batch_size");
  if (out.timeout.count() < 0) at.error("timeout must not be negative");
}

void read_component(const Cursor& at, MemoryLimiterConfig& out) {
  MapReader map(at);
  map.read("check_interval", out.check_interval);
  map.read("limit_mib", out.limit_mib);
  map.read("spike_limit_mib", out.spike_limit_mib);
  map.read("limit_percentage", out.limit_percentage);
  map.read("spike_limit_percentage", out.spike_limit_percentage);
  map.ignore({"min_gc_interval_when_soft_limited", "min_gc_interval_when_hard_limited",
              "max_gc_interval_when_soft_limited", "max_gc_interval_when_hard_limited"},
             "there is no garbage collector here");
  map.finish();
  if (out.check_interval.count() <= 0) at.error("check_interval must be greater than zero");
  if (out.limit_mib == 0 && out.limit_percentage == 0)
    at.error("limit_mib or limit_percentage must be set");
  if (out.limit_percentage > 100 || out.spike_limit_percentage > 100)
    at.error("a percentage must not be greater than 100");
  if (out.limit_mib > 0 && out.spike_limit_mib >= out.limit_mib)
    at.error("spike_limit_mib must be less than limit_mib");
}

void read_component(const Cursor& at, AttributesProcessorConfig& out) {
  MapReader map(at);
  read_actions(map, "actions", out.actions);
  read_match(map, "include", out.include);
  read_match(map, "exclude", out.exclude);
  map.finish();
}

void read_component(const Cursor& at, ResourceProcessorConfig& out) {
  MapReader map(at);
  read_actions(map, "attributes", out.actions);
  map.finish();
}

void read_component(const Cursor& at, FilterProcessorConfig& out) {
  MapReader map(at);
  read_error_mode(map, out.error_mode);
  const bool of_others = map.has("logs") || map.has("profiles") || map.has("log_conditions") ||
                         map.has("profile_conditions");
  if (const auto traces = map.take("traces"); traces && !traces->is_null()) {
    MapReader inner(*traces);
    read_ottl_conditions(inner, "resource", OttlContext::kResource, out.conditions);
    read_ottl_conditions(inner, "span", OttlContext::kSpan, out.conditions);
    read_ottl_conditions(inner, "spanevent", OttlContext::kSpanEvent, out.conditions);
    inner.finish();
  }
  read_conditions(map, "trace_conditions", kSpanContexts, parse_span_condition, out.conditions);
  read_metrics_filter(map, out);
  if (const auto spans = map.take("spans"); spans && !spans->is_null()) {
    MapReader inner(*spans);
    read_match(inner, "include", out.include);
    read_match(inner, "exclude", out.exclude);
    inner.finish();
    if (!out.conditions.empty())
      spans->error("cannot be used together with the conditions of `traces`");
  }
  map.ignore({"logs", "profiles", "log_conditions", "profile_conditions"},
             "there are no pipelines of logs or profiles here");
  map.finish();
  if (out.conditions.empty() && !out.include && !out.exclude && !out.filters_metrics() &&
      !of_others)
    at.notice("holds no condition: everything passes");
}

void read_component(const Cursor& at, ProbabilisticSamplerConfig& out) {
  using Mode = ProbabilisticSamplerConfig::Mode;
  MapReader map(at);
  double percentage = 0;
  map.read("sampling_percentage", percentage);
  out.sampling_percentage = static_cast<float>(percentage);
  map.read("hash_seed", out.hash_seed);
  std::string mode;
  map.read_choice("mode", mode, {"", "hash_seed", "proportional", "equalizing"});
  out.mode = mode == "proportional" ? Mode::kProportional
             : mode == "equalizing" ? Mode::kEqualizing
                                    : Mode::kHashSeed;
  map.read("sampling_precision", out.sampling_precision);
  map.read("fail_closed", out.fail_closed);
  map.ignore({"attribute_source", "from_attribute", "sampling_priority"},
             "concerns log records only");
  map.finish();
  if (percentage < 0) at.error("sampling_percentage must not be negative");
  if (percentage > 0 && percentage < 100.0 / (1ull << 56))
    at.error("sampling_percentage is too small: the least is 2^-56");
  if (out.sampling_precision == 0 || out.sampling_precision > 14)
    at.error("sampling_precision must lie between 1 and 14");
}

void read_component(const Cursor& at, GroupByTraceConfig& out) {
  MapReader map(at);
  map.read("wait_duration", out.wait_duration);
  map.read("num_traces", out.num_traces);
  map.ignore("num_workers", "one thread owns the waiting traces");
  map.ignore({"discard_orphans", "store_on_disk"}, "the collector does not use it either");
  map.finish();
  if (out.wait_duration.count() < 0) at.error("wait_duration must not be negative");
  if (out.num_traces == 0) at.error("num_traces must be positive");
}

}  // namespace sightline::config
