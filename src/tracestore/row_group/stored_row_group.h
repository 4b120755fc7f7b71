#pragma once
// A row group of a block, or some pages of it, for scans. Columns are decoded when first asked for, of the pages that hold traces
// shown; traces that are shown elsewhere or lie outside the time range are left out.
//   Errors   open() checks the tables. Should a later column not decode, it reads as
//            absent and decoded() says why.
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tracestore/block/block.h"
#include "tracestore/codec/owned_column.h"
#include "tracestore/querier.h"
#include "tracestore/row_group/page_columns.h"
#include "tracestore/trace_tree.h"

namespace sightline::tracestore {

class StoredRowGroup final : public RowGroup {
 public:
  // Of the pages [begin, end); the decoder is for one at a time.
  static Result<std::unique_ptr<StoredRowGroup>> open(const Block& block, uint32_t number,
                                                      std::shared_ptr<RowGroupDecoder> decoder,
                                                      uint32_t begin = 0,
                                                      uint32_t end = UINT32_MAX);

  // Leaves out the traces for which `keep`, asked in order, is false. Before any column is read.
  template <typename Keep>
  void keep_traces(Keep keep) {
    size_t kept = 0;
    for (size_t i = 0; i < traces_.size(); ++i) {
      if (!keep(traces_[i])) continue;
      traces_[kept] = traces_[i];
      numbers_[kept++] = numbers_[i];
    }
    if (kept == traces_.size()) return;
    traces_.resize(kept);
    numbers_.resize(kept);
    arrange();
  }
  Status decoded() const { return status_; }

  uint32_t row_count() const override { return row_count_; }
  std::span<const TraceRows> traces() const override { return traces_; }
  std::span<const SpanId> span_id() override {
    return plain(span_ids_, [&] { return columns_->span_ids(); });
  }
  std::span<const SpanId> parent_span_id() override {
    return plain(parents_, [&] { return columns_->parents(); });
  }
  std::span<const uint64_t> start_ns() override;
  std::span<const uint64_t> duration_ns() override;
  std::span<const uint8_t> kind() override {
    return plain(kinds_, [&] { return columns_->kinds(); });
  }
  std::span<const uint8_t> status() override {
    return plain(statuses_, [&] { return columns_->statuses(); });
  }
  std::span<const uint32_t> parent_row() override;
  std::span<const uint32_t> nested_left() override { return sets().left; }
  std::span<const uint32_t> nested_right() override { return sets().right; }
  DictionaryColumn name() override {
    return text_column(Made::kName, [&] { return columns_->names(); });
  }
  DictionaryColumn status_message() override {
    return text_column(Made::kStatusMessage,
                       [&] { return columns_->texts(ChunkType::kStatusMessages); });
  }
  DictionaryColumn scope_name() override;
  DictionaryColumn scope_version() override;
  DictionaryColumn service_name() override {
    return attribute(AttributeScope::kResource, "service.name");
  }
  DictionaryColumn attribute(AttributeScope scope, std::string_view key) override;
  NestedColumn event_name() override;
  NestedColumn event_time_since_start() override;
  NestedColumn link_trace_id() override;
  NestedColumn link_span_id() override;
  NestedColumn nested_attribute(AttributeScope scope, std::string_view key) override;

 private:
  enum class Made : uint8_t {
    kName,
    kStatusMessage,
    kScopeName,
    kScopeVersion,
    kAttribute,
    kEventName,
    kEventTime,
    kLinkTraceId,
    kLinkSpanId
  };
  // Offsets of all entries as stored, and of those of the rows shown.
  struct Nesting {
    std::vector<uint32_t> stored;
    std::vector<uint32_t> shown;
  };
  using Key = std::tuple<Made, AttributeScope, std::string>;

  explicit StoredRowGroup(std::shared_ptr<RowGroupDecoder> decoder)
      : shared_decoder_(std::move(decoder)), decoder_(*shared_decoder_) {}
  void arrange();
  std::span<const uint32_t> stored_parents();
  const NestedSets& sets();
  // `decode()` yields the column of all rows of the pages.
  template <typename T, typename Decode>
  std::span<const T> plain(std::vector<T>& column, Decode decode) {
    if (!column.empty() || row_count_ == 0) return column;
    auto values = decode();
    if (!values) note(values.error());
    return column = shown(values ? std::move(*values) : std::vector<T>(columns_->row_count(), T{}));
  }
  template <typename Decode>
  DictionaryColumn text_column(Made which, Decode decode) {
    const auto [column, is_new] = columns_made_.try_emplace(Key{which, {}, {}});
    if (is_new) set_column(column->second, decode());
    return column->second.view();
  }
  void set_column(OwnedColumn& column, Result<DecodedColumn> decoded);
  template <typename ValueOfScope>
  DictionaryColumn scope_column(Key key, ValueOfScope value_of_scope);
  std::optional<std::vector<uint32_t>> codes_by_class(std::span<const uint32_t> code_of_scope);
  const Nesting& nesting(AttributeOwner entries);
  // Stores a nested column given a code for each stored entry.
  NestedColumn keep_nested(Key key, const Nesting& nesting, OwnedColumn values);
  NestedColumn hex_ids(Made which, ChunkType type);
  // Of the rows as stored those shown.
  template <typename T>
  std::vector<T> shown(std::vector<T> stored) const {
    if (!selected_) return stored;
    for (size_t i = 0; i < rows_.size(); ++i)
      stored[i] = stored[rows_[i]];  // rows_ ascend: never overwrites ahead
    stored.resize(rows_.size());
    return stored;
  }
  void note(const Error& error) {
    if (status_) status_ = std::unexpected(error);
  }

  const std::shared_ptr<RowGroupDecoder> shared_decoder_;
  RowGroupDecoder& decoder_;
  std::optional<PageColumns> columns_;
  Status status_;
  std::span<const uint32_t> roots_;  // of all traces of the row group, as stored
  std::vector<TraceRows> traces_;
  std::vector<uint32_t> numbers_;  // of traces_ within the row group
  uint32_t row_count_ = 0;
  bool selected_ = false;       // not all traces of the pages are shown
  std::vector<uint32_t> rows_;  // of the pages, shown, when selected_
  std::vector<SpanId> span_ids_;
  std::vector<SpanId> parents_;
  std::vector<uint32_t> parent_rows_;
  std::vector<uint64_t> starts_;
  std::vector<uint64_t> durations_;
  std::vector<uint8_t> kinds_;
  std::vector<uint8_t> statuses_;
  std::unique_ptr<NestedSets> sets_;
  std::vector<uint32_t> scopes_;  // of the rows shown, when needed
  std::map<AttributeOwner, Nesting> nestings_;
  std::map<Key, OwnedColumn> columns_made_;
  std::map<Key, OwnedNestedColumn> nested_;
  std::vector<std::shared_ptr<const void>> storage_;
  std::deque<std::string> texts_;  // hex ids; a deque never moves them
};

}  // namespace sightline::tracestore
