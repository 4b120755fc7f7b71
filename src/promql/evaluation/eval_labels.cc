// label_replace, label_join and the sorts: functions that look at labels.
#include <algorithm>
#include <cmath>

#include <re2/re2.h>

#include "base/text_codec.h"
#include "promql/evaluation/evaluator.h"

namespace sightline::promql {
namespace {

bool is_label_name(std::string_view name) { return !name.empty() && is_valid_utf8(name); }

// Expressions within each other can double a label again and again.
constexpr size_t kMadeLabelBytesMax = 1u << 20;

// Puts made labels into series, as long as memory allows.
class LabelMaker {
 public:
  explicit LabelMaker(QueryContext& context) : context_(context) {}
  Status set(Series& s, std::string_view name, std::string_view value) {
    // Too long for any store: what is too much for one sample's label is too many samples.
    if (value.size() > kMadeLabelBytesMax) return context_.afford(UINT64_MAX / 2);
    model::LabelsBuilder builder(s.labels);
    s.labels = builder.set(name, value).build();
    if (name == model::kMetricName) s.drop_name = false;
    weight_ += label_weight(s.labels);
    return weight_ > 0 ? context_.afford(weight_) : Status();
  }

 private:
  QueryContext& context_;
  uint64_t weight_ = 0;
};

// $1, ${1}, $name, ${name}, $$ in a replacement, as Go's regexp expands them.
class Expansion {
 public:
  Expansion(std::string_view pattern, const re2::RE2& regex)
      : pattern_(pattern), names_(regex.NamedCapturingGroups()) {}

  // Ends early once it is longer than kMadeLabelBytesMax.
  std::string fill(const std::vector<std::string_view>& groups) const {
    std::string out;
    for (size_t i = 0; i < pattern_.size() && out.size() <= kMadeLabelBytesMax;) {
      if (pattern_[i] != '$') {
        out += pattern_[i++];
      } else if (i + 1 < pattern_.size() && pattern_[i + 1] == '$') {
        out += '$';
        i += 2;
      } else if (const size_t used = append_group(out, pattern_.substr(i + 1), groups); used > 0) {
        i += 1 + used;
      } else {
        out += pattern_[i++];
      }
    }
    return out;
  }

 private:
  static bool is_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
  }

  size_t append_group(std::string& out, std::string_view rest,
                      const std::vector<std::string_view>& groups) const {
    const bool braces = rest.starts_with('{');
    size_t end = braces ? 1 : 0;
    while (end < rest.size() && is_word(rest[end])) ++end;
    const std::string name(rest.substr(braces ? 1 : 0, end - (braces ? 1 : 0)));
    if (name.empty() || (braces && (end >= rest.size() || rest[end] != '}'))) return 0;
    size_t index = groups.size();
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      if (name.size() < 9) index = static_cast<size_t>(std::stoul(name));
    } else if (const auto at = names_.find(name); at != names_.end()) {
      index = static_cast<size_t>(at->second);
    }
    if (index < groups.size()) out += groups[index];
    return end + (braces ? 1 : 0);
  }

  std::string_view pattern_;
  const std::map<std::string, int>& names_;
};

// Text and numbers within it: "host2" before "host10".
bool natural_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const size_t a_from = i;
      const size_t b_from = j;
      while (i < a.size() && is_digit(a[i])) ++i;
      while (j < b.size() && is_digit(b[j])) ++j;
      std::string_view x = a.substr(a_from, i - a_from);
      std::string_view y = b.substr(b_from, j - b_from);
      while (x.size() > 1 && x[0] == '0') x.remove_prefix(1);
      while (y.size() > 1 && y[0] == '0') y.remove_prefix(1);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      continue;
    }
    if (a[i] != b[j]) return a[i] < b[j];
    ++i;
    ++j;
  }
  return a.size() - i < b.size() - j;
}

}  // namespace

