#pragma once
// What OTLP/JSON requests of every signal share on their way to protobuf: proto3's JSON mapping with OTLP's exception, ids are hex.
//   Errors   the place of the fault ("resourceSpans[0].scopeSpans[0].spans[3].kind") and what was expected there.
//   Threads  one owner.
#include <simdjson.h>
#include <protozero/pbf_writer.hpp>

#include <charconv>
#include <cmath>
#include <span>

#include "base/number_text.h"
#include "base/result.h"
#include "base/text_codec.h"
#include "wire/otlp/json_document.h"

namespace sightline::wire::otlp {

struct EnumName {
  std::string_view name;
  int32_t number;
};
// Where we are in the document, as a chain on the stack; printed only for an error.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;
  int64_t index = -1;

  void print(std::string& out) const {
    if (parent != nullptr) parent->print(out);
    if (index >= 0) {
      out += "[" + std::to_string(index) + "]";
    } else if (!key.empty()) {
      if (!out.empty()) out += ".";
      out += key;
    }
  }
};

// Each write_x writes the fields of one JSON object into `out`; false after a fault. `Self` is the class that derives
// from it and knows the signal's messages.
template <typename Self>
class JsonTranscoder {
 public:
  // The whole request, which `Self::write_request` begins.
  static Result<std::string> transcode(std::string_view json) {
    JsonDocument document;
    auto root = document.parse(json);
    if (!root) return std::unexpected(std::move(root).error());
    std::string out;
    out.reserve(json.size() / 2);
    Error error;
    bool good = false;
    {
      pbf_writer request(out);
      good = Self(out, error).write_request(*root, request);
    }
    if (!good) return std::unexpected(std::move(error));
    return out;
  }

 protected:
  using pbf_writer = protozero::pbf_writer;
  using element = simdjson::dom::element;
  using object = simdjson::dom::object;
  using Writer = bool (Self::*)(element, const Place&, pbf_writer&);

  JsonTranscoder(const std::string& out, Error& error) : out_(out), error_(error) {}

  bool wrong(const Place& at, std::string_view wanted) {
    error_.code = Errc::kInvalidArgument;
    error_.message.clear();
    at.print(error_.message);
    if (!error_.message.empty()) error_.message += ": ";
    error_.message.insert(0, "OTLP JSON: ").append(wanted);
    return false;
  }

  template <typename Visit>
  bool fields(element e, const Place& at, Visit visit) {
    object members;
    if (e.get_object().get(members) != simdjson::SUCCESS) return wrong(at, "expected an object");
    for (const auto field : members) {
      if (field.value.is_null()) continue;
      const Place inner{&at, field.key};
      if (!visit(field.key, field.value, inner)) return false;
    }
    return true;
  }
  template <typename Visit>
  bool each(element e, const Place& at, Visit visit) {
    simdjson::dom::array items;
    if (e.get_array().get(items) != simdjson::SUCCESS) return wrong(at, "expected an array");
    int64_t index = 0;
    for (const element item : items) {
      const Place inner{&at, {}, index++};
      if (!visit(item, inner)) return false;
    }
    return true;
  }
  // protozero leaves empty messages out; an empty one in a list is an entry all the same.
  bool nested(pbf_writer& out, uint32_t field, element e, const Place& at, Writer writer) {
    const size_t before = out_.size();
    bool good = false;
    {
      pbf_writer message(out, field);
      good = (static_cast<Self*>(this)->*writer)(e, at, message);
    }
    if (out_.size() == before) out.add_bytes(field, "", 0);
    return good;
  }
  bool repeated(pbf_writer& out, uint32_t field, element e, const Place& at, Writer writer) {
    return each(e, at,
                [&](element item, const Place& p) { return nested(out, field, item, p, writer); });
  }

