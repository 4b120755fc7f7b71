#pragma once
// The spans of a test script's `load` block.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "model/span_batch.h"

namespace sightline::traceql {

struct ScriptLine {
  uint32_t number = 0;  // in the file, from 1
  uint32_t indent = 0;
  std::string_view text;  // without indent
};

Result<std::shared_ptr<const model::SpanBatch>> load_spans(const std::vector<ScriptLine>& lines);
// Names of up to 16 and 8 characters as ids: ASCII, zeros in front.
TraceId script_trace_id(std::string_view name);
SpanId script_span_id(std::string_view name);
std::string script_name(std::string_view id_bytes);
// One of ArrayValue.values, an AnyValue of a scalar.
void append_array_element(std::string& out, const model::ValueView& value);

}  // namespace sightline::traceql
