#pragma once
// Attributes as bytes that are the same for the same attributes in the same order: a key of maps.
//   Threads  pure function.
#include <span>
#include <string>

#include "base/bytes.h"
#include "model/span_batch.h"

namespace sightline::pipeline {

inline void append_attribute_key(std::span<const model::AttributeView> attributes,
                                 std::string& key) {
  for (const model::AttributeView& a : attributes) {
    append_sized(key, a.key);
    key += static_cast<char>(a.value.kind);
    append_le(key, a.value.int_value);
    append_sized(key, a.value.bytes);
  }
}

}  // namespace sightline::pipeline
