#pragma once
// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of every record
// and block we write, and XXH3 (64 bit) for hash tables and content addresses.
#include <cstdint>
#include <string_view>

namespace sightline {

// `seed` continues an earlier sum: crc32c(b, crc32c(a)) == crc32c(a + b).
uint32_t crc32c(std::string_view bytes, uint32_t seed = 0);
uint64_t xxh3(std::string_view bytes, uint64_t seed = 0);
uint64_t xxh64(std::string_view bytes);  // where a peer's own XXH64 must be met

}  // namespace sightline
