#include "tsdb/store_querier.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "tsdb/head/sample_gathering.h"

namespace sightline::tsdb {
namespace {

bool overlaps(const Block& block, TimeRange range) {
  return range.min <= range.max && block.meta().min_time <= range.max.value &&
         block.meta().max_time > range.min.value;
}

void log_damage(const Error& error) {
  SL_LOG_ERROR("tsdb: left out of an answer: {}", error.message);
}

class StoreSeriesSet final : public SeriesSet {
 public:
  struct Place {
    uint32_t block = 0;  // index into the snapshot's blocks
    uint32_t series = 0;
  };
  struct Entry {
    model::Labels labels;
    SeriesPtr head;             // may be null
    std::vector<Place> places;  // blocks by age
  };

  StoreSeriesSet(std::shared_ptr<const StoreSnapshot> snapshot, std::vector<Entry> entries)
      : snapshot_(std::move(snapshot)), entries_(std::move(entries)) {}

  size_t size() const override { return entries_.size(); }
  const model::Labels& labels(size_t index) const override { return entries_[index].labels; }

  Status read(size_t index, TimeRange range, SampleColumns& out) const override {
    return read(index, range, ValueNeed::kAll, out);
  }
  Status read_presence(size_t index, TimeRange range, SampleColumns& out) const override {
    return read(index, range, ValueNeed::kPresence, out);
  }

  Status read(size_t index, TimeRange range, ValueNeed need, SampleColumns& out) const {
    const Entry& entry = entries_[index];
    SampleGathering gathering(out, range.min.value, range.max.value);
    ChunkList chunks;
    for (const Place& place : entry.places)
      if (auto status = find_chunks(place, range, chunks); !status) log_damage(status.error());
    order_by_time(chunks);
    for (const auto& [block, chunk] : chunks)
      if (auto status = gathering.add_decoded([&](SampleColumns& columns) {
            return block->read_chunk(chunk, snapshot_->decoded, columns, need);
          });
          !status)
        log_damage(status.error());
    if (entry.head != nullptr)
      if (auto status = gather_head(snapshot_->head, *entry.head, snapshot_->registration->commit(),
                                    range.min.value, range.max.value, gathering, need);
          !status)
        return status;
    gathering.finish();
    return {};
  }

  Status read_exemplars(size_t index, TimeRange range,
                        std::vector<model::Exemplar>& out) const override {
    const Entry& entry = entries_[index];
    std::vector<StoredExemplar> found;
    for (const Place& place : entry.places) {
      const Block& block = *(*snapshot_->blocks)[place.block];
      if (auto status = read_block_exemplars(block, place.series, range, found); !status)
        log_damage(status.error());
    }
    if (entry.head != nullptr)
      collect_head_exemplars(snapshot_->head, *entry.head, snapshot_->registration->commit(),
                             range.min.value, range.max.value, found);
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    for (size_t i = 0; i < found.size(); ++i) {
      bool repeated = false;  // a block and the head may both have it for a while
      for (size_t k = i; k-- > 0 && found[k].time == found[i].time && !repeated;)
        repeated = same_exemplar(found[k], found[i]);
      if (!repeated) out.push_back(found[i].to_exemplar());
    }
    return {};
  }

 private:
  struct ChunkOfBlock {
    const Block* block;
    Block::ChunkRef chunk;
  };
  static constexpr size_t kUsualChunks = 8;
  using ChunkList = absl::InlinedVector<ChunkOfBlock, kUsualChunks>;

  Status find_chunks(const Place& place, TimeRange range, ChunkList& out) const {
    const Block& block = *(*snapshot_->blocks)[place.block];
    auto info = block.data_of(place.series);
    if (!info) return std::unexpected(std::move(info).error());
    for (const Block::ChunkRef& chunk : info->chunks)
      if (chunk.min_time <= range.max.value && chunk.max_time >= range.min.value)
        out.push_back({&block, chunk});
    return {};
  }
  // Blocks that overlap each have their own time of a series, as a rule: then nothing is to be sorted once it is decoded.
  // Of those that do overlap the elder block goes first.
  static void order_by_time(ChunkList& chunks) {
    const auto is_out_of_order = [](const ChunkOfBlock& a, const ChunkOfBlock& b) {
      return a.chunk.max_time >= b.chunk.min_time;
    };
    if (std::ranges::adjacent_find(chunks, is_out_of_order) == chunks.end()) return;
    ChunkList sorted = chunks;
    std::ranges::stable_sort(sorted, {}, [](const ChunkOfBlock& c) { return c.chunk.min_time; });
    if (std::ranges::adjacent_find(sorted, is_out_of_order) == sorted.end())
      chunks = std::move(sorted);
  }

