// Whatever an object storage answers: an error or a list, and a list is one that could be asked for.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "io/s3_xml.h"

using namespace sightline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  // Unescaping only shortens, and no two objects share bytes.
  size_t key_bytes = 0;
  if (const auto page = io::parse_object_list(xml))
    for (const auto& object : page->objects) key_bytes += object.key.size();
  const io::S3Error error = io::parse_s3_error(xml);
  if (std::max({key_bytes, error.code.size(), error.message.size()}) > size) __builtin_trap();
  return 0;
}
