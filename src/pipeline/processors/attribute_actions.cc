#include "pipeline/processors/attribute_actions.h"

#include <openssl/evp.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/number_text.h"
#include "base/text_codec.h"
#include "model/value_text.h"

namespace sightline::pipeline {
namespace {

using config::AttributeAction;
using model::AttributeView;
using model::ValueKind;
using model::ValueView;

AttributeView* find(std::vector<AttributeView>& attributes, std::string_view key) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const AttributeView& a) { return a.key == key; });
  return found == attributes.end() ? nullptr : &*found;
}

ValueView view_of(const config::ScalarValue& value, KeptTexts& texts) {
  if (const auto* text = std::get_if<std::string>(&value))
    return ValueView::of_string(texts.keep(*text));
  if (const auto* number = std::get_if<int64_t>(&value)) return ValueView::of_int(*number);
  if (const auto* number = std::get_if<double>(&value)) return ValueView::of_double(*number);
  return ValueView::of_bool(std::get<bool>(value));
}

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return hex_encode({reinterpret_cast<const char*>(digest), size});
}

// What is hashed of a value: text as it is, numbers as little-endian bytes; others have nothing to hash.
ValueView hashed(const ValueView& value, KeptTexts& texts) {
  std::string bytes;
  switch (value.kind) {
    case ValueKind::kString: bytes = value.bytes; break;
    case ValueKind::kBool: bytes = std::string(1, value.int_value != 0 ? '\1' : '\0'); break;
    case ValueKind::kInt:
    case ValueKind::kDouble: append_le(bytes, value.int_value); break;
    default: return ValueView::of_string({});
  }
  return ValueView::of_string(texts.keep(sha256_hex(bytes)));
}

bool matches(const RE2& pattern, std::string_view text) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace

AttributeActions::AttributeActions(const std::vector<AttributeAction>& actions) {
  for (const AttributeAction& action : actions) {
    Step& step = steps_.emplace_back(action, nullptr, std::vector<std::string>());
    if (action.pattern.empty()) continue;
    step.pattern = std::make_unique<RE2>(action.pattern, RE2::Quiet);
    step.groups.resize(static_cast<size_t>(std::max(0, step.pattern->NumberOfCapturingGroups())));
    for (const auto& [index, name] : step.pattern->CapturingGroupNames())
      step.groups[static_cast<size_t>(index) - 1] = name;
  }
}
AttributeActions::~AttributeActions() = default;

bool AttributeActions::put(const Step& step, std::vector<AttributeView>& attributes,
                           KeptTexts& texts) {
  using Kind = AttributeAction::Kind;
  const AttributeAction& action = step.action;
  AttributeView* existing = find(attributes, action.key);
  if ((action.kind == Kind::kInsert && existing != nullptr) ||
      (action.kind == Kind::kUpdate && existing == nullptr))
    return false;
  ValueView value;
  const AttributeView* source =
      action.from_attribute.empty() ? nullptr : find(attributes, action.from_attribute);
  if (action.value)
    value = view_of(*action.value, texts);
  else if (source != nullptr)
    value = source->value;
  else if (action.default_value)
    value = view_of(*action.default_value, texts);
  else
    return false;
  if (existing != nullptr)
    existing->value = value;
  else
    attributes.push_back({texts.keep(action.key), value});
  return true;
}

bool AttributeActions::remove(const Step& step, std::vector<AttributeView>& attributes) {
  return std::erase_if(attributes, [&](const AttributeView& a) {
           return (!step.action.key.empty() && a.key == step.action.key) ||
                  (step.pattern && matches(*step.pattern, a.key));
         }) > 0;
}

bool AttributeActions::hash(const Step& step, std::vector<AttributeView>& attributes,
                            KeptTexts& texts) {
  bool changed = false;
  for (AttributeView& attribute : attributes) {
    const bool by_key = !step.action.key.empty() && attribute.key == step.action.key;
    const bool by_pattern = step.pattern && matches(*step.pattern, attribute.key);
    // Named by both: hashed by both.
    for (int i = 0; i < by_key + by_pattern; ++i) attribute.value = hashed(attribute.value, texts);
    changed = changed || by_key || by_pattern;
  }
  return changed;
}

bool AttributeActions::extract(const Step& step, std::vector<AttributeView>& attributes,
                               KeptTexts& texts) {
  const AttributeView* source = find(attributes, step.action.key);
  if (source == nullptr || source->value.kind != ValueKind::kString) return false;
  const std::string text(source->value.bytes);
  std::vector<re2::StringPiece> groups(step.groups.size() + 1);
  if (!step.pattern->Match(text, 0, text.size(), RE2::UNANCHORED, groups.data(),
                           static_cast<int>(groups.size())))
    return false;
  for (size_t i = 0; i < step.groups.size(); ++i) {
    const ValueView value = ValueView::of_string(texts.keep(std::string(
        groups[i + 1].data() == nullptr ? "" : groups[i + 1].data(), groups[i + 1].size())));
    if (AttributeView* existing = find(attributes, step.groups[i]))
      existing->value = value;
    else
      attributes.push_back({texts.keep(step.groups[i]), value});
  }
  return true;
}

bool AttributeActions::convert(const Step& step, std::vector<AttributeView>& attributes,
                               KeptTexts& texts) {
  AttributeView* found = find(attributes, step.action.key);
  if (found == nullptr) return false;
  ValueView& value = found->value;
  switch (step.action.converted_type) {
    case AttributeAction::Type::kString:
      if (value.kind == ValueKind::kString) return false;
      value = ValueView::of_string(texts.keep(model::value_text(value)));
      return true;
    case AttributeAction::Type::kInt:
      if (value.kind == ValueKind::kDouble)
        value = ValueView::of_int(model::whole_of(value.double_value));
      else if (value.kind == ValueKind::kBool)
        value = ValueView::of_int(value.int_value);
      else if (const auto parsed = parse_int(value.bytes);
               value.kind == ValueKind::kString && parsed)
        value = ValueView::of_int(*parsed);
      else
        return false;
      return true;
    case AttributeAction::Type::kDouble:
      if (value.kind == ValueKind::kInt || value.kind == ValueKind::kBool)
        value = ValueView::of_double(static_cast<double>(value.int_value));
      else if (const auto parsed = parse_float(value.bytes);
               value.kind == ValueKind::kString && parsed)
        value = ValueView::of_double(*parsed);
      else
        return false;
      return true;
  }
  return false;
}

bool AttributeActions::apply(std::vector<AttributeView>& attributes, KeptTexts& texts) const {
  using Kind = AttributeAction::Kind;
  bool changed = false;
  for (const Step& step : steps_) {
    switch (step.action.kind) {
      case Kind::kInsert:
      case Kind::kUpdate:
      case Kind::kUpsert: changed |= put(step, attributes, texts); break;
      case Kind::kDelete: changed |= remove(step, attributes); break;
      case Kind::kHash: changed |= hash(step, attributes, texts); break;
      case Kind::kExtract: changed |= extract(step, attributes, texts); break;
      case Kind::kConvert: changed |= convert(step, attributes, texts); break;
    }
  }
  return changed;
}

}  // namespace sightline::pipeline
