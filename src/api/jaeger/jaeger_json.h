#pragma once
// Traces in the JSON of Jaeger's UI: spans with tags, logs and references, processes beside them.
//   Times   microseconds, rounded down.
//   OTLP's kind, status and scope become the tags that Jaeger makes of them.
//   Threads pure functions.
#include <string>
#include <vector>

#include "api/jaeger/jaeger_queries.h"

namespace sightline::api::jaeger {

void append_trace_json(std::string& out, const model::SpanBatch& trace);
// {"data":<data>,"total":n,"limit":0,"offset":0,"errors":null}
std::string envelope(std::string_view data, size_t total);
// {"data":null,...,"errors":[{"code":404,"msg":"trace not found"}]}
std::string error_envelope(int code, std::string_view message);
void append_text(std::string& out, std::string_view text);  // quoted

}  // namespace sightline::api::jaeger
