#pragma once
// A row group over spans that lie in batches: live traces, and traces whose parts
// lay in several places. Columns are made when first asked for.
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tracestore/codec/owned_column.h"
#include "tracestore/querier.h"
#include "tracestore/trace_spans.h"
#include "tracestore/trace_tree.h"

namespace sightline::tracestore {

class SpanRowGroup final : public RowGroup {
 public:
  // Each trace united (unite_spans) and not empty; `owners` keep the batches.
  SpanRowGroup(std::vector<TraceSpans> traces, std::vector<std::shared_ptr<const void>> owners);

  uint32_t row_count() const override { return static_cast<uint32_t>(rows_.size()); }
  std::span<const TraceRows> traces() const override { return traces_; }
  std::span<const SpanId> span_id() override { return span_ids_; }
  std::span<const SpanId> parent_span_id() override { return parents_; }
  std::span<const uint64_t> start_ns() override { return starts_; }
  std::span<const uint64_t> duration_ns() override { return durations_; }
  std::span<const uint8_t> kind() override { return kinds_; }
  std::span<const uint8_t> status() override { return statuses_; }
  std::span<const uint32_t> parent_row() override { return tree().parent_rows; }
  std::span<const uint32_t> nested_left() override { return tree().sets.left; }
  std::span<const uint32_t> nested_right() override { return tree().sets.right; }
  DictionaryColumn name() override;
  DictionaryColumn status_message() override;
  DictionaryColumn scope_name() override;
  DictionaryColumn scope_version() override;
  DictionaryColumn service_name() override;
  DictionaryColumn attribute(AttributeScope scope, std::string_view key) override;
  NestedColumn event_name() override;
  NestedColumn event_time_since_start() override;
  NestedColumn link_trace_id() override;
  NestedColumn link_span_id() override;
  NestedColumn nested_attribute(AttributeScope scope, std::string_view key) override;

  const std::vector<SpanRef>& rows() const { return rows_; }

 private:
  enum class Column : uint8_t {
    kName,
    kStatusMessage,
    kScopeName,
    kScopeVersion,
    kEventName,
    kEventTime,
    kLinkTraceId,
    kLinkSpanId,
    kAttribute
  };
  struct Tree {
    std::vector<uint32_t> parent_rows;
    NestedSets sets;
  };
  using Key = std::tuple<Column, AttributeScope, std::string>;

  const Tree& tree();
  template <typename ValueOfRow>
  DictionaryColumn per_row(Key key, ValueOfRow value_of_row);
  template <typename ValueOfScope>
  DictionaryColumn per_scope(Key key, ValueOfScope value_of_scope);
  template <typename ValueOfEvent>
  NestedColumn per_event(Key key, ValueOfEvent value_of_event);
  template <typename ValueOfLink>
  NestedColumn per_link(Key key, ValueOfLink value_of_link);
  model::ValueView hex_value(std::string hex);

  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<SpanRef> rows_;
  std::vector<TraceRows> traces_;
  std::vector<SpanId> span_ids_;
  std::vector<SpanId> parents_;
  std::vector<uint64_t> starts_;
  std::vector<uint64_t> durations_;
  std::vector<uint8_t> kinds_;
  std::vector<uint8_t> statuses_;
  std::unique_ptr<Tree> tree_;
  std::vector<uint32_t> event_offsets_;
  std::vector<uint32_t> link_offsets_;
  std::map<Key, OwnedColumn> columns_;
  std::map<Key, OwnedNestedColumn> nested_;
  std::deque<std::string> texts_;  // hex ids; a deque never moves them
};

}  // namespace sightline::tracestore
