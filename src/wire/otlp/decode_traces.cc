#include "wire/otlp/decode_traces.h"

#include <algorithm>
#include <utility>

#include "base/protobuf_reader.h"

namespace sightline::wire::otlp {
namespace {

using model::AttributeView;
using model::Run;
using model::SpanBatch;
using model::SpanView;
using model::ValueKind;
using model::ValueView;

uint32_t saturating_add(uint32_t a, uint64_t b) {
  return static_cast<uint32_t>(std::min<uint64_t>(UINT32_MAX, a + b));
}

enum class IdFault : uint8_t { kNone, kTraceId, kSpanId, kParentSpanId };

template <typename Id>
bool take_id(std::string_view raw, Id& id) {
  if (raw.size() != id.bytes.size()) {
    id = {};
    return raw.empty();
  }
  std::memcpy(id.bytes.data(), raw.data(), id.bytes.size());
  return true;
}

// How many entries of `field` a message has; only headers are read. Faults are left to the real walk.
size_t count_field(std::string_view message, uint32_t tag) {
  size_t n = 0;
  for (ProtobufReader r(message); r.next(); r.skip()) n += r.tag() == tag ? 1 : 0;
  return n;
}

// An attribute as nearly every sender writes it: a key, then a value that is one text or one number. False for any other,
// which is left to the real walk; `attribute` may be half filled then.
bool take_usual_attribute(std::string_view message, AttributeView& attribute) {
  const auto* at = reinterpret_cast<const uint8_t*>(message.data());
  const auto* const end = at + message.size();
  // A field of the tag that is the next one: where it begins, and how long it is. False when its length takes three bytes.
  const auto take_header = [&](uint32_t tag, size_t& length) {
    if (end - at < 3 || *at != tag) return false;
    length = at[1];
    at += 2;
    if (length >= 0x80) {
      if (*at >= 0x80) return false;
      length = (length & 0x7f) | size_t{*at++} << 7;
    }
    return length <= static_cast<size_t>(end - at);
  };
  const auto text = [](const uint8_t* begin, size_t length) {
    return std::string_view(reinterpret_cast<const char*>(begin), length);
  };
  size_t length = 0;
  if (!take_header(protobuf_bytes(1), length)) return false;
  attribute.key = text(at, length);
  at += length;
  if (!take_header(protobuf_bytes(2), length) || length != static_cast<size_t>(end - at) ||
      length == 0)
    return false;
  if (*at == protobuf_bytes(1)) {
    if (!take_header(protobuf_bytes(1), length) || length != static_cast<size_t>(end - at))
      return false;
    attribute.value = ValueView::of_string(text(at, length));
    return true;
  }
  if (*at != protobuf_varint(3)) return false;
  uint64_t number = 0;
  unsigned shift = 0;
  for (++at; at != end && *at >= 0x80 && shift < 56; shift += 7)
    number |= static_cast<uint64_t>(*at++ & 0x7f) << shift;
  if (end - at != 1 || *at >= 0x80) return false;
  attribute.value =
      ValueView::of_int(static_cast<int64_t>(number | static_cast<uint64_t>(*at) << shift));
  return true;
}

// One walk over one request. Every parse function returns false after a fault,
// which fault_ and fault_at_ then describe.
class Decoder {
 public:
  Decoder(std::string_view request, const DecodeLimits& limits, DecodedTraces& result,
          SpanBatch& batch)
      : request_(request),
        limits_(limits),
        wanted_(limits.span_attributes.get()),
        result_(result),
        batch_(batch) {}

  Status run() {
    reserve();
    bool good = true;
    ProtobufReader r(request_);
    while (good && r.next()) {
      if (r.tag() == protobuf_bytes(1))
        good = parse_resource_spans(r.bytes());
      else
        r.skip();
    }
    if (!good || !done(r))
      return fail(Errc::kInvalidArgument, "malformed OTLP protobuf at byte ",
                  fault_at_ - request_.data(), ": ", fault_);
    if (result_.rejected_spans() == 0 && !modified_ && limits_.spans.empty())
      batch_.encoded = request_;
    return {};
  }

 private:
  bool done(const ProtobufReader& r) {
    if (r.ok()) return true;
    if (fault_ == nullptr) {
      fault_ = r.fault();
      fault_at_ = r.fault_at();
    }
    return false;
  }

