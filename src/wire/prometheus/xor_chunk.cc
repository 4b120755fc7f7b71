#include "wire/prometheus/xor_chunk.h"

#include "wire/prometheus/chunk_bits.h"

namespace sightline::wire::prometheus {
namespace {

void write_time_change(BitWriter& out, int64_t change) {
  if (change == 0) return out.bits(0b0, 1);
  if (BitWriter::fits(change, 14))
    return out.bits(0b10, 2), out.bits(static_cast<uint64_t>(change), 14);
  if (BitWriter::fits(change, 17))
    return out.bits(0b110, 3), out.bits(static_cast<uint64_t>(change), 17);
  if (BitWriter::fits(change, 20))
    return out.bits(0b1110, 4), out.bits(static_cast<uint64_t>(change), 20);
  out.bits(0b1111, 4);
  out.bits(static_cast<uint64_t>(change), 64);
}

}  // namespace

std::string encode_xor_chunk(std::span<const int64_t> times, std::span<const double> values) {
  std::string out;
  out.push_back(static_cast<char>(times.size() >> 8));
  out.push_back(static_cast<char>(times.size()));
  BitWriter bits(out);
  XorFloat value;
  int64_t delta = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    if (i == 0) {
      bits.varint(times[0]);
      value.start(bits, values[0]);
      continue;
    }
    const int64_t step = times[i] - times[i - 1];
    if (i == 1)
      bits.uvarint(static_cast<uint64_t>(step));
    else
      write_time_change(bits, step - delta);
    delta = step;
    value.next(bits, values[i]);
  }
  return out;
}

}  // namespace sightline::wire::prometheus
