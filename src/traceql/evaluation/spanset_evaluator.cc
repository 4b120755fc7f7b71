#include "traceql/evaluation/spanset_evaluator.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sightline::traceql {
namespace {

using tracestore::kNoRow;

bool none(const RowMask& mask) {
  return mask.empty() || std::memchr(mask.data(), 1, mask.size()) == nullptr;
}

SpansetOp inverse(SpansetOp op) {
  switch (op) {
    case SpansetOp::kChild: return SpansetOp::kParent;
    case SpansetOp::kParent: return SpansetOp::kChild;
    case SpansetOp::kDescendant: return SpansetOp::kAncestor;
    case SpansetOp::kAncestor: return SpansetOp::kDescendant;
    default: return op;
  }
}

Value aggregate(AggregateOp op, const Column& column, const std::vector<uint32_t>& rows) {
  Value result;
  int64_t count = 0;
  for (const uint32_t row : rows) {
    const Value value = column.at(row);
    if (!is_numeric(value.type)) continue;
    ++count;
    if (count == 1) {
      result = value;
    } else if (op == AggregateOp::kMin || op == AggregateOp::kMax) {
      if (compare(op == AggregateOp::kMin ? FieldOp::kLess : FieldOp::kGreater, value, result))
        result = value;
    } else {
      result = arithmetic(FieldOp::kAdd, result, value);
    }
  }
  if (op != AggregateOp::kAvg || count == 0) return result;
  const double mean = result.number() / static_cast<double>(count);
  return result.type == Type::kDuration ? Value::of(Type::kDuration, static_cast<int64_t>(mean))
                                        : Value::of_float(mean);
}

// Values of a column as numbers: equal numbers for values of equal type and text. Of a coded column each
// code is looked at once.
class ValueNumbers {
 public:
  explicit ValueNumbers(const Column& column) : column_(column) {
    if (column.is_coded()) of_code_.assign(column.dictionary().size(), kUnknown);
  }
  uint32_t of(uint32_t row) {
    if (!column_.is_coded()) return number_of(column_.at(row));
    uint32_t& known = of_code_[column_.codes()[row]];
    if (known == kUnknown) known = number_of(column_.at(row));
    return known;
  }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  uint32_t number_of(const Value& value) {
    return numbers_
        .try_emplace({value.type, display_text(value)}, static_cast<uint32_t>(numbers_.size()))
        .first->second;
  }

  const Column& column_;
  std::vector<uint32_t> of_code_;
  std::map<std::pair<Type, std::string>, uint32_t> numbers_;
};

// How many spans a group that passes the stage has at least: 0 unless it compares count() with a number.
int64_t least_count(const Stage& stage) {
  if (stage.kind != Stage::Kind::kScalarFilter) return 0;
  const auto is_count = [](const Scalar& s) { return !s.literal && !s.field; };
  const auto is_number = [](const Scalar& s) {
    return s.literal && (s.literal->type == Type::kInt || s.literal->type == Type::kFloat);
  };
  const bool mirrored = is_number(stage.left) && is_count(stage.right);
  if (!mirrored && !(is_count(stage.left) && is_number(stage.right))) return 0;
  const Literal& literal = mirrored ? *stage.left.literal : *stage.right.literal;
  const double bound =
      literal.type == Type::kInt ? static_cast<double>(literal.integer) : literal.real;
  if (!(bound > 0)) return 0;
  const auto from = static_cast<int64_t>(std::min(std::floor(bound), 9e15));
  switch (stage.op) {
    case FieldOp::kEqual: return from;
    case FieldOp::kGreater: return mirrored ? 0 : from + 1;
    case FieldOp::kLess: return mirrored ? from + 1 : 0;
    case FieldOp::kGreaterEqual: return mirrored ? 0 : from;
    case FieldOp::kLessEqual: return mirrored ? from : 0;
    default: return 0;
  }
}

// A scalar with the column it aggregates, loaded once for all groups.
struct LoadedScalar {
  LoadedScalar(const Scalar& s, FieldEvaluator& fields) : scalar(s) {
    if (s.field) column = fields.values(*s.field);
  }
  Value of(const SpanGroup& group) const {
    if (scalar.literal) return Value::of_literal(*scalar.literal);
    if (!scalar.field) return Value::of(Type::kInt, static_cast<int64_t>(group.rows.size()));
    return aggregate(scalar.aggregate, column, group.rows);
  }
  const Scalar& scalar;
  Column column = Column::constant({});
};

}  // namespace

