#include "traceql/testing/reference_evaluator.h"

#include <algorithm>
#include <set>

#include "traceql/testing/reference_span.h"

namespace sightline::traceql::testing {
namespace {

using Rows = std::set<size_t>;  // spans of one trace
struct Group {
  std::vector<size_t> rows;
  std::vector<std::string> attributes;
};

class TraceEvaluator {
 public:
  explicit TraceEvaluator(const PlainTrace& trace) : trace_(trace) {}

  Result<std::vector<Group>> pipeline(const Pipeline& p, const Rows& among) {
    std::vector<Group> groups;
    if (!among.empty()) groups.push_back({{among.begin(), among.end()}, {}});
    for (const Stage& stage : p.stages) {
      switch (stage.kind) {
        case Stage::Kind::kSpanset: {
          if (stage.spanset->kind == Spanset::Kind::kOperation && groups.size() > 1)
            return fail(Errc::kInvalidArgument,
                        "spanset operators are not supported for multiple spansets per trace. "
                        "consider using coalesce()");
          Rows all;
          for (const Group& g : groups) all.insert(g.rows.begin(), g.rows.end());
          const auto kept = spanset(*stage.spanset, all);
          if (!kept) return std::unexpected(kept.error());
          for (Group& g : groups)
            std::erase_if(g.rows, [&](size_t r) { return !kept->contains(r); });
          break;
        }
        case Stage::Kind::kScalarFilter:
          std::erase_if(groups, [&](Group& g) { return !passes(stage, g); });
          break;
        case Stage::Kind::kBy: groups = split(*stage.by, groups); break;
        case Stage::Kind::kCoalesce: {
          Rows all;
          for (const Group& g : groups) all.insert(g.rows.begin(), g.rows.end());
          groups.assign(1, {{all.begin(), all.end()}, {}});
          break;
        }
        case Stage::Kind::kSelect: break;
      }
      std::erase_if(groups, [](const Group& g) { return g.rows.empty(); });
    }
    return groups;
  }

  Result<Rows> spanset(const Spanset& s, const Rows& among) {
    Rows out;
    if (s.kind == Spanset::Kind::kFilter) {
      for (const size_t r : among)
        if (!s.filter || value_of(trace_, r, *s.filter).is_true()) out.insert(r);
      return out;
    }
    if (s.kind == Spanset::Kind::kPipeline) {
      const auto groups = pipeline(*s.pipeline, among);
      if (!groups) return std::unexpected(groups.error());
      for (const Group& g : *groups) out.insert(g.rows.begin(), g.rows.end());
      return out;
    }
    const auto left = spanset(*s.left, among);
    if (!left) return left;
    const auto right = spanset(*s.right, among);
    if (!right) return right;
    if (s.op == SpansetOp::kAnd || s.op == SpansetOp::kOr) {
      if (s.op == SpansetOp::kAnd && (left->empty() || right->empty())) return out;
      out = *left;
      out.insert(right->begin(), right->end());
      return out;
    }
    for (const size_t b : *right) {
      const bool is_related =
          std::ranges::any_of(*left, [&](size_t a) { return related(s.op, a, b); });
      if (is_related != (s.form == SpansetForm::kNegated)) out.insert(b);
    }
    if (s.form == SpansetForm::kUnion)
      for (const size_t a : *left)
        if (std::ranges::any_of(*right, [&](size_t b) { return related(s.op, a, b); }))
          out.insert(a);
    return out;
  }

 private:
  bool is_above(size_t top, size_t below) const {
    for (int at = trace_.parents[below]; at >= 0; at = trace_.parents[static_cast<size_t>(at)])
      if (at == static_cast<int>(top)) return true;
    return false;
  }
  // B's place as seen from A: its child, descendant, parent, ancestor, sibling.
  bool related(SpansetOp op, size_t a, size_t b) const {
    if (!trace_.is_connected(a) || !trace_.is_connected(b)) return false;
    switch (op) {
      case SpansetOp::kChild: return trace_.parents[b] == static_cast<int>(a);
      case SpansetOp::kDescendant: return is_above(a, b);
      case SpansetOp::kParent: return trace_.parents[a] == static_cast<int>(b);
      case SpansetOp::kAncestor: return is_above(b, a);
      default: return a != b && trace_.parents[a] >= 0 && trace_.parents[a] == trace_.parents[b];
    }
  }

