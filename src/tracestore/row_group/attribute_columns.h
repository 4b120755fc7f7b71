#pragma once
// The attributes of a row group's spans, events or links while it is encoded: a column of values for each key, and one
// that the keys which are rare share.
//   Format   docs/formats/trace_block.md, "Attributes".
//   Threads  of one encoder.
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tracestore/block/block_format.h"
#include "tracestore/codec/chunk_writer.h"
#include "tracestore/codec/value_column.h"
#include "tracestore/row_group/shape_table.h"
#include "tracestore/row_group/value_index.h"

namespace sightline::tracestore {

// Values of one owner (spans, events or links) by key, each in the context of the entity it belongs to.
class AttributeColumns {
 public:
  AttributeColumns(AttributeOwner of, KeyNumbers& keys) : owner_(of), keys_(keys), shapes_(keys) {}

  // The number of the list of their keys.
  uint32_t shape_of(std::span<const model::AttributeView> attributes) {
    return shapes_.of(attributes);
  }
  const std::deque<std::vector<uint32_t>>& shapes() const { return shapes_.shapes(); }

  // Codes of the values, appended; any order of entities.
  void intern(std::span<const model::AttributeView> attributes, uint32_t shape, uint32_t context,
              std::vector<uint32_t>& codes) {
    const std::vector<uint32_t>& keys = shapes()[shape];
    for (size_t i = 0; i < keys.size(); ++i)
      codes.push_back(column(keys[i]).builder.code_of(attributes[i].value, context));
  }
  // All are interned: there is room for as many codes.
  void reserve();
  // The same entity's codes in the order of rows.
  void add(std::span<const uint32_t> codes, uint32_t shape, uint32_t context) {
    const std::vector<uint32_t>& keys = shapes()[shape];
    for (size_t i = 0; i < keys.size(); ++i) columns_[keys[i]]->builder.add_code(codes[i], context);
  }
  void end_page() {
    ++pages_;
    for (auto& column : columns_)
      if (column) column->catch_up(pages_);
  }

  // Writes the columns of frequent keys; true when there are others, which RareValues writes. `context_shapes`: the
  // shape of each context.
  bool put_frequent(ChunkWriter& chunks, const std::vector<uint32_t>& context_shapes);
  // What every key has for values.
  void list_values(RowGroupValueList& list) const;

 private:
  friend class RareValues;
  struct Column {
    ValueColumnBuilder builder;
    uint32_t pages = 0;
    void catch_up(uint32_t to) {
      for (; pages < to; ++pages) builder.end_page();
    }
  };
  Column& column(uint32_t key) {
    if (key >= columns_.size()) columns_.resize(key + 1);
    auto& made = columns_[key];
    if (!made) {
      made = std::make_unique<Column>();
      made->catch_up(pages_);  // pages that ended before the key first came are empty
    }
    return *made;
  }

  const AttributeOwner owner_;
  const KeyNumbers& keys_;
  ShapeNumbers shapes_;
  std::vector<std::unique_ptr<Column>> columns_;  // by key number
  std::vector<bool> is_rare_;                     // likewise, once put_frequent() was called
  uint32_t pages_ = 0;
};

// The values of rare keys, in the order of rows.
class RareValues {
 public:
  // `of` has put its frequent ones; `codes` are those that its intern() gave.
  RareValues(const AttributeColumns& of, std::span<const uint32_t> codes);
  void add(uint32_t first_code, uint32_t shape);
  void end_page() { values_.end_page(); }
  void put(ChunkWriter& chunks) const;

 private:
  const AttributeColumns& of_;
  const std::span<const uint32_t> codes_;
  std::vector<bool> has_rare_;  // by shape
  ValueColumnBuilder values_;
};

}  // namespace sightline::tracestore