  void reserve() {
    size_t spans = 0;
    for (ProtobufReader r(request_); r.next();) {
      if (r.tag() != protobuf_bytes(1)) {
        r.skip();
        continue;
      }
      for (ProtobufReader s(r.bytes()); s.next();) {
        if (s.tag() == protobuf_bytes(2))
          spans += count_field(s.bytes(), protobuf_bytes(2));
        else
          s.skip();
      }
    }
    // A span that is kept takes at least 28 bytes, so a request of empty spans reserves little.
    spans_expected_ =
        std::min({spans, request_.size() / 28, size_t{limits_.spans_per_request_max}});
    batch_.spans.reserve(spans_expected_);
  }

  bool parse_resource_spans(std::string_view message) {
    const auto index = static_cast<uint32_t>(batch_.resources.size());
    const size_t attributes_before = batch_.attributes.size();
    const size_t scopes_before = batch_.scopes.size();
    batch_.resources.emplace_back();
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1):
          if (!parse_resource(r.bytes(), batch_.resources[index])) return false;
          break;
        case protobuf_bytes(2):
          if (!parse_scope_spans(r.bytes(), index)) return false;
          break;
        case protobuf_bytes(3): batch_.resources[index].schema_url = r.bytes(); break;
        default: r.skip();
      }
    }
    // Without spans nobody can refer to it, and a request of empty messages must stay small.
    if (batch_.scopes.size() == scopes_before) {
      batch_.resources.pop_back();
      batch_.attributes.resize(attributes_before);
    }
    return done(r);
  }

  bool parse_resource(std::string_view message, model::ResourceView& resource) {
    resource.encoded = message;
    resource.dropped_attributes = 0;
    AttributeRun run(batch_);
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1):
          if (!parse_attribute(r.bytes(), run)) return false;
          break;
        case protobuf_varint(2):
          resource.dropped_attributes = static_cast<uint32_t>(r.varint());
          break;
        default: r.skip();
      }
    }
    close(run, resource.attributes, resource.dropped_attributes);
    return done(r);
  }

  bool parse_scope_spans(std::string_view message, uint32_t resource) {
    const auto index = static_cast<uint32_t>(batch_.scopes.size());
    const size_t attributes_before = batch_.attributes.size();
    const size_t spans_before = batch_.spans.size();
    batch_.scopes.emplace_back().resource = resource;
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1):
          if (!parse_scope(r.bytes(), batch_.scopes[index])) return false;
          break;
        case protobuf_bytes(2):
          if (const std::string_view span = r.bytes(); !is_next_wanted())
            batch_.spans.emplace_back().scope = index;
          else if (!parse_span(span, index))
            return false;
          break;
        case protobuf_bytes(3): batch_.scopes[index].schema_url = r.bytes(); break;
        default: r.skip();
      }
    }
    if (batch_.spans.size() == spans_before) {
      batch_.scopes.pop_back();
      batch_.attributes.resize(attributes_before);
    }
    return done(r);
  }

  bool is_next_wanted() {
    if (limits_.spans.empty()) return true;
    if (next_wanted_ == limits_.spans.size() || limits_.spans[next_wanted_] != batch_.spans.size())
      return false;
    ++next_wanted_;
    return true;
  }

  bool parse_scope(std::string_view message, model::ScopeView& scope) {
    scope.encoded = message;
    scope.name = scope.version = {};
    scope.dropped_attributes = 0;
    AttributeRun run(batch_);
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1): scope.name = r.bytes(); break;
        case protobuf_bytes(2): scope.version = r.bytes(); break;
        case protobuf_bytes(3):
          if (!parse_attribute(r.bytes(), run)) return false;
          break;
        case protobuf_varint(4):
          scope.dropped_attributes = static_cast<uint32_t>(r.varint());
          break;
        default: r.skip();
      }
    }
    close(run, scope.attributes, scope.dropped_attributes);
    return done(r);
  }

  bool parse_span(std::string_view message, uint32_t scope) {
    if (batch_.spans.size() >= limits_.spans_per_request_max)
      return reject(RejectReason::kTooManySpans);
    const size_t attributes_before = batch_.attributes.size();
    SpanView& span = batch_.spans.emplace_back();
    span.scope = scope;
    IdFault id_fault = IdFault::kNone;
    bool whole = true;
    if (!walk_span(message, span, id_fault, whole)) return false;
    if (!span.trace_id.is_valid() || !span.span_id.is_valid() ||
        id_fault == IdFault::kParentSpanId) {
      const RejectReason reason = !span.trace_id.is_valid()  ? RejectReason::kTraceId
                                  : !span.span_id.is_valid() ? RejectReason::kSpanId
                                                             : RejectReason::kParentSpanId;
      batch_.spans.pop_back();
      batch_.attributes.resize(attributes_before);
      return reject(reason);
    }
    if (!parse_events(span, whole) || !parse_links(span, whole)) return false;
    if (whole)
      span.encoded = message;
    else
      modified_ = true;
    if (!std::exchange(guessed_, true)) guess_attributes();
    return true;
  }

  // Events and links are noted and read afterwards, so that the attributes of
  // the span form one run whatever the order of the fields.
  bool walk_span(std::string_view message, SpanView& span, IdFault& id_fault, bool& whole) {
    events_.clear();
    links_.clear();
    AttributeRun run(batch_);
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1): take_id(r.bytes(), span.trace_id); break;
        case protobuf_bytes(2): take_id(r.bytes(), span.span_id); break;
        case protobuf_bytes(3): span.trace_state = r.bytes(); break;
        case protobuf_bytes(4):
          id_fault =
              take_id(r.bytes(), span.parent_span_id) ? IdFault::kNone : IdFault::kParentSpanId;
          break;
        case protobuf_bytes(5): span.name = r.bytes(); break;
        case protobuf_varint(6): {
          const uint64_t kind = r.varint();
          span.kind =
              kind <= 5 ? static_cast<model::SpanKind>(kind) : model::SpanKind::kUnspecified;
          break;
        }
        case protobuf_fixed64(7): span.start.value = r.fixed64(); break;
        case protobuf_fixed64(8): span.end.value = r.fixed64(); break;
        case protobuf_bytes(9):
          if (const std::string_view attribute = r.bytes();
              is_wanted(attribute) && !parse_attribute(attribute, run))
            return false;
          break;
        case protobuf_varint(10):
          span.dropped_attributes = static_cast<uint32_t>(r.varint());
          break;
        case protobuf_bytes(11):
          if (const std::string_view event = r.bytes(); wanted_ == nullptr)
            events_.push_back(event);
          break;
        case protobuf_varint(12): span.dropped_events = static_cast<uint32_t>(r.varint()); break;
        case protobuf_bytes(13):
          if (const std::string_view link = r.bytes(); wanted_ == nullptr) links_.push_back(link);
          break;
        case protobuf_varint(14): span.dropped_links = static_cast<uint32_t>(r.varint()); break;
        case protobuf_bytes(15):
          if (!parse_status(r.bytes(), span)) return false;
          break;
        case protobuf_fixed32(16): span.flags = r.fixed32(); break;
        default: r.skip();
      }
    }
    whole = close(run, span.attributes, span.dropped_attributes);
    return done(r);
  }

  bool parse_status(std::string_view message, SpanView& span) {
    span.status = model::StatusCode::kUnset;
    span.status_message = {};
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(2): span.status_message = r.bytes(); break;
        case protobuf_varint(3): {
          const uint64_t code = r.varint();
          span.status =
              code <= 2 ? static_cast<model::StatusCode>(code) : model::StatusCode::kUnset;
          break;
        }
        default: r.skip();
      }
    }
    return done(r);
  }

  bool parse_events(SpanView& span, bool& whole) {
    span.events.begin = static_cast<uint32_t>(batch_.events.size());
    const size_t kept = std::min<size_t>(events_.size(), limits_.events_per_span_max);
    if (kept < events_.size()) {
      span.dropped_events = saturating_add(span.dropped_events, events_.size() - kept);
      whole = false;
    }
    for (size_t i = 0; i < kept; ++i) {
      model::EventView& event = batch_.events.emplace_back();
      AttributeRun run(batch_);
      ProtobufReader r(events_[i]);
      while (r.next()) {
        switch (r.tag()) {
          case protobuf_fixed64(1): event.time.value = r.fixed64(); break;
          case protobuf_bytes(2): event.name = r.bytes(); break;
          case protobuf_bytes(3):
            if (!parse_attribute(r.bytes(), run)) return false;
            break;
          case protobuf_varint(4):
            event.dropped_attributes = static_cast<uint32_t>(r.varint());
            break;
          default: r.skip();
        }
      }
      if (!close(run, event.attributes, event.dropped_attributes)) whole = false;
      if (!done(r)) return false;
    }
    span.events.count = static_cast<uint32_t>(kept);
    return true;
  }

  bool parse_links(SpanView& span, bool& whole) {
    span.links.begin = static_cast<uint32_t>(batch_.links.size());
    for (const std::string_view message : links_) {
      const size_t attributes_before = batch_.attributes.size();
      bool keep = batch_.links.size() - span.links.begin < limits_.links_per_span_max;
      model::LinkView& link = batch_.links.emplace_back();
      AttributeRun run(batch_);
      ProtobufReader r(message);
      while (r.next()) {
        switch (r.tag()) {
          case protobuf_bytes(1): keep = take_id(r.bytes(), link.trace_id) && keep; break;
          case protobuf_bytes(2): keep = take_id(r.bytes(), link.span_id) && keep; break;
          case protobuf_bytes(3): link.trace_state = r.bytes(); break;
          case protobuf_bytes(4):
            if (!parse_attribute(r.bytes(), run)) return false;
            break;
          case protobuf_varint(5):
            link.dropped_attributes = static_cast<uint32_t>(r.varint());
            break;
          case protobuf_fixed32(6): link.flags = r.fixed32(); break;
          default: r.skip();
        }
      }
      if (!close(run, link.attributes, link.dropped_attributes)) whole = false;
      if (!done(r)) return false;
      if (keep) continue;
      batch_.links.pop_back();
      batch_.attributes.resize(attributes_before);
      span.dropped_links = saturating_add(span.dropped_links, 1);
      whole = false;
    }
    span.links.count = static_cast<uint32_t>(batch_.links.size() - span.links.begin);
    return true;
  }

  // Attributes being appended to the batch for one holder.
  struct AttributeRun {
    explicit AttributeRun(const SpanBatch& batch)
        : begin(static_cast<uint32_t>(batch.attributes.size())) {}
    uint32_t begin;
    uint32_t kept = 0;
    uint32_t dropped = 0;
  };

  // True when nothing was dropped.
  bool close(const AttributeRun& run, Run& out, uint32_t& dropped) {
    out = {run.begin, run.kept};
    dropped = saturating_add(dropped, run.dropped);
    if (run.dropped != 0) modified_ = true;
    return run.dropped == 0;
  }

  // By its key, which every sender writes first.
  bool is_wanted(std::string_view attribute) const {
    if (wanted_ == nullptr) return true;
    ProtobufReader r(attribute);
    if (!r.next() || r.tag() != protobuf_bytes(1)) return true;
    const std::string_view key = r.bytes();
    return !r.ok() || std::ranges::find(*wanted_, key) != wanted_->end();
  }

  bool parse_attribute(std::string_view message, AttributeRun& run) {
    if (run.kept >= limits_.attributes_max) {
      ++run.dropped;
      return true;
    }
    AttributeView& attribute = batch_.attributes.emplace_back();
    if (take_usual_attribute(message, attribute)) {
      ++run.kept;
      return true;
    }
    attribute = {};
    bool too_deep = false;
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1): attribute.key = r.bytes(); break;
        case protobuf_bytes(2):
          if (!parse_value(r.bytes(), attribute.value, too_deep)) return false;
          break;
        default: r.skip();
      }
    }
    if (too_deep) {
      batch_.attributes.pop_back();
      ++run.dropped;
    } else {
      ++run.kept;
    }
    return done(r);
  }

  bool parse_value(std::string_view message, ValueView& value, bool& too_deep) {
    ProtobufReader r(message);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1): value = ValueView::of_string(r.bytes()); break;
        case protobuf_varint(2): value = ValueView::of_bool(r.varint() != 0); break;
        case protobuf_varint(3): value = ValueView::of_int(static_cast<int64_t>(r.varint())); break;
        case protobuf_fixed64(4):
          value = ValueView::of_double(std::bit_cast<double>(r.fixed64()));
          break;
        case protobuf_bytes(5):
          value = {.kind = ValueKind::kArray, .bytes = r.bytes()};
          if (!check_list(value.bytes, false, 1, too_deep)) return false;
          break;
        case protobuf_bytes(6):
          value = {.kind = ValueKind::kKvlist, .bytes = r.bytes()};
          if (!check_list(value.bytes, true, 1, too_deep)) return false;
          break;
        case protobuf_bytes(7): value = {.kind = ValueKind::kBytes, .bytes = r.bytes()}; break;
        default: r.skip();
      }
    }
    return done(r);
  }

  // Checks an encoded ArrayValue or KeyValueList, which stays encoded. The
  // recursion is as deep as value_depth_max allows, whatever was sent.
  bool check_list(std::string_view message, bool pairs, uint32_t depth, bool& too_deep) {
    if (depth > limits_.value_depth_max) {
      too_deep = true;
      return true;
    }
    ProtobufReader r(message);
    while (r.next()) {
      if (r.tag() != protobuf_bytes(1)) {
        r.skip();
      } else if (!pairs) {
        if (!check_value(r.bytes(), depth, too_deep)) return false;
      } else if (!check_pair(r.bytes(), depth, too_deep)) {
        return false;
      }
    }
    return done(r);
  }
  bool check_pair(std::string_view message, uint32_t depth, bool& too_deep) {
    ProtobufReader r(message);
    while (r.next()) {
      if (r.tag() != protobuf_bytes(2))
        r.skip();
      else if (!check_value(r.bytes(), depth, too_deep))
        return false;
    }
    return done(r);
  }
  bool check_value(std::string_view message, uint32_t depth, bool& too_deep) {
    ProtobufReader r(message);
    while (r.next()) {
      const uint32_t tag = r.tag();
      if (tag != protobuf_bytes(5) && tag != protobuf_bytes(6))
        r.skip();
      else if (!check_list(r.bytes(), tag == protobuf_bytes(6), depth + 1, too_deep))
        return false;
    }
    return done(r);
  }

  bool reject(RejectReason reason) {
    ++result_.rejected_by[static_cast<size_t>(reason)];
    return true;
  }

  // Spans of one request resemble each other: the first one says how many attributes to expect.
  void guess_attributes() {
    const size_t spans = limits_.spans.empty() ? spans_expected_ : limits_.spans.size();
    const size_t wanted = batch_.attributes.size() * spans + 16;
    batch_.attributes.reserve(std::min(wanted, request_.size() / 8 + 16));
  }

  std::string_view request_;
  const DecodeLimits& limits_;
  const std::vector<std::string>* const wanted_;  // null: all
  DecodedTraces& result_;
  SpanBatch& batch_;
  size_t spans_expected_ = 0;
  size_t next_wanted_ = 0;  // in limits_.spans
  bool guessed_ = false;
  bool modified_ = false;  // something was dropped, so `request_` says more than the batch
  std::vector<std::string_view> events_;  // of the span being read
  std::vector<std::string_view> links_;
  const char* fault_ = nullptr;
  const char* fault_at_ = nullptr;
};

}  // namespace