  Plain scalar(const Scalar& s, const Group& g) {
    if (s.literal)
      return {.type = s.literal->type,
              .whole = s.literal->integer,
              .real = s.literal->real,
              .text = s.literal->text};
    if (!s.field) return whole(Type::kInt, static_cast<int64_t>(g.rows.size()));
    std::vector<Plain> numbers;
    for (const size_t r : g.rows)
      if (Plain v = value_of(trace_, r, *s.field); v.is_number()) numbers.push_back(std::move(v));
    if (numbers.empty()) return {};
    Plain result = numbers[0];
    for (size_t i = 1; i < numbers.size(); ++i) {
      if (s.aggregate == AggregateOp::kMin)
        result = compare_plain(FieldOp::kLess, numbers[i], result) ? numbers[i] : result;
      else if (s.aggregate == AggregateOp::kMax)
        result = compare_plain(FieldOp::kGreater, numbers[i], result) ? numbers[i] : result;
      else
        result = calculate(FieldOp::kAdd, result, numbers[i]);
    }
    if (s.aggregate != AggregateOp::kAvg) return result;
    const double mean = result.as_real() / static_cast<double>(numbers.size());
    return result.type == Type::kDuration ? whole(Type::kDuration, static_cast<int64_t>(mean))
                                          : real(mean);
  }

  bool passes(const Stage& stage, Group& g) {
    const Plain left = scalar(stage.left, g);
    const Plain right = scalar(stage.right, g);
    if (!compare_plain(stage.op, left, right)) return false;
    if (!stage.left.literal) g.attributes.push_back(to_string(stage.left) + "=" + shown(left));
    if (!stage.right.literal) g.attributes.push_back(to_string(stage.right) + "=" + shown(right));
    return true;
  }

  std::vector<Group> split(const Field& by, const std::vector<Group>& groups) {
    std::vector<Group> out;
    for (const Group& g : groups) {
      std::map<std::pair<Type, std::string>, size_t> seen;
      for (const size_t r : g.rows) {
        const Plain v = value_of(trace_, r, by);
        const auto [at, added] = seen.try_emplace({v.type, shown(v)}, out.size());
        if (added) {
          out.push_back({{}, g.attributes});
          out.back().attributes.push_back("by(" + to_string(by) + ")=" + shown(v));
        }
        out[at->second].rows.push_back(r);
      }
    }
    return out;
  }

  const PlainTrace& trace_;
};

Rows all_of(const PlainTrace& trace) {
  Rows rows;
  for (size_t i = 0; i < trace.spans.size(); ++i) rows.insert(i);
  return rows;
}

}  // namespace

Result<ReferenceTraces> reference_search(const Query& query, const model::SpanBatch& batch) {
  ReferenceTraces found;
  for (const PlainTrace& trace : traces_of(batch)) {
    auto groups = TraceEvaluator(trace).pipeline(query.pipeline, all_of(trace));
    if (!groups) return std::unexpected(std::move(groups).error());
    for (const Group& group : *groups) {
      ReferenceSpanset spanset{.attributes = group.attributes};
      for (const size_t row : group.rows) spanset.spans.push_back(trace.spans[row]->span_id);
      found[trace.spans[0]->trace_id].push_back(std::move(spanset));
    }
  }
  return found;
}

Result<std::vector<ReferenceRow>> reference_rows(const Pipeline& spans, const Spanset* selection,
                                                 const std::vector<Attribute>& attributes,
                                                 const model::SpanBatch& batch) {
  std::vector<ReferenceRow> rows;
  for (const PlainTrace& trace : traces_of(batch)) {
    const auto groups = TraceEvaluator(trace).pipeline(spans, all_of(trace));
    if (!groups) return std::unexpected(groups.error());
    Result<Rows> selected = Rows();
    if (selection != nullptr) selected = TraceEvaluator(trace).spanset(*selection, all_of(trace));
    if (!selected) return std::unexpected(selected.error());
    for (const Group& group : *groups)
      for (const size_t row : group.rows) {
        ReferenceRow& out = rows.emplace_back(trace.spans[row]->start);
        out.is_selected = selected->contains(row);
        for (const Attribute& attribute : attributes) {
          const Plain v = value_of(trace, row, attribute);
          out.values.push_back({.type = v.type,
                                .text = v.type == Type::kNil ? "nil" : shown(v),
                                .number = v.is_number() ? v.as_real() : 0,
                                .is_number = v.is_number()});
        }
      }
  }
  return rows;
}

}  // namespace sightline::traceql::testing
