// Any bytes as a query: an error or a tree, never a crash.
#include "promql/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)sightline::promql::parse(text);
  (void)sightline::promql::parse_selector(text);
  (void)sightline::promql::parse_series_labels(text);
  return 0;
}
