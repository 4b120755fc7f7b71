// Any bytes as a query: an error or a tree that can be printed, never a crash.
#include "promql/syntax/parser.h"
#include "promql/syntax/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sightline::promql;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto expr = parse(text)) {
    (void)format_expression(**expr);
    (void)to_json(**expr);
    (void)parse(to_text(**expr));
  }
  (void)parse_selector(text);
  (void)parse_series_labels(text);
  return 0;
}
