#include "traceql/testing/reference_evaluator.h"

#include <re2/re2.h>

#include <cmath>
#include <limits>

#include "base/number_text.h"
#include "base/protobuf_reader.h"

namespace sightline::traceql::testing {
namespace {

// A value with its type written beside it. Numbers keep both forms.
struct Plain {
  Type type = Type::kNil;
  int64_t whole = 0;
  double real = 0;
  std::string text;
  std::vector<Plain> elements;  // of an array
  bool is_array = false;

  bool is_number() const {
    return !is_array && (type == Type::kInt || type == Type::kFloat || type == Type::kDuration);
  }
  double as_real() const { return type == Type::kFloat ? real : static_cast<double>(whole); }
  bool is_true() const { return type == Type::kBool && whole != 0; }
};

Plain whole(Type type, int64_t n) { return {.type = type, .whole = n}; }
Plain real(double r) { return {.type = Type::kFloat, .real = r}; }
Plain text(std::string_view t) { return {.type = Type::kString, .text = std::string(t)}; }

Plain element_of(std::string_view any) {
  Plain p;
  for (ProtobufReader r(any); r.next();) {
    switch (r.tag()) {
      case protobuf_bytes(1): p = text(r.bytes()); break;
      case protobuf_varint(2): p = whole(Type::kBool, r.varint() != 0); break;
      case protobuf_varint(3): p = whole(Type::kInt, static_cast<int64_t>(r.varint())); break;
      case protobuf_fixed64(4): p = real(std::bit_cast<double>(r.fixed64())); break;
      default: r.skip();
    }
  }
  return p;
}

Plain plain_of(const model::ValueView& v) {
  switch (v.kind) {
    case model::ValueKind::kEmpty: return {};
    case model::ValueKind::kString: return text(v.bytes);
    case model::ValueKind::kBool: return whole(Type::kBool, v.int_value);
    case model::ValueKind::kInt: return whole(Type::kInt, v.int_value);
    case model::ValueKind::kDouble: return real(v.double_value);
    default: break;
  }
  Plain array{.type = Type::kDynamic, .is_array = true};
  if (v.kind == model::ValueKind::kArray)
    for (ProtobufReader r(v.bytes); r.next();) {
      if (r.tag() == protobuf_bytes(1))
        array.elements.push_back(element_of(r.bytes()));
      else
        r.skip();
    }
  return array;
}

std::string shown(const Plain& p) {
  if (p.is_array) {
    std::string out = "[";
    for (const Plain& e : p.elements) out.append(out.size() > 1 ? ", " : "").append(shown(e));
    return out + "]";
  }
  if (p.type == Type::kString) return p.text;
  return to_string(Literal{.type = p.type, .integer = p.whole, .real = p.real});
}

template <typename T>
bool holds(FieldOp op, const T& a, const T& b) {
  if (op == FieldOp::kEqual) return a == b;
  if (op == FieldOp::kNotEqual) return a != b;
  if (op == FieldOp::kLess) return a < b;
  if (op == FieldOp::kLessEqual) return a <= b;
  if (op == FieldOp::kGreater) return a > b;
  return op == FieldOp::kGreaterEqual && a >= b;
}

bool compare_plain(FieldOp op, const Plain& a, const Plain& b);

// = and =~: any element; != and !~: no element.
bool compare_arrays(FieldOp op, const Plain& a, const Plain& b) {
  const FieldOp positive = op == FieldOp::kNotEqual   ? FieldOp::kEqual
                           : op == FieldOp::kNotRegex ? FieldOp::kRegex
                                                      : op;
  bool any = false;
  for (const Plain& e : (a.is_array ? a : b).elements)
    any = any || (a.is_array ? compare_plain(positive, e, b) : compare_plain(positive, a, e));
  return positive == op ? any : !any;
}

bool compare_plain(FieldOp op, const Plain& a, const Plain& b) {
  if (a.type == Type::kNil || b.type == Type::kNil) return false;
  if (a.is_array || b.is_array) return compare_arrays(op, a, b);
  if (op == FieldOp::kRegex || op == FieldOp::kNotRegex) {
    if (a.type != Type::kString || b.type != Type::kString) return false;
    return re2::RE2::FullMatch(a.text, re2::RE2(b.text)) == (op == FieldOp::kRegex);
  }
  if (a.is_number() && b.is_number()) {
    if (a.type == Type::kFloat || b.type == Type::kFloat)
      return holds(op, a.as_real(), b.as_real());
    return holds(op, a.whole, b.whole);
  }
  if (a.type != b.type) return false;
  if (a.type == Type::kString) return holds(op, a.text, b.text);
  return (op == FieldOp::kEqual || op == FieldOp::kNotEqual) && holds(op, a.whole, b.whole);
}

// Small numbers only: tests do not overflow.
Plain calculate(FieldOp op, const Plain& a, const Plain& b) {
  if (!a.is_number() || !b.is_number()) return {};
  const bool durations = a.type == Type::kDuration && b.type == Type::kDuration;
  const bool duration = a.type == Type::kDuration || b.type == Type::kDuration;
  const bool floating =
      a.type == Type::kFloat || b.type == Type::kFloat || (durations && op == FieldOp::kDivide);
  const double x = a.as_real(), y = b.as_real();
  if (op == FieldOp::kPower) {
    const double result = std::pow(x, y);
    return a.type == Type::kFloat || b.type == Type::kFloat || b.whole < 0 ||
                   std::abs(result) > 9e15
               ? real(result)
               : whole(Type::kInt, std::llround(result));
  }
  if (floating) {
    const double result = op == FieldOp::kAdd        ? x + y
                          : op == FieldOp::kSubtract ? x - y
                          : op == FieldOp::kMultiply ? x * y
                          : op == FieldOp::kDivide   ? x / y
                                                     : std::fmod(x, y);
    return duration && !durations && std::abs(result) < 9.2e18
               ? whole(Type::kDuration, static_cast<int64_t>(result))
               : real(result);
  }
  if ((op == FieldOp::kDivide || op == FieldOp::kModulo) && b.whole == 0) return {};
  const int64_t i = a.whole, j = b.whole;
  const int64_t result = op == FieldOp::kAdd        ? i + j
                         : op == FieldOp::kSubtract ? i - j
                         : op == FieldOp::kMultiply ? i * j
                         : op == FieldOp::kDivide   ? i / j
                                                    : i % j;
  return whole(duration ? Type::kDuration : Type::kInt, result);
}

// One trace: its spans by start, each with the place of its parent.
struct Trace {
  const model::SpanBatch& batch;
  std::vector<const model::SpanView*> spans;
  std::vector<int> parents;          // -1: none here
  std::vector<int64_t> left, right;  // nested sets

