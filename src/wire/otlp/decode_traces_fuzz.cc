// Any bytes: decoding never crashes, and what was decoded encodes to something
// that decodes to as many spans.
#include <cstdlib>

#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"
#include "wire/otlp/scan_traces.h"
#include "wire/otlp/signal_counts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sightline::wire::otlp;
  const auto bytes = std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  (void)count_data_points(*bytes, Encoding::kProtobuf);
  (void)count_log_records(*bytes, Encoding::kProtobuf);
  const DecodeLimits limits{.spans_per_request_max = 100,
                            .attributes_max = 8,
                            .events_per_span_max = 4,
                            .links_per_span_max = 4,
                            .value_depth_max = 4};
  const auto decoded = decode_traces(bytes, limits);
  const auto scanned = scan_traces(*bytes, limits);
  if (!decoded) return 0;
  // What decodes without loss may go on unread, and nothing else.
  if (scanned.has_value() != (decoded->rejected_spans() == 0)) std::abort();
  if (scanned && scanned->spans != decoded->batch->spans.size()) std::abort();
  const auto again =
      decode_traces(std::make_shared<const std::string>(encode_traces(*decoded->batch)), limits);
  if (!again || again->batch->spans.size() != decoded->batch->spans.size()) std::abort();
  if (decoded->rejected_spans() == 0 &&
      again->batch->attributes.size() != decoded->batch->attributes.size())
    std::abort();
  return 0;
}