Result<Value> Evaluator::eval_label_replace(const Call& call, const StepGrid& grid) {
  std::string args[4];
  for (size_t i = 0; i < 4; ++i) {
    auto text = string_arg(call, i + 1);
    if (!text) return std::unexpected(text.error());
    args[i] = std::move(*text);
  }
  const auto& [target, replacement, source, pattern] = args;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  const re2::RE2 regex("^(?s:" + pattern + ")$", options);
  if (!regex.ok())
    return fail(Errc::kExecution, "invalid regular expression in label_replace(): ", pattern);
  if (!is_label_name(target))
    return fail(Errc::kExecution, "invalid destination label name in label_replace(): ", target);
  auto input = eval(*call.args[0], grid);
  if (!input) return input;
  const Expansion expansion(replacement, regex);
  std::vector<re2::StringPiece> pieces(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  std::vector<std::string_view> groups(pieces.size());
  Pacer pacer(context_.wanted);
  LabelMaker maker(context_);
  for (Series& s : input->series) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    const std::string value(s.labels.get(source));
    if (!regex.Match(value, 0, value.size(), re2::RE2::ANCHOR_BOTH, pieces.data(),
                     static_cast<int>(pieces.size())))
      continue;
    for (size_t i = 0; i < pieces.size(); ++i)
      groups[i] = pieces[i].data() == nullptr
                      ? std::string_view()
                      : std::string_view(pieces[i].data(), pieces[i].size());
    if (auto ok = maker.set(s, target, expansion.fill(groups)); !ok)
      return std::unexpected(ok.error());
  }
  if (auto ok = merge_same_labels(input->series, context_); !ok) return std::unexpected(ok.error());
  return input;
}

Result<Value> Evaluator::eval_label_join(const Call& call, const StepGrid& grid) {
  std::vector<std::string> args;
  for (size_t i = 1; i < call.args.size(); ++i) {
    auto text = string_arg(call, i);
    if (!text) return std::unexpected(text.error());
    args.push_back(std::move(*text));
  }
  for (size_t i = 2; i < args.size(); ++i)
    if (!is_label_name(args[i]))
      return fail(Errc::kExecution, "invalid source label name in label_join(): ", args[i]);
  if (!is_label_name(args[0]))
    return fail(Errc::kExecution, "invalid destination label name in label_join(): ", args[0]);
  auto input = eval(*call.args[0], grid);
  if (!input) return input;
  Pacer pacer(context_.wanted);
  LabelMaker maker(context_);
  for (Series& s : input->series) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    std::string joined;
    for (size_t i = 2; i < args.size() && joined.size() <= kMadeLabelBytesMax; ++i) {
      if (i > 2) joined += args[1];
      joined += s.labels.get(args[i]);
    }
    if (auto ok = maker.set(s, args[0], joined); !ok) return std::unexpected(ok.error());
  }
  if (auto ok = merge_same_labels(input->series, context_); !ok) return std::unexpected(ok.error());
  return input;
}

Result<Value> Evaluator::eval_sort(const Call& call, const StepGrid& grid) {
  if (grid.count > 1)
    annotations().warn(
        call.position,
        "sort is ineffective for range queries since results are always ordered by labels");
  auto input = eval(*call.args[0], grid);
  if (!input) return input;
  auto& series = input->series;
  const FunctionId id = call.function->id;
  if (id == FunctionId::kSort || id == FunctionId::kSortDesc) {
    for (Series& s : series)
      for (size_t step = 0; step < grid.count; ++step)
        if (!s.is_float(step)) s.clear(step);
    remove_empty(series);
    if (grid.count > 1) return input;
    const bool down = id == FunctionId::kSortDesc;
    const auto by_value = [down](const Series& a, const Series& b) {
      const double x = a.floats[0];
      const double y = b.floats[0];
      if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
      return down ? x > y : x < y;
    };
    if (auto ok = sort_series(series, by_value, context_); !ok) return std::unexpected(ok.error());
    return input;
  }
  std::vector<std::string> names;
  for (size_t i = 1; i < call.args.size(); ++i) {
    auto name = string_arg(call, i);
    if (!name) return std::unexpected(name.error());
    names.push_back(std::move(*name));
  }
  const bool down = id == FunctionId::kSortByLabelDesc;
  const auto by_labels = [&](const Series& a, const Series& b) {
    for (const std::string& name : names) {
      const auto x = a.labels.get(name);
      const auto y = b.labels.get(name);
      if (x != y) return down ? natural_less(y, x) : natural_less(x, y);
    }
    return down ? b.labels < a.labels : a.labels < b.labels;
  };
  if (auto ok = sort_series(series, by_labels, context_); !ok) return std::unexpected(ok.error());
  return input;
}

}  // namespace sightline::promql