  bool is_connected(size_t i) const {  // the way up ends at a span without parent
    while (parents[i] >= 0) i = static_cast<size_t>(parents[i]);
    return !spans[i]->parent_span_id.is_valid();
  }
  int root() const {
    for (size_t i = 0; i < spans.size(); ++i)
      if (!spans[i]->parent_span_id.is_valid()) return static_cast<int>(i);
    return -1;
  }
  int64_t number(size_t i, int64_t next) {
    left[i] = next++;
    for (size_t c = 0; c < spans.size(); ++c)
      if (parents[c] == static_cast<int>(i)) next = number(c, next);
    right[i] = next++;
    return next;
  }
};

std::vector<Trace> traces_of(const model::SpanBatch& batch) {
  std::map<TraceId, std::vector<const model::SpanView*>> by_id;
  for (const auto& span : batch.spans) by_id[span.trace_id].push_back(&span);
  std::vector<Trace> traces;
  for (auto& [id, spans] : by_id) {
    std::ranges::stable_sort(spans, {}, [](const auto* s) { return s->start; });
    Trace trace{batch, spans, {}, {}, {}};
    for (const auto* span : spans) {
      int parent = -1;
      for (size_t p = 0; p < spans.size() && parent < 0; ++p)
        if (span->parent_span_id.is_valid() && spans[p] != span &&
            spans[p]->span_id == span->parent_span_id)
          parent = static_cast<int>(p);
      trace.parents.push_back(parent);
    }
    trace.left.resize(spans.size());
    trace.right.resize(spans.size());
    int64_t next = 1;
    for (size_t i = 0; i < spans.size(); ++i)
      if (trace.parents[i] < 0) next = trace.number(i, next);
    traces.push_back(std::move(trace));
  }
  return traces;
}

// The event or link an expression is asked about; none: the span itself.
struct Entry {
  int event = -1;
  int link = -1;
};

class SpanEvaluator {
 public:
  SpanEvaluator(const Trace& trace, size_t at) : trace_(trace), at_(at), span_(*trace.spans[at]) {}

