#pragma once
// The events and links of a row group while it is encoded: taken as they come, numbered, and put into columns in the order
// of the rows that own them.
//   Format   docs/formats/trace_block.md, "Events and links".
//   Threads  of one encoder.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/span_batch.h"
#include "tracestore/codec/chunk_writer.h"
#include "tracestore/row_group/attribute_columns.h"
#include "tracestore/row_group/encoded_rows.h"
#include "tracestore/row_group/span_classes.h"

namespace sightline::tracestore {

class EventColumns {
 public:
  explicit EventColumns(KeyNumbers& keys) : attributes_(AttributeOwner::kEvent, keys) {}

  // As they come, numbered from 0 on. Codes of the attributes' values are appended.
  void intern(const model::SpanBatch& batch, const model::SpanView& span,
              std::vector<uint32_t>& codes);
  uint32_t interned() const { return static_cast<uint32_t>(events_.size()); }
  // All are.
  void reserve();
  // The events of one row, of the class.
  void add(uint32_t first, uint32_t count, uint32_t of_class, std::span<const uint32_t> codes);
  void end_page();

  uint32_t count() const { return static_cast<uint32_t>(in_order_.size()); }
  const AttributeColumns& attributes() const { return attributes_; }
  std::string write_shapes() const { return write_lists(attributes_.shapes()); }
  const std::vector<std::string_view>& names() const { return names_.texts(); }
  const std::vector<std::array<uint32_t, 2>>& classes() const { return classes_.tuples(); }
  // By number: the names that some row's event has.
  std::vector<uint8_t> used_names() const;
  void put(ChunkWriter& chunks, uint32_t span_class_count, std::span<const uint32_t> codes);

 private:
  struct Event {
    uint64_t time = 0;    // since the start of the span
    uint32_t number = 0;  // of its class
    uint32_t dropped_attributes = 0;
    uint32_t first_code = 0;
  };
  uint32_t shape_of(const Event& event) const { return classes_.tuples()[event.number][1]; }

  AttributeColumns attributes_;
  TextNumbers names_;
  TupleNumbers<2> classes_;
  std::vector<Event> events_;       // as they came
  std::vector<uint32_t> in_order_;  // their numbers in the order of rows
  NumberColumn class_numbers_, times_, dropped_;
};

class LinkColumns {
 public:
  // `texts` outlives it; number 0 is the empty one.
  LinkColumns(KeyNumbers& keys, TextNumbers& texts)
      : attributes_(AttributeOwner::kLink, keys), texts_(texts) {}

  void intern(const model::SpanBatch& batch, const model::SpanView& span,
              std::vector<uint32_t>& codes);
  uint32_t interned() const { return static_cast<uint32_t>(links_.size()); }
  void reserve();
  void add(uint32_t first, uint32_t count, uint32_t of_class, std::span<const uint32_t> codes);
  void end_page();

  uint32_t count() const { return static_cast<uint32_t>(in_order_.size()); }
  const AttributeColumns& attributes() const { return attributes_; }
  std::string write_shapes() const { return write_lists(attributes_.shapes()); }
  void put(ChunkWriter& chunks, uint32_t span_class_count, std::span<const uint32_t> codes);

 private:
  struct Link {
    TraceId trace_id;
    SpanId span_id;
    uint32_t shape = 0;
    uint32_t trace_state = 0;
    uint32_t flags = 0;
    uint32_t dropped_attributes = 0;
    uint32_t first_code = 0;
  };

  AttributeColumns attributes_;
  TextNumbers& texts_;
  std::vector<Link> links_;         // as they came
  std::vector<uint32_t> in_order_;  // their numbers in the order of rows
  NumberColumn shapes_, flags_, dropped_;
  ValueColumnBuilder states_;
  bool any_state_ = false;
  std::string trace_ids_, span_ids_;
};

}  // namespace sightline::tracestore
