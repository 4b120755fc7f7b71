#include "server/usage_tracker.h"

#include <algorithm>

#include "base/number_text.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::server {
namespace {

constexpr std::string_view kMissing = "__missing__";
constexpr std::string_view kOverflow = "__overflow__";

struct Dimension {
  std::string key;
  bool of_span = true;
  bool of_resource = true;
};

Dimension dimension_of(std::string_view attribute) {
  for (const auto& [prefix, is_span] : {std::pair("span.", true), std::pair("resource.", false)})
    if (attribute.starts_with(prefix))
      return {std::string(attribute.substr(std::string_view(prefix).size())), is_span, !is_span};
  return {.key = std::string(attribute)};
}

// What Prometheus takes for a label's name.
std::string label_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) name.insert(0, "_");
  return name;
}

std::string text_of(const model::ValueView& value) {
  switch (value.kind) {
    case model::ValueKind::kBool: return value.int_value != 0 ? "true" : "false";
    case model::ValueKind::kInt: return std::to_string(value.int_value);
    case model::ValueKind::kDouble: return format_float_go(value.double_value);
    default: return std::string(value.bytes);
  }
}

// A span's values come before its resource's.
std::string value_of(const Dimension& dimension, const model::SpanBatch& batch,
                     const model::SpanView& span) {
  const model::ValueView* found =
      dimension.of_span ? batch.find(span.attributes, dimension.key) : nullptr;
  if (found == nullptr && dimension.of_resource)
    found = batch.find(batch.resource_of(span).attributes, dimension.key);
  return found == nullptr ? std::string(kMissing) : text_of(*found);
}

}  // namespace

void UsageTracker::count(const std::string& tenant, const model::SpanBatch& batch) {
  std::vector<Dimension> dimensions;
  std::vector<std::string> labels;
  for (const auto& [attribute, label] : dimensions_(tenant)) {
    dimensions.push_back(dimension_of(attribute));
    labels.push_back(label_name(label.empty() ? dimensions.back().key : label));
  }
  // Spans that did not come as OTLP have no bytes of their own; they share those they take as such.
  const bool is_encoded = !batch.spans.empty() && !batch.spans[0].encoded.empty();
  const size_t share = is_encoded || batch.spans.empty()
                           ? 0
                           : wire::otlp::encode_traces(batch).size() / batch.spans.size();
  std::map<std::vector<std::string>, uint64_t> bytes;
  std::vector<uint8_t> seen_scopes(batch.scopes.size(), 0),
      seen_resources(batch.resources.size(), 0);
  std::vector<std::string> values(dimensions.size());
  for (const model::SpanView& span : batch.spans) {
    for (size_t i = 0; i < dimensions.size(); ++i) values[i] = value_of(dimensions[i], batch, span);
    uint64_t size = is_encoded ? span.encoded.size() : share;
    const model::ScopeView& scope = batch.scope_of(span);
    if (seen_scopes[span.scope]++ == 0) size += scope.encoded.size();
    if (seen_resources[scope.resource]++ == 0)
      size += batch.resources[scope.resource].encoded.size();
    seen_scopes[span.scope] = seen_resources[scope.resource] = 1;
    bytes[values] += size;
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [key, sum] : bytes) counter(tenant, labels, key).add(sum);
}

Counter& UsageTracker::counter(const std::string& tenant, const std::vector<std::string>& labels,
                               const std::vector<std::string>& values) {
  auto& of_tenant = series_[tenant];
  std::vector<std::string> key = values;
  key.insert(key.end(), labels.begin(), labels.end());  // other dimensions are other series
  if (!of_tenant.contains(key) && of_tenant.size() >= series_max_)
    std::fill_n(key.begin(), values.size(), std::string(kOverflow));
  Counter*& known = of_tenant[key];
  if (known == nullptr) {
    MetricLabels all;
    for (size_t i = 0; i < labels.size(); ++i) all.emplace_back(labels[i], key[i]);
    all.emplace_back("tenant", tenant);
    all.emplace_back("tracker", "cost-attribution");
    known = &counters_.counter("tempo_usage_tracker_bytes_received_total",
                               "bytes total received with these attributes", std::move(all));
  }
  return *known;
}

}  // namespace sightline::server
