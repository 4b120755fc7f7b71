#include "wire/jaeger/decode_thrift.h"

#include "wire/jaeger/thrift_reader.h"

namespace sightline::wire::jaeger {

void ThriftReader::skip(ThriftType type, int depth) {
  if (depth > kThriftDepthMax) return fail();
  switch (type) {
    case ThriftType::kBool:
    case ThriftType::kByte: (void)number(1); return;
    case ThriftType::kI16: (void)number(2); return;
    case ThriftType::kI32: (void)number(4); return;
    case ThriftType::kI64:
    case ThriftType::kDouble: (void)number(8); return;
    case ThriftType::kString: (void)text(); return;
    case ThriftType::kStruct:
      for (Field field; next_field(field);) skip(field.type, depth + 1);
      return;
    case ThriftType::kSet:
    case ThriftType::kList: {
      const auto element = static_cast<ThriftType>(number(1));
      const auto count = static_cast<uint32_t>(number(4));
      if (!ok_ || count > bytes_.size() - at_) return fail();
      for (uint32_t i = 0; i < count && ok_; ++i) skip(element, depth + 1);
      return;
    }
    case ThriftType::kMap: {
      const auto key = static_cast<ThriftType>(number(1));
      const auto value = static_cast<ThriftType>(number(1));
      const auto count = static_cast<uint32_t>(number(4));
      if (!ok_ || count > bytes_.size() - at_) return fail();
      for (uint32_t i = 0; i < count && ok_; ++i) {
        skip(key, depth + 1);
        skip(value, depth + 1);
      }
      return;
    }
    case ThriftType::kStop: break;
  }
  fail();
}

namespace {

using model::AttributeView;
using model::ValueKind;
using model::ValueView;
using Field = ThriftReader::Field;
using enum ThriftType;

void put_be64(uint8_t* to, int64_t number) {
  for (int i = 0; i < 8; ++i)
    to[i] = static_cast<uint8_t>(static_cast<uint64_t>(number) >> (56 - 8 * i));
}

SpanId span_id_of(int64_t number) {
  SpanId id;
  put_be64(id.bytes.data(), number);
  return id;
}

TraceId trace_id_of(int64_t high, int64_t low) {
  TraceId id;
  put_be64(id.bytes.data(), high);
  put_be64(id.bytes.data() + 8, low);
  return id;
}

uint64_t to_ns(int64_t microseconds) { return static_cast<uint64_t>(microseconds) * 1000; }

class Decoder {
 public:
  Decoder(std::shared_ptr<const std::string> request, const JaegerLimits& limits)
      : limits_(limits), in_(*request), builder_(std::move(request), false, limits) {}

  Result<DecodedJaeger> decode() {
    // The process may stand behind the spans, so they wait for the end.
    std::vector<JaegerSpan> spans;
    JaegerProcess process;
    uint64_t rejected = 0;
    for (Field field; in_.next_field(field);) {
      if (field.is(1, kStruct))
        process = read_process();
      else if (field.is(2, kList))
        for (uint32_t left = in_.list(kStruct, 1); left > 0 && in_.ok(); --left) {
          JaegerSpan span = read_span();
          if (spans.size() < limits_.spans_max)
            spans.push_back(std::move(span));
          else
            ++rejected;
        }
      else
        in_.skip(field.type, 1);
    }
    if (!in_.ok())
      return fail(Errc::kInvalidArgument,
                  "no Jaeger batch in Thrift's binary protocol: damaged at byte ", in_.offset());
    builder_.set_process(process);
    for (JaegerSpan& span : spans) builder_.add(std::move(span));
    DecodedJaeger decoded = builder_.finish();
    decoded.rejected += rejected;
    return decoded;
  }

