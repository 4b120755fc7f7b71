#include "scrape/relabel.h"

#include <openssl/evp.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "base/bytes.h"

namespace sightline::scrape {
namespace {

using Action = config::RelabelConfig::Action;
using model::LabelsBuilder;

// The value of group `name` ("1", "host") in a match; empty when there is none.
std::string_view group_value(const re2::RE2& regex, const std::vector<re2::StringPiece>& groups,
                             std::string_view name) {
  size_t index = 0;
  if (!name.empty() &&
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    if (name.size() > 6) return {};
    for (const char c : name) index = index * 10 + static_cast<size_t>(c - '0');
  } else {
    const auto& names = regex.NamedCapturingGroups();
    const auto found = names.find(std::string(name));
    if (found == names.end()) return {};
    index = static_cast<size_t>(found->second);
  }
  if (index >= groups.size()) return {};
  return {groups[index].data(), groups[index].size()};
}

bool is_word(char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; }

// $1, ${1}, $name, ${name}, $$: as Go's Regexp.Expand reads them.
std::string expand(const re2::RE2& regex, const std::vector<re2::StringPiece>& groups,
                   std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    out.append(text.substr(0, dollar));
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const bool braces = text.starts_with('{');
    size_t n = braces ? 1 : 0;
    while (n < text.size() && is_word(text[n])) ++n;
    const std::string_view name = text.substr(braces ? 1 : 0, n - (braces ? 1 : 0));
    if (name.empty() || (braces && (n >= text.size() || text[n] != '}'))) {
      out += '$';
      continue;
    }
    out.append(group_value(regex, groups, name));
    text.remove_prefix(n + (braces ? 1 : 0));
  }
  return out;
}

bool full_match(const re2::RE2& regex, std::string_view text,
                std::vector<re2::StringPiece>& groups) {
  groups.assign(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1, {});
  return regex.Match({text.data(), text.size()}, 0, text.size(), re2::RE2::ANCHOR_BOTH,
                     groups.data(), static_cast<int>(groups.size()));
}

std::string source_value(const config::RelabelConfig& config, const LabelsBuilder& labels) {
  std::string value;
  for (size_t i = 0; i < config.source_labels.size(); ++i) {
    if (i > 0) value += config.separator;
    value += labels.get(config.source_labels[i]);
  }
  return value;
}

// The lower half of the MD5 sum, big endian, modulo: what shards targets in the peer.
uint64_t hash_mod(std::string_view value, uint64_t modulus) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(value.data(), value.size(), digest, &size, EVP_md5(), nullptr) != 1 || size < 16)
    return 0;
  return load_be64(digest + 8) % modulus;
}

std::string changed_case(std::string text, int (*change)(int)) {
  for (char& c : text) c = static_cast<char>(change(static_cast<unsigned char>(c)));
  return text;
}

void replace(const re2::RE2& regex, const config::RelabelConfig& config, const std::string& value,
             LabelsBuilder& labels) {
  std::vector<re2::StringPiece> groups;
  if (!full_match(regex, value, groups)) return;
  const std::string target = expand(regex, groups, config.target_label);
  if (target.empty()) return;
  labels.set(target, expand(regex, groups, config.replacement));
}

void map_names(const re2::RE2& regex, const config::RelabelConfig& config, LabelsBuilder& labels) {
  const model::Labels before = labels.build();
  std::vector<re2::StringPiece> groups;
  for (const model::LabelView label : before) {
    const bool matches = full_match(regex, label.name, groups);
    switch (config.action) {
      case Action::kLabelMap:
        if (matches) labels.set(expand(regex, groups, config.replacement), label.value);
        break;
      case Action::kLabelDrop:
        if (matches) labels.remove(label.name);
        break;
      default:
        if (!matches) labels.remove(label.name);
    }
  }
}

}  // namespace

Result<RelabelRules> RelabelRules::compile(const std::vector<config::RelabelConfig>& configs) {
  RelabelRules rules;
  for (const config::RelabelConfig& config : configs) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    auto regex = std::make_shared<const re2::RE2>(config.regex, options);
    if (!regex->ok())
      return fail(Errc::kInvalidArgument, config.mark.text(), ": regex: ", regex->error());
    rules.rules_.push_back({config, std::move(regex)});
  }
  return rules;
}

bool RelabelRules::apply(LabelsBuilder& labels) const {
  return std::all_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return apply_rule(rule, labels); });
}

bool RelabelRules::apply_rule(const Rule& rule, LabelsBuilder& labels) {
  const config::RelabelConfig& config = rule.config;
  const std::string value = source_value(config, labels);
  std::vector<re2::StringPiece> groups;
  switch (config.action) {
    case Action::kReplace: replace(*rule.regex, config, value, labels); return true;
    case Action::kKeep: return full_match(*rule.regex, value, groups);
    case Action::kDrop: return !full_match(*rule.regex, value, groups);
    case Action::kKeepEqual: return labels.get(config.target_label) == value;
    case Action::kDropEqual: return labels.get(config.target_label) != value;
    case Action::kHashMod:
      labels.set(config.target_label, std::to_string(hash_mod(value, config.modulus)));
      return true;
    case Action::kLowercase:
      labels.set(config.target_label, changed_case(value, ::tolower));
      return true;
    case Action::kUppercase:
      labels.set(config.target_label, changed_case(value, ::toupper));
      return true;
    case Action::kLabelMap:
    case Action::kLabelDrop:
    case Action::kLabelKeep: map_names(*rule.regex, config, labels); return true;
  }
  return true;
}

}  // namespace sightline::scrape
