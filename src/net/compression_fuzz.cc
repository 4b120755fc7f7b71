// Foreign packed bytes: no crash, no more output than allowed, and what we
// pack ourselves unpacks. The first byte chooses the format.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/compression.h"

namespace {

constexpr size_t kBytesMax = 1u << 20;

void check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sightline::net;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 3) {
    const auto plain = snappy_decompress(bytes, kBytesMax);
    check(!plain || plain->size() <= kBytesMax);
    check(*snappy_decompress(snappy_compress(bytes), bytes.size()) == bytes);
    return 0;
  }
  constexpr Compression kFormats[] = {Compression::kGzip, Compression::kDeflate,
                                      Compression::kZstd};
  const Compression format = kFormats[data[0] % 4];
  const auto plain = decompress(format, bytes, kBytesMax);
  check(!plain || plain->size() <= kBytesMax);
  check(*decompress(format, compress(format, bytes), bytes.size()) == bytes);
  choose_compression(bytes);
  return 0;
}
