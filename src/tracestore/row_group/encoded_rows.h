#pragma once
// What a row group's encoder holds of spans until their columns are written: rows, and lists of numbers.
//   Threads  of one encoder.
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace sightline::tracestore {

template <typename Id>
void append_id(std::string& out, const Id& id) {
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

// What is needed of a span in the order of rows, side by side: spans lie scattered over many batches.
struct EncodedRow {
  uint32_t trace = 0;
  uint32_t message = 0;  // number of its text; 0: none
  uint32_t trace_state = 0;
  uint32_t first_event = 0;
  uint32_t first_link = 0;
  uint64_t arrival = 0;
  SpanId span_id;
  SpanId parent_id;
  uint64_t start = 0;
  uint64_t end = 0;
  uint32_t number = 0;  // of its class
  uint32_t resource = 0;
  uint32_t first_code = 0;  // of its attributes' values
  uint32_t dropped_attributes = 0;
  uint32_t dropped_events = 0;
  uint32_t dropped_links = 0;
  uint32_t events = 0;
  uint32_t links = 0;
  uint8_t kind = 0;
  uint8_t status = 0;
};

// One list of numbers that all pages of a column add to.
struct NumberColumn {
  std::vector<uint64_t> values;
  std::vector<uint32_t> contexts;
  std::vector<uint32_t> page_ends;
  void reserve(size_t count) {
    values.reserve(count);
    contexts.reserve(count);
  }
  void add(uint64_t value, uint32_t context) {
    values.push_back(value);
    contexts.push_back(context);
  }
  void end_page() { page_ends.push_back(static_cast<uint32_t>(values.size())); }
};

}  // namespace sightline::tracestore
