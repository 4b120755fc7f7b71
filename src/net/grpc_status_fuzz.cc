// Status details that a foreign server sent.
#include <cstdint>
#include <string_view>

#include "net/grpc_status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sightline::net::parse_retry_after({reinterpret_cast<const char*>(data), size});
  return 0;
}
