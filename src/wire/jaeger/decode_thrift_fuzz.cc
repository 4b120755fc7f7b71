// Any bytes: an error or spans within their limits, never a crash.
#include "wire/jaeger/decode_thrift.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  (void)sightline::wire::jaeger::decode_thrift_batch(
      bytes, {.spans_max = 10, .tags_max = 5, .logs_max = 5, .references_max = 5});
  return 0;
}
