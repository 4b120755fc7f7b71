#include "bench/request_template.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <protozero/pbf_reader.hpp>

#include "base/random.h"

namespace sightline::bench {
namespace {

using protozero::pbf_reader;

// ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans.
constexpr uint32_t kPathToSpans[] = {1, 2, 2};

std::string_view view_of(protozero::data_view data) { return {data.data(), data.size()}; }

template <typename Change>
void change_word(char* at, Change change) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  word = change(word);
  std::memcpy(at, &word, sizeof word);
}

}  // namespace

Result<RequestTemplate> RequestTemplate::create(std::string request) {
  RequestTemplate made;
  made.request_ = std::move(request);
  try {
    made.find_spans(made.request_, 0);
  } catch (const std::exception& fault) {  // protozero's
    return fail(Errc::kInvalidArgument, "trace request: ", fault.what());
  }
  if (made.trace_ids_.empty())
    return fail(Errc::kInvalidArgument, "trace request: no span with a trace id");
  return made;
}

void RequestTemplate::find_spans(std::string_view message, size_t depth) {
  if (depth == std::size(kPathToSpans)) return note_span(message);
  pbf_reader reader(message.data(), message.size());
  while (reader.next()) {
    if (reader.tag() == kPathToSpans[depth])
      find_spans(view_of(reader.get_view()), depth + 1);
    else
      reader.skip();
  }
}

// Field numbers of Span: 1 trace_id, 2 span_id, 4 parent_span_id, 7 and 8 start and end.
void RequestTemplate::note_span(std::string_view span) {
  pbf_reader reader(span.data(), span.size());
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        if (const auto id = reader.get_view(); id.size() == 16)
          trace_ids_.push_back(offset_of(id.data()));
        break;
      case 2:
      case 4:
        if (const auto id = reader.get_view(); id.size() == 8)
          span_ids_.push_back(offset_of(id.data()));
        break;
      case 7:
      case 8: {
        const bool is_end = reader.tag() == 8;
        const uint64_t time = reader.get_fixed64();
        times_.push_back(offset_of(reader.data().data()) - sizeof time);
        if (is_end) last_end_ns_ = std::max(last_end_ns_, time);
        break;
      }
      default: reader.skip();
    }
  }
}

RequestTemplate::Stamped RequestTemplate::stamp(uint64_t seed, TimestampNs now) const {
  Random random(seed);
  Stamped stamped{request_, {}};
  char* bytes = stamped.request.data();
  const uint64_t later = now.value - last_end_ns_;  // modulo 2^64, as is the sum
  // Mixed in with xor: equal ids stay equal, different ones different.
  const uint64_t mix[] = {random.next(), random.next(), random.next()};
  for (const size_t at : trace_ids_) {
    change_word(bytes + at, [&](uint64_t id) { return id ^ mix[0]; });
    change_word(bytes + at + 8, [&](uint64_t id) { return id ^ mix[1]; });
  }
  for (const size_t at : span_ids_)
    change_word(bytes + at, [&](uint64_t id) { return id ^ mix[2]; });
  for (const size_t at : times_)
    change_word(bytes + at, [&](uint64_t time) { return time + later; });
  std::memcpy(stamped.first_trace.bytes.data(), bytes + trace_ids_.front(), 16);
  return stamped;
}

}  // namespace sightline::bench