  bool matches(const Field& f) const { return value(f, {}).is_true(); }
  Plain value(const Field& f) const { return value(f, {}); }
  Plain attribute(const Attribute& a) const { return attribute(a, {}); }

 private:
  enum class Over { kSpan, kEvents, kLinks };

  static Over over(const Attribute& a) {
    if (a.scope == Scope::kEvent || a.intrinsic == Intrinsic::kEventName ||
        a.intrinsic == Intrinsic::kEventTimeSinceStart)
      return Over::kEvents;
    if (a.scope == Scope::kLink || a.intrinsic == Intrinsic::kLinkTraceId ||
        a.intrinsic == Intrinsic::kLinkSpanId)
      return Over::kLinks;
    return Over::kSpan;
  }
  static Over over(const Field& f) {
    Over found = Over::kSpan;
    for_each_attribute(f, [&](const Attribute& a) {
      if (found == Over::kSpan) found = over(a);
    });
    return found;
  }
  static bool is_nil(const Field& f) {
    return f.kind == Field::Kind::kLiteral && f.literal.type == Type::kNil;
  }
  static bool is_logic(const Field& f) {
    return f.kind == Field::Kind::kBinary && (f.op == FieldOp::kAnd || f.op == FieldOp::kOr);
  }
  static bool is_nil_test(const Field& f) {
    return f.kind == Field::Kind::kBinary && is_comparison(f.op) &&
           (is_nil(*f.left) || is_nil(*f.right));
  }
  // Comparisons joined by && and ||: what can be asked of one event.
  static bool is_plain_logic(const Field& f) {
    if (is_logic(f)) return is_plain_logic(*f.left) && is_plain_logic(*f.right);
    return f.kind == Field::Kind::kBinary && is_comparison(f.op) && !is_nil_test(f);
  }
  size_t count(Over o) const {
    return o == Over::kEvents ? span_.events.count : o == Over::kLinks ? span_.links.count : 1;
  }
  static Entry entry(Over o, size_t i) {
    return {.event = o == Over::kEvents ? static_cast<int>(i) : -1,
            .link = o == Over::kLinks ? static_cast<int>(i) : -1};
  }

  Plain value(const Field& f, Entry e) const {
    switch (f.kind) {
      case Field::Kind::kLiteral:
        return {.type = f.literal.type,
                .whole = f.literal.integer,
                .real = f.literal.real,
                .text = f.literal.text};
      case Field::Kind::kAttribute: return attribute(f.attribute, e);
      case Field::Kind::kUnary: {
        const Plain v = value(*f.left, e);
        if (f.op == FieldOp::kNot)
          return v.type == Type::kBool ? whole(Type::kBool, !v.is_true()) : Plain{};
        return calculate(FieldOp::kSubtract,
                         whole(v.type == Type::kDuration ? Type::kDuration : Type::kInt, 0), v);
      }
      case Field::Kind::kBinary: break;
    }
    if (is_arithmetic(f.op)) return calculate(f.op, value(*f.left, e), value(*f.right, e));
    return whole(Type::kBool, truth(f, e));
  }

