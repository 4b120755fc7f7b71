#include "config/yaml/yaml_node.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/number_text.h"

namespace sightline::config {
namespace {

constexpr size_t kUnknownKeysReportedMax = 20;  // of one map
constexpr size_t kShownBytesMax = 40;

std::string shown(const YamlValue& value) {
  switch (value.kind) {
    case YamlValue::Kind::kNull: return "nothing";
    case YamlValue::Kind::kSequence: return "a list";
    case YamlValue::Kind::kMap: return "a map";
    case YamlValue::Kind::kScalar: break;
  }
  std::string text = value.scalar.substr(0, kShownBytesMax);
  if (value.scalar.size() > kShownBytesMax) text += "...";
  return (value.quoted ? "the string \"" : "\"") + text + "\"";
}

// YAML's integer forms: 12, -3, 1_000_000, 0x1f, 0o17, 0b101.
template <typename T>
std::optional<T> integer_of(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != '_') digits.push_back(c);
  if (text.starts_with('_') || digits.empty()) return std::nullopt;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  int base = 10;
  if (digits.starts_with("0x")) base = 16;
  if (digits.starts_with("0o")) base = 8;
  if (digits.starts_with("0b")) base = 2;
  if (base != 10) digits.erase(0, 2);
  if (digits.starts_with('-')) return std::nullopt;
  if (negative) digits.insert(0, 1, '-');
  T value{};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// The text of an unquoted scalar, or nothing after an error was said.
const std::string* plain_scalar(const Cursor& at, std::string_view wanted) {
  const YamlValue& value = at.value();
  if (value.kind == YamlValue::Kind::kScalar && !value.quoted) return &value.scalar;
  at.wrong_type(wanted);
  return nullptr;
}

template <typename T>
void read_integer(const Cursor& at, T& out) {
  const std::string* text = plain_scalar(at, "a whole number");
  if (text == nullptr) return;
  if (const auto value = integer_of<T>(*text)) {
    out = *value;
  } else if (integer_of<int64_t>(*text)) {
    at.error("expected a whole number from " + std::to_string(std::numeric_limits<T>::min()) +
             " to " + std::to_string(std::numeric_limits<T>::max()) + ", got " + *text);
  } else {
    at.wrong_type("a whole number");
  }
}

std::string joined(const std::string& path, std::string_view key, PathStyle style) {
  if (path.empty()) return std::string(key);
  return path + (style == PathStyle::kColons ? "::" : ".") + std::string(key);
}

void report_unknown(const Cursor& at, const YamlEntry& entry,
                    const std::vector<std::string>& known) {
  const std::string where = at.path().empty() ? std::string("at the top level") : "in " + at.path();
  at.diagnostics().error(entry.mark, "unknown key \"" + entry.key.substr(0, kShownBytesMax) +
                                         "\" " + where + did_you_mean(entry.key, known));
}

}  // namespace

Cursor Cursor::at(const YamlEntry& entry) const {
  return Cursor(*entry.value, joined(path_, entry.key, style_), style_, *diagnostics_);
}

std::vector<Cursor> Cursor::items() const {
  std::vector<Cursor> out;
  if (value_->kind == YamlValue::Kind::kSequence) {
    for (size_t i = 0; i < value_->items.size(); ++i)
      out.emplace_back(*value_->items[i], path_ + "[" + std::to_string(i) + "]", style_,
                       *diagnostics_);
  } else if (!is_null()) {
    wrong_type("a list");
  }
  return out;
}

void Cursor::error(std::string_view what) const {
  diagnostics_->error(value_->mark,
                      path_.empty() ? std::string(what) : path_ + ": " + std::string(what));
}
void Cursor::notice(std::string_view why) const {
  diagnostics_->notice(value_->mark, path_, std::string(why));
}
void Cursor::wrong_type(std::string_view wanted) const {
  error("expected " + std::string(wanted) + ", got " + shown(*value_));
}

void read_value(const Cursor& at, bool& out) {
  const std::string* text = plain_scalar(at, "true or false");
  if (text == nullptr) return;
  std::string word;
  for (const char c : text->substr(0, 8))
    word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  if (word == "true" || word == "yes" || word == "on") {
    out = true;
  } else if (word == "false" || word == "no" || word == "off") {
    out = false;
  } else {
    at.wrong_type("true or false");
  }
}

void read_value(const Cursor& at, int64_t& out) { read_integer(at, out); }
void read_value(const Cursor& at, uint64_t& out) { read_integer(at, out); }
void read_value(const Cursor& at, int32_t& out) { read_integer(at, out); }
void read_value(const Cursor& at, uint32_t& out) { read_integer(at, out); }
void read_value(const Cursor& at, uint16_t& out) { read_integer(at, out); }

void read_value(const Cursor& at, double& out) {
  const std::string* text = plain_scalar(at, "a number");
  if (text == nullptr) return;
  std::string digits;
  for (const char c : *text)
    if (c != '_') digits.push_back(c);
  if (digits == ".inf" || digits == "+.inf") digits = "+Inf";
  if (digits == "-.inf") digits = "-Inf";
  const auto value = parse_float(digits);
  if (!value || std::isnan(*value)) return at.wrong_type("a number");
  out = *value;
}

void read_value(const Cursor& at, std::string& out) {
  if (at.value().kind != YamlValue::Kind::kScalar) return at.wrong_type("a string");
  out = at.value().scalar;
}

void read_value(const Cursor& at, std::chrono::nanoseconds& out) {
  constexpr std::string_view kWanted = "a duration such as 200ms or 1h30m";
  if (at.value().kind != YamlValue::Kind::kScalar) return at.wrong_type(kWanted);
  const std::string& text = at.value().scalar;
  if (const auto value = parse_go_duration(text)) {
    out = *value;
  } else if (const auto count = integer_of<int64_t>(text); count && !at.value().quoted) {
    out = std::chrono::nanoseconds(*count);
    at.notice("a number without a unit is nanoseconds; write " + text + "s for seconds");
  } else {
    at.wrong_type(kWanted);
  }
}

void read_value(const Cursor& at, std::chrono::milliseconds& out) {
  constexpr std::string_view kWanted = "a duration such as 15s or 1h30m";
  if (at.value().kind != YamlValue::Kind::kScalar) return at.wrong_type(kWanted);
  const auto value = parse_prometheus_duration(at.value().scalar);
  if (!value) return at.wrong_type(kWanted);
  out = *value;
}

std::optional<ByteSize> parse_byte_size(std::string_view text) {
  if (const auto bytes = integer_of<uint64_t>(std::string(text))) return ByteSize{*bytes};
  const size_t unit_at = text.find_first_not_of("0123456789._");
  if (unit_at == std::string_view::npos || unit_at == 0) return std::nullopt;
  std::string digits(text.substr(0, unit_at)), unit(text.substr(unit_at));
  std::erase(digits, '_');
  while (unit.starts_with(' ')) unit.erase(0, 1);
  if (unit.ends_with("iB")) unit.erase(unit.size() - 2);
  if (unit.ends_with('B')) unit.pop_back();
  constexpr std::string_view kUnits = "KMGTPE";
  double factor = 1;
  if (!unit.empty()) {
    const char letter = unit[0] == 'k' ? 'K' : unit[0];
    if (unit.size() != 1 || kUnits.find(letter) == std::string_view::npos) return std::nullopt;
    factor = std::pow(1024.0, static_cast<double>(kUnits.find(letter) + 1));
  }
  const auto number = parse_float(digits);
  if (!number || !(*number * factor < 1.8e19)) return std::nullopt;
  return ByteSize{static_cast<uint64_t>(*number * factor)};
}

void read_value(const Cursor& at, ByteSize& out) {
  constexpr std::string_view kWanted = "a size such as 1_000_000 or 512MiB";
  if (at.value().kind != YamlValue::Kind::kScalar) return at.wrong_type(kWanted);
  const auto size = parse_byte_size(at.value().scalar);
  if (!size) return at.wrong_type(kWanted);
  out = *size;
}

void read_value(const Cursor& at, std::map<std::string, std::string>& out) {
  if (!at.is_map()) return at.wrong_type("a map of strings");
  for (const YamlEntry& entry : at.value().entries) {
    const Cursor value = at.at(entry);
    if (value.is_null()) {
      out[entry.key].clear();
    } else {
      read_value(value, out[entry.key]);
    }
  }
}

void read_value(const Cursor& at, std::map<std::string, std::vector<std::string>>& out) {
  if (!at.is_map()) return at.wrong_type("a map of lists");
  for (const YamlEntry& entry : at.value().entries) read_value(at.at(entry), out[entry.key]);
}

MapReader::MapReader(const Cursor& at) : at_(at) {
  if (!at_.is_map() && !at_.is_null()) at_.wrong_type("a map");
}

bool MapReader::has(std::string_view key) const { return at_.value().find(key) != nullptr; }

std::optional<Cursor> MapReader::take(std::string_view key) {
  asked_.emplace_back(key);
  const YamlEntry* entry = at_.value().find(key);
  if (entry == nullptr) return std::nullopt;
  return at_.at(*entry);
}

void MapReader::read_choice(std::string_view key, std::string& out,
                            std::initializer_list<std::string_view> allowed) {
  const auto at = take(key);
  if (!at || at->is_null()) return;
  std::string word;
  read_value(*at, word);
  if (at->value().kind != YamlValue::Kind::kScalar) return;
  if (std::find(allowed.begin(), allowed.end(), word) != allowed.end()) {
    out = std::move(word);
    return;
  }
  std::vector<std::string> words(allowed.begin(), allowed.end());
  std::string list;
  for (const std::string& w : words)
    list += (list.empty() ? "" : ", ") + (w.empty() ? std::string("\"\"") : w);
  at->error("\"" + word.substr(0, kShownBytesMax) + "\" is not one of " + list +
            did_you_mean(word, words));
}

void MapReader::ignore(std::string_view key, std::string_view why) {
  asked_.emplace_back(key);
  const YamlEntry* entry = at_.value().find(key);
  if (entry == nullptr) return;
  at_.diagnostics().notice(entry->mark, at_.at(*entry).path(), std::string(why));
}

void MapReader::ignore(std::initializer_list<std::string_view> keys, std::string_view why) {
  for (const std::string_view key : keys) ignore(key, why);
}

void MapReader::ignore_known(const KnownKeys& known, std::string_view why) {
  ignore(known.name, why);
  if (const YamlEntry* entry = at_.value().find(known.name)) check_known(at_.at(*entry), known);
}

void MapReader::reject(std::initializer_list<std::string_view> keys, std::string_view why) {
  for (const std::string_view key : keys) {
    asked_.emplace_back(key);
    if (const YamlEntry* entry = at_.value().find(key))
      at_.diagnostics().error(entry->mark, at_.at(*entry).path() + ": " + std::string(why));
  }
}

void MapReader::finish() {
  size_t reported = 0;
  for (const YamlEntry& entry : at_.value().entries) {
    if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
    if (++reported > kUnknownKeysReportedMax) {
      at_.diagnostics().error(entry.mark, "more unknown keys in this map");
      return;
    }
    report_unknown(at_, entry, asked_);
  }
}

void check_known(const Cursor& at, const KnownKeys& known) {
  if (known.children.empty()) return;
  if (at.is_sequence()) {
    for (const Cursor& item : at.items()) check_known(item, known);
    return;
  }
  size_t reported = 0;
  for (const YamlEntry& entry : at.value().entries) {
    const KnownKeys* child = known.child(entry.key);
    if (child != nullptr) {
      check_known(at.at(entry), *child);
    } else if (++reported <= kUnknownKeysReportedMax) {
      report_unknown(at, entry, known.names());
    }
  }
}

}  // namespace sightline::config
