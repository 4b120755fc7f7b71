#include "config/otelcol/otelcol_tail_sampling.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>

#include "config/otelcol/otelcol_readers.h"

namespace sightline::config {
namespace {

using Policy = SamplingPolicyConfig;
using Type = Policy::Type;

constexpr std::pair<std::string_view, Type> kTypes[] = {
    {"always_sample", Type::kAlwaysSample},
    {"latency", Type::kLatency},
    {"numeric_attribute", Type::kNumericAttribute},
    {"probabilistic", Type::kProbabilistic},
    {"status_code", Type::kStatusCode},
    {"string_attribute", Type::kStringAttribute},
    {"rate_limiting", Type::kRateLimiting},
    {"bytes_limiting", Type::kBytesLimiting},
    {"span_count", Type::kSpanCount},
    {"trace_state", Type::kTraceState},
    {"trace_flags", Type::kTraceFlags},
    {"boolean_attribute", Type::kBooleanAttribute},
    {"ottl_condition", Type::kOttlCondition},
    {"composite", Type::kComposite},
    {"and", Type::kAnd},
    {"not", Type::kNot},
    {"drop", Type::kDrop}};

void read_policy(const Cursor& at, Policy& out, int depth);

void read_sub_policies(MapReader& map, std::string_view key, std::vector<Policy>& out, int depth) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return map.at().error(std::string(key) + " is missing");
  if (depth > 8) return at->error("policies are nested too deep");
  if (at->is_map()) {  // not_sub_policy is one
    read_policy(*at, out.emplace_back(), depth + 1);
    return;
  }
  for (const Cursor& item : at->items()) read_policy(item, out.emplace_back(), depth + 1);
}

// The sub-policies in policy_order, with what each may take of the whole.
void read_composite(MapReader& map, Policy& out, int depth) {
  map.read("max_total_spans_per_second", out.per_second);
  std::vector<std::string> order;
  map.read("policy_order", order);
  std::vector<Policy> all;
  read_sub_policies(map, "composite_sub_policy", all, depth);
  std::map<std::string, int64_t> percents;
  if (const auto at = map.take("rate_allocation"); at && !at->is_null()) {
    for (const Cursor& item : at->items()) {
      MapReader inner(item);
      std::string policy;
      int64_t percent = 0;
      inner.read("policy", policy);
      inner.read("percent", percent);
      inner.finish();
      percents[policy] = percent;
      if (std::none_of(all.begin(), all.end(), [&](const Policy& p) { return p.name == policy; }))
        item.error("there is no sub-policy \"" + policy + "\"");
    }
  }
  const int64_t equal_share = all.empty() ? 0 : out.per_second / static_cast<int64_t>(all.size());
  const auto add = [&](const Policy& policy) {
    const auto percent = percents.find(policy.name);
    out.allocations.push_back(percent == percents.end() ? equal_share
                                                        : out.per_second * percent->second / 100);
    out.sub_policies.push_back(policy);
  };
  for (const std::string& name : order) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Policy& p) { return p.name == name; });
    if (found == all.end())
      map.at().error("policy_order names \"" + name + "\", which is no sub-policy");
    else
      add(*found);
  }
  if (order.empty())
    for (const Policy& policy : all) add(policy);
}

void read_attribute_policy(MapReader& map, Policy& out) {
  map.read("key", out.key);
  map.read("invert_match", out.invert_match);
  if (out.type == Type::kNumericAttribute) {
    map.read("min_value", out.min_value);
    map.read("max_value", out.max_value);
    if (!out.min_value && !out.max_value) map.at().error("needs min_value or max_value");
  } else if (out.type == Type::kBooleanAttribute) {
    map.read("value", out.bool_value);
  } else {
    map.read("values", out.values);
    map.read("enabled_regex_matching", out.regex);
    map.ignore("cache_max_size", "values are matched as they come");
    if (out.regex)
      for (const std::string& value : out.values)
        if (const RE2 regexp(value, RE2::Quiet); !regexp.ok())
          map.at().error("values: \"" + value + "\" is no regular expression: " + regexp.error());
  }
  if (out.key.empty()) map.at().error("needs a key");
}

void read_status_codes(MapReader& map, Policy& out) {
  map.read("status_codes", out.values);
  if (out.values.empty()) map.at().error("expected at least one status code to filter on");
  for (const std::string& code : out.values)
    if (code != "OK" && code != "ERROR" && code != "UNSET")
      map.at().error("unknown status code \"" + code + "\", supported: OK, ERROR, UNSET");
}

void read_conditions(MapReader& map, Policy& out) {
  std::string mode = "propagate";
  map.read_choice("error_mode", mode, {"", "propagate", "ignore", "silent"});
  out.error_mode = mode == "ignore"   ? OttlErrorMode::kIgnore
                   : mode == "silent" ? OttlErrorMode::kSilent
                                      : OttlErrorMode::kPropagate;
  read_ottl_conditions(map, "span", OttlContext::kSpan, out.conditions);
  read_ottl_conditions(map, "spanevent", OttlContext::kSpanEvent, out.conditions);
  if (out.conditions.empty()) map.at().error("expected at least one OTTL condition to filter on");
}