  bool truth(const Field& f, Entry e) const {
    if (f.op == FieldOp::kOr) return value(*f.left, e).is_true() || value(*f.right, e).is_true();
    if (f.op == FieldOp::kAnd) return conjunction(f, e);
    if (is_nil_test(f)) {
      const Plain v = value(is_nil(*f.left) ? *f.right : *f.left, e);
      if (is_nil(*f.left) && is_nil(*f.right)) return false;
      return (v.type == Type::kNil) == (f.op == FieldOp::kEqual);
    }
    const auto compared = [&](Entry at) {
      return compare_plain(f.op, value(*f.left, at), value(*f.right, at));
    };
    const Over o = over(f);
    if (o == Over::kSpan || e.event >= 0 || e.link >= 0) return compared(e);
    for (size_t i = 0; i < count(o); ++i)
      if (compared(entry(o, i))) return true;
    return false;
  }

  static void operands(const Field& f, std::vector<const Field*>& out) {
    if (f.kind == Field::Kind::kBinary && f.op == FieldOp::kAnd) {
      operands(*f.left, out);
      operands(*f.right, out);
    } else {
      out.push_back(&f);
    }
  }

  // What speaks of events must hold within one of them; likewise of links.
  bool conjunction(const Field& f, Entry e) const {
    std::vector<const Field*> all;
    operands(f, all);
    if (e.event >= 0 || e.link >= 0)
      return std::ranges::all_of(all, [&](const Field* o) { return value(*o, e).is_true(); });
    for (const Over o : {Over::kEvents, Over::kLinks}) {
      const auto speaks = [&](const Field* x) { return over(*x) == o && is_plain_logic(*x); };
      if (std::ranges::count_if(all, speaks) < 2) continue;
      bool any = false;
      for (size_t i = 0; i < count(o); ++i)
        any = any || std::ranges::all_of(all, [&](const Field* x) {
                return !speaks(x) || value(*x, entry(o, i)).is_true();
              });
      if (!any) return false;
      std::erase_if(all, speaks);
    }
    return std::ranges::all_of(all, [&](const Field* o) { return value(*o, e).is_true(); });
  }

  Plain find(model::Run run, std::string_view key) const {
    const auto* found = trace_.batch.find(run, key);
    return found != nullptr ? plain_of(*found) : Plain{};
  }

  Plain attribute(const Attribute& a, Entry e) const {
    const Over o = over(a);
    if (o != Over::kSpan) {
      const int given = o == Over::kEvents ? e.event : e.link;
      if (given >= 0) return nested(a, static_cast<size_t>(given));
      for (size_t i = 0; i < count(o); ++i)
        if (Plain v = nested(a, i); v.type != Type::kNil) return v;
      return {};
    }
    if (a.intrinsic != Intrinsic::kNone) return intrinsic(a.intrinsic);
    const auto& resource = trace_.batch.resource_of(span_);
    switch (a.scope) {
      case Scope::kSpan: return find(span_.attributes, a.name);
      case Scope::kResource: {
        Plain v = find(resource.attributes, a.name);
        return v.type == Type::kNil && a.name == "service.name" ? text("") : v;
      }
      case Scope::kInstrumentation: return find(trace_.batch.scope_of(span_).attributes, a.name);
      default: break;
    }
    Plain v = find(span_.attributes, a.name);
    return v.type != Type::kNil ? v : find(resource.attributes, a.name);
  }

  Plain nested(const Attribute& a, size_t i) const {
    if (over(a) == Over::kEvents) {
      const auto& event = trace_.batch.events_of(span_)[i];
      if (a.intrinsic == Intrinsic::kEventName) return text(event.name);
      if (a.intrinsic == Intrinsic::kEventTimeSinceStart)
        return whole(Type::kDuration, static_cast<int64_t>(event.time.value) -
                                          static_cast<int64_t>(span_.start.value));
      return find(event.attributes, a.name);
    }
    const auto& link = trace_.batch.links_of(span_)[i];
    if (a.intrinsic == Intrinsic::kLinkTraceId) return text(to_hex(link.trace_id));
    if (a.intrinsic == Intrinsic::kLinkSpanId) return text(to_hex(link.span_id));
    return find(link.attributes, a.name);
  }

