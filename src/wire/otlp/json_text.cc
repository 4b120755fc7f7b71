#include "wire/otlp/json_text.h"

#include <cmath>

#include "base/number_text.h"
#include "base/protobuf_reader.h"

namespace sightline::wire::otlp {

using model::ValueKind;
using model::ValueView;

void JsonText::real(double value) {
  if (std::isnan(value)) return raw("\"NaN\"");
  // Readers take "-0" for an integer, which has no sign.
  if (value == 0 && std::signbit(value)) return raw("-0.0");
  if (std::isinf(value)) return raw(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  raw(format_float_go(value));
}

void JsonText::encoded_map(std::string_view message, int depth) {
  key("kvlistValue");
  open('{');
  key("values");
  open('[');
  for (ProtobufReader r(message); r.next();) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    std::string_view name, member;
    for (ProtobufReader entry(r.bytes()); entry.next();) {
      if (entry.tag() == protobuf_bytes(1))
        name = entry.bytes();
      else if (entry.tag() == protobuf_bytes(2))
        member = entry.bytes();
      else
        entry.skip();
    }
    open('{');
    key("key");
    text(name);
    key("value");
    encoded_value(member, depth + 1);
    close('}');
  }
  close(']');
  close('}');
}

void JsonText::encoded_list(std::string_view message, int depth) {
  key("arrayValue");
  open('{');
  key("values");
  open('[');
  for (ProtobufReader r(message); r.next();) {
    if (r.tag() == protobuf_bytes(1))
      encoded_value(r.bytes(), depth + 1);
    else
      r.skip();
  }
  close(']');
  close('}');
}

// An AnyValue message.
void JsonText::encoded_value(std::string_view message, int depth) {
  ValueView view;
  for (ProtobufReader r(message); r.next();) {
    switch (r.tag()) {
      case protobuf_bytes(1): view = ValueView::of_string(r.bytes()); break;
      case protobuf_varint(2): view = ValueView::of_bool(r.varint() != 0); break;
      case protobuf_varint(3): view = ValueView::of_int(static_cast<int64_t>(r.varint())); break;
      case protobuf_fixed64(4): {
        const uint64_t bits = r.fixed64();
        view = {.kind = ValueKind::kDouble, .int_value = static_cast<int64_t>(bits)};
        break;
      }
      case protobuf_bytes(5): view = {.kind = ValueKind::kArray, .bytes = r.bytes()}; break;
      case protobuf_bytes(6): view = {.kind = ValueKind::kKvlist, .bytes = r.bytes()}; break;
      case protobuf_bytes(7): view = {.kind = ValueKind::kBytes, .bytes = r.bytes()}; break;
      default: r.skip();
    }
  }
  value(view, depth);
}

void JsonText::value(const ValueView& value, int depth) {
  open('{');
  switch (value.kind) {
    case ValueKind::kEmpty: break;
    case ValueKind::kString:
      key("stringValue");
      text(value.bytes);
      break;
    case ValueKind::kBool:
      key("boolValue");
      raw(value.int_value != 0 ? "true" : "false");
      break;
    case ValueKind::kInt:
      key("intValue");
      text(std::to_string(value.int_value));
      break;
    case ValueKind::kDouble:
      key("doubleValue");
      real(value.double_value);
      break;
    case ValueKind::kBytes:
      key("bytesValue");
      text(base64_encode(value.bytes));
      break;
    case ValueKind::kArray:
      if (depth < kDepthMax) encoded_list(value.bytes, depth);
      break;
    case ValueKind::kKvlist:
      if (depth < kDepthMax) encoded_map(value.bytes, depth);
      break;
  }
  close('}');
}

void JsonText::attributes(std::span<const model::AttributeView> attributes, uint32_t dropped,
                          std::string_view name) {
  if (!attributes.empty()) {
    key(name);
    open('[');
    for (const model::AttributeView& attribute : attributes) {
      open('{');
      key("key");
      text(attribute.key);
      key("value");
      value(attribute.value);
      close('}');
    }
    close(']');
  }
  number_field("droppedAttributesCount", dropped);
}

}  // namespace sightline::wire::otlp
