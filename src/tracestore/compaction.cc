#include "tracestore/compaction.h"

#include <algorithm>
#include <bit>

#include <absl/container/flat_hash_map.h>

#include "tracestore/stored_traces.h"

namespace sightline::tracestore {
namespace {

constexpr uint64_t kSmallestTierBytes = 64u << 10;

// Each tier holds blocks four times as large as the one below.
unsigned tier_of(const Block& block) {
  return static_cast<unsigned>(std::bit_width(block.summary().bytes / kSmallestTierBytes) + 1) / 2;
}

uint64_t bytes_of(const BlockList& blocks) {
  uint64_t bytes = 0;
  for (const auto& block : blocks) bytes += block->summary().bytes;
  return bytes;
}

bool worth_merging(const BlockList& run, const TraceStoreOptions& options) {
  if (run.size() < std::max<uint32_t>(2, options.compaction_inputs_min)) return false;
  uint64_t largest = 0;
  for (const auto& block : run) largest = std::max(largest, block->summary().bytes);
  return largest * 2 <= bytes_of(run);   // else mostly one block would be copied
}

BlockList pick_tier(const BlockList& blocks, bool pinned, unsigned tier, const TraceStoreOptions& options) {
  BlockList run;
  for (const auto& block : blocks) {
    const BlockSummary& summary = block->summary();
    if (summary.pinned != pinned) continue;
    const bool fits = !block->is_corrupt() && tier_of(*block) <= tier && summary.bytes <= options.compacted_bytes_max / 2;
    const bool joins = fits && (run.empty() ||
        (bytes_of(run) + summary.bytes <= options.compacted_bytes_max &&
         summary.newest_received.value - run.front()->summary().newest_received.value <=
             static_cast<uint64_t>(options.compaction_window.count())));
    if (!joins) {
      if (worth_merging(run, options)) return run;
      run.clear();
    }
    if (fits) run.push_back(block);
  }
  return worth_merging(run, options) ? run : BlockList{};
}

// The kept traces of one row group whose first part lies in it, with their parts in later inputs.
std::vector<StoredPart> parts_begun_in(const BlockList& inputs, uint32_t order, const RowGroupZone& zone,
                                       const std::function<bool(const TraceId&)>& keep) {
  std::vector<StoredPart> parts;
  for (uint32_t ordinal = zone.first_trace; ordinal < zone.first_trace + zone.traces; ++ordinal) {
    const TraceId id = inputs[order]->trace_id(ordinal);
    if (!keep(id)) continue;
    const auto all = locate(inputs, id);
    if (!all.empty() && all.front().order == order) parts.insert(parts.end(), all.begin(), all.end());
  }
  return parts;
}

}  // namespace

BlockList pick_compaction(const BlockList& blocks, const TraceStoreOptions& options) {
  for (unsigned tier = 0; kSmallestTierBytes << (2 * tier) <= options.compacted_bytes_max * 4; ++tier)
    for (const bool pinned : {false, true})
      if (auto run = pick_tier(blocks, pinned, tier, options); !run.empty()) return run;
  return {};
}

Status merge_traces(const BlockList& inputs, const std::function<bool(const TraceId&)>& keep, BlockWriter& writer) {
  for (uint32_t order = 0; order < inputs.size(); ++order) {
    for (const RowGroupZone& zone : inputs[order]->zones()) {
      auto parts = parts_begun_in(inputs, order, zone, keep);
      const auto batches = read_parts(std::move(parts), nullptr);
      for (const auto& input : inputs)
        if (input->is_corrupt()) return fail(Errc::kCorrupt, "block ", input->name(), " is corrupt");
      absl::flat_hash_map<TraceId, size_t, TraceIdHash> position;
      std::vector<TraceSpans> traces;
      for (const auto& batch : batches) {
        for (uint32_t i = 0; i < batch->spans.size(); ++i) {
          const TraceId& id = batch->spans[i].trace_id;
          const auto [known, is_new] = position.try_emplace(id, traces.size());
          if (is_new) traces.push_back({id, {}});
          traces[known->second].spans.push_back({batch.get(), i});
        }
      }
      const auto owner = std::make_shared<decltype(batches)>(batches);
      for (TraceSpans& trace : traces) {
        unite_spans(trace.spans);
        if (auto status = writer.add(std::move(trace), owner); !status) return status;
      }
    }
  }
  return {};
}

}  // namespace sightline::tracestore
