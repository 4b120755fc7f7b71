#include "promql/testing/sample_sequence.h"

#include <charconv>

#include "base/number_text.h"
#include "model/sample.h"
#include "promql/functions/histogram_math.h"
#include "promql/syntax/parser.h"

namespace sightline::promql {
namespace {

constexpr size_t kRepeatMax = 1'000'000;

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

// Where the labels of a series line end: the first space outside braces and quotes.
size_t labels_end(std::string_view line) {
  char quote = 0;
  bool braces = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\' && quote != '`')
        ++i;
      else if (c == quote)
        quote = 0;
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '{' || c == '}') {
      braces = c == '{';
    } else if (is_space(c) && !braces) {
      return i;
    }
  }
  return line.size();
}

class SequenceParser {
 public:
  explicit SequenceParser(std::string_view text) : text_(text) {}

  Result<std::vector<ScriptValue>> run() {
    for (skip(); at_ < text_.size(); skip()) {
      if (auto ok = item(); !ok) return std::unexpected(ok.error());
      if (at_ < text_.size() && !is_space(text_[at_])) return wrong("a space");
    }
    return std::move(out_);
  }

 private:
  void skip() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::unexpected<Error> wrong(std::string_view wanted) const {
    return fail(Errc::kInvalidArgument, "expected ", wanted, " at \"",
                text_.substr(std::min(at_, text_.size())), "\"");
  }

  // xN, or nothing: how often to repeat.
  Result<size_t> repeat() {
    if (!take("x")) return size_t{0};
    size_t n = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), n);
    if (error != std::errc{} || n > kRepeatMax) return wrong("a repeat count");
    at_ = static_cast<size_t>(end - text_.data());
    return n;
  }

  Status item() {
    if (take("_")) {
      const bool many = peek() == 'x';
      const auto n = repeat();
      if (!n) return std::unexpected(n.error());
      out_.insert(out_.end(), many ? *n : 1, ScriptValue{.omitted = true});
      return {};
    }
    if (text_.substr(at_).starts_with("{{")) return histograms();
    if (take("stale")) return repeated(ScriptValue{.value = model::stale_marker()});
    const auto base = number();
    if (!base) return std::unexpected(base.error());
    if (peek() != '+' && peek() != '-') return repeated(ScriptValue{.value = *base});
    const auto step = number();
    if (!step) return std::unexpected(step.error());
    const auto n = repeat();
    if (!n) return std::unexpected(n.error());
    double value = *base;
    for (size_t i = 0; i <= *n; ++i, value += *step) out_.push_back({.value = value});
    return {};
  }

  Status repeated(const ScriptValue& value) {
    const auto n = repeat();
    if (!n) return std::unexpected(n.error());
    out_.insert(out_.end(), *n + 1, value);
    return {};
  }

  Result<double> number() {
    const size_t from = at_;
    double sign = 1;
    if (peek() == '+' || peek() == '-') sign = text_[at_++] == '-' ? -1 : 1;
    const size_t digits = at_;
    while (is_digit(peek()) || peek() == '.') ++at_;
    if (at_ > digits && (peek() | 32) == 'e') {
      const size_t mark = at_++;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!is_digit(peek())) at_ = mark;
      while (is_digit(peek())) ++at_;
    } else if (at_ > digits && is_letter(peek()) && peek() != 'x') {
      while (is_digit(peek()) || (is_letter(peek()) && peek() != 'x')) ++at_;
      const auto d = parse_prometheus_duration(text_.substr(digits, at_ - digits));
      if (!d) return std::unexpected(d.error());
      return sign * static_cast<double>(d->count()) / 1000;
    } else if (at_ == digits) {
      while (is_letter(peek()) && peek() != 'x') ++at_;
    }
    const auto value = parse_float(text_.substr(digits, at_ - digits));
    if (!value) return at_ = from, wrong("a number");
    return sign * *value;
  }

  Status histograms() {
    bool hint = false;
    auto base = histogram(hint);
    if (!base) return std::unexpected(base.error());
    const bool adds = text_.substr(at_).starts_with("+{{");
    if (!adds && !text_.substr(at_).starts_with("-{{"))
      return repeated({.histogram = std::make_shared<const model::Histogram>(std::move(*base)),
                       .hint_given = hint});
    ++at_;
    const auto step = histogram(hint);
    if (!step) return std::unexpected(step.error());
    const auto n = repeat();
    if (!n) return std::unexpected(n.error());
    model::Histogram current = std::move(*base);
    for (size_t i = 0;; ++i) {
      out_.push_back(
          {.histogram = std::make_shared<const model::Histogram>(current), .hint_given = hint});
      if (i == *n) return {};
      MergeNotes notes;
      auto next = adds ? add(current, *step, notes) : subtract(current, *step, notes);
      if (!next) return std::unexpected(next.error());
      current = std::move(*next);
    }
  }

  Result<model::Histogram> histogram(bool& hint_given) {
    at_ += 2;
    model::Histogram h;
    int32_t offset = 0;
    int32_t negative_offset = 0;
    hint_given = false;
    for (skip(); !take("}}"); skip()) {
      const size_t from = at_;
      while (is_letter(peek()) || peek() == '_') ++at_;
      const std::string_view key = text_.substr(from, at_ - from);
      if (!take(":")) return wrong("key:value or }}");
      Status ok;
      if (key == "schema")
        ok = integer(h.schema);
      else if (key == "offset")
        ok = integer(offset);
      else if (key == "n_offset")
        ok = integer(negative_offset);
      else if (key == "sum")
        ok = real(h.sum);
      else if (key == "count")
        ok = real(h.count);
      else if (key == "z_bucket")
        ok = real(h.zero_count);
      else if (key == "z_bucket_w")
        ok = real(h.zero_threshold);
      else if (key == "buckets")
        ok = list(h.positive_buckets);
      else if (key == "n_buckets")
        ok = list(h.negative_buckets);
      else if (key == "custom_values")
        ok = list(h.custom_values);
      else if (key == "counter_reset_hint")
        ok = hint(h.reset_hint), hint_given = true;
      else
        return at_ = from, wrong("a key of a histogram");
      if (!ok) return std::unexpected(ok.error());
    }
    if (!h.positive_buckets.empty())
      h.positive_spans = {{offset, static_cast<uint32_t>(h.positive_buckets.size())}};
    if (!h.negative_buckets.empty())
      h.negative_spans = {{negative_offset, static_cast<uint32_t>(h.negative_buckets.size())}};
    return h;
  }

  Status real(double& out) {
    const auto v = number();
    if (!v) return std::unexpected(v.error());
    out = *v;
    return {};
  }
  Status integer(int32_t& out) {
    const auto v = number();
    if (!v) return std::unexpected(v.error());
    out = static_cast<int32_t>(*v);
    return {};
  }
  Status list(std::vector<double>& out) {
    if (!take("[")) return wrong("[");
    for (skip(); !take("]"); skip()) {
      const auto v = number();
      if (!v) return std::unexpected(v.error());
      out.push_back(*v);
    }
    return {};
  }
  Status hint(model::ResetHint& out) {
    if (take("unknown"))
      out = model::ResetHint::kUnknown;
    else if (take("reset"))
      out = model::ResetHint::kReset;
    else if (take("not_reset"))
      out = model::ResetHint::kNotReset;
    else if (take("gauge"))
      out = model::ResetHint::kGauge;
    else
      return wrong("a counter reset hint");
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<ScriptValue> out_;
};

// Signed duration at the front of `text`, which is shortened by it.
Result<int64_t> take_duration(std::string_view& text) {
  size_t i = 0;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) ++i;
  const size_t from = i;
  while (i < text.size() && (is_digit(text[i]) || (is_letter(text[i]) && text[i] != 'x'))) ++i;
  const auto d = parse_prometheus_duration(text.substr(from, i - from));
  if (!d) return std::unexpected(d.error());
  text.remove_prefix(i);
  return negative ? -d->count() : d->count();
}

Result<size_t> take_repeat(std::string_view text) {
  size_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n > kRepeatMax)
    return fail(Errc::kInvalidArgument, "no repeat count: ", text);
  return n;
}

Status start_time_item(std::string_view item, std::vector<std::optional<int64_t>>& out) {
  if (item == "_") return out.push_back(std::nullopt), Status();
  if (item.starts_with("_x")) {
    const auto n = take_repeat(item.substr(2));
    if (!n) return std::unexpected(n.error());
    out.insert(out.end(), *n, std::nullopt);
    return {};
  }
  auto base = take_duration(item);
  if (!base) return std::unexpected(base.error());
  Result<int64_t> step = 0;
  if (!item.empty() && item[0] != 'x') step = take_duration(item);
  if (!step) return std::unexpected(step.error());
  size_t times = 0;
  if (!item.empty()) {
    const auto n = take_repeat(item.substr(1));
    if (!n) return std::unexpected(n.error());
    times = *n;
  }
  for (size_t i = 0; i <= times; ++i) out.push_back(*base + static_cast<int64_t>(i) * *step);
  return {};
}

}  // namespace

Result<ScriptSeries> parse_script_series(std::string_view line) {
  const size_t end = labels_end(line);
  auto labels = parse_series_labels(line.substr(0, end));
  if (!labels) return std::unexpected(labels.error());
  auto values = SequenceParser(line.substr(end)).run();
  if (!values) return std::unexpected(values.error());
  return ScriptSeries{std::move(*labels), std::move(*values)};
}

bool is_start_time_line(std::string_view line) {
  return line.substr(0, labels_end(line)).ends_with("@st");
}

Result<ScriptStartTimes> parse_start_times(std::string_view line) {
  const size_t end = labels_end(line);
  auto labels = parse_series_labels(line.substr(0, end - 3));
  if (!labels) return std::unexpected(labels.error());
  ScriptStartTimes out{std::move(*labels), {}};
  std::string_view rest = line.substr(end);
  while (!rest.empty()) {
    const size_t from = rest.find_first_not_of(" \t");
    if (from == std::string_view::npos) break;
    rest.remove_prefix(from);
    const size_t n = std::min(rest.find_first_of(" \t"), rest.size());
    if (auto ok = start_time_item(rest.substr(0, n), out.offsets_ms); !ok)
      return std::unexpected(ok.error());
    rest.remove_prefix(n);
  }
  return out;
}

std::string script_text(const model::Histogram& h) {
  std::string out = "{{schema:" + std::to_string(h.schema);
  const auto real = [&](std::string_view key, double v) {
    if (v != 0) out.append(" ").append(key).append(":").append(format_float_plain(v));
  };
  const auto list = [&](std::string_view key, const std::vector<double>& values) {
    out.append(" ").append(key).append(":[");
    for (size_t i = 0; i < values.size(); ++i)
      out += (i > 0 ? " " : "") + format_float_plain(values[i]);
    out += "]";
  };
  const auto buckets = [&](std::string_view prefix, const std::vector<model::BucketSpan>& spans,
                           const std::vector<double>& counts) {
    const auto all = indexed_buckets(spans, counts);
    if (all.empty()) return;
    std::vector<double> dense;
    for (const IndexedBucket& b : all) {
      if (b.index - all.front().index > 10'000) break;
      dense.resize(static_cast<size_t>(b.index - all.front().index) + 1);
      dense.back() = b.count;
    }
    if (all.front().index != 0)
      out.append(" ").append(prefix).append("offset:").append(std::to_string(all.front().index));
    list(std::string(prefix) + "buckets", dense);
  };
  real("count", h.count);
  real("sum", h.sum);
  real("z_bucket", h.zero_count);
  real("z_bucket_w", h.zero_threshold);
  if (!h.custom_values.empty()) list("custom_values", h.custom_values);
  static constexpr std::string_view kHints[] = {"unknown", "reset", "not_reset", "gauge"};
  if (h.reset_hint != model::ResetHint::kUnknown)
    out.append(" counter_reset_hint:").append(kHints[static_cast<size_t>(h.reset_hint)]);
  buckets("", h.positive_spans, h.positive_buckets);
  buckets("n_", h.negative_spans, h.negative_buckets);
  return out + "}}";
}

}  // namespace sightline::promql