 private:
  AttributeView read_tag() {
    AttributeView tag;
    int32_t type = 0;
    std::string_view text, binary;
    double real = 0;
    bool flag = false;
    int64_t whole = 0;
    for (Field field; in_.next_field(field);) {
      if (field.is(1, kString))
        tag.key = in_.text();
      else if (field.is(2, kI32))
        type = in_.i32();
      else if (field.is(3, kString))
        text = in_.text();
      else if (field.is(4, kDouble))
        real = in_.real();
      else if (field.is(5, kBool))
        flag = in_.byte() != 0;
      else if (field.is(6, kI64))
        whole = in_.i64();
      else if (field.is(7, kString))
        binary = in_.text();
      else
        in_.skip(field.type, 4);
    }
    switch (type) {
      case 1: tag.value = ValueView::of_double(real); break;
      case 2: tag.value = ValueView::of_bool(flag); break;
      case 3: tag.value = ValueView::of_int(whole); break;
      case 4: tag.value = {.kind = ValueKind::kBytes, .bytes = binary}; break;
      default: tag.value = ValueView::of_string(text);
    }
    return tag;
  }

  // Answers how many were left out.
  uint32_t read_tags(std::vector<AttributeView>& tags) {
    uint32_t dropped = 0;
    for (uint32_t left = in_.list(kStruct, 3); left > 0 && in_.ok(); --left) {
      const AttributeView tag = read_tag();
      if (tags.size() < limits_.tags_max)
        put_tag(tags, tag);
      else
        ++dropped;
    }
    return dropped;
  }

  JaegerProcess read_process() {
    JaegerProcess process;
    for (Field field; in_.next_field(field);) {
      if (field.is(1, kString))
        process.service = in_.text();
      else if (field.is(2, kList))
        (void)read_tags(process.tags);
      else
        in_.skip(field.type, 2);
    }
    return process;
  }

  JaegerLog read_log() {
    JaegerLog log;
    for (Field field; in_.next_field(field);) {
      if (field.is(1, kI64))
        log.time_ns = to_ns(in_.i64());
      else if (field.is(2, kList))
        (void)read_tags(log.fields);
      else
        in_.skip(field.type, 3);
    }
    return log;
  }

  JaegerReference read_reference() {
    JaegerReference reference;
    int64_t low = 0, high = 0;
    for (Field field; in_.next_field(field);) {
      if (field.is(1, kI32))
        reference.is_child_of = in_.i32() == 0;
      else if (field.is(2, kI64))
        low = in_.i64();
      else if (field.is(3, kI64))
        high = in_.i64();
      else if (field.is(4, kI64))
        reference.span_id = span_id_of(in_.i64());
      else
        in_.skip(field.type, 3);
    }
    reference.trace_id = trace_id_of(high, low);
    return reference;
  }

  JaegerSpan read_span() {
    JaegerSpan span;
    int64_t low = 0, high = 0;
    for (Field field; in_.next_field(field);) {
      if (field.type == kI64) {
        const int64_t value = in_.i64();
        switch (field.id) {
          case 1: low = value; break;
          case 2: high = value; break;
          case 3: span.span_id = span_id_of(value); break;
          case 4: span.parent_span_id = span_id_of(value); break;
          case 8: span.start_ns = to_ns(value); break;
          case 9: span.duration_ns = value > 0 ? to_ns(value) : 0; break;
          default: break;
        }
      } else if (field.is(5, kString)) {
        span.name = in_.text();
      } else if (field.is(6, kList)) {
        for (uint32_t left = in_.list(kStruct, 2); left > 0 && in_.ok(); --left) {
          const JaegerReference reference = read_reference();
          if (span.references.size() < limits_.references_max) span.references.push_back(reference);
        }
      } else if (field.is(7, kI32)) {
        span.flags = static_cast<uint32_t>(in_.i32());
      } else if (field.is(10, kList)) {
        span.dropped_tags = read_tags(span.tags);
      } else if (field.is(11, kList)) {
        for (uint32_t left = in_.list(kStruct, 2); left > 0 && in_.ok(); --left) {
          JaegerLog log = read_log();
          if (span.logs.size() < limits_.logs_max) span.logs.push_back(std::move(log));
        }
      } else {
        in_.skip(field.type, 2);
      }
    }
    span.trace_id = trace_id_of(high, low);
    return span;
  }

  const JaegerLimits limits_;
  ThriftReader in_;
  SpanBuilder builder_;
};

}  // namespace

Result<DecodedJaeger> decode_thrift_batch(std::shared_ptr<const std::string> request,
                                          const JaegerLimits& limits) {
  return Decoder(std::move(request), limits).decode();
}

}  // namespace sightline::wire::jaeger
