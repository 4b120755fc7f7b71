#pragma once
// A row group of a block, for scans. Columns are decoded when first asked for; traces
// that are shown elsewhere or lie outside the time range are left out.
//   Errors   open() checks the checksums and the core columns. Should a later column still not
//            decode, it reads as absent and decoded() says why.
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tracestore/block.h"
#include "tracestore/owned_column.h"
#include "tracestore/querier.h"
#include "tracestore/trace_tree.h"

namespace sightline::tracestore {

class StoredRowGroup final : public RowGroup {
 public:
  static Result<std::unique_ptr<StoredRowGroup>> open(const Block& block, uint32_t number,
                                                      RowGroupDecoder decoder);

  // Leaves out the traces for which `keep`, asked in order, is false. Before any column is read.
  template <typename Keep>
  void keep_traces(Keep keep) {
    std::vector<TraceRows> kept;
    for (const TraceRows& trace : traces_)
      if (keep(trace)) kept.push_back(trace);
    if (kept.size() != traces_.size()) select(std::move(kept));
  }
  Status decoded() const { return status_; }

  uint32_t row_count() const override { return static_cast<uint32_t>(span_ids_.size()); }
  std::span<const TraceRows> traces() const override { return traces_; }
  std::span<const SpanId> span_id() override { return span_ids_; }
  std::span<const SpanId> parent_span_id() override { return parents_; }
  std::span<const uint64_t> start_ns() override { return starts_; }
  std::span<const uint64_t> duration_ns() override { return durations_; }
  std::span<const uint8_t> kind() override {
    return small_numbers(kinds_, [&] { return decoder_.kinds(); });
  }
  std::span<const uint8_t> status() override {
    return small_numbers(statuses_, [&] { return decoder_.statuses(); });
  }
  std::span<const uint32_t> parent_row() override {
    number_tree();
    return parent_rows_;
  }
  std::span<const uint32_t> nested_left() override {
    number_tree();
    return sets_->left;
  }
  std::span<const uint32_t> nested_right() override {
    number_tree();
    return sets_->right;
  }
  DictionaryColumn name() override {
    return text_column(ChunkType::kNames, [&] { return decoder_.names(); });
  }
  DictionaryColumn status_message() override {
    return text_column(ChunkType::kStatusMessages,
                       [&] { return decoder_.texts(ChunkType::kStatusMessages); });
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
  // Offsets of all rows as stored, and of the rows shown.
  struct Nesting {
    std::vector<uint32_t> stored;
    std::vector<uint32_t> shown;
  };
  using Key = std::tuple<ChunkType, AttributeScope, std::string>;

  explicit StoredRowGroup(RowGroupDecoder decoder) : decoder_(std::move(decoder)) {}
  void select(std::vector<TraceRows> kept);
  void number_tree();
  // `decode()` yields the column of all rows.
  template <typename Decode>
  std::span<const uint8_t> small_numbers(std::vector<uint8_t>& numbers, Decode decode) {
    if (!numbers.empty() || row_count() == 0) return numbers;
    auto values = decode();
    if (!values) note(values.error());
    return numbers =
               shown(values ? std::move(*values) : std::vector<uint8_t>(decoder_.zone().rows, 0));
  }
  template <typename Decode>
  DictionaryColumn text_column(ChunkType type, Decode decode) {
    const auto [column, is_new] = columns_.try_emplace(Key{type, {}, {}});
    if (is_new) set_column(column->second, decode());
    return column->second.view();
  }
  void set_column(OwnedColumn& column, Result<DecodedColumn> decoded);
  template <typename ValueOfScope>
  DictionaryColumn scope_column(Key key, ValueOfScope value_of_scope);
  const Nesting& nesting(AttributeOwner entries);
  // Stores a nested column given a code for each stored entry.
  NestedColumn keep_nested(Key key, const Nesting& nesting, OwnedColumn values);
  NestedColumn hex_ids(ChunkType type);
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

  RowGroupDecoder decoder_;
  Status status_;
  bool selected_ = false;
  std::vector<uint32_t> rows_;  // stored rows shown, when selected_
  std::vector<TraceRows> traces_;
  std::vector<SpanId> span_ids_;
  std::vector<SpanId> parents_;
  std::vector<uint32_t> parent_rows_;
  std::vector<uint64_t> starts_;
  std::vector<uint64_t> durations_;
  std::vector<uint8_t> kinds_;
  std::vector<uint8_t> statuses_;
  std::unique_ptr<NestedSets> sets_;
  std::vector<uint32_t> scopes_;  // of stored rows, when needed
  std::map<AttributeOwner, Nesting> nestings_;
  std::map<Key, OwnedColumn> columns_;
  std::map<Key, OwnedNestedColumn> nested_;
  std::vector<std::shared_ptr<const void>> storage_;
  std::deque<std::string> texts_;  // hex ids; a deque never moves them
};

}  // namespace sightline::tracestore
