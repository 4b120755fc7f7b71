#include "wire/jaeger/decode_proto.h"

#include <algorithm>
#include <optional>

#include "base/typed_pbf_reader.h"

namespace sightline::wire::jaeger {
namespace {

using model::AttributeView;
using model::ValueKind;
using model::ValueView;

std::string_view text(TypedPbfReader& message) {
  const auto view = message.get_view();
  return {view.data(), view.size()};
}

// Timestamp or Duration; what lies before its zero is 0.
uint64_t read_ns(TypedPbfReader message) {
  int64_t seconds = 0;
  int32_t nanos = 0;
  while (message.next()) {
    if (message.tag() == 1)
      seconds = message.get_int64();
    else if (message.tag() == 2)
      nanos = message.get_int32();
    else
      message.skip();
  }
  if (seconds < 0 || seconds > 18'000'000'000 || (seconds == 0 && nanos < 0)) return 0;
  return static_cast<uint64_t>(seconds * 1'000'000'000) + static_cast<uint64_t>(std::max(0, nanos));
}

AttributeView read_tag(TypedPbfReader message) {
  AttributeView tag;
  int32_t type = 0;
  ValueView text_value = ValueView::of_string({});
  ValueView flag = ValueView::of_bool(false), whole = ValueView::of_int(0);
  ValueView real = ValueView::of_double(0), binary{.kind = ValueKind::kBytes};
  while (message.next()) {
    switch (message.tag()) {
      case 1: tag.key = text(message); break;
      case 2: type = message.get_enum(); break;
      case 3: text_value = ValueView::of_string(text(message)); break;
      case 4: flag = ValueView::of_bool(message.get_bool()); break;
      case 5: whole = ValueView::of_int(message.get_int64()); break;
      case 6: real = ValueView::of_double(message.get_double()); break;
      case 7: binary = {.kind = ValueKind::kBytes, .bytes = text(message)}; break;
      default: message.skip();
    }
  }
  switch (type) {
    case 1: tag.value = flag; break;
    case 2: tag.value = whole; break;
    case 3: tag.value = real; break;
    case 4: tag.value = binary; break;
    default: tag.value = text_value;
  }
  return tag;
}

class Decoder {
 public:
  Decoder(std::shared_ptr<const std::string> request, const JaegerLimits& limits)
      : limits_(limits), builder_(std::move(request), true, limits) {}

  void batch(std::string_view bytes) {
    JaegerProcess process;
    TypedPbfReader head(bytes.data(), bytes.size());
    while (head.next(2)) process = read_process(head.get_message());
    TypedPbfReader spans(bytes.data(), bytes.size());
    while (spans.next(1)) read_span(spans.get_message(), process);
  }
  DecodedJaeger finish() { return builder_.finish(); }

 private:
  bool add_tag(TypedPbfReader message, std::vector<AttributeView>& tags) const {
    const AttributeView tag = read_tag(message);
    if (tags.size() >= limits_.tags_max) return false;
    put_tag(tags, tag);
    return true;
  }

  JaegerProcess read_process(TypedPbfReader message) const {
    JaegerProcess process;
    while (message.next()) {
      if (message.tag() == 1)
        process.service = text(message);
      else if (message.tag() == 2)
        (void)add_tag(message.get_message(), process.tags);
      else
        message.skip();
    }
    return process;
  }

  static JaegerReference read_reference(TypedPbfReader message) {
    JaegerReference reference;
    while (message.next()) {
      switch (message.tag()) {
        case 1: reference.trace_id = trace_id_from_bytes(text(message)).value_or(TraceId{}); break;
        case 2: reference.span_id = span_id_from_bytes(text(message)).value_or(SpanId{}); break;
        case 3: reference.is_child_of = message.get_enum() == 0; break;
        default: message.skip();
      }
    }
    return reference;
  }

  JaegerLog read_log(TypedPbfReader message) const {
    JaegerLog log;
    while (message.next()) {
      if (message.tag() == 1)
        log.time_ns = read_ns(message.get_message());
      else if (message.tag() == 2)
        (void)add_tag(message.get_message(), log.fields);
      else
        message.skip();
    }
    return log;
  }

  void read_span(TypedPbfReader message, const JaegerProcess& of_batch) {
    JaegerSpan span;
    std::optional<JaegerProcess> own;
    while (message.next()) {
      switch (message.tag()) {
        case 1: span.trace_id = trace_id_from_bytes(text(message)).value_or(TraceId{}); break;
        case 2: span.span_id = span_id_from_bytes(text(message)).value_or(SpanId{}); break;
        case 3: span.name = text(message); break;
        case 4: {
          const JaegerReference reference = read_reference(message.get_message());
          if (span.references.size() < limits_.references_max) span.references.push_back(reference);
          break;
        }
        case 5: span.flags = message.get_uint32(); break;
        case 6: span.start_ns = read_ns(message.get_message()); break;
        case 7: span.duration_ns = read_ns(message.get_message()); break;
        case 8:
          if (!add_tag(message.get_message(), span.tags)) ++span.dropped_tags;
          break;
        case 9: {
          JaegerLog log = read_log(message.get_message());
          if (span.logs.size() < limits_.logs_max) span.logs.push_back(std::move(log));
          break;
        }
        case 10: own = read_process(message.get_message()); break;
        default: message.skip();
      }
    }
    builder_.set_process(own ? *own : of_batch);
    builder_.add(std::move(span));
  }

  const JaegerLimits limits_;
  SpanBuilder builder_;
};

}  // namespace

Result<DecodedJaeger> decode_post_spans(std::shared_ptr<const std::string> request,
                                        const JaegerLimits& limits) {
  Decoder decoder(request, limits);
  try {
    TypedPbfReader message(request->data(), request->size());
    while (message.next()) {
      if (message.tag() == 1)
        decoder.batch(text(message));
      else
        message.skip();
    }
  } catch (const protozero::exception& e) {
    return fail(Errc::kInvalidArgument, "no PostSpansRequest: ", e.what());
  }
  return decoder.finish();
}

}  // namespace sightline::wire::jaeger
