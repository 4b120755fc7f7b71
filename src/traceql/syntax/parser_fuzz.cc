// Any text either parses or fails with a message; what parses can be printed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "traceql/syntax/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = sightline::traceql::parse(text);
  if (!query && query.error().message.empty()) std::abort();
  if (query && !query->metrics && query->pipeline.stages.empty()) std::abort();
  const auto attribute = sightline::traceql::parse_attribute(text);
  if (attribute && sightline::traceql::to_string(*attribute).empty()) std::abort();
  return 0;
}
