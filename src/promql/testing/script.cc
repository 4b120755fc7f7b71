#include "promql/testing/script.h"

#include <re2/re2.h>

#include "base/number_text.h"
#include "promql/syntax/lexer.h"
#include "promql/syntax/parse_state.h"
#include "promql/syntax/token.h"

namespace sightline::promql {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r'))
    s.remove_suffix(1);
  return s;
}

// The next word of `s`, which is shortened by it.
std::string_view take_word(std::string_view& s) {
  s = trimmed(s);
  const size_t n = std::min(s.find_first_of(" \t"), s.size());
  const std::string_view word = s.substr(0, n);
  s = trimmed(s.substr(n));
  return word;
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

// A Prometheus duration or seconds.
Result<int64_t> time_ms(std::string_view text) {
  if (const auto d = parse_prometheus_duration(text)) return d->count();
  const auto seconds = parse_float(text);
  if (!seconds) return fail(Errc::kInvalidArgument, "no time: ", text);
  return std::llround(*seconds * 1000);
}

Result<Expectation> expectation(std::string_view rest) {
  Expectation out;
  if (rest.empty()) return out.any = true, out;
  if (rest.starts_with("msg:")) {
    out.text = trimmed(rest.substr(4));
    return out;
  }
  if (!rest.starts_with("regex:"))
    return fail(Errc::kInvalidArgument, "expected msg: or regex:, got ", rest);
  out.pattern = std::make_shared<const re2::RE2>(std::string(trimmed(rest.substr(6))));
  if (!out.pattern->ok())
    return fail(Errc::kInvalidArgument, "bad pattern: ", out.pattern->error());
  return out;
}

class ScriptParser {
 public:
  explicit ScriptParser(std::string_view text) {
    while (true) {
      const size_t end = text.find('\n');
      std::string_view line = trimmed(text.substr(0, end));
      lines_.push_back(line.starts_with('#') ? std::string_view() : line);
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  Result<std::vector<ScriptCommand>> run() {
    std::vector<ScriptCommand> out;
    for (at_ = 0; at_ < lines_.size(); ++at_) {
      if (lines_[at_].empty()) continue;
      ScriptCommand command{.line = at_ + 1};
      std::string_view rest = lines_[at_];
      const std::string word = lower(take_word(rest));
      Status ok;
      if (word.starts_with("load"))
        ok = load(command.load.emplace(), word, rest);
      else if (word.starts_with("eval"))
        ok = eval(command.eval.emplace(), word, rest);
      else if (word != "clear")
        ok = fail(Errc::kInvalidArgument, "unknown command ", word);
      if (!ok) return in_context("line " + std::to_string(at_ + 1), std::move(ok).error());
      out.push_back(std::move(command));
    }
    return out;
  }

 private:
  // The next line of the block at hand.
  bool next_line() {
    if (at_ + 1 >= lines_.size() || lines_[at_ + 1].empty()) return false;
    ++at_;
    return true;
  }

  Status load(LoadCommand& out, const std::string& word, std::string_view rest) {
    out.with_custom_buckets = word == "load_with_nhcb";
    if (!out.with_custom_buckets && word != "load")
      return fail(Errc::kInvalidArgument, "unknown command ", word);
    const auto step = time_ms(rest);
    if (!step) return std::unexpected(step.error());
    out.step_ms = *step;
    std::optional<ScriptStartTimes> starts;
    while (next_line()) {
      if (is_start_time_line(lines_[at_])) {
        auto parsed = parse_start_times(lines_[at_]);
        if (!parsed) return std::unexpected(parsed.error());
        if (starts) return fail(Errc::kInvalidArgument, "two @st lines before one sample line");
        starts = std::move(*parsed);
        continue;
      }
      auto series = parse_script_series(lines_[at_]);
      if (!series) return std::unexpected(series.error());
      if (starts &&
          (starts->labels != series->labels || starts->offsets_ms.size() != series->values.size()))
        return fail(Errc::kInvalidArgument,
                    "the @st line before has other labels or another length");
      out.lines.push_back({std::move(*series), starts ? std::move(starts->offsets_ms)
                                                      : std::vector<std::optional<int64_t>>()});
      starts.reset();
    }
    if (starts) return fail(Errc::kInvalidArgument, "an @st line without a sample line");
    return {};
  }

  Status eval(EvalCommand& out, const std::string& word, std::string_view rest) {
    out.line = at_ + 1;
    if (word == "eval_fail")
      out.fail = Expectation{.any = true};
    else if (word == "eval_warn")
      out.warnings.push_back({.any = true});
    else if (word == "eval_info")
      out.infos.push_back({.any = true});
    else if (word == "eval_ordered")
      out.ordered = true;
    else if (word != "eval")
      return fail(Errc::kInvalidArgument, "unknown command ", word);
    const std::string kind = lower(take_word(rest));
    out.is_range = kind == "range";
    if (!out.is_range && kind != "instant")
      return fail(Errc::kInvalidArgument, "expected instant or range, got ", kind);
    if (auto ok = out.is_range ? range_times(out, rest) : instant_time(out, rest); !ok) return ok;
    out.expression = rest;
    while (next_line())
      if (auto ok = expected_line(out, lines_[at_]); !ok) return ok;
    return {};
  }

  static Status keyed_time(std::string_view& rest, std::string_view key, int64_t& out) {
    const std::string_view word = take_word(rest);
    if (lower(word) != key) return fail(Errc::kInvalidArgument, "expected ", key, ", got ", word);
    const auto t = time_ms(take_word(rest));
    if (!t) return std::unexpected(t.error());
    out = *t;
    return {};
  }

  static Status instant_time(EvalCommand& out, std::string_view& rest) {
    if (!lower(rest).starts_with("at ")) return {};
    if (auto ok = keyed_time(rest, "at", out.end_ms); !ok) return ok;
    out.start_ms = out.end_ms;
    return {};
  }

  static Status range_times(EvalCommand& out, std::string_view& rest) {
    if (auto ok = keyed_time(rest, "from", out.start_ms); !ok) return ok;
    if (auto ok = keyed_time(rest, "to", out.end_ms); !ok) return ok;
    if (auto ok = keyed_time(rest, "step", out.step_ms); !ok) return ok;
    if (out.step_ms <= 0 || out.end_ms < out.start_ms)
      return fail(Errc::kInvalidArgument, "no such range of steps");
    return {};
  }

  static Status expected_line(EvalCommand& out, std::string_view line) {
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    if (word == "expect") return expect(out, rest);
    if (word == "expected_fail_message")
      return out.fail = Expectation{.text = std::string(rest)}, Status();
    if (word == "expected_fail_regexp") {
      auto pattern = expectation("regex:" + std::string(rest));
      if (!pattern) return std::unexpected(pattern.error());
      out.fail = std::move(*pattern);
      return {};
    }
    if (const auto number = scalar(line)) return out.scalar = *number, Status();
    auto series = parse_script_series(line);
    if (!series) return std::unexpected(series.error());
    out.series.push_back(std::move(*series));
    return {};
  }

  static std::optional<double> scalar(std::string_view text) {
    if (const auto v = parse_float(text)) return *v;
    if (const auto v = text.starts_with('-') ? parse_float(text.substr(1))
                                             : Result<double>(fail(Errc::kInvalidArgument, "")))
      return -*v;
    return std::nullopt;
  }

  static Status expect(EvalCommand& out, std::string_view rest) {
    const std::string_view mode = take_word(rest);
    if (mode == "ordered") return out.ordered = true, Status();
    if (mode == "no_warn") return out.no_warnings = true, Status();
    if (mode == "no_info") return out.no_infos = true, Status();
    if (mode == "string") return expected_string(out, rest);
    if (mode == "range") {
      if (take_word(rest) != "vector") return fail(Errc::kInvalidArgument, "expected range vector");
      out.is_raw = true;
      return range_times(out, rest);
    }
    auto wanted = expectation(rest);
    if (!wanted) return std::unexpected(wanted.error());
    if (mode == "fail")
      out.fail = std::move(*wanted);
    else if (mode == "warn")
      out.warnings.push_back(std::move(*wanted));
    else if (mode == "info")
      out.infos.push_back(std::move(*wanted));
    else
      return fail(Errc::kInvalidArgument, "unknown expectation ", mode);
    return {};
  }

  static Status expected_string(EvalCommand& out, std::string_view rest) {
    const TokenList tokens = lex(rest);
    if (tokens.tokens[0].kind != TokenKind::kString)
      return fail(Errc::kInvalidArgument, "no quoted string: ", rest);
    out.text = unquote(tokens.tokens[0]);
    return {};
  }

  std::vector<std::string_view> lines_;
  size_t at_ = 0;
};

}  // namespace

bool Expectation::holds(const std::string& message) const {
  if (any) return true;
  return pattern ? re2::RE2::PartialMatch(message, *pattern) : message == text;
}

Result<std::vector<ScriptCommand>> parse_script(std::string_view text) {
  return ScriptParser(text).run();
}

}  // namespace sightline::promql