  Plain intrinsic(Intrinsic i) const {
    const int root = trace_.root();
    const auto* first = root < 0 ? nullptr : trace_.spans[static_cast<size_t>(root)];
    switch (i) {
      case Intrinsic::kDuration:
        return whole(Type::kDuration, static_cast<int64_t>(span_.duration_ns()));
      case Intrinsic::kName: return text(span_.name);
      case Intrinsic::kKind: return whole(Type::kKind, static_cast<int64_t>(span_.kind));
      case Intrinsic::kStatus: return whole(Type::kStatus, static_cast<int64_t>(span_.status));
      case Intrinsic::kStatusMessage: return text(span_.status_message);
      case Intrinsic::kSpanId: return text(to_hex(span_.span_id));
      case Intrinsic::kParentId:
        return text(span_.parent_span_id.is_valid() ? to_hex(span_.parent_span_id) : "");
      case Intrinsic::kChildCount:
        return whole(Type::kInt, std::ranges::count(trace_.parents, static_cast<int>(at_)));
      case Intrinsic::kTraceDuration: {
        uint64_t start = UINT64_MAX, end = 0;
        for (const auto* s : trace_.spans)
          start = std::min(start, s->start.value), end = std::max(end, s->end.value);
        return whole(Type::kDuration, end > start ? static_cast<int64_t>(end - start) : 0);
      }
      case Intrinsic::kRootName: return text(first != nullptr ? first->name : "");
      case Intrinsic::kRootServiceName:
        return text(first != nullptr ? trace_.batch.service_name(*first)
                                     : std::string_view("<root span not yet received>"));
      case Intrinsic::kTraceId: return text(to_hex(span_.trace_id));
      case Intrinsic::kInstrumentationName: return text(trace_.batch.scope_of(span_).name);
      case Intrinsic::kInstrumentationVersion: return text(trace_.batch.scope_of(span_).version);
      case Intrinsic::kNestedSetLeft: return whole(Type::kInt, trace_.left[at_]);
      case Intrinsic::kNestedSetRight: return whole(Type::kInt, trace_.right[at_]);
      case Intrinsic::kNestedSetParent: {
        const int parent = trace_.parents[at_];
        return whole(Type::kInt, parent >= 0 ? trace_.left[static_cast<size_t>(parent)]
                                 : span_.parent_span_id.is_valid() ? 0
                                                                   : -1);
      }
      default: return {};
    }
  }

  const Trace& trace_;
  const size_t at_;
  const model::SpanView& span_;
};

using Rows = std::set<size_t>;  // spans of one trace
struct Group {
  std::vector<size_t> rows;
  std::vector<std::string> attributes;
};

class TraceEvaluator {
 public:
  explicit TraceEvaluator(const Trace& trace) : trace_(trace) {}

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
        if (!s.filter || SpanEvaluator(trace_, r).matches(*s.filter)) out.insert(r);
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
      if (Plain v = SpanEvaluator(trace_, r).value(*s.field); v.is_number())
        numbers.push_back(std::move(v));
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
        const Plain v = SpanEvaluator(trace_, r).value(by);
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

  const Trace& trace_;
};

Rows all_of(const Trace& trace) {
  Rows rows;
  for (size_t i = 0; i < trace.spans.size(); ++i) rows.insert(i);
  return rows;
}

}  // namespace

Result<ReferenceTraces> reference_search(const Query& query, const model::SpanBatch& batch) {
  ReferenceTraces found;
  for (const Trace& trace : traces_of(batch)) {
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
  for (const Trace& trace : traces_of(batch)) {
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
          const Plain v = SpanEvaluator(trace, row).attribute(attribute);
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