  Status read_block_exemplars(const Block& block, uint32_t series, TimeRange range,
                              std::vector<StoredExemplar>& out) const {
    auto info = block.data_of(series);
    if (!info) return std::unexpected(std::move(info).error());
    if (info->exemplar_bytes == 0 || info->exemplar_min > range.max.value ||
        info->exemplar_max < range.min.value)
      return {};
    std::vector<StoredExemplar> all;
    if (auto status = block.read_exemplars(*info, &pages_, all); !status) return status;
    for (StoredExemplar& e : all)
      if (e.time >= range.min.value && e.time <= range.max.value) out.push_back(std::move(e));
    return {};
  }

  std::shared_ptr<const StoreSnapshot> snapshot_;
  std::vector<Entry> entries_;
  mutable ExemplarPageCache pages_;
};

}  // namespace

namespace {

Status gather_undeleted(const std::vector<HeadDeletion>& deletions, int64_t min,
                        HeadSeries::Seen& seen, SampleGathering& out) {
  const DeletedRanges ranges = in_order_ranges(deletions);
  SampleColumns left;
  for (const auto& chunk : seen.chunks)
    if (auto status = decode_chunk(chunk->bytes, left); !status) return status;
  erase_deleted(ranges, 0, 0, left);
  out.add(left);
  SampleColumns open;
  seen.read_open(min, open);
  erase_deleted(ranges, 0, 0, open);
  out.add(open);
  std::erase_if(seen.late,
                [&](const OutOfOrderSample& s) { return is_deleted(deletions, s.time, s.commit); });
  out.add(seen.late);
  return {};
}

}  // namespace

Status gather_head(Head& head, const HeadSeries& series, uint64_t commit, int64_t min, int64_t max,
                   SampleGathering& out, ValueNeed need) {
  // Before the samples: those may be truncated meanwhile, and their deletes with them.
  const std::vector<HeadDeletion> deletions = head.deletions().of(series.id(), commit);
  HeadSeries::Seen seen;
  {
    const std::lock_guard lock(head.mutex_of(series));
    seen = series.see(commit, min, max);
  }
  if (!deletions.empty()) return gather_undeleted(deletions, min, seen, out);
  for (const auto& chunk : seen.chunks)
    if (auto status = out.add_chunk(chunk->bytes, need); !status) return status;
  const auto read_open = [&](SampleColumns& columns) -> Status {
    seen.read_open(min, columns);
    return {};
  };
  if (auto status = out.add_decoded(read_open); !status) return status;
  if (!seen.late.empty()) out.add(seen.late);
  return {};
}

void collect_head_exemplars(Head& head, const HeadSeries& series, uint64_t commit, int64_t min,
                            int64_t max, std::vector<StoredExemplar>& out) {
  const size_t before = out.size();
  const std::vector<HeadDeletion> deletions = head.deletions().of(series.id(), commit);
  {
    const std::lock_guard lock(head.mutex_of(series));
    series.collect_exemplars(commit, min, max, out);
  }
  if (deletions.empty()) return;
  out.erase(std::remove_if(
                out.begin() + static_cast<ptrdiff_t>(before), out.end(),
                [&](const StoredExemplar& e) { return is_deleted(deletions, e.time, e.commit); }),
            out.end());
}

bool StoreQuerier::head_reaches(TimeRange range) const {
  // An exemplar may be somewhat newer than every sample.
  const int64_t max = snapshot_->head.max_time();
  return range.min <= range.max && (max == kNoTime || range.min.value <= max + kHourMs);
}

namespace {

// Series of one block that were found, in order of their labels.
class FoundInBlock {
 public:
  FoundInBlock(const Block& block, uint32_t index, const Roaring& found)
      : block_(&block), place_{.block = index}, numbers_(found.cardinality()) {
    found.toUint32Array(numbers_.data());
    step();
  }
  bool at_end() const { return at_end_; }
  const model::Labels& labels() const { return labels_; }
  model::Labels take_labels() { return std::move(labels_); }
  StoreSeriesSet::Place place() const { return place_; }
  void step() {
    for (; next_ < numbers_.size(); ++next_) {
      auto labels = block_->labels(numbers_[next_]);
      if (!labels) {
        log_damage(labels.error());
        continue;
      }
      labels_ = std::move(*labels);
      place_.series = numbers_[next_++];
      return;
    }
    at_end_ = true;
  }

