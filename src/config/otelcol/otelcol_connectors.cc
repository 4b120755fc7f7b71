#include "config/otelcol/otelcol_connectors.h"

#include <charconv>
#include <cmath>

#include "config/otelcol/otelcol_readers.h"

namespace sightline::config {
namespace {

template <typename Number>
std::optional<Number> whole_as(std::string_view text) {
  Number number{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A scalar as YAML means it: a number unless it is quoted.
void read_count_default(const Cursor& at, std::optional<CountConfig::Default>& out) {
  const YamlValue& value = at.value();
  if (value.kind == YamlValue::Kind::kNull) return;
  if (value.kind != YamlValue::Kind::kScalar) return at.wrong_type("a string or a number");
  const auto whole = whole_as<int64_t>(value.scalar);
  const auto number = whole_as<double>(value.scalar);
  if (value.quoted)
    out = value.scalar;
  else if (whole)
    out = *whole;
  else if (number && std::isfinite(*number))
    out = *number;
  else
    out = value.scalar;
}

void read_count_attributes(MapReader& map, std::vector<CountConfig::Attribute>& out) {
  const auto at = map.take("attributes");
  if (!at || at->is_null()) return;
  for (const Cursor& item : at->items()) {
    CountConfig::Attribute attribute;
    MapReader inner(item);
    inner.read("key", attribute.key);
    if (const auto value = inner.take("default_value"))
      read_count_default(*value, attribute.default_value);
    inner.finish();
    if (attribute.key.empty()) item.error("attribute key missing");
    out.push_back(std::move(attribute));
  }
}

void read_counts(MapReader& map, std::string_view key, OttlContext context,
                 std::vector<CountConfig::Metric>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  if (!at->is_map()) return at->wrong_type("a map of metrics");
  out.clear();
  for (const YamlEntry& entry : at->value().entries) {
    CountConfig::Metric metric{
        .name = entry.key, .description = {}, .conditions = {}, .attributes = {}};
    if (entry.key.empty()) at->error("metric name missing");
    MapReader inner(at->at(entry));
    inner.read("description", metric.description);
    read_ottl_conditions(inner, "conditions", context, metric.conditions);
    read_count_attributes(inner, metric.attributes);
    inner.finish();
    out.push_back(std::move(metric));
  }
}

}  // namespace

std::vector<std::chrono::nanoseconds> ServiceGraphConfig::default_buckets() {
  std::vector<std::chrono::nanoseconds> out;
  for (const int ms :
       {2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10'000, 15'000})
    out.emplace_back(std::chrono::milliseconds(ms));
  return out;
}

void read_component(const Cursor& at, ForwardConfig&) { MapReader(at).finish(); }

void read_component(const Cursor& at, ServiceGraphConfig& out) {
  MapReader map(at);
  std::vector<std::chrono::nanoseconds> buckets;
  map.read("latency_histogram_buckets", buckets);
  map.read("exponential_histogram_max_size", out.exponential_histogram_max_size);
  map.read("dimensions", out.dimensions);
  if (const auto store = map.take("store"); store && !store->is_null()) {
    MapReader inner(*store);
    inner.read("max_items", out.store_max_items);
    inner.read("ttl", out.store_ttl);
    inner.finish();
  }
  map.read("store_expiration_loop", out.store_expiration_loop);
  map.ignore("cache_loop",
             "series that were not updated for 15 minutes end at the next look, every second");
  map.read("virtual_node_peer_attributes", out.virtual_node_peer_attributes);
  map.read("virtual_node_extra_label", out.virtual_node_extra_label);
  map.read("metrics_flush_interval", out.metrics_flush_interval);
  map.read("database_name_attributes", out.database_name_attributes);
  map.ignore("database_name_attribute", "the former name of database_name_attributes; use that");
  map.read("metrics_timestamp_offset", out.metrics_timestamp_offset);
  map.finish();
  if (out.exponential_histogram_max_size < 0)
    at.error("exponential_histogram_max_size must not be negative");
  if (!buckets.empty() && out.exponential_histogram_max_size > 0)
    at.error("use either latency_histogram_buckets or exponential_histogram_max_size");
  for (size_t i = 1; i < buckets.size(); ++i)
    if (buckets[i] <= buckets[i - 1]) return at.error("latency_histogram_buckets must ascend");
  if (!buckets.empty()) out.latency_histogram_buckets = std::move(buckets);
  if (out.exponential_histogram_max_size > 0) out.latency_histogram_buckets.clear();
  if (out.store_ttl.count() < 0) at.error("store::ttl must not be negative");
}

void read_component(const Cursor& at, CountConfig& out) {
  MapReader map(at);
  read_counts(map, "spans", OttlContext::kSpan, out.spans);
  read_counts(map, "spanevents", OttlContext::kSpanEvent, out.span_events);
  read_counts(map, "metrics", OttlContext::kMetric, out.metrics);
  read_counts(map, "datapoints", OttlContext::kDataPoint, out.data_points);
  map.ignore({"logs", "profiles"}, "there are neither logs nor profiles here to be counted");
  map.finish();
  for (const CountConfig::Metric& metric : out.metrics)
    if (!metric.attributes.empty())
      at.error("metrics: attributes are not supported: metric \"" + metric.name + "\"");
}

}  // namespace sightline::config