  bool text(pbf_writer& out, uint32_t field, element e, const Place& at) {
    std::string_view s;
    if (e.get_string().get(s) != simdjson::SUCCESS) return wrong(at, "expected a string");
    out.add_bytes(field, s.data(), s.size());
    return true;
  }
  // An id of the wrong length goes through: decoding then rejects that span alone.
  bool id(pbf_writer& out, uint32_t field, element e, const Place& at) {
    std::string_view s;
    if (e.get_string().get(s) != simdjson::SUCCESS)
      return wrong(at, "expected a string of hex digits");
    const auto raw = hex_decode(s);
    if (!raw) return wrong(at, "expected an even number of hex digits");
    out.add_bytes(field, *raw);
    return true;
  }
  // A 64-bit number is a JSON number or a string of digits.
  template <typename Int>
  bool number(element e, const Place& at, Int& value) {
    std::string_view s;
    if (e.get_string().get(s) == simdjson::SUCCESS) {
      const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
      if (error == std::errc{} && end == s.data() + s.size() && !s.empty()) return true;
      return wrong(at, "expected a whole number in range");
    }
    if (e.get<Int>().get(value) == simdjson::SUCCESS) return true;
    double d = 0;
    if (e.get_double().get(d) == simdjson::SUCCESS && d == std::floor(d) && std::fabs(d) < 9e18 &&
        (d >= 0 || std::is_signed_v<Int>)) {
      value = static_cast<Int>(d);
      return true;
    }
    return wrong(at, "expected a whole number in range");
  }
  bool uint32(pbf_writer& out, uint32_t field, element e, const Place& at) {
    uint64_t value = 0;
    if (!number(e, at, value)) return false;
    if (value > UINT32_MAX) return wrong(at, "does not fit 32 bits");
    out.add_uint32(field, static_cast<uint32_t>(value));
    return true;
  }
  bool flags(pbf_writer& out, uint32_t field, element e, const Place& at) {
    uint64_t value = 0;
    if (!number(e, at, value)) return false;
    if (value > UINT32_MAX) return wrong(at, "does not fit 32 bits");
    out.add_fixed32(field, static_cast<uint32_t>(value));
    return true;
  }
  bool time(pbf_writer& out, uint32_t field, element e, const Place& at) {
    uint64_t value = 0;
    if (!number(e, at, value)) return false;
    out.add_fixed64(field, value);
    return true;
  }
  bool enumeration(pbf_writer& out, uint32_t field, element e, const Place& at,
                   std::span<const EnumName> names) {
    std::string_view s;
    int64_t value = -1;
    if (e.get_string().get(s) == simdjson::SUCCESS) {
      for (const EnumName& known : names)
        if (known.name == s) value = known.number;
      if (value < 0 && !number(e, at, value)) return wrong(at, "unknown enum name");
    } else if (!number(e, at, value)) {
      return false;
    }
    out.add_int64(field, value);
    return true;
  }
  bool real(pbf_writer& out, uint32_t field, element e, const Place& at) {
    double value = 0;
    std::string_view s;
    if (e.get_string().get(s) == simdjson::SUCCESS) {
      const auto parsed = parse_float(s);  // also "NaN", "Infinity", "-Infinity"
      if (!parsed) return wrong(at, "expected a number");
      value = *parsed;
    } else if (e.get_double().get(value) != simdjson::SUCCESS) {
      return wrong(at, "expected a number");
    }
    out.add_double(field, value);
    return true;
  }

  bool write_value(element e, const Place& at, pbf_writer& out) {
    if (++value_depth_ > kValueDepthMax) return wrong(at, "values nested too deep");
    const bool good = fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "stringValue" || key == "string_value") return text(out, 1, value, p);
      if (key == "boolValue" || key == "bool_value") {
        bool b = false;
        if (value.get_bool().get(b) != simdjson::SUCCESS) return wrong(p, "expected true or false");
        out.add_bool(2, b);
        return true;
      }
      if (key == "intValue" || key == "int_value") {
        int64_t i = 0;
        if (!number(value, p, i)) return false;
        out.add_int64(3, i);
        return true;
      }
      if (key == "doubleValue" || key == "double_value") return real(out, 4, value, p);
      if (key == "arrayValue" || key == "array_value")
        return nested(out, 5, value, p, &JsonTranscoder::write_array);
      if (key == "kvlistValue" || key == "kvlist_value")
        return nested(out, 6, value, p, &JsonTranscoder::write_kvlist);
      if (key == "bytesValue" || key == "bytes_value") {
        std::string_view s;
        if (value.get_string().get(s) != simdjson::SUCCESS)
          return wrong(p, "expected a string of base64");
        const auto raw = base64_decode(s);
        if (!raw) return wrong(p, "is not base64");
        out.add_bytes(7, *raw);
        return true;
      }
      return true;
    });
    --value_depth_;
    return good;
  }
  bool write_array(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      return key != "values" || repeated(out, 1, value, p, &JsonTranscoder::write_value);
    });
  }
  bool write_kvlist(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      return key != "values" || repeated(out, 1, value, p, &JsonTranscoder::write_key_value);
    });
  }
  bool write_key_value(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "key") return text(out, 1, value, p);
      if (key == "value") return nested(out, 2, value, p, &JsonTranscoder::write_value);
      return true;
    });
  }

  bool write_resource(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "attributes") return repeated(out, 1, value, p, &JsonTranscoder::write_key_value);
      if (key == "droppedAttributesCount" || key == "dropped_attributes_count")
        return uint32(out, 2, value, p);
      return true;
    });
  }
  bool write_scope(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "name") return text(out, 1, value, p);
      if (key == "version") return text(out, 2, value, p);
      if (key == "attributes") return repeated(out, 3, value, p, &JsonTranscoder::write_key_value);
      if (key == "droppedAttributesCount" || key == "dropped_attributes_count")
        return uint32(out, 4, value, p);
      return true;
    });
  }

 private:
  static constexpr uint32_t kValueDepthMax = 64;
  const std::string& out_;  // what the writers append to
  Error& error_;
  uint32_t value_depth_ = 0;
};

}  // namespace sightline::wire::otlp
