#pragma once
// Realistic OTLP trace requests for tests and benchmarks of any folder: server spans with the
// attributes of a web framework's instrumentation and their internal children. Deterministic.
#include <protozero/pbf_writer.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace sightline::wire::otlp::testing {

struct SampleRequest {
  uint32_t spans = 395;  // with the defaults 459 bytes a span
  uint64_t seed = 1;     // of ids and durations
  uint64_t start_unix_ns = 1'795'485'322'988'000'000;
  uint32_t routes = 20;  // distinct span names
  uint32_t methods = 4;  // of GET, POST, PUT, DELETE
  std::string_view service = "demo-service";
  std::string_view instance = "e61221fb-c1da-412d-9fd5-8ff9c6fd1410";
};

namespace detail {

inline uint64_t next_random(uint64_t& state) {  // splitmix64
  uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

inline void put_string(protozero::pbf_writer& out, uint32_t field, std::string_view text) {
  out.add_bytes(field, text.data(), text.size());
}

inline void put_attribute(protozero::pbf_writer& out, uint32_t field, std::string_view key,
                          std::string_view value) {
  protozero::pbf_writer pair(out, field);
  put_string(pair, 1, key);
  protozero::pbf_writer any(pair, 2);
  put_string(any, 1, value);
}
inline void put_attribute(protozero::pbf_writer& out, uint32_t field, std::string_view key,
                          int64_t value) {
  protozero::pbf_writer pair(out, field);
  put_string(pair, 1, key);
  protozero::pbf_writer any(pair, 2);
  any.add_int64(3, value);
}

inline void put_id(protozero::pbf_writer& out, uint32_t field, uint64_t hi, uint64_t lo,
                   size_t size) {
  char raw[16];
  for (size_t i = 0; i < 8; ++i) {
    raw[i] = static_cast<char>(hi >> (8 * i));
    raw[i + 8] = static_cast<char>(lo >> (8 * i));
  }
  out.add_bytes(field, raw, size);
}

inline void put_span(protozero::pbf_writer& out, const SampleRequest& sample, uint32_t index,
                     uint64_t& state) {
  static constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "DELETE"};
  const bool server = index % 2 == 0;
  const uint32_t trace = index / 2;
  uint64_t trace_state = sample.seed * 0x9e3779b97f4a7c15ULL + trace;
  const uint64_t hi = next_random(trace_state) | 1;
  const uint64_t lo = next_random(trace_state) | 1;
  const uint64_t random = next_random(state);
  const std::string route = "/api/v1/items/category-" + std::to_string(random % sample.routes);
  const std::string_view method = kMethods[(random >> 8) % sample.methods];
  const uint64_t start = sample.start_unix_ns + index * 1'000'000ULL;
  const uint64_t duration = 10'000 + (random >> 16) % (1ull << (14 + (random >> 60)));
  put_id(out, 1, hi, lo, 16);
  put_id(out, 2, next_random(state) | 1, 0, 8);
  if (!server) put_id(out, 4, next_random(state) | 1, 0, 8);
  put_string(out, 5, server ? std::string(method) + " " + route : "render-" + route);
  out.add_uint32(6, server ? 2 : 1);
  out.add_fixed64(7, start);
  out.add_fixed64(8, start + duration);
  put_attribute(out, 9, "http.method", method);
  put_attribute(out, 9, "http.server_name", "0.0.0.0");
  put_attribute(out, 9, "http.scheme", "http");
  put_attribute(out, 9, "net.host.name", "localhost:5000");
  put_attribute(out, 9, "http.host", "localhost:5000");
  put_attribute(out, 9, "net.host.port", int64_t{5000});
  put_attribute(out, 9, "http.target", route);
  put_attribute(out, 9, "net.peer.ip", "127.0.0.1");
  put_attribute(out, 9, "net.peer.port", static_cast<int64_t>(30000 + random % 30000));
  put_attribute(out, 9, "http.user_agent", "curl/7.88.1 (x86_64-pc-linux-gnu)");
  put_attribute(out, 9, "http.flavor", "1.1");
  put_attribute(out, 9, "http.route", route);
  put_attribute(out, 9, "http.status_code", random % 50 == 0 ? int64_t{500} : int64_t{200});
  {
    protozero::pbf_writer status(out, 15);
    if (random % 50 == 0) status.add_uint32(3, 2);
  }
  out.add_fixed32(16, 0x100);
}

}  // namespace detail

// An ExportTraceServiceRequest in protobuf.
inline std::string make_sample_request(const SampleRequest& sample = {}) {
  std::string out;
  protozero::pbf_writer request(out);
  protozero::pbf_writer resource_spans(request, 1);
  {
    protozero::pbf_writer resource(resource_spans, 1);
    detail::put_attribute(resource, 1, "telemetry.sdk.language", "python");
    detail::put_attribute(resource, 1, "telemetry.sdk.name", "opentelemetry");
    detail::put_attribute(resource, 1, "telemetry.sdk.version", "1.45.1");
    detail::put_attribute(resource, 1, "service.instance.id", sample.instance);
    detail::put_attribute(resource, 1, "service.name", sample.service);
  }
  {
    protozero::pbf_writer scope_spans(resource_spans, 2);
    {
      protozero::pbf_writer scope(scope_spans, 1);
      detail::put_string(scope, 1, "opentelemetry.instrumentation.flask");
      detail::put_string(scope, 2, "0.66b1");
    }
    uint64_t state = sample.seed;
    for (uint32_t i = 0; i < sample.spans; ++i) {
      protozero::pbf_writer span(scope_spans, 2);
      detail::put_span(span, sample, i, state);
    }
  }
  resource_spans.commit();
  return out;
}

}  // namespace sightline::wire::otlp::testing
