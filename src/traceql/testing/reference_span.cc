#include "traceql/testing/reference_span.h"

#include <algorithm>

namespace sightline::traceql::testing {
namespace {

// The event or link an expression is asked about; none: the span itself.
struct Entry {
  int event = -1;
  int link = -1;
};

class SpanReader {
 public:
  SpanReader(const PlainTrace& trace, size_t at)
      : trace_(trace), at_(at), span_(*trace.spans[at]) {}

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

  const PlainTrace& trace_;
  const size_t at_;
  const model::SpanView& span_;
};

}  // namespace

Plain value_of(const PlainTrace& trace, size_t at, const Field& field) {
  return SpanReader(trace, at).value(field);
}

Plain value_of(const PlainTrace& trace, size_t at, const Attribute& attribute) {
  return SpanReader(trace, at).attribute(attribute);
}

}  // namespace sightline::traceql::testing
