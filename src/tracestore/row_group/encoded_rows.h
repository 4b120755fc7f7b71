#pragma once
// What a row group's encoder holds of spans, events and links until their columns are written: rows in the order in which
// they came, and the values of attributes by key.
//   Threads  of one encoder.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tracestore/block/block_format.h"
#include "tracestore/codec/value_column.h"
#include "tracestore/row_group/shape_table.h"

namespace sightline::tracestore {

template <typename Id>
void append_id(std::string& out, const Id& id) {
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

// Values of one owner (spans, events or links) by key, each in the context of the entity it belongs to.
class AttributeColumns {
 public:
  AttributeColumns(AttributeOwner of, KeyNumbers& keys) : owner(of), shapes(keys) {}

  // Codes of the values, appended; any order of entities.
  void intern(std::span<const model::AttributeView> attributes, uint32_t shape, uint32_t context,
              std::vector<uint32_t>& codes) {
    const std::vector<uint32_t>& keys = shapes.shapes()[shape];
    for (size_t i = 0; i < keys.size(); ++i)
      codes.push_back(column(keys[i]).builder.code_of(attributes[i].value, context));
  }
  // The same entity's codes in the order of rows.
  void add(std::span<const uint32_t> codes, uint32_t shape, uint32_t context) {
    const std::vector<uint32_t>& keys = shapes.shapes()[shape];
    for (size_t i = 0; i < keys.size(); ++i) columns[keys[i]]->builder.add_code(codes[i], context);
  }
  void end_page() {
    ++pages;
    for (auto& column : columns)
      if (column) column->catch_up(pages);
  }

  struct Column {
    ValueColumnBuilder builder;
    uint32_t pages = 0;
    void catch_up(uint32_t to) {
      for (; pages < to; ++pages) builder.end_page();
    }
  };
  Column& column(uint32_t key) {
    if (key >= columns.size()) columns.resize(key + 1);
    auto& made = columns[key];
    if (!made) {
      made = std::make_unique<Column>();
      made->catch_up(pages);  // pages that ended before the key first came are empty
    }
    return *made;
  }
  const AttributeOwner owner;
  ShapeNumbers shapes;
  std::vector<std::unique_ptr<Column>> columns;  // by key number
  uint32_t pages = 0;
};

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
struct EncodedEvent {
  uint64_t time = 0;    // since the start of the span
  uint32_t number = 0;  // of its class
  uint32_t dropped_attributes = 0;
  uint32_t first_code = 0;
};
struct EncodedLink {
  TraceId trace_id;
  SpanId span_id;
  uint32_t shape = 0;
  uint32_t trace_state = 0;
  uint32_t flags = 0;
  uint32_t dropped_attributes = 0;
  uint32_t first_code = 0;
};

// One list of numbers that all pages of a column add to.
struct NumberColumn {
  std::vector<uint64_t> values;
  std::vector<uint32_t> contexts;
  std::vector<uint32_t> page_ends;
  void add(uint64_t value, uint32_t context) {
    values.push_back(value);
    contexts.push_back(context);
  }
  void end_page() { page_ends.push_back(static_cast<uint32_t>(values.size())); }
};

}  // namespace sightline::tracestore