// The map named like the type.
void read_settings(MapReader& map, Policy& out, int depth) {
  switch (out.type) {
    case Type::kAlwaysSample:
    case Type::kTraceFlags: break;
    case Type::kLatency:
      map.read("threshold_ms", out.threshold_ms);
      map.read("upper_threshold_ms", out.upper_threshold_ms);
      break;
    case Type::kNumericAttribute:
    case Type::kStringAttribute:
    case Type::kBooleanAttribute: read_attribute_policy(map, out); break;
    case Type::kProbabilistic:
      map.read("hash_salt", out.hash_salt);
      map.read("sampling_percentage", out.sampling_percentage);
      break;
    case Type::kStatusCode: read_status_codes(map, out); break;
    case Type::kRateLimiting:
      map.read("spans_per_second", out.per_second);
      map.read("burst_capacity", out.burst_capacity);
      break;
    case Type::kBytesLimiting:
      map.read("bytes_per_second", out.per_second);
      map.read("burst_capacity", out.burst_capacity);
      break;
    case Type::kSpanCount:
      map.read("min_spans", out.min_spans);
      map.read("max_spans", out.max_spans);
      break;
    case Type::kTraceState:
      map.read("key", out.key);
      map.read("values", out.values);
      break;
    case Type::kOttlCondition: read_conditions(map, out); break;
    case Type::kComposite: read_composite(map, out, depth); break;
    case Type::kAnd: read_sub_policies(map, "and_sub_policy", out.sub_policies, depth); break;
    case Type::kNot: read_sub_policies(map, "not_sub_policy", out.sub_policies, depth); break;
    case Type::kDrop: read_sub_policies(map, "drop_sub_policy", out.sub_policies, depth); break;
  }
}

void read_policy(const Cursor& at, Policy& out, int depth) {
  MapReader map(at);
  std::string type;
  map.read("name", out.name);
  map.read("type", type);
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const auto& t) { return t.first == type; });
  if (found == std::end(kTypes)) {
    std::vector<std::string> names;
    for (const auto& [name, value] : kTypes) names.emplace_back(name);
    for (const std::string& name : names) map.take(name);
    map.finish();
    return at.error("unknown sampling policy type \"" + type + "\"" + did_you_mean(type, names));
  }
  out.type = found->second;
  const bool needs_map = out.type != Type::kAlwaysSample && out.type != Type::kTraceFlags;
  const auto settings = map.take(type);
  // Settings of another type do nothing in the collector either.
  for (const auto& [name, value] : kTypes)
    if (name != type) map.ignore(name, "the policy is of type " + type);
  map.finish();
  if (settings && !settings->is_null()) {
    MapReader inner(*settings);
    read_settings(inner, out, depth);
    inner.finish();
  } else if (needs_map) {
    at.error("a policy of type " + type + " needs its settings under \"" + type + "\"");
  }
  if (out.type == Type::kRateLimiting || out.type == Type::kBytesLimiting)
    if (out.burst_capacity == 0) out.burst_capacity = 2 * out.per_second;
}

}  // namespace

void read_component(const Cursor& at, TailSamplingConfig& out) {
  MapReader map(at);
  map.read("decision_wait", out.decision_wait);
  map.read("decision_wait_after_root_received", out.decision_wait_after_root_received);
  map.read("num_traces", out.num_traces);
  map.read("sample_on_first_match", out.sample_on_first_match);
  map.read("drop_pending_traces_on_shutdown", out.drop_pending_traces_on_shutdown);
  map.read("maximum_trace_size_bytes", out.maximum_trace_size_bytes);
  map.ignore("expected_new_traces_per_sec", "tables grow by need");
  map.ignore("num_shards", "decisions take a small part of one core; one table holds all traces");
  map.ignore("block_on_overflow",
             "the oldest trace is decided at once when num_traces are waiting; nothing waits");
  std::string strategy;
  map.read_choice("sampling_strategy", strategy, {"", "trace-complete", "span-ingest"});
  if (strategy == "span-ingest")
    map.at().error("sampling_strategy span-ingest is not available here; use trace-complete");
  map.reject({"tail_storage"}, "waiting spans are kept in memory here");
  if (const auto cache = map.take("decision_cache"); cache && !cache->is_null()) {
    MapReader inner(*cache);
    inner.read("sampled_cache_size", out.sampled_cache_size);
    inner.read("non_sampled_cache_size", out.non_sampled_cache_size);
    inner.finish();
  }
  if (const auto exemplars = map.take("exemplars"); exemplars && !exemplars->is_null()) {
    MapReader inner(*exemplars);
    inner.read("keep", out.exemplars.keep);
    inner.read("max_traces_per_second", out.exemplars.max_traces_per_second);
    inner.finish();
  }
  if (const auto policies = map.take("policies"); policies && !policies->is_null())
    for (const Cursor& item : policies->items()) read_policy(item, out.policies.emplace_back(), 0);
  map.finish();
  if (out.policies.empty()) at.error("names no policy: nothing would be sampled");
  if (out.num_traces == 0) at.error("num_traces must be positive");
  if (out.decision_wait.count() <= 0) at.error("decision_wait must be positive");
  for (size_t i = 0; i < out.policies.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (out.policies[i].name == out.policies[j].name)
        at.error("duplicate policy name \"" + out.policies[i].name + "\"");
  // Policies that drop are asked first, as in the collector.
  std::stable_partition(out.policies.begin(), out.policies.end(),
                        [](const Policy& p) { return p.type == Type::kDrop; });
}

}  // namespace sightline::config
