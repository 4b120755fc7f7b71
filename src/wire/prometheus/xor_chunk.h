#pragma once
// A Prometheus chunk of float samples, encoding XOR (1): what remote read streams.
//   Limits  kXorSamplesMax samples, the count's 16 bits; the peer itself cuts at 120.
//   Source  Prometheus TSDB format, chunks, XOR: delta of delta times, XORed values.
#include <cstdint>
#include <span>
#include <string>

namespace sightline::wire::prometheus {

inline constexpr int32_t kXorChunkType = 1;
inline constexpr size_t kXorSamplesMax = 65'535;

// Times ascend; both spans have the same length, 1 to kXorSamplesMax.
std::string encode_xor_chunk(std::span<const int64_t> times, std::span<const double> values);

}  // namespace sightline::wire::prometheus