std::string_view reject_reason_name(RejectReason reason) {
  switch (reason) {
    case RejectReason::kTraceId: return "invalid_trace_id";
    case RejectReason::kSpanId: return "invalid_span_id";
    case RejectReason::kParentSpanId: return "invalid_parent_span_id";
    case RejectReason::kTooManySpans: return "too_many_spans";
  }
  return "unknown";
}

uint64_t DecodedTraces::rejected_spans() const {
  uint64_t n = 0;
  for (const uint64_t count : rejected_by) n += count;
  return n;
}

std::string DecodedTraces::rejection_message() const {
  static constexpr std::string_view kTexts[kRejectReasons] = {
      "trace_id is not 16 bytes or all zero", "span_id is not 8 bytes or all zero",
      "parent_span_id is not 8 bytes",
      "more spans in one request than allowed; send smaller batches"};
  std::string text;
  for (size_t i = 0; i < kRejectReasons; ++i) {
    if (rejected_by[i] == 0) continue;
    if (!text.empty()) text += "; ";
    text += std::to_string(rejected_by[i]) + (rejected_by[i] == 1 ? " span: " : " spans: ");
    text += kTexts[i];
  }
  return text;
}

Result<DecodedTraces> decode_traces(std::shared_ptr<const std::string> request_bytes,
                                    const DecodeLimits& limits) {
  if (request_bytes->size() > limits.request_bytes_max)
    return fail(Errc::kInvalidArgument, "request of ", request_bytes->size(), " bytes, at most ",
                limits.request_bytes_max, " are read");
  DecodedTraces result;
  auto batch = std::make_shared<SpanBatch>();
  if (auto status = Decoder(*request_bytes, limits, result, *batch).run(); !status)
    return std::unexpected(std::move(status).error());
  batch->owner = std::move(request_bytes);
  result.batch = std::move(batch);
  return result;
}

}  // namespace sightline::wire::otlp
