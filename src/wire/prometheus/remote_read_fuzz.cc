#include "wire/prometheus/remote_read.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)sightline::wire::prometheus::decode_read_request(
      {reinterpret_cast<const char*>(data), size});
  return 0;
}
