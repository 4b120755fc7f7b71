#include "wire/otlp/scan_traces.h"

#include <algorithm>

#include "base/protobuf_reader.h"

namespace sightline::wire::otlp {
namespace {

bool is_id(std::string_view id, size_t bytes) {
  return id.size() == bytes && std::ranges::any_of(id, [](char c) { return c != 0; });
}

bool is_good_span(std::string_view message) {
  std::string_view trace, span, parent;
  ProtobufReader r(message);
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): trace = r.bytes(); break;
      case protobuf_bytes(2): span = r.bytes(); break;
      case protobuf_bytes(4): parent = r.bytes(); break;
      default: r.skip();
    }
  }
  return r.ok() && is_id(trace, 16) && is_id(span, 8) && (parent.empty() || parent.size() == 8);
}

// Nothing: a span is not good, or the message is malformed.
std::optional<uint64_t> count_spans(std::string_view scope_spans) {
  uint64_t spans = 0;
  ProtobufReader r(scope_spans);
  while (r.next()) {
    if (r.tag() != protobuf_bytes(2)) {
      r.skip();
      continue;
    }
    if (!is_good_span(r.bytes())) return std::nullopt;
    ++spans;
  }
  return r.ok() ? std::optional(spans) : std::nullopt;
}

// The text of a KeyValue message of that key.
std::optional<std::string_view> text_of(std::string_view pair, std::string_view wanted) {
  std::string_view key, text;
  for (ProtobufReader r(pair); r.next();) {
    if (r.tag() == protobuf_bytes(1)) {
      key = r.bytes();
    } else if (r.tag() == protobuf_bytes(2)) {
      for (ProtobufReader value(r.bytes()); value.next();) {
        if (value.tag() == protobuf_bytes(1))
          text = value.bytes();
        else
          value.skip();
      }
    } else {
      r.skip();
    }
  }
  return key == wanted ? std::optional(text) : std::nullopt;
}

// False when it is malformed.
bool read_service(std::string_view resource, std::string_view& service) {
  bool found = false;
  ProtobufReader r(resource);
  while (r.next()) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    const std::string_view pair = r.bytes();
    if (found) continue;
    if (const auto text = text_of(pair, "service.name")) {
      service = *text;
      found = true;
    }
  }
  return r.ok();
}

}  // namespace

std::optional<ScannedTraces> scan_traces(std::string_view request, const DecodeLimits& limits) {
  if (request.size() > limits.request_bytes_max) return std::nullopt;
  ScannedTraces scanned;
  ProtobufReader r(request);
  while (r.next()) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    uint64_t spans = 0;
    std::string_view service;
    ProtobufReader resource_spans(r.bytes());
    while (resource_spans.next()) {
      if (resource_spans.tag() == protobuf_bytes(1)) {
        if (!read_service(resource_spans.bytes(), service)) return std::nullopt;
      } else if (resource_spans.tag() == protobuf_bytes(2)) {
        const auto counted = count_spans(resource_spans.bytes());
        if (!counted) return std::nullopt;
        spans += *counted;
      } else {
        resource_spans.skip();
      }
    }
    if (!resource_spans.ok()) return std::nullopt;
    if (spans > 0) scanned.services.emplace_back(service, spans);
    scanned.spans += spans;
  }
  if (!r.ok() || scanned.spans > limits.spans_per_request_max) return std::nullopt;
  return scanned;
}

}  // namespace sightline::wire::otlp
