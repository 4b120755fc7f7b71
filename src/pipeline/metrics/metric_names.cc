#include "pipeline/metrics/metric_names.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace sightline::pipeline {
namespace {

using Unit = std::pair<std::string_view, std::string_view>;

constexpr std::array kUnits = {Unit{"d", "days"},
                               Unit{"h", "hours"},
                               Unit{"min", "minutes"},
                               Unit{"s", "seconds"},
                               Unit{"ms", "milliseconds"},
                               Unit{"us", "microseconds"},
                               Unit{"ns", "nanoseconds"},
                               Unit{"By", "bytes"},
                               Unit{"KiBy", "kibibytes"},
                               Unit{"MiBy", "mebibytes"},
                               Unit{"GiBy", "gibibytes"},
                               Unit{"TiBy", "tibibytes"},
                               Unit{"KBy", "kilobytes"},
                               Unit{"MBy", "megabytes"},
                               Unit{"GBy", "gigabytes"},
                               Unit{"TBy", "terabytes"},
                               Unit{"m", "meters"},
                               Unit{"V", "volts"},
                               Unit{"A", "amperes"},
                               Unit{"J", "joules"},
                               Unit{"W", "watts"},
                               Unit{"g", "grams"},
                               Unit{"Cel", "celsius"},
                               Unit{"Hz", "hertz"},
                               Unit{"1", ""},
                               Unit{"%", "percent"}};
constexpr std::array kPerUnits = {Unit{"s", "second"}, Unit{"m", "minute"}, Unit{"h", "hour"},
                                  Unit{"d", "day"},    Unit{"w", "week"},   Unit{"mo", "month"},
                                  Unit{"y", "year"}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// What stands between characters that names do not have.
std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> tokens;
  bool open = false;
  for (const char c : text) {
    if (!is_alnum(c) && c != ':') {
      open = false;
      continue;
    }
    if (!open) tokens.emplace_back();
    open = true;
    tokens.back().push_back(c);
  }
  return tokens;
}

std::string join(const std::vector<std::string>& tokens) {
  std::string out;
  for (const std::string& token : tokens) {
    if (!out.empty()) out.push_back('_');
    out += token;
  }
  return out;
}

template <size_t N>
std::string unit_word(std::string_view unit, const std::array<Unit, N>& known) {
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  while (unit.ends_with(' ')) unit.remove_suffix(1);
  if (unit.empty() || unit.find_first_of("{}") != std::string_view::npos) return {};
  for (const auto& [symbol, word] : known)
    if (symbol == unit) return std::string(word);
  std::vector<std::string> tokens = tokens_of(unit);
  return join(tokens);
}

bool has(const std::vector<std::string>& tokens, std::string_view word) {
  return std::find(tokens.begin(), tokens.end(), word) != tokens.end();
}

}  // namespace

std::string prometheus_metric_name(std::string_view name, std::string_view unit,
                                   MetricSuffix suffix) {
  std::vector<std::string> tokens = tokens_of(name);
  const size_t slash = unit.find('/');
  if (const std::string word = unit_word(unit.substr(0, slash), kUnits);
      !word.empty() && !has(tokens, word))
    tokens.push_back(word);
  if (slash != std::string_view::npos) {
    const std::string word = unit_word(unit.substr(slash + 1), kPerUnits);
    if (!word.empty() && !has(tokens, word)) {
      tokens.emplace_back("per");
      tokens.push_back(word);
    }
  }
  const auto put_last = [&](const char* word) {
    std::erase(tokens, word);
    tokens.emplace_back(word);
  };
  if (suffix == MetricSuffix::kTotal) put_last("total");
  if (suffix == MetricSuffix::kRatio) put_last("ratio");
  std::string out = join(tokens);
  if (!out.empty() && is_digit(out.front())) out.insert(out.begin(), '_');
  return out;
}

std::string prometheus_unit(std::string_view unit) {
  const size_t slash = unit.find('/');
  std::string word = unit_word(unit.substr(0, slash), kUnits);
  if (slash == std::string_view::npos) return word;
  const std::string per = unit_word(unit.substr(slash + 1), kPerUnits);
  return per.empty() ? word : word + (word.empty() ? "per_" : "_per_") + per;
}

std::string prometheus_label_name(std::string_view key) {
  std::string out;
  for (size_t i = 0; i < key.size(); ++i) {
    const auto c = static_cast<unsigned char>(key[i]);
    if (c >= 0x80 && (c & 0xc0) == 0x80) continue;  // one '_' for a character, not for its bytes
    out.push_back(is_alnum(key[i]) ? key[i] : '_');
  }
  if (out.empty()) return out;
  if (is_digit(out.front())) return "key_" + out;
  if (out.front() == '_' && !out.starts_with("__")) return "key" + out;
  return out;
}

namespace {

// What is between separators, joined by underscores, which stay.
std::string plain_name(std::string_view name) {
  std::string out;
  bool open = false;
  for (const char c : name) {
    const bool kept = is_alnum(c) || c == ':' || c == '_';
    if (kept && !open && !out.empty()) out.push_back('_');
    if (kept) out.push_back(c);
    open = kept;
  }
  return out;
}

// "requests.total" without "total" and the separator before it.
std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  if (name.ends_with(suffix) && name.size() > suffix.size() + 1)
    name.remove_suffix(suffix.size() + 1);
  return name;
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

template <size_t N>
std::string raw_unit_word(std::string_view unit, const std::array<Unit, N>& known) {
  unit = trim(unit);
  if (unit.find_first_of("{}") != std::string_view::npos) return {};
  for (const auto& [symbol, word] : known)
    if (symbol == unit) return std::string(word);
  return std::string(unit);
}

std::string utf8_name_with_suffixes(std::string name, std::string_view unit, MetricSuffix suffix) {
  const std::string_view last = suffix == MetricSuffix::kTotal   ? "total"
                                : suffix == MetricSuffix::kRatio ? "ratio"
                                                                 : "";
  if (!last.empty()) name = without_suffix(name, last);
  const size_t slash = unit.find('/');
  std::string per = slash == std::string_view::npos
                        ? std::string()
                        : raw_unit_word(unit.substr(slash + 1), kPerUnits);
  if (!per.empty()) per.insert(0, "per_");
  if (!per.empty()) name = without_suffix(name, per);
  if (const std::string word = raw_unit_word(unit.substr(0, slash), kUnits);
      !word.empty() && !name.ends_with(word))
    name += "_" + word;
  if (!per.empty()) name += "_" + per;
  if (!last.empty()) (name += '_') += last;
  return name;
}

}  // namespace

std::string translate_metric_name(std::string_view name, std::string_view unit, MetricSuffix suffix,
                                  const NameTranslation& translation) {
  const std::string& space = translation.metrics_namespace;
  if (translation.utf8) {
    std::string whole = space.empty() ? std::string(name) : space + "_" + std::string(name);
    return translation.suffixes ? utf8_name_with_suffixes(std::move(whole), unit, suffix) : whole;
  }
  if (translation.suffixes) {
    std::string made = prometheus_metric_name(name, unit, suffix);
    if (space.empty() || made.empty()) return made;
    if (made.starts_with('_') && made.size() > 1 && is_digit(made[1])) made.erase(0, 1);
    return plain_name(space) + "_" + made;
  }
  std::string made = plain_name(name);
  if (!space.empty()) return plain_name(space) + "_" + made;
  if (!made.empty() && is_digit(made.front())) made.insert(made.begin(), '_');
  return made;
}

}  // namespace sightline::pipeline