// No stage makes a group larger than its trace. What follows a filter of several groups does not count, because that
// may be an error.
int64_t least_count(const Pipeline& pipeline) {
  int64_t least = 0;
  bool is_split = false;
  for (const Stage& stage : pipeline.stages) {
    if (stage.kind == Stage::Kind::kSpanset && is_split) break;
    is_split = is_split || stage.kind == Stage::Kind::kBy;
    least = std::max(least, least_count(stage));
  }
  return least;
}

Result<RowMask> SpansetEvaluator::spanset(const Spanset& spanset, const RowMask& among) {
  switch (spanset.kind) {
    case Spanset::Kind::kFilter: {
      if (!spanset.filter) return among;
      RowMask mask = fields_.mask(*spanset.filter);
      for (size_t i = 0; i < mask.size(); ++i) mask[i] &= among[i];
      return mask;
    }
    case Spanset::Kind::kOperation: return operation(spanset, among);
    case Spanset::Kind::kPipeline: break;
  }
  return rows(*spanset.pipeline, among);
}

Result<RowMask> SpansetEvaluator::operation(const Spanset& s, const RowMask& among) {
  auto left = spanset(*s.left, among);
  if (!left) return left;
  auto right = spanset(*s.right, among);
  if (!right) return right;
  if (s.op != SpansetOp::kOr) {
    // Every form but the negated one needs spans of both sides, and all of them one of the right.
    if (none(*right)) return right;
    if (s.form != SpansetForm::kNegated && none(*left)) return left;
  }
  if (s.op == SpansetOp::kAnd) return both_in_trace(*left, *right);
  if (s.op == SpansetOp::kOr) {
    for (size_t i = 0; i < left->size(); ++i) (*left)[i] |= (*right)[i];
    return left;
  }
  RowMask result = related(s.op, *left, *right);
  if (s.form == SpansetForm::kNegated)
    for (size_t i = 0; i < result.size(); ++i) result[i] = (*right)[i] & (result[i] ^ 1);
  if (s.form == SpansetForm::kUnion) {
    const RowMask others = related(inverse(s.op), *right, *left);
    for (size_t i = 0; i < result.size(); ++i) result[i] |= others[i];
  }
  return result;
}

// Union in traces where both have spans.
RowMask SpansetEvaluator::both_in_trace(const RowMask& left, const RowMask& right) {
  RowMask result(left.size(), 0);
  for (const auto& trace : fields_.columns().group().traces()) {
    const auto begin = static_cast<ptrdiff_t>(trace.begin);
    const auto end = begin + static_cast<ptrdiff_t>(trace.count);
    const auto any = [&](const RowMask& m) {
      return std::find(m.begin() + begin, m.begin() + end, 1) != m.begin() + end;
    };
    if (!any(left) || !any(right)) continue;
    for (ptrdiff_t i = begin; i < end; ++i)
      result[static_cast<size_t>(i)] = left[static_cast<size_t>(i)] | right[static_cast<size_t>(i)];
  }
  return result;
}

// The spans of `right` that stand in the relation to some span of `left`.
RowMask SpansetEvaluator::related(SpansetOp op, const RowMask& left, const RowMask& right) {
  RowMask found;
  switch (op) {
    case SpansetOp::kChild: found = below(left, true); break;
    case SpansetOp::kDescendant: found = below(left, false); break;
    case SpansetOp::kParent: found = above(left, true); break;
    case SpansetOp::kAncestor: found = above(left, false); break;
    default: found = siblings(left); break;
  }
  const auto& connected = fields_.columns().connected();
  for (size_t i = 0; i < found.size(); ++i) found[i] &= right[i] & connected[i];
  return found;
}

RowMask SpansetEvaluator::below(const RowMask& tops, bool directly) {
  const auto parents = fields_.columns().group().parent_row();
  RowMask found(tops.size(), 0);
  if (directly) {
    for (size_t row = 0; row < found.size(); ++row)
      found[row] = parents[row] != kNoRow ? tops[parents[row]] : 0;
    return found;
  }
  // Each row is decided once: the way up stops at a row already decided.
  constexpr uint8_t kUnknown = 2;
  std::fill(found.begin(), found.end(), kUnknown);
  std::vector<uint32_t> way;
  for (uint32_t row = 0; row < found.size(); ++row) {
    way.clear();
    for (uint32_t at = row; found[at] == kUnknown; at = parents[at]) {
      if (parents[at] == kNoRow) {
        found[at] = 0;
        break;
      }
      way.push_back(at);
    }
    for (auto it = way.rbegin(); it != way.rend(); ++it)
      found[*it] = found[parents[*it]] | tops[parents[*it]];
  }
  return found;
}

