#include "base/checksum.h"

#include <array>
#include <cstring>
#define XXH_INLINE_ALL
#include <xxhash.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace sightline {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrcTable = crc_table();

uint32_t crc32c_portable(std::string_view bytes, uint32_t crc) {
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return crc;
}

#if defined(__x86_64__)
// Bytes of a run. Three of them are summed side by side: each step of a sum waits for the one before.
constexpr size_t kRunBytes = 2048;

// Polynomials modulo that of the checksum; bit 31 is the coefficient of 1.
constexpr uint32_t times_x(uint32_t p) { return p & 1 ? p >> 1 ^ 0x82f63b78u : p >> 1; }
constexpr uint32_t product(uint32_t a, uint32_t b) {
  uint32_t result = 0;
  for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1, b = times_x(b)) result ^= a & bit ? b : 0;
  return result;
}
// What a sum is multiplied by when a run of zeros follows.
constexpr uint32_t kPastRun = [] {
  uint32_t power = 1u << 31;
  for (size_t bit = 0; bit < kRunBytes * 8; ++bit) power = times_x(power);
  return power;
}();

__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(std::string_view bytes, uint32_t crc) {
  const auto word_at = [](const char* at) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    return word;
  };
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 3 * kRunBytes; left -= 3 * kRunBytes, at += 3 * kRunBytes) {
    uint64_t first = crc, second = 0, third = 0;
    for (const char* const end = at + kRunBytes; at != end; at += 8) {
      first = _mm_crc32_u64(first, word_at(at));
      second = _mm_crc32_u64(second, word_at(at + kRunBytes));
      third = _mm_crc32_u64(third, word_at(at + 2 * kRunBytes));
    }
    at -= kRunBytes;
    const uint32_t both =
        product(static_cast<uint32_t>(first), kPastRun) ^ static_cast<uint32_t>(second);
    crc = product(both, kPastRun) ^ static_cast<uint32_t>(third);
  }
  uint64_t wide = crc;
  for (; left >= 8; left -= 8, at += 8) wide = _mm_crc32_u64(wide, word_at(at));
  auto narrow = static_cast<uint32_t>(wide);
  for (; left > 0; --left, ++at) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(*at));
  return narrow;
}
#endif

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t seed) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc32c_sse42(bytes, ~seed);
#endif
  return ~crc32c_portable(bytes, ~seed);
}

uint64_t xxh3(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t xxh64(std::string_view bytes) { return XXH64(bytes.data(), bytes.size(), 0); }

}  // namespace sightline
