#include "model/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/protobuf_reader.h"
#include "base/text_codec.h"

namespace sightline::model {
namespace {

// encoding/json: exponents below 1e-6 and from 1e21, "1e-7" without the zero.
void append_number(std::string& out, double v) {
  const double a = std::fabs(v);
  const bool exponent = a != 0 && (a < 1e-6 || a >= 1e21);
  char buffer[400];
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, v, format).ptr);
  if (const size_t n = text.size();
      exponent && n >= 4 && text[n - 4] == 'e' && text[n - 3] == '-' && text[n - 2] == '0')
    text.erase(n - 2, 1);
  out += text;
}

std::string_view special_word(double v) { return std::isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf"; }

// As encoding/json escapes a string, HTML's characters included.
void append_quoted(std::string& out, std::string_view text) {
  std::string escaped;
  append_json_escaped(escaped, text);
  out += '"';
  for (size_t i = 0; i < escaped.size(); ++i) {
    const char c = escaped[i];
    if (c == '<')
      out += "\\u003c";
    else if (c == '>')
      out += "\\u003e";
    else if (c == '&')
      out += "\\u0026";
    else if (escaped.compare(i, 2, "\xe2\x80") == 0 && i + 2 < escaped.size() &&
             (escaped[i + 2] | 1) == '\xa9') {
      out += escaped[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else
      out += c;
  }
  out += '"';
}

ValueView read_value(std::string_view message) {
  ValueView value;
  for (ProtobufReader r(message); r.next();) {
    switch (r.tag()) {
      case protobuf_bytes(1): value = ValueView::of_string(r.bytes()); break;
      case protobuf_varint(2): value = ValueView::of_bool(r.varint() != 0); break;
      case protobuf_varint(3): value = ValueView::of_int(static_cast<int64_t>(r.varint())); break;
      case protobuf_fixed64(4):
        value = ValueView::of_double(std::bit_cast<double>(r.fixed64()));
        break;
      case protobuf_bytes(5): value = {.kind = ValueKind::kArray, .bytes = r.bytes()}; break;
      case protobuf_bytes(6): value = {.kind = ValueKind::kKvlist, .bytes = r.bytes()}; break;
      case protobuf_bytes(7): value = {.kind = ValueKind::kBytes, .bytes = r.bytes()}; break;
      default: r.skip();
    }
  }
  return value;
}

void append_json(std::string& out, const ValueView& value, int depth);

void append_array(std::string& out, std::string_view message, int depth) {
  out += '[';
  bool first = true;
  for (ProtobufReader r(message); r.next();) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    if (!first) out += ',';
    first = false;
    append_json(out, read_value(r.bytes()), depth + 1);
  }
  out += ']';
}

void append_map(std::string& out, std::string_view message, int depth) {
  std::vector<AttributeView> pairs;
  for (ProtobufReader r(message); r.next();) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    AttributeView& pair = pairs.emplace_back();
    for (ProtobufReader p(r.bytes()); p.next();) {
      if (p.tag() == protobuf_bytes(1))
        pair.key = p.bytes();
      else if (p.tag() == protobuf_bytes(2))
        pair.value = read_value(p.bytes());
      else
        p.skip();
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& a, const auto& b) { return a.key < b.key; });
  out += '{';
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i + 1 < pairs.size() && pairs[i].key == pairs[i + 1].key)
      continue;  // of equal keys the last counts
    if (out.back() != '{') out += ',';
    append_quoted(out, pairs[i].key);
    out += ':';
    append_json(out, pairs[i].value, depth + 1);
  }
  out += '}';
}

void append_json(std::string& out, const ValueView& value, int depth) {
  switch (value.kind) {
    case ValueKind::kString: append_quoted(out, value.bytes); return;
    case ValueKind::kBool: out += value.int_value != 0 ? "true" : "false"; return;
    case ValueKind::kInt: out += std::to_string(value.int_value); return;
    case ValueKind::kDouble:
      if (std::isfinite(value.double_value))
        append_number(out, value.double_value);
      else
        append_quoted(out, special_word(value.double_value));  // JSON has no word for it
      return;
    case ValueKind::kBytes: append_quoted(out, base64_encode(value.bytes)); return;
    case ValueKind::kArray:
      if (depth < kValueTextDepthMax) return append_array(out, value.bytes, depth);
      break;
    case ValueKind::kKvlist:
      if (depth < kValueTextDepthMax) return append_map(out, value.bytes, depth);
      break;
    case ValueKind::kEmpty: break;
  }
  out += "null";
}

}  // namespace

std::string value_text(const ValueView& value) {
  std::string out;
  switch (value.kind) {
    case ValueKind::kEmpty: return out;
    case ValueKind::kString: return std::string(value.bytes);
    case ValueKind::kBytes: return base64_encode(value.bytes);
    case ValueKind::kDouble:
      if (!std::isfinite(value.double_value)) return std::string(special_word(value.double_value));
      [[fallthrough]];
    default: append_json(out, value, 0);
  }
  return out;
}

int64_t whole_of(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  return value > -kLimit && value < kLimit ? static_cast<int64_t>(value)
                                           : std::numeric_limits<int64_t>::min();
}

}  // namespace sightline::model
