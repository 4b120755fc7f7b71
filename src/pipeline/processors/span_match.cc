#include "pipeline/processors/span_match.h"

#include <re2/re2.h>

#include <algorithm>

#include "model/value_text.h"

namespace sightline::pipeline {
namespace {

using model::ValueKind;
using model::ValueView;

bool equals(const ValueView& view, const config::ScalarValue& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    return view.kind == ValueKind::kString && view.bytes == *text;
  if (const auto* number = std::get_if<int64_t>(&value))
    return view.kind == ValueKind::kInt && view.int_value == *number;
  if (const auto* number = std::get_if<double>(&value))
    return view.kind == ValueKind::kDouble && view.double_value == *number;
  return view.kind == ValueKind::kBool && (view.int_value != 0) == std::get<bool>(value);
}

}  // namespace

SpanMatch::Text SpanMatch::make_text(const std::string& text) const {
  Text made{text, nullptr};
  if (config_.regexp) made.pattern = std::make_unique<RE2>(text, RE2::Quiet);
  return made;
}

SpanMatch::SpanMatch(const config::SpanMatchConfig& config) : config_(config) {
  for (const std::string& text : config.services) services_.push_back(make_text(text));
  for (const std::string& text : config.span_names) names_.push_back(make_text(text));
  for (const std::string& text : config.span_kinds) kinds_.push_back(make_text(text));
  const auto add = [&](const std::vector<config::SpanMatchConfig::Attribute>& from,
                       std::vector<Attribute>& to) {
    for (const auto& attribute : from) {
      const auto* text = attribute.value ? std::get_if<std::string>(&*attribute.value) : nullptr;
      to.push_back({attribute.key, attribute.value,
                    text != nullptr && config.regexp ? make_text(*text) : Text{}});
    }
  };
  add(config.attributes, attributes_);
  add(config.resources, resources_);
}
SpanMatch::~SpanMatch() = default;
SpanMatch::SpanMatch(SpanMatch&&) noexcept = default;

bool SpanMatch::one_of(const std::vector<Text>& texts, std::string_view text) {
  return std::any_of(texts.begin(), texts.end(), [&](const Text& t) {
    return t.pattern ? RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *t.pattern)
                     : t.exact == text;
  });
}

bool SpanMatch::holds(const model::SpanBatch& batch, model::Run run,
                      const std::vector<Attribute>& all) {
  return std::all_of(all.begin(), all.end(), [&](const Attribute& attribute) {
    const ValueView* found = batch.find(run, attribute.key);
    if (found == nullptr) return false;
    if (!attribute.value) return true;
    if (attribute.text.pattern)
      return RE2::PartialMatch(model::value_text(*found), *attribute.text.pattern);
    return equals(*found, *attribute.value);
  });
}

bool SpanMatch::matches(const model::SpanBatch& batch, const model::SpanView& span) const {
  if (!services_.empty() && !one_of(services_, batch.service_name(span))) return false;
  if (!names_.empty() && !one_of(names_, span.name)) return false;
  if (!kinds_.empty() && !one_of(kinds_, model::span_kind_name(span.kind))) return false;
  if (!config_.libraries.empty()) {
    const model::ScopeView& scope = batch.scope_of(span);
    const bool any =
        std::any_of(config_.libraries.begin(), config_.libraries.end(), [&](const auto& library) {
          return library.name == scope.name &&
                 (!library.version || *library.version == scope.version);
        });
    if (!any) return false;
  }
  return holds(batch, batch.resource_of(span).attributes, resources_) &&
         holds(batch, span.attributes, attributes_);
}

SpanSelection::SpanSelection(const std::optional<config::SpanMatchConfig>& include,
                             const std::optional<config::SpanMatchConfig>& exclude) {
  if (include) include_.emplace(*include);
  if (exclude) exclude_.emplace(*exclude);
}

}  // namespace sightline::pipeline
