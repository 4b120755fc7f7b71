// OTLP/JSON to protobuf. proto3's JSON mapping with OTLP's exception: ids are hex.
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/json_transcoder.h"

namespace sightline::wire::otlp {
namespace {

using protozero::pbf_writer;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr EnumName kSpanKinds[] = {{"SPAN_KIND_UNSPECIFIED", 0}, {"SPAN_KIND_INTERNAL", 1},
                                   {"SPAN_KIND_SERVER", 2},      {"SPAN_KIND_CLIENT", 3},
                                   {"SPAN_KIND_PRODUCER", 4},    {"SPAN_KIND_CONSUMER", 5}};
constexpr EnumName kStatusCodes[] = {
    {"STATUS_CODE_UNSET", 0}, {"STATUS_CODE_OK", 1}, {"STATUS_CODE_ERROR", 2}};

class TracesTranscoder final : public JsonTranscoder<TracesTranscoder> {
 public:
  TracesTranscoder(const std::string& out, Error& error) : JsonTranscoder(out, error) {}

  bool write_request(element root, pbf_writer& out) {
    return fields(root, Place{}, [&](std::string_view key, element value, const Place& at) {
      if (key == "resourceSpans" || key == "resource_spans")
        return each(value, at, [&](element e, const Place& p) {
          return nested(out, 1, e, p, &TracesTranscoder::write_resource_spans);
        });
      return true;
    });
  }

 private:
  bool write_resource_spans(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "resource") return nested(out, 1, value, p, &TracesTranscoder::write_resource);
      if (key == "scopeSpans" || key == "scope_spans")
        return repeated(out, 2, value, p, &TracesTranscoder::write_scope_spans);
      if (key == "schemaUrl" || key == "schema_url") return text(out, 3, value, p);
      return true;
    });
  }
  bool write_scope_spans(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "scope") return nested(out, 1, value, p, &TracesTranscoder::write_scope);
      if (key == "spans") return repeated(out, 2, value, p, &TracesTranscoder::write_span);
      if (key == "schemaUrl" || key == "schema_url") return text(out, 3, value, p);
      return true;
    });
  }
  bool write_span(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "traceId" || key == "trace_id") return id(out, 1, value, p);
      if (key == "spanId" || key == "span_id") return id(out, 2, value, p);
      if (key == "traceState" || key == "trace_state") return text(out, 3, value, p);
      if (key == "parentSpanId" || key == "parent_span_id") return id(out, 4, value, p);
      if (key == "name") return text(out, 5, value, p);
      if (key == "kind") return enumeration(out, 6, value, p, kSpanKinds);
      if (key == "startTimeUnixNano" || key == "start_time_unix_nano")
        return time(out, 7, value, p);
      if (key == "endTimeUnixNano" || key == "end_time_unix_nano") return time(out, 8, value, p);
      if (key == "attributes")
        return repeated(out, 9, value, p, &TracesTranscoder::write_key_value);
      if (key == "droppedAttributesCount" || key == "dropped_attributes_count")
        return uint32(out, 10, value, p);
      if (key == "events") return repeated(out, 11, value, p, &TracesTranscoder::write_event);
      if (key == "droppedEventsCount" || key == "dropped_events_count")
        return uint32(out, 12, value, p);
      if (key == "links") return repeated(out, 13, value, p, &TracesTranscoder::write_link);
      if (key == "droppedLinksCount" || key == "dropped_links_count")
        return uint32(out, 14, value, p);
      if (key == "status") return nested(out, 15, value, p, &TracesTranscoder::write_status);
      if (key == "flags") return flags(out, 16, value, p);
      return true;
    });
  }
  bool write_event(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "timeUnixNano" || key == "time_unix_nano") return time(out, 1, value, p);
      if (key == "name") return text(out, 2, value, p);
      if (key == "attributes")
        return repeated(out, 3, value, p, &TracesTranscoder::write_key_value);
      if (key == "droppedAttributesCount" || key == "dropped_attributes_count")
        return uint32(out, 4, value, p);
      return true;
    });
  }
  bool write_link(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "traceId" || key == "trace_id") return id(out, 1, value, p);
      if (key == "spanId" || key == "span_id") return id(out, 2, value, p);
      if (key == "traceState" || key == "trace_state") return text(out, 3, value, p);
      if (key == "attributes")
        return repeated(out, 4, value, p, &TracesTranscoder::write_key_value);
      if (key == "droppedAttributesCount" || key == "dropped_attributes_count")
        return uint32(out, 5, value, p);
      if (key == "flags") return flags(out, 6, value, p);
      return true;
    });
  }
  bool write_status(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "message") return text(out, 2, value, p);
      if (key == "code") return enumeration(out, 3, value, p, kStatusCodes);
      return true;
    });
  }
};

}  // namespace

Result<std::string> transcode_traces_json(std::string_view json) {
  return TracesTranscoder::transcode(json);
}

Result<DecodedTraces> decode_traces_json(std::string_view json, const DecodeLimits& limits) {
  if (json.size() > limits.request_bytes_max)
    return fail(Errc::kInvalidArgument, "request of ", json.size(), " bytes, at most ",
                limits.request_bytes_max, " are read");
  auto protobuf = transcode_traces_json(json);
  if (!protobuf) return std::unexpected(std::move(protobuf).error());
  return decode_traces(std::make_shared<const std::string>(std::move(*protobuf)), limits);
}

}  // namespace sightline::wire::otlp
