#include "config/yaml/expansion.h"

#include <cctype>
#include <optional>

namespace sightline::config {
namespace {

bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool is_name(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text)
    if (!is_name_char(c)) return false;
  return true;
}

// The position after the brace that closes the one at `open`; npos when none does.
size_t past_closing_brace(std::string_view text, size_t open) {
  size_t depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return i + 1;
  }
  return std::string_view::npos;
}

class Expander {
 public:
  Expander(Dialect dialect, const Environment& environment, Diagnostics& diagnostics,
           const YamlLimits& limits)
      : dialect_(dialect), environment_(environment), diagnostics_(diagnostics), limits_(limits) {}

  std::shared_ptr<const YamlValue> value(std::shared_ptr<const YamlValue> in, size_t depth);
  std::string text(std::string_view in, const Mark& mark, size_t depth);

 private:
  std::shared_ptr<const YamlValue> scalar(const std::shared_ptr<const YamlValue>& in, size_t depth);
  std::string collector_text(std::string_view in, const Mark& mark, size_t depth);
  std::string shell_text(std::string_view in, const Mark& mark);
  std::string refer(std::string_view reference, const Mark& mark);
  std::string variable(std::string_view name, const Mark& mark);
  std::string file(std::string_view path, const Mark& mark);
  // Counts one reference; false, after one error, when there are too many.
  bool spend(const Mark& mark, size_t depth);
  std::shared_ptr<const YamlValue> with_mark(const YamlValue& in, const Mark& mark) const;

  Dialect dialect_;
  const Environment& environment_;
  Diagnostics& diagnostics_;
  YamlLimits limits_;
  size_t references_ = 0;
  size_t bytes_ = 0;
  bool stopped_ = false;
};

bool Expander::spend(const Mark& mark, size_t depth) {
  if (stopped_) return false;
  if (++references_ <= kExpansionsMax && depth <= kExpansionDepthMax &&
      bytes_ <= limits_.text_bytes_max)
    return true;
  stopped_ = true;
  diagnostics_.error(mark, "too many ${...} references, or one that contains itself");
  return false;
}

std::string Expander::variable(std::string_view name, const Mark& mark) {
  if (auto found = environment_.variable(std::string(name))) {
    bytes_ += found->size();
    return std::move(*found);
  }
  diagnostics_.notice(mark, "${" + std::string(name) + "}",
                      "this environment variable is not set; taken as empty");
  return {};
}

std::string Expander::file(std::string_view path, const Mark& mark) {
  auto text = environment_.read_file(std::string(path));
  if (!text) {
    diagnostics_.error(mark, text.error().message);
    return {};
  }
  bytes_ += text->size();
  return std::move(*text);
}

// What stands between ${ and } in a collector file.
std::string Expander::refer(std::string_view reference, const Mark& mark) {
  std::string_view scheme = "env", rest = reference;
  const size_t colon = reference.find(':');
  if (colon != std::string_view::npos && !reference.substr(colon).starts_with(":-")) {
    scheme = reference.substr(0, colon);
    rest = reference.substr(colon + 1);
  }
  if (scheme == "file") return file(rest, mark);
  if (scheme == "yaml") return std::string(rest);
  if (scheme != "env") {
    diagnostics_.error(mark, "${" + std::string(reference) + "}: \"" + std::string(scheme) +
                                 "\" cannot be read here; use env, file or yaml");
    return {};
  }
  std::optional<std::string_view> fallback;
  if (const size_t at = rest.find(":-"); at != std::string_view::npos) {
    fallback = rest.substr(at + 2);
    rest = rest.substr(0, at);
  }
  if (!is_name(rest)) {
    diagnostics_.error(mark, "${" + std::string(reference) + "}: \"" + std::string(rest) +
                                 "\" is not the name of an environment variable");
    return {};
  }
  if (fallback && !environment_.variable(std::string(rest))) return std::string(*fallback);
  return variable(rest, mark);
}

std::string Expander::collector_text(std::string_view in, const Mark& mark, size_t depth) {
  std::string out;
  for (size_t i = 0; i < in.size();) {
    if (in[i] != '$' || i + 1 == in.size()) {
      out.push_back(in[i++]);
    } else if (in[i + 1] == '$') {
      out.push_back('$');
      i += 2;
    } else if (in[i + 1] == '{') {
      const size_t end = past_closing_brace(in, i + 1);
      if (end == std::string_view::npos || !spend(mark, depth)) return out.append(in.substr(i));
      const std::string reference = collector_text(in.substr(i + 2, end - i - 3), mark, depth + 1);
      out += collector_text(refer(reference, mark), mark, depth + 1);
      i = end;
    } else {
      out.push_back(in[i++]);
    }
  }
  return out;
}

