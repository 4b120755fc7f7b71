#include "tracestore/block/compaction.h"

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

uint64_t traces_of(const BlockList& blocks) {
  uint64_t traces = 0;
  for (const auto& block : blocks) traces += block->summary().traces;
  return traces;
}

bool worth_merging(const BlockList& run, const TraceStoreOptions& options) {
  if (run.size() < std::max<uint32_t>(2, options.compaction_inputs_min)) return false;
  uint64_t largest = 0;
  for (const auto& block : run) largest = std::max(largest, block->summary().bytes);
  return largest * 2 <= bytes_of(run);  // else mostly one block would be copied
}

BlockList pick_tier(const BlockList& blocks, bool pinned, unsigned tier,
                    const TraceStoreOptions& options) {
  BlockList run;
  for (const auto& block : blocks) {
    const BlockSummary& summary = block->summary();
    if (summary.pinned != pinned) continue;
    const bool fits = !block->is_corrupt() && tier_of(*block) <= tier &&
                      summary.bytes <= options.compacted_bytes_max / 2;
    const bool joins =
        fits && (run.empty() ||
                 (bytes_of(run) + summary.bytes <= options.compacted_bytes_max &&
                  traces_of(run) + summary.traces <= options.compacted_traces_max &&
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

constexpr uint32_t kGoneShareMax =
    8;  // a row group is taken as it is while less than a 1/8 of its rows is gone

// Writes what is wanted of some blocks into one. Row groups of which (nearly) everything stays are copied as they
// are, without decoding them; the others, and traces that lie in several blocks, are written anew.
class BlockMerge {
 public:
  BlockMerge(const BlockList& inputs, const KeptTraces& kept, BlockWriter& writer,
             uint32_t row_group_rows)
      : inputs_(inputs), kept_(kept), writer_(writer), row_group_rows_(row_group_rows) {}

  Status run() {
    // What is said of an id that is damaged must not be written down.
    for (const auto& input : inputs_) {
      if (auto status = input->check_index(); !status) {
        (void)input->marked_corrupt(status.error());
        return status;
      }
      // Of two blocks with parts of one trace, one says so.
      const auto& continued = input->summary().continued;
      continued_.insert(continued.begin(), continued.end());
    }
    for (uint32_t order = 0; order < inputs_.size(); ++order) {
      for (uint32_t number = 0; number < inputs_[order]->zones().size(); ++number) {
        if (auto status = merge_row_group(order, number); !status) return status;
        inputs_[order]->drop_pages();  // memory must not grow with blocks
      }
      if (auto status = copy_values(*inputs_[order]); !status) return status;
    }
    return {};
  }

 private:
  Status merge_row_group(uint32_t order, uint32_t number) {
    const Block& block = *inputs_[order];
    const RowGroupZone& zone = block.zones()[number];
    std::vector<TraceId> ids;
    std::vector<bool> gone;
    std::vector<StoredPart> own,
        scattered;  // parts of traces that begin here: whole ones, and those with parts elsewhere
    uint32_t gone_count = 0;
    for (uint32_t ordinal = zone.first_trace; ordinal < zone.first_trace + zone.traces; ++ordinal) {
      ids.push_back(block.trace_id(ordinal));
      bool goes = block.is_gone(ordinal) || !kept_.has(ids.back());
      if (!goes && continued_.contains(ids.back())) {
        const auto parts = locate(inputs_, ids.back());
        goes = parts.size() > 1;
        if (goes && parts.front().order == order)
          scattered.insert(scattered.end(), parts.begin(), parts.end());
      }
      if (!goes) own.push_back({&block, order, ordinal});
      gone.push_back(goes);
      gone_count += goes ? 1 : 0;
    }
    // Rows are judged by traces: that needs no decoding.
    const bool as_it_is =
        zone.rows * 2 >= row_group_rows_ && gone_count * kGoneShareMax < zone.traces;
    if (!as_it_is) scattered.insert(scattered.end(), own.begin(), own.end());
    if (auto status = write_anew(std::move(scattered)); !status) return status;
    return as_it_is ? copy(order, number, ids, gone, gone_count) : Status{};
  }

  Status copy(uint32_t order, uint32_t number, const std::vector<TraceId>& ids,
              const std::vector<bool>& gone, uint32_t gone_count) {
    const Block& block = *inputs_[order];
    const auto bytes = block.row_group_bytes(number);
    if (!bytes) {
      (void)block.marked_corrupt(bytes.error());
      return std::unexpected(bytes.error());
    }
    uint64_t gone_rows = 0;
    if (gone_count > 0) {
      auto decoder = block.row_group(number, nullptr);
      const auto tables = decoder ? decoder->tables() : std::unexpected(decoder.error());
      if (!tables) {
        (void)block.marked_corrupt(tables.error());
        return std::unexpected(tables.error());
      }
      for (size_t i = 0; i < gone.size(); ++i)
        if (gone[i]) gone_rows += (*tables)->trace_rows[i];
    }
    const auto here = writer_.add_copy(bytes->held.bytes, bytes->zone, ids, gone, gone_rows);
    if (!here) return std::unexpected(here.error());
    copies_.push_back({number, *here});
    return {};
  }

  Status copy_values(const Block& block) {
    if (copies_.empty()) return {};
    const auto index = block.value_index();
    auto status = index ? writer_.add_copied_values(**index, copies_)
                        : Status(std::unexpected(index.error()));
    if (!status) (void)block.marked_corrupt(status.error());
    copies_.clear();
    return status;
  }

  Status write_anew(std::vector<StoredPart> parts) {
    if (parts.empty()) return {};
    const auto read = read_parts(std::move(parts), nullptr);
    if (!read) return std::unexpected(read.error());
    const auto& batches = *read;
    for (const auto& input : inputs_)
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
    const auto owner =
        std::make_shared<const std::vector<std::shared_ptr<const model::SpanBatch>>>(batches);
    for (TraceSpans& trace : traces) {
      unite_spans(trace.spans);
      if (auto status = writer_.add(std::move(trace), owner); !status) return status;
    }
    return {};
  }

  const BlockList& inputs_;
  const KeptTraces& kept_;
  BlockWriter& writer_;
  const uint32_t row_group_rows_;
  absl::flat_hash_set<TraceId, TraceIdHash> continued_;  // that may have parts in several blocks
  std::vector<ValueIndexBuilder::Copy> copies_;          // of the input at hand
};

}  // namespace

BlockList pick_compaction(const BlockList& blocks, const TraceStoreOptions& options) {
  for (unsigned tier = 0; kSmallestTierBytes << (2 * tier) <= options.compacted_bytes_max * 4;
       ++tier)
    for (const bool pinned : {false, true})
      if (auto run = pick_tier(blocks, pinned, tier, options); !run.empty()) return run;
  return {};
}

KeptTraces KeptTraces::all_of(const BlockList& inputs) {
  KeptTraces kept;
  kept.all_ = true;
  kept.is_empty_ = std::ranges::all_of(
      inputs, [](const auto& input) { return input->summary().traces == input->summary().gone; });
  return kept;
}

Status merge_traces(const BlockList& inputs, const KeptTraces& kept, BlockWriter& writer,
                    uint32_t row_group_rows) {
  return BlockMerge(inputs, kept, writer, row_group_rows).run();
}

}  // namespace sightline::tracestore
