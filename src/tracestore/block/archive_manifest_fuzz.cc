// A manifest is refused, or is one that encodes to the same bytes.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tracestore/block/archive_manifest.h"

using namespace sightline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const bool checked : {false, true}) {
    if (checked) {  // what a checksum lets through
      if (bytes.size() < sizeof(uint32_t)) return 0;
      const size_t body = bytes.size() - sizeof(uint32_t);
      store_le<uint32_t>(bytes.data() + body, crc32c(std::string_view(bytes).substr(0, body)));
    }
    const auto manifest = tracestore::ArchiveManifest::decode(bytes);
    if (manifest && manifest->encode() != bytes) __builtin_trap();
  }
  return 0;
}