RowMask SpansetEvaluator::above(const RowMask& bottoms, bool directly) {
  const auto parents = fields_.columns().group().parent_row();
  RowMask found(bottoms.size(), 0);
  for (uint32_t row = 0; row < found.size(); ++row) {
    if (bottoms[row] == 0) continue;
    for (uint32_t at = parents[row]; at != kNoRow && found[at] == 0; at = parents[at]) {
      found[at] = 1;
      if (directly) break;
    }
  }
  return found;
}

RowMask SpansetEvaluator::siblings(const RowMask& of) {
  const auto parents = fields_.columns().group().parent_row();
  std::vector<uint32_t> children(of.size(), 0);
  for (size_t row = 0; row < of.size(); ++row)
    if (of[row] != 0 && parents[row] != kNoRow) ++children[parents[row]];
  RowMask found(of.size(), 0);
  for (size_t row = 0; row < of.size(); ++row)
    if (parents[row] != kNoRow && children[parents[row]] > of[row]) found[row] = 1;
  return found;
}

std::vector<SpanGroup> SpansetEvaluator::groups_of(const RowMask& mask, int64_t least) {
  std::vector<SpanGroup> groups;
  if (none(mask)) return groups;
  const auto traces = fields_.columns().group().traces();
  for (uint32_t t = 0; t < traces.size(); ++t) {
    if (least > 0) {
      const auto begin = mask.begin() + static_cast<ptrdiff_t>(traces[t].begin);
      if (std::count(begin, begin + static_cast<ptrdiff_t>(traces[t].count), 1) < least) continue;
    }
    SpanGroup group{.trace = t};
    for (uint32_t row = traces[t].begin; row < traces[t].begin + traces[t].count; ++row)
      if (mask[row] != 0) group.rows.push_back(row);
    if (!group.rows.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

Result<RowMask> SpansetEvaluator::rows(const Pipeline& p, const RowMask& among) {
  size_t filters = 0;
  while (filters < p.stages.size() && p.stages[filters].kind == Stage::Kind::kSpanset) ++filters;
  // by(), coalesce() and select() move rows between groups and lose none.
  const bool only_filters = std::ranges::all_of(
      p.stages.begin() + static_cast<ptrdiff_t>(filters), p.stages.end(), [](const Stage& s) {
        return s.kind != Stage::Kind::kSpanset && s.kind != Stage::Kind::kScalarFilter;
      });
  RowMask mask = among;
  if (only_filters) {
    for (size_t i = 0; i < filters; ++i) {
      auto filtered = spanset(*p.stages[i].spanset, mask);
      if (!filtered) return filtered;
      mask = std::move(*filtered);
    }
    return mask;
  }
  const auto groups = pipeline(p, among);
  if (!groups) return std::unexpected(groups.error());
  std::ranges::fill(mask, 0);
  for (const SpanGroup& group : *groups)
    for (const uint32_t row : group.rows) mask[row] = 1;
  return mask;
}

Result<std::vector<SpanGroup>> SpansetEvaluator::pipeline(const Pipeline& pipeline,
                                                          const RowMask& among) {
  size_t next = 0;
  RowMask mask = among;
  const int64_t least = least_count(pipeline);
  if (least > 0) {
    // What is too small to pass is not looked at.
    bool any = false;
    for (const auto& trace : fields_.columns().group().traces()) {
      any = any || trace.count >= least;
      if (trace.count < least) std::fill_n(mask.begin() + trace.begin, trace.count, 0);
    }
    if (!any) return std::vector<SpanGroup>();
  }
  for (; next < pipeline.stages.size() && pipeline.stages[next].kind == Stage::Kind::kSpanset;
       ++next) {
    auto filtered = spanset(*pipeline.stages[next].spanset, mask);
    if (!filtered) return std::unexpected(std::move(filtered).error());
    mask = std::move(*filtered);
  }
  std::vector<SpanGroup> groups = groups_of(mask, least);
  for (; next < pipeline.stages.size() && !groups.empty(); ++next) {
    const Stage& stage = pipeline.stages[next];
    switch (stage.kind) {
      case Stage::Kind::kSpanset:
        if (auto done = filter_groups(*stage.spanset, groups); !done)
          return std::unexpected(std::move(done).error());
        break;
      case Stage::Kind::kScalarFilter: scalar_filter(stage, groups); break;
      case Stage::Kind::kBy:
        groups =
            split(*stage.by, std::move(groups),
                  next + 1 < pipeline.stages.size() ? least_count(pipeline.stages[next + 1]) : 0);
        break;
      case Stage::Kind::kCoalesce: groups = coalesce(std::move(groups)); break;
      case Stage::Kind::kSelect: break;
    }
  }
  for (SpanGroup& group : groups) note_splits(group);
  return groups;
}

Status SpansetEvaluator::filter_groups(const Spanset& s, std::vector<SpanGroup>& groups) {
  RowMask mask(fields_.columns().size(Domain::kRows), 0);
  for (size_t i = 0; i < groups.size(); ++i) {
    if (s.kind == Spanset::Kind::kOperation && i > 0 && groups[i].trace == groups[i - 1].trace)
      return fail(Errc::kInvalidArgument,
                  "spanset operators are not supported for multiple spansets per trace. consider "
                  "using coalesce()");
    for (const uint32_t row : groups[i].rows) mask[row] = 1;
  }
  const auto kept = spanset(s, mask);
  if (!kept) return std::unexpected(kept.error());
  for (SpanGroup& group : groups)
    std::erase_if(group.rows, [&](uint32_t row) { return (*kept)[row] == 0; });
  std::erase_if(groups, [](const SpanGroup& group) { return group.rows.empty(); });
  return {};
}

void SpansetEvaluator::scalar_filter(const Stage& stage, std::vector<SpanGroup>& groups) {
  const LoadedScalar left(stage.left, fields_);
  const LoadedScalar right(stage.right, fields_);
  std::erase_if(groups, [&](SpanGroup& group) {
    const Value a = left.of(group);
    const Value b = right.of(group);
    if (!compare(stage.op, a, b)) return true;
    note_splits(group);
    if (!stage.left.literal)
      group.attributes.emplace_back(to_string(stage.left), OwnedValue::of(a));
    if (!stage.right.literal)
      group.attributes.emplace_back(to_string(stage.right), OwnedValue::of(b));
    return false;
  });
}

std::vector<SpanGroup> SpansetEvaluator::split(const Field& by, std::vector<SpanGroup> groups,
                                               int64_t least) {
  const SplitColumn& split = splits_.emplace_back("by(" + to_string(by) + ")", fields_.values(by));
  ValueNumbers numbers(split.values);
  std::vector<SpanGroup> result;
  // Of the parts of one group, in the order of their first rows: their numbers, how many rows they have, and
  // where they are in `result` when they are large enough.
  struct Part {
    uint32_t number = 0;
    int64_t count = 0;
    size_t at = 0;
  };
  std::vector<Part> parts;
  std::vector<uint32_t> part_of;  // each row of the group
  for (const SpanGroup& group : groups) {
    parts.clear();
    part_of.clear();
    for (const uint32_t row : group.rows) {
      const uint32_t number = numbers.of(row);
      const auto part = std::ranges::find(parts, number, &Part::number);
      part_of.push_back(static_cast<uint32_t>(part - parts.begin()));
      if (part == parts.end())
        parts.push_back({.number = number, .count = 1});
      else
        ++part->count;
    }
    for (Part& part : parts) {
      if (part.count < least) continue;
      part.at = result.size();
      result.push_back({.trace = group.trace,
                        .rows = {},
                        .attributes = group.attributes,
                        .split_by = group.split_by});
      result.back().rows.reserve(static_cast<size_t>(part.count));
      result.back().split_by.push_back(&split);
    }
    for (size_t i = 0; i < group.rows.size(); ++i)
      if (const Part& part = parts[part_of[i]]; part.count >= least)
        result[part.at].rows.push_back(group.rows[i]);
  }
  return result;
}

// All rows of a group have the value it was split by.
void SpansetEvaluator::note_splits(SpanGroup& group) {
  for (const SplitColumn* split : group.split_by)
    group.attributes.emplace_back(split->name,
                                  OwnedValue::of(split->values.at(group.rows.front())));
  group.split_by.clear();
}

std::vector<SpanGroup> SpansetEvaluator::coalesce(std::vector<SpanGroup> groups) {
  std::vector<SpanGroup> result;
  for (SpanGroup& group : groups) {
    if (result.empty() || result.back().trace != group.trace)
      result.push_back({.trace = group.trace});
    auto& rows = result.back().rows;
    rows.insert(rows.end(), group.rows.begin(), group.rows.end());
  }
  for (SpanGroup& group : result) {
    std::ranges::sort(group.rows);
    group.rows.erase(std::ranges::unique(group.rows).begin(), group.rows.end());
  }
  return result;
}

}  // namespace sightline::traceql
