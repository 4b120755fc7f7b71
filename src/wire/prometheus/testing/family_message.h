#pragma once
// Builds expositions in protobuf, for tests.
#include <initializer_list>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace sightline::wire::prometheus::testing {

using Writer = protozero::pbf_writer;

// A message of what `fill` writes.
template <typename Fill>
std::string message(Fill fill) {
  std::string out;
  Writer writer(out);
  fill(writer);
  return out;
}

inline std::string label(std::string_view name, std::string_view value) {
  return message([&](Writer& w) {
    w.add_string(1, name.data(), name.size());
    w.add_string(2, value.data(), value.size());
  });
}
inline std::string time(int64_t seconds, int32_t nanos) {
  return message([&](Writer& w) {
    w.add_int64(1, seconds);
    w.add_int32(2, nanos);
  });
}
// `at` in seconds; 0: none.
inline std::string exemplar(std::string_view trace_id, double value, int64_t at) {
  return message([&](Writer& w) {
    w.add_message(1, label("trace_id", trace_id));
    w.add_double(2, value);
    if (at != 0) w.add_message(3, time(at, 500'000'000));
  });
}
inline std::string span(int32_t offset, uint32_t length) {
  return message([&](Writer& w) {
    w.add_sint32(1, offset);
    w.add_uint32(2, length);
  });
}

using LabelPairs = std::initializer_list<std::pair<std::string_view, std::string_view>>;
// Field `number` of a Metric holds `value`, a Counter, Gauge, ...
inline std::string metric(LabelPairs labels, uint32_t number, const std::string& value,
                          int64_t time_ms = 0) {
  return message([&](Writer& w) {
    for (const auto& [name, text] : labels) w.add_message(1, label(name, text));
    w.add_message(number, value);
    if (time_ms != 0) w.add_int64(6, time_ms);
  });
}

enum Type { kCounter, kGauge, kSummary, kUntyped, kHistogram, kGaugeHistogram };
// With its length, as it lies in a body.
inline std::string family(std::string_view name, int type, const std::vector<std::string>& metrics,
                          std::string_view help = "", std::string_view unit = "") {
  const std::string bytes = message([&](Writer& w) {
    w.add_string(1, name.data(), name.size());
    if (!help.empty()) w.add_string(2, help.data(), help.size());
    w.add_enum(3, type);
    for (const std::string& each : metrics) w.add_message(4, each);
    if (!unit.empty()) w.add_string(5, unit.data(), unit.size());
  });
  std::string out;
  append_sized(out, bytes);
  return out;
}

// Integers: schema 0, a zero bucket of 1, buckets (0.5,1] of 2 and (2,4] of 3; sum 12.5; two exemplars.
inline std::string native_histogram() {
  return message([](Writer& w) {
    w.add_uint64(1, 6);
    w.add_double(2, 12.5);
    w.add_sint32(5, 0);
    w.add_double(6, 0.001);
    w.add_uint64(7, 1);
    w.add_message(12, span(0, 1));
    w.add_message(12, span(1, 1));
    const int64_t deltas[] = {2, 1};
    w.add_packed_sint64(13, std::begin(deltas), std::end(deltas));
    w.add_message(16, exemplar("4bf92f3577b34da6a3ce929d0e0e4736", 3.5, 1011));
    w.add_message(16, exemplar("0af7651916cd43dd8448eb211c80319c", 0.75, 1010));
    w.add_message(16, exemplar("11111111111111111111111111111111", 0.8, 0));
    w.add_message(15, time(900, 0));
  });
}

}  // namespace sightline::wire::prometheus::testing
