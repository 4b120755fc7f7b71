#include "connectors/spanmetrics/label_names.h"

#include <algorithm>

namespace sightline::connectors::spanmetrics {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// A character of several bytes becomes one underscore.
bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

}  // namespace

std::string label_name_of(std::string_view attribute_key) {
  std::string out;
  for (const char c : attribute_key) {
    if (is_word(c))
      out += c;
    else if (!is_continuation(c) || out.empty())
      out += '_';
  }
  if (out.empty()) return "key_";
  if (is_digit(out[0])) return "key_" + out;
  return out;
}

std::string metric_name_of(std::string_view name, std::string_view unit) {
  std::string out;
  bool has_unit = unit.empty();
  for (size_t at = 0; at < name.size();) {
    const size_t begin = at;
    while (at < name.size() && ((is_word(name[at]) && name[at] != '_') || name[at] == ':')) ++at;
    const std::string_view token = name.substr(begin, at - begin);
    if (token.empty()) {
      ++at;
      continue;
    }
    if (!out.empty()) out += '_';
    out += token;
    has_unit = has_unit || token == unit;
  }
  if (!has_unit) out.append("_").append(unit);
  if (!out.empty() && is_digit(out[0])) out.insert(0, 1, '_');
  return out;
}

void AttributeLabels::add(std::string_view key, std::string value) {
  entries_.push_back({std::string(key), std::move(value)});
}

void AttributeLabels::build_into(model::LabelsBuilder& labels) {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.key < b.key; });
  std::string_view previous_key;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (i > 0 && entry.key == previous_key) continue;  // the same attribute named twice
    previous_key = entry.key;
    std::string name = label_name_of(entry.key);
    if (std::ranges::find(reserved_, name) != reserved_.end()) name.insert(0, "exported_");
    const std::string_view before = labels.get(name);
    labels.set(name, before.empty() ? entry.value : std::string(before) + ";" + entry.value);
  }
}

}  // namespace sightline::connectors::spanmetrics