std::string Expander::shell_text(std::string_view in, const Mark& mark) {
  std::string out;
  for (size_t i = 0; i < in.size();) {
    if (in[i] != '$' || i + 1 == in.size()) {
      out.push_back(in[i++]);
      continue;
    }
    const std::string_view rest = in.substr(i + 1);
    const bool grafana = dialect_ == Dialect::kGrafana;
    if (rest[0] == '$') {
      out.push_back('$');
      i += 2;
    } else if (rest[0] == '{' ||
               (grafana && (rest.starts_with("__env{") || rest.starts_with("__file{")))) {
      const size_t open = i + 1 + rest.find('{');
      const size_t end = past_closing_brace(in, open);
      if (end == std::string_view::npos || !spend(mark, 0)) return out.append(in.substr(i));
      const std::string_view name = in.substr(open + 1, end - open - 2);
      out += rest.starts_with("__file{") ? file(name, mark) : variable(name, mark);
      i = end;
    } else if (is_name_char(rest[0])) {
      size_t end = i + 2;
      if (!std::isdigit(static_cast<unsigned char>(rest[0])))
        while (end < in.size() && is_name_char(in[end])) ++end;
      if (!spend(mark, 0)) return out.append(in.substr(i));
      out += variable(in.substr(i + 1, end - i - 1), mark);
      i = end;
    } else {
      out.push_back(in[i++]);
    }
  }
  return out;
}

std::string Expander::text(std::string_view in, const Mark& mark, size_t depth) {
  if (dialect_ == Dialect::kNone || in.find('$') == std::string_view::npos) return std::string(in);
  return dialect_ == Dialect::kCollector ? collector_text(in, mark, depth) : shell_text(in, mark);
}

std::shared_ptr<const YamlValue> Expander::with_mark(const YamlValue& in, const Mark& mark) const {
  auto out = std::make_shared<YamlValue>(in);
  out->mark = mark;
  for (auto& item : out->items) item = with_mark(*item, mark);
  for (YamlEntry& entry : out->entries) {
    entry.mark = mark;
    entry.value = with_mark(*entry.value, mark);
  }
  return out;
}

std::shared_ptr<const YamlValue> Expander::scalar(const std::shared_ptr<const YamlValue>& in,
                                                  size_t depth) {
  const std::string& was = in->scalar;
  if (was.find('$') == std::string::npos) return in;
  const bool whole = was.starts_with("${") && past_closing_brace(was, 1) == was.size();
  auto out = std::make_shared<YamlValue>(*in);
  if (dialect_ != Dialect::kCollector || !whole) {
    out->scalar = text(was, in->mark, depth);
    return out;
  }
  if (!spend(in->mark, depth)) return in;
  const std::string reference =
      collector_text(std::string_view(was).substr(2, was.size() - 3), in->mark, depth + 1);
  out->scalar = refer(reference, in->mark);
  out->quoted = false;
  const auto parsed = parse_yaml(out->scalar, *in->mark.file, limits_);
  if (!parsed) return out;  // any text is at least a string
  if ((*parsed)->kind == YamlValue::Kind::kScalar) {
    if ((*parsed)->quoted) return value(with_mark(**parsed, in->mark), depth + 1);
    return out->scalar.find('$') == std::string::npos ? out : value(out, depth + 1);
  }
  return value(with_mark(**parsed, in->mark), depth + 1);
}

std::shared_ptr<const YamlValue> Expander::value(std::shared_ptr<const YamlValue> in,
                                                 size_t depth) {
  switch (in->kind) {
    case YamlValue::Kind::kNull: return in;
    case YamlValue::Kind::kScalar: return scalar(in, depth);
    case YamlValue::Kind::kSequence:
    case YamlValue::Kind::kMap: break;
  }
  auto out = std::make_shared<YamlValue>(*in);
  for (auto& item : out->items) item = value(item, depth);
  for (YamlEntry& entry : out->entries) entry.value = value(entry.value, depth);
  return out;
}

}  // namespace

std::shared_ptr<const YamlValue> expand(std::shared_ptr<const YamlValue> root, Dialect dialect,
                                        const Environment& environment, Diagnostics& diagnostics,
                                        const YamlLimits& limits) {
  if (dialect == Dialect::kNone) return root;
  return Expander(dialect, environment, diagnostics, limits).value(std::move(root), 0);
}

std::string expand_text(std::string_view text, Dialect dialect, const Environment& environment,
                        const Mark& mark, Diagnostics& diagnostics) {
  return Expander(dialect, environment, diagnostics, {}).text(text, mark, 0);
}

}  // namespace sightline::config
