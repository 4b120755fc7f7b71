#pragma once
// The chunks of floats in Prometheus' blocks: XOR both ways, XOR2 (which may tell when counters began) to be read.
//   Errors   kCorrupt when the bits end early or times do not ascend.
//   Threads  pure functions.
//   Source   Prometheus, tsdb/docs/format/chunks.md, "XOR chunk data", "XOR2 chunk data".
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

inline constexpr uint8_t kXorEncoding = 1;  // in a chunk's encoding byte
inline constexpr uint8_t kXor2Encoding = 4;
inline constexpr size_t kXorSamplesMax = 120;

// At most kXorSamplesMax samples, at least one.
std::string encode_xor_chunk(std::span<const int64_t> times, std::span<const double> values);
// Appends to times and values of `out`.
Status decode_xor_chunk(std::string_view data, SampleColumns& out);
// And to `created`.
Status decode_xor2_chunk(std::string_view data, SampleColumns& out);

}  // namespace sightline::tsdb
