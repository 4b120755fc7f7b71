#pragma once
// The columns of some pages of a row group, side by side; each is decoded when first asked for. Rows, events and links
// are numbered from the first one of these pages on.
//   Errors    kCorrupt.
//   Threads   one at a time.
//   Lifetime  the decoder outlives it.
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tracestore/codec/owned_column.h"
#include "tracestore/row_group/row_group_decoder.h"

namespace sightline::tracestore {

// The events or links of some rows.
struct EntryColumns {
  std::vector<uint32_t> offsets;   // rows + 1: which entries each row owns
  std::vector<uint32_t> contexts;  // class of each event, shape of each link
  std::vector<uint32_t> in_page;   // how many each page has
};

class PageColumns {
 public:
  // `pages` ascend. The decoder's tables() were read.
  PageColumns(RowGroupDecoder& decoder, std::vector<uint32_t> pages);
  // All pages.
  explicit PageColumns(RowGroupDecoder& decoder);
  // The first `rows` of one page, whole traces. What is behind them is neither read nor checked.
  PageColumns(RowGroupDecoder& decoder, uint32_t page, uint32_t rows);

  const std::vector<uint32_t>& pages() const { return pages_; }
  uint32_t row_count() const { return row_count_; }

  Result<std::span<const uint32_t>> classes();
  Result<std::span<const uint32_t>> parent_rows();  // kNoRow for roots and orphans
  Result<std::span<const uint32_t>> resources();
  Result<std::span<const uint64_t>> starts();
  Result<std::vector<uint64_t>> durations();  // end - start modulo 2^64
  Result<std::vector<SpanId>> span_ids();
  Result<std::vector<SpanId>> parents();
  Result<std::vector<uint8_t>> kinds();
  Result<std::vector<uint8_t>> statuses();
  Result<std::vector<uint32_t>> scopes();  // index into the tables' batch
  Result<DecodedColumn> names();
  Result<DecodedColumn> texts(ChunkType type);  // kStatusMessages, kTraceStates
  // A column of numbers by class; all zeros when the row group lacks it.
  Result<std::vector<uint64_t>> numbers(ChunkType type);

  // kEvent, kLink.
  Result<const EntryColumns*> entries(AttributeOwner owner);
  Result<DecodedColumn> event_names();
  Result<std::vector<uint64_t>> event_times();  // since the start of the span, modulo 2^64
  // A column of numbers of events by class, of links by shape.
  Result<std::vector<uint64_t>> entry_numbers(ChunkType type, AttributeOwner owner);
  // kLinkTraceIds, kLinkSpanIds.
  template <typename Id>
  Result<std::vector<Id>> link_ids(ChunkType type);

  // The contexts of spans, events or links.
  Result<std::span<const uint32_t>> contexts(AttributeOwner owner);
  // The key's first value of each span, event or link. Values live as long as `storage` of the result.
  struct Attribute {
    OwnedColumn column;
    std::shared_ptr<const void> storage;
  };
  Result<Attribute> attribute(AttributeOwner owner, std::string_view key);

 private:
  template <typename Number>
  Status read_numbers(ChunkType type, uint32_t context_count, std::span<const uint32_t> counts,
                      std::span<const uint32_t> contexts, std::vector<Number>& out);
  Status read_classes();
  Status read_parents();
  Status read_resources();
  Result<DecodedColumn> read_values(const ValueColumnReader& reader,
                                    std::span<const uint32_t> counts,
                                    std::span<const uint32_t> contexts);
  const RowPage& page(size_t i) const { return tables_.pages[pages_[i]]; }
  // The end of its traces, within the row group.
  uint32_t end_of_traces(size_t i) const {
    return page(i).first_trace + (whole_ ? page(i).traces : traces_of_begin_);
  }
  std::span<const uint32_t> counts_of(AttributeOwner owner) const;

  RowGroupDecoder& decoder_;
  const RowGroupTables& tables_;
  std::vector<uint32_t> pages_;
  std::vector<uint32_t> rows_in_page_;
  uint32_t row_count_ = 0;
  bool whole_ = true;  // else one page, of which these are the first rows
  uint32_t traces_of_begin_ = 0;
  // Empty until read.
  std::vector<uint32_t> classes_;
  std::vector<uint32_t> parent_rows_;
  std::vector<uint32_t> parent_symbols_;
  std::vector<uint32_t> resources_;
  std::vector<uint64_t> starts_;
  std::optional<EntryColumns> events_;
  std::optional<EntryColumns> links_;
};

}  // namespace sightline::tracestore