 private:
  const Block* block_;
  StoreSeriesSet::Place place_;
  std::vector<uint32_t> numbers_;
  size_t next_ = 0;
  bool at_end_ = false;
  model::Labels labels_;
};

// Joins what the head and the blocks have, each in order of labels; blocks by age.
Result<std::vector<StoreSeriesSet::Entry>> join(std::vector<SeriesPtr> head,
                                                std::vector<FoundInBlock> blocks,
                                                const StillWanted& wanted) {
  std::vector<StoreSeriesSet::Entry> entries;
  entries.reserve(head.size());
  Pacer pacer(wanted);
  std::vector<FoundInBlock*> same;  // that have the least labels
  model::Labels heads;              // of head[next]
  for (size_t next = 0;;) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    if (next < head.size() && heads.empty()) heads = head[next]->labels();
    const model::Labels* least = next < head.size() ? &heads : nullptr;
    bool is_heads = least != nullptr;
    same.clear();
    for (FoundInBlock& block : blocks) {
      if (block.at_end()) continue;
      if (least != nullptr && block.labels() == *least) {
        same.push_back(&block);
      } else if (least == nullptr || block.labels() < *least) {
        least = &block.labels();
        is_heads = false;
        same.assign(1, &block);
      }
    }
    if (least == nullptr) return entries;
    StoreSeriesSet::Entry& entry = entries.emplace_back();
    if (is_heads) {
      entry.head = std::move(head[next++]);
      entry.labels = std::exchange(heads, {});
    } else {
      entry.labels = same.front()->take_labels();
    }
    entry.places.reserve(same.size());
    for (FoundInBlock* block : same) {
      entry.places.push_back(block->place());
      block->step();
    }
  }
}

}  // namespace

Result<std::unique_ptr<SeriesSet>> StoreQuerier::select(std::span<const Matcher> matchers,
                                                        TimeRange range) const {
  std::vector<FoundInBlock> found;
  const BlockList& blocks = *snapshot_->blocks;
  for (uint32_t b = 0; b < blocks.size(); ++b) {
    if (!overlaps(*blocks[b], range)) continue;
    const auto numbers = select_postings(*blocks[b], matchers, wanted_);
    if (!numbers) return std::unexpected(numbers.error());
    found.emplace_back(*blocks[b], b, *numbers);
  }
  std::vector<SeriesPtr> head;
  if (head_reaches(range)) {
    auto selected = snapshot_->head.select(matchers, wanted_);
    if (!selected) return std::unexpected(selected.error());
    head = std::move(*selected);
  }
  auto entries = join(std::move(head), std::move(found), wanted_);
  if (!entries) return std::unexpected(entries.error());
  return std::make_unique<StoreSeriesSet>(snapshot_, std::move(*entries));
}

// What the head and each block that reach `range` have.
template <typename OfHead, typename OfBlock>
Result<std::vector<std::string>> StoreQuerier::unite(TimeRange range, OfHead of_head,
                                                     OfBlock of_block) const {
  std::set<std::string> all;
  const auto add = [&](Result<std::vector<std::string>> texts) -> Status {
    if (!texts) return std::unexpected(std::move(texts).error());
    all.insert(std::make_move_iterator(texts->begin()), std::make_move_iterator(texts->end()));
    return {};
  };
  if (head_reaches(range))
    if (auto ok = add(of_head(snapshot_->head)); !ok) return std::unexpected(ok.error());
  for (const auto& block : *snapshot_->blocks)
    if (overlaps(*block, range))
      if (auto ok = add(of_block(*block)); !ok) return std::unexpected(ok.error());
  return std::vector<std::string>(all.begin(), all.end());
}

Result<std::vector<std::string>> StoreQuerier::label_names(std::span<const Matcher> matchers,
                                                           TimeRange range) const {
  return unite(
      range, [&](const Head& head) { return head.label_names(matchers, wanted_); },
      [&](const Block& block) { return select_names(block, matchers, wanted_); });
}

Result<std::vector<std::string>> StoreQuerier::label_values(std::string_view name,
                                                            std::span<const Matcher> matchers,
                                                            TimeRange range) const {
  return unite(
      range, [&](const Head& head) { return head.label_values(name, matchers, wanted_); },
      [&](const Block& block) { return select_values(block, name, matchers, wanted_); });
}

std::map<std::string, model::MetricMetadata> StoreQuerier::metadata(std::string_view metric) const {
  return snapshot_->metadata.get(metric);
}

}  // namespace sightline::tsdb
