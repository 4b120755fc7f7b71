#pragma once
// The XOR chunk of Prometheus' blocks: floats with their timestamps, both ways.
//   Errors   kCorrupt when the bits end early or times do not ascend.
//   Threads  pure functions.
//   Source   Prometheus, tsdb/docs/format/chunks.md.
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

inline constexpr uint8_t kXorEncoding = 1;  // in a chunk's encoding byte
inline constexpr size_t kXorSamplesMax = 120;

// At most kXorSamplesMax samples, at least one.
std::string encode_xor_chunk(std::span<const int64_t> times, std::span<const double> values);
// Appends to times and values of `out`.
Status decode_xor_chunk(std::string_view data, SampleColumns& out);

}  // namespace sightline::tsdb
