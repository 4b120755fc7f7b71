#pragma once
// The tables of a row group, decoded and checked: what its spans have in common. Immutable; several decoders of
// the same row group share them.
//   Format   docs/formats/trace_block.md, "Row group".
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/result.h"
#include "model/span_batch.h"
#include "tracestore/block_format.h"
#include "tracestore/row_pages.h"
#include "tracestore/span_classes.h"

namespace sightline::tracestore {

// A chunk's bytes; empty when the row group lacks it.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  virtual std::string_view chunk_bytes(ChunkType type, uint64_t key) const = 0;
};

struct RowGroupTables {
  using Shape = std::vector<uint32_t>;  // numbers of keys
  using ListOfLists = std::vector<std::vector<uint32_t>>;

  std::vector<uint32_t> trace_rows;
  std::vector<RowPage> pages;

  std::vector<std::string_view> keys;
  absl::flat_hash_map<std::string_view, uint32_t> key_numbers;
  std::array<std::vector<Shape>, 3> shapes;  // by AttributeOwner

  std::vector<std::string_view> names;
  std::vector<std::array<uint32_t, kClassFields>> classes;
  std::vector<std::string_view> event_names;
  std::vector<std::array<uint32_t, 2>> event_classes;
  ListOfLists successors;  // of each class, and behind them of the begin of a trace
  ListOfLists resources_of_classes;

  // Resources and scopes as of a batch: one scope for each pair that occurs. No spans.
  model::SpanBatch batch;
  absl::flat_hash_map<uint64_t, uint32_t> scope_of_pair;  // resource << 32 | scope

  // The shape of each context that values of the owner's attributes may have: classes of spans, of events; shapes of links.
  std::array<std::vector<uint32_t>, 3> context_shapes;

  std::vector<std::string> storage;  // what views point into
  size_t bytes() const;

  static Result<std::shared_ptr<const RowGroupTables>> read(const ChunkSource& chunks,
                                                            const RowGroupZone& zone);
};

}  // namespace sightline::tracestore
