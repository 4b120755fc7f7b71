// Whatever comes as a list of Zipkin spans is decoded or refused, within its limits.
#include "wire/zipkin/decode_spans.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  for (const bool parse_tags : {false, true})
    static_cast<void>(sightline::wire::zipkin::decode_zipkin_spans(
        json, parse_tags, {.spans_max = 10, .tags_max = 5, .annotations_max = 5}));
  return 0;
}
