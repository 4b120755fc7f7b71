// Any text: what transcodes must decode, since we wrote that protobuf ourselves.
#include <cstdlib>

#include "wire/otlp/decode_traces.h"
#include "wire/otlp/signal_counts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sightline::wire::otlp;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)count_data_points(text, Encoding::kJson);
  (void)count_log_records(text, Encoding::kJson);
  auto protobuf = transcode_traces_json(text);
  if (!protobuf) return 0;
  if (!decode_traces(std::make_shared<const std::string>(std::move(*protobuf)))) std::abort();
  return 0;
}
