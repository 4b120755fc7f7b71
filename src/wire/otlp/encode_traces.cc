#include "wire/otlp/encode_traces.h"

#include <numeric>

#include "wire/otlp/message_parts.h"

namespace sightline::wire::otlp {
namespace {

using model::SpanBatch;
using protozero::pbf_writer;

void write_events(pbf_writer& out, const SpanBatch& batch, const model::SpanView& span) {
  for (const model::EventView& event : batch.events_of(span)) {
    if (event.time.value == 0 && event.name.empty() && event.attributes.count == 0 &&
        event.dropped_attributes == 0) {
      put_empty(out, 11);
      continue;
    }
    pbf_writer message(out, 11);
    if (event.time.value != 0) message.add_fixed64(1, event.time.value);
    put(message, 2, event.name);
    write_attributes(message, 3, batch.of(event.attributes));
    put_number(message, 4, event.dropped_attributes);
  }
}

void write_links(pbf_writer& out, const SpanBatch& batch, const model::SpanView& span) {
  for (const model::LinkView& link : batch.links_of(span)) {
    if (!link.trace_id.is_valid() && !link.span_id.is_valid() && link.trace_state.empty() &&
        link.attributes.count == 0 && link.dropped_attributes == 0 && link.flags == 0) {
      put_empty(out, 13);
      continue;
    }
    pbf_writer message(out, 13);
    put_id(message, 1, link.trace_id);
    put_id(message, 2, link.span_id);
    put(message, 3, link.trace_state);
    write_attributes(message, 4, batch.of(link.attributes));
    put_number(message, 5, link.dropped_attributes);
    if (link.flags != 0) message.add_fixed32(6, link.flags);
  }
}

void write_span(pbf_writer& out, const SpanBatch& batch, const model::SpanView& span) {
  put_id(out, 1, span.trace_id);
  put_id(out, 2, span.span_id);
  put(out, 3, span.trace_state);
  put_id(out, 4, span.parent_span_id);
  put(out, 5, span.name);
  put_number(out, 6, static_cast<uint32_t>(span.kind));
  if (span.start.value != 0) out.add_fixed64(7, span.start.value);
  if (span.end.value != 0) out.add_fixed64(8, span.end.value);
  write_attributes(out, 9, batch.of(span.attributes));
  put_number(out, 10, span.dropped_attributes);
  write_events(out, batch, span);
  put_number(out, 12, span.dropped_events);
  write_links(out, batch, span);
  put_number(out, 14, span.dropped_links);
  if (span.status != model::StatusCode::kUnset || !span.status_message.empty()) {
    pbf_writer status(out, 15);
    put(status, 2, span.status_message);
    put_number(status, 3, static_cast<uint32_t>(span.status));
  }
  if (span.flags != 0) out.add_fixed32(16, span.flags);
}

// From the views, not from `encoded`, which may hold attributes that decoding dropped.
void write_resource(pbf_writer& out, const SpanBatch& batch, const model::ResourceView& resource) {
  if (resource.attributes.count == 0 && resource.dropped_attributes == 0) return;
  pbf_writer message(out, 1);
  write_attributes(message, 1, batch.of(resource.attributes));
  put_number(message, 2, resource.dropped_attributes);
}

void write_scope(pbf_writer& out, const SpanBatch& batch, const model::ScopeView& scope) {
  if (scope.name.empty() && scope.version.empty() && scope.attributes.count == 0 &&
      scope.dropped_attributes == 0)
    return;
  pbf_writer message(out, 1);
  put(message, 1, scope.name);
  put(message, 2, scope.version);
  write_attributes(message, 3, batch.of(scope.attributes));
  put_number(message, 4, scope.dropped_attributes);
}

void write_scope_spans(pbf_writer& out, const SpanBatch& batch, std::span<const uint32_t> spans) {
  const model::ScopeView& scope = batch.scopes[batch.spans[spans.front()].scope];
  pbf_writer message(out, 2);
  write_scope(message, batch, scope);
  for (const uint32_t index : spans) {
    const model::SpanView& span = batch.spans[index];
    if (!span.encoded.empty()) {
      put(message, 2, span.encoded);
      continue;
    }
    pbf_writer body(message, 2);
    write_span(body, batch, span);
  }
  put(message, 3, scope.schema_url);
}

}  // namespace

std::string encode_traces(const SpanBatch& batch, std::span<const uint32_t> spans) {
  const auto scope_of = [&](uint32_t i) { return batch.spans[i].scope; };
  const auto resource_of = [&](uint32_t i) { return batch.scopes[scope_of(i)].resource; };
  std::vector<uint32_t> order(spans.begin(), spans.end());
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(resource_of(a), scope_of(a)) < std::pair(resource_of(b), scope_of(b));
  });
  std::string out;
  pbf_writer request(out);
  const std::span<const uint32_t> all(order);
  for (size_t i = 0; i < all.size();) {
    const uint32_t resource = resource_of(all[i]);
    pbf_writer message(request, 1);
    write_resource(message, batch, batch.resources[resource]);
    while (i < all.size() && resource_of(all[i]) == resource) {
      size_t end = i;
      while (end < all.size() && scope_of(all[end]) == scope_of(all[i])) ++end;
      write_scope_spans(message, batch, all.subspan(i, end - i));
      i = end;
    }
    put(message, 3, batch.resources[resource].schema_url);
  }
  return out;
}

std::string encode_traces(const SpanBatch& batch) {
  if (!batch.encoded.empty()) return std::string(batch.encoded);
  std::vector<uint32_t> all(batch.spans.size());
  std::iota(all.begin(), all.end(), 0u);
  return encode_traces(batch, all);
}

std::string encode_attribute(const model::AttributeView& attribute) {
  std::string out;
  pbf_writer writer(out);
  write_attribute(writer, attribute);
  return out;
}

}  // namespace sightline::wire::otlp
