#pragma once
// The parts of an OTLP message that spans and metrics share, written with protozero. Inside wire/otlp only.
#include <protozero/pbf_writer.hpp>
#include <span>

#include "model/span_batch.h"

namespace sightline::wire::otlp {

// protozero leaves an empty message out; as an entry of a list it has to be there.
inline void put_empty(protozero::pbf_writer& out, uint32_t field) { out.add_bytes(field, "", 0); }

inline void put(protozero::pbf_writer& out, uint32_t field, std::string_view bytes) {
  if (!bytes.empty()) out.add_bytes(field, bytes.data(), bytes.size());
}
inline void put_number(protozero::pbf_writer& out, uint32_t field, uint32_t value) {
  if (value != 0) out.add_uint32(field, value);
}
template <typename Id>
void put_id(protozero::pbf_writer& out, uint32_t field, const Id& id) {
  if (id.is_valid())
    out.add_bytes(field, reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

inline void write_value(protozero::pbf_writer& out, const model::ValueView& value) {
  // A member of a oneof is written even when it has its default value.
  switch (value.kind) {
    case model::ValueKind::kEmpty: return;
    case model::ValueKind::kString:
      out.add_bytes(1, value.bytes.data(), value.bytes.size());
      return;
    case model::ValueKind::kBool: out.add_bool(2, value.int_value != 0); return;
    case model::ValueKind::kInt: out.add_int64(3, value.int_value); return;
    case model::ValueKind::kDouble: out.add_double(4, value.double_value); return;
    case model::ValueKind::kArray: out.add_bytes(5, value.bytes.data(), value.bytes.size()); return;
    case model::ValueKind::kKvlist:
      out.add_bytes(6, value.bytes.data(), value.bytes.size());
      return;
    case model::ValueKind::kBytes: out.add_bytes(7, value.bytes.data(), value.bytes.size()); return;
  }
}

inline void write_attribute(protozero::pbf_writer& out, const model::AttributeView& attribute) {
  put(out, 1, attribute.key);
  protozero::pbf_writer value(out, 2);
  write_value(value, attribute.value);
}

inline void write_attributes(protozero::pbf_writer& out, uint32_t field,
                             std::span<const model::AttributeView> attributes) {
  for (const model::AttributeView& attribute : attributes) {
    if (attribute.key.empty() && attribute.value.kind == model::ValueKind::kEmpty) {
      put_empty(out, field);
      continue;
    }
    protozero::pbf_writer pair(out, field);
    write_attribute(pair, attribute);
  }
}

}  // namespace sightline::wire::otlp
