#pragma once
// The tables of a row group, decoded and checked: what its spans have in common. Immutable; several decoders of
// the same row group share them.
//   Format   docs/formats/trace_block.md, "Tables".
#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/result.h"
#include "model/span_batch.h"
#include "tracestore/block/block_format.h"
#include "tracestore/row_group/row_pages.h"
#include "tracestore/row_group/span_classes.h"

namespace sightline::tracestore {

// A chunk's bytes, their checksum verified; empty when the row group lacks it.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  virtual Result<std::string_view> chunk_bytes(ChunkType type, uint64_t key) const = 0;
};

// Lists of numbers, side by side.
struct NumberLists {
  std::vector<uint32_t> begins{0};  // of each list, and the end of the last
  std::vector<uint32_t> values;
  size_t size() const { return begins.size() - 1; }
  std::span<const uint32_t> operator[](size_t list) const {
    return std::span(values).subspan(begins[list], begins[list + 1] - begins[list]);
  }
  void end_list() { begins.push_back(static_cast<uint32_t>(values.size())); }
};

struct RowGroupTables {
  static constexpr uint32_t kNoScope = UINT32_MAX;

  std::vector<uint32_t> trace_rows;
  std::vector<TimestampNs> trace_starts;
  std::vector<RowPage> pages;

  std::vector<std::string_view> keys;
  absl::flat_hash_map<std::string_view, uint32_t> key_numbers;
  std::array<NumberLists, 3> shapes;  // by AttributeOwner: numbers of keys

  std::vector<std::string_view> names;
  std::vector<std::array<uint32_t, kClassFields>> classes;
  std::vector<std::string_view> event_names;
  std::vector<std::array<uint32_t, 2>> event_classes;
  NumberLists successors;  // of each class, and behind them of the begin of a trace
  NumberLists resources_of_classes;

  // Resources and scopes as of a batch: one scope for each pair that occurs. No spans.
  model::SpanBatch batch;
  // kNoScope for a pair that does not occur.
  uint32_t scope_of(uint32_t resource, uint32_t scope) const {
    const auto found = scope_of_pair.find(uint64_t{resource} << 32 | scope);
    return found == scope_of_pair.end() ? kNoScope : found->second;
  }
  absl::flat_hash_map<uint64_t, uint32_t> scope_of_pair;  // resource << 32 | scope

  // The shape of each context that values of the owner's attributes may have: classes of spans, of events; shapes of links.
  std::array<std::vector<uint32_t>, 3> context_shapes;
  // The contexts whose shape has each key, ascending.
  std::array<NumberLists, 3> contexts_of_key;

  std::string storage;  // what views point into
  size_t bytes() const;

  static Result<std::shared_ptr<const RowGroupTables>> read(const ChunkSource& chunks,
                                                            const RowGroupZone& zone);
};

// What is said of each trace besides: for who chooses among them.
struct TraceBounds {
  std::vector<TimestampNs> ends;  // the latest of starts and ends
  std::vector<uint32_t> roots;    // 1 + its place in the trace; 0 without

  static Result<TraceBounds> read(const ChunkSource& chunks, const RowGroupZone& zone,
                                  const RowGroupTables& tables);
};

}  // namespace sightline::tracestore
