#include "tsdb/block/compaction.h"

#include <algorithm>
#include <deque>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tsdb/codec/decoded_groups.h"
#include "tsdb/head/sample_gathering.h"

namespace sightline::tsdb {
namespace {

constexpr size_t kGroupRecordsMax =
    std::numeric_limits<uint16_t>::max();  // of one series in one block

// What the head holds in one window.
class HeadSource final : public BlockSource {
 public:
  HeadSource(Head& head, const HeadWindow& window)
      : head_(head), window_(window), series_(head.all()) {}

  Result<bool> next(model::Labels& labels) override {
    if (next_ == series_.size()) return false;
    labels = series_[next_++]->labels();
    return true;
  }
  Result<bool> has_floats(uint32_t number) override {
    if (auto status = look_at(number); !status) return std::unexpected(std::move(status).error());
    return plain_ != nullptr || !columns_.times.empty();
  }
  std::optional<EncodedFloats> read_encoded(uint32_t number) override {
    if (!look_at(number) || plain_ == nullptr) return std::nullopt;
    const auto columns = split_float_chunk(plain_->bytes);
    if (!columns) return std::nullopt;
    return EncodedFloats{.count = columns->count,
                         .min_time = plain_->min_time,
                         .max_time = plain_->max_time,
                         .times = columns->times,
                         .values = columns->values,
                         .owner = plain_};
  }
  Status read_times(uint32_t number, std::vector<int64_t>& out) override {
    auto status = read_all(number, columns_);
    looked_at_.reset();
    out = columns_.times;
    return status;
  }
  Status read_floats(uint32_t number, SampleColumns& out) override { return read_all(number, out); }
  Status read_histograms(uint32_t number, SampleColumns& out) override {
    if (auto status = look_at(number); !status) return status;
    out.clear();
    if (plain_ == nullptr) {
      std::swap(out, columns_);
      looked_at_.reset();
    }
    return {};
  }
  Status read_exemplars(uint32_t number, std::vector<StoredExemplar>& out) override {
    out.clear();
    collect_head_exemplars(head_, *series_[number], window_.commit, window_.start, window_.end - 1,
                           out);
    return {};
  }

 private:
  // Either all that the series has in the window is one sealed chunk of floats, plain_; or columns_ holds it.
  Status look_at(uint32_t number) {
    if (looked_at_ == number) return {};
    looked_at_.reset();
    plain_ = whole_chunk(*series_[number]);
    if (plain_ == nullptr)
      if (auto status = read_all(number, columns_); !status) return status;
    looked_at_ = number;
    return {};
  }
  std::shared_ptr<const HeadChunk> whole_chunk(const HeadSeries& series) {
    if (!head_.deletions().of(series.id(), window_.commit).empty()) return nullptr;
    std::vector<std::shared_ptr<const HeadChunk>> chunks;
    SampleColumns open;
    std::vector<OutOfOrderSample> late;
    {
      const std::lock_guard lock(head_.mutex_of(series));
      series.collect(window_.commit, window_.start, window_.end - 1, chunks, open, late);
    }
    const bool alone =
        chunks.size() == 1 && late.empty() && open.times.empty() && open.histogram_times.empty();
    if (!alone || chunks[0]->kind != ChunkKind::kFloat || chunks[0]->min_time < window_.start ||
        chunks[0]->max_time >= window_.end || !split_float_chunk(chunks[0]->bytes))
      return nullptr;
    return chunks[0];
  }
  Status read_all(uint32_t number, SampleColumns& out) {
    SampleGathering gathering(out, window_.start, window_.end - 1);
    if (auto status = gather_head(head_, *series_[number], window_.commit, window_.start,
                                  window_.end - 1, gathering);
        !status)
      return status;
    gathering.finish();
    return {};
  }

  Head& head_;
  const HeadWindow window_;
  const std::vector<SeriesPtr> series_;
  size_t next_ = 0;
  std::optional<uint32_t> looked_at_;
  std::shared_ptr<const HeadChunk> plain_;
  SampleColumns columns_;
};

// One block being read in order of labels.
struct Cursor {
  const Block* block;
  size_t age;  // index into the sources
  uint32_t series = 0;
  model::Labels labels;  // empty at the end
};

// What several blocks hold, by age: overlapping samples joined, exemplars thinned.
class MergeSource final : public BlockSource {
 public:
  MergeSource(const BlockList& sources, const ExemplarBudget& budget)
      : sources_(sources), budget_(budget) {}

  Result<bool> next(model::Labels& labels) override {
    if (cursors_.empty())
      for (size_t i = 0; i < sources_.size(); ++i) {
        cursors_.push_back({.block = sources_[i].get(), .age = i});
        if (auto status = step(cursors_.back()); !status)
          return std::unexpected(std::move(status).error());
      }
    // Most series are in all blocks: whether labels are the same is asked first.
    same_.clear();
    for (Cursor& cursor : cursors_) {
      if (cursor.labels.empty()) continue;
      if (same_.empty() || cursor.labels == same_.front()->labels)
        same_.push_back(&cursor);
      else if (cursor.labels < same_.front()->labels)
        same_.assign(1, &cursor);
    }
    if (same_.empty()) return false;
    labels = same_.front()->labels;
    firsts_.push_back(static_cast<uint32_t>(places_.size()));
    for (Cursor* cursor : same_) {
      places_.push_back({static_cast<uint32_t>(cursor->age), cursor->series++});
      if (auto status = step(*cursor); !status) return std::unexpected(std::move(status).error());
    }
    return true;
  }

  Result<std::vector<WholeGroups>> whole_groups(size_t samples_wanted) override;
  Result<bool> has_floats(uint32_t number) override {
    if (auto status = open(number); !status) return std::unexpected(std::move(status).error());
    for (const Block::SeriesInfo& info : infos_)
      for (const Block::ChunkRef& chunk : info.chunks)
        if (chunk.kind != Block::ChunkRef::kHistograms && chunk.deleted.empty()) return true;
    // What is left of chunks that deletes took from, if anything is.
    std::vector<int64_t> times;
    if (auto status = read_times(number, times); !status)
      return std::unexpected(std::move(status).error());
    return !times.empty();
  }
  // Who lies in the same groups has the same times, unless deletes took some.
  std::optional<uint64_t> times_key(uint32_t number) override {
    std::string key;
    const size_t end = number + 1 < firsts_.size() ? firsts_[number + 1] : places_.size();
    for (size_t i = firsts_[number]; i < end; ++i) {
      const Block& from = *sources_[places_[i].source];
      const Block::GroupRun groups = from.group_run(places_[i].series);
      if (from.has_own_chunks() || !from.tombstones()->of(places_[i].series).empty())
        return std::nullopt;
      append_le(key, places_[i].source);
      append_le(key, groups.first);
      append_le(key, groups.count);
    }
    return xxh3(key);
  }
  Status read_times(uint32_t number, std::vector<int64_t>& out) override {
    out.clear();
    if (auto status = open(number); !status) return status;
    for (size_t i = 0; i < infos_.size(); ++i)
      for (const Block::ChunkRef& chunk : infos_[i].chunks)
        if (chunk.kind != Block::ChunkRef::kHistograms)
          if (auto status = block(number, i).read_times(chunk, out); !status) return status;
    for (size_t i = 1; i < out.size(); ++i) {
      if (out[i - 1] < out[i]) continue;
      std::sort(out.begin(), out.end());
      out.erase(std::unique(out.begin(), out.end()), out.end());
      break;
    }
    return {};
  }
  Status read_floats(uint32_t number, SampleColumns& out) override {
    return read_samples(number, false, out);
  }
  Status read_histograms(uint32_t number, SampleColumns& out) override {
    return read_samples(number, true, out);
  }

  Status read_exemplars(uint32_t number, std::vector<StoredExemplar>& out) override {
    out.clear();
    if (auto status = open(number); !status) return status;
    std::vector<StoredExemplar> all;
    for (size_t i = 0; i < infos_.size(); ++i)
      if (auto status = block(number, i).read_exemplars(infos_[i], &pages_, all); !status)
        return status;
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    for (StoredExemplar& e : all) {
      bool repeated = false;
      for (size_t k = out.size(); k-- > 0 && out[k].time == e.time && !repeated;)
        repeated = same_exemplar(out[k], e);
      if (!repeated) out.push_back(std::move(e));
    }
    if (out.size() <= budget_.per_window_max) return {};
    HistogramPtr buckets;
    if (auto status = newest_histogram(number, buckets); !status) return status;
    thin_exemplars(out, budget_, 0, buckets.get());
    return {};
  }

 private:
  struct Place {
    uint32_t source;
    uint32_t series;
  };
  static constexpr size_t kSamplesPerDrop = 1u << 20;

  // Null when the series has none.
  Status newest_histogram(uint32_t number, HistogramPtr& newest) {
    int64_t newest_time = kNoTime;
    for (size_t i = 0; i < infos_.size(); ++i) {
      const Block::ChunkRef* last = nullptr;
      for (const Block::ChunkRef& chunk : infos_[i].chunks)
        if (chunk.kind == Block::ChunkRef::kHistograms && chunk.max_time > newest_time)
          last = &chunk;
      if (last == nullptr) continue;
      SampleColumns columns;
      if (auto status = block(number, i).read_chunk(*last, nullptr, columns); !status)
        return status;
      if (columns.histograms.empty()) continue;
      newest = columns.histograms.back();
      newest_time = last->max_time;
    }
    return {};
  }
  Status step(Cursor& cursor) {
    cursor.labels = {};
    if (cursor.series >= cursor.block->series_count()) return {};
    auto labels = cursor.block->labels(cursor.series);
    if (!labels) return std::unexpected(std::move(labels).error());
    if (labels->empty())
      return fail(Errc::kCorrupt, cursor.block->directory(), ": a series without labels");
    cursor.labels = std::move(*labels);
    return {};
  }
  const Block& block(uint32_t number, size_t i) const {
    return *sources_[places_[firsts_[number] + i].source];
  }
  // Where the series lies in each of the blocks that have it.
  Status open(uint32_t number) {
    if (opened_ == number) return {};
    opened_.reset();
    infos_.clear();
    const size_t end = number + 1 < firsts_.size() ? firsts_[number + 1] : places_.size();
    for (size_t i = firsts_[number]; i < end; ++i) {
      auto info = sources_[places_[i].source]->series(places_[i].series);
      if (!info) return std::unexpected(std::move(info).error());
      infos_.push_back(std::move(*info));
    }
    opened_ = number;
    return {};
  }
  Status read_samples(uint32_t number, bool histograms, SampleColumns& out) {
    SampleGathering gathering(out, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max());
    if (auto status = open(number); !status) return status;
    for (size_t i = 0; i < infos_.size(); ++i)
      for (const Block::ChunkRef& chunk : infos_[i].chunks) {
        if ((chunk.kind == Block::ChunkRef::kHistograms) != histograms) continue;
        const Block& from = block(number, i);
        if (auto status = gathering.add_decoded(
                [&](SampleColumns& columns) { return from.read_chunk(chunk, &decoded_, columns); });
            !status)
          return status;
      }
    gathering.finish();
    drop_pages_read(out.times.size() + out.histogram_times.size());
    return {};
  }
  // Blocks are read through once: their pages need not stay till the end.
  void drop_pages_read(size_t samples) {
    samples_read_ += samples;
    if (samples_read_ < kSamplesPerDrop) return;
    samples_read_ = 0;
    for (const auto& source : sources_) source->drop_pages();
  }

  const BlockList& sources_;
  const ExemplarBudget budget_;
  std::deque<Cursor> cursors_;
  std::vector<Cursor*> same_;       // that have the least labels
  std::vector<Place> places_;       // of all series, one after the other
  std::vector<uint32_t> firsts_;    // by series
  std::optional<uint32_t> opened_;  // whose infos_ these are
  std::vector<Block::SeriesInfo> infos_;
  DecodedGroups decoded_;
  ExemplarPageCache pages_;
  size_t samples_read_ = 0;  // since pages were dropped
};

// Series that lie in the same groups of the same blocks lie together in all that is copied. Whether that is all these groups hold,
// and nothing overlaps, decides.
Result<std::vector<WholeGroups>> MergeSource::whole_groups(size_t samples_wanted) {
  std::vector<WholeGroups> result;
  for (const auto& source : sources_)
    if (source->meta().level < 2 || source->has_own_chunks()) return result;
  struct Run {
    uint32_t source;
    Block::GroupRun groups;
  };
  struct Candidate {
    std::vector<Run> runs;
    std::vector<std::pair<uint32_t, uint32_t>> members;  // place in the groups, number
    bool good = true;
  };
  absl::flat_hash_map<std::string, Candidate> candidates;
  for (uint32_t number = 0; number < firsts_.size(); ++number) {
    const size_t end = number + 1 < firsts_.size() ? firsts_[number + 1] : places_.size();
    std::string key;
    std::vector<Run> runs;
    for (size_t i = firsts_[number]; i < end; ++i) {
      const Block::GroupRun groups = sources_[places_[i].source]->group_run(places_[i].series);
      if (groups.count == 0) continue;
      runs.push_back({places_[i].source, groups});
      append_le(key, places_[i].source);
      append_le(key, groups.first);
      append_le(key, groups.count);
    }
    if (runs.empty()) continue;
    Candidate& candidate = candidates[key];
    const uint32_t in_group = runs.front().groups.member;
    for (const Run& run : runs)  // the same member everywhere
      candidate.good = candidate.good && run.groups.member == in_group;
    for (size_t i = firsts_[number]; i < end; ++i)
      candidate.good = candidate.good &&
                       sources_[places_[i].source]->tombstones()->of(places_[i].series).empty();
    candidate.members.emplace_back(in_group, number);
    candidate.runs = std::move(runs);
  }
  for (auto& [key, candidate] : candidates) {
    std::sort(candidate.members.begin(), candidate.members.end());
    WholeGroups whole;
    uint64_t samples = 0;
    for (const Run& run : candidate.runs) {
      const Block& block = *sources_[run.source];
      for (uint32_t g = 0; g < run.groups.count && candidate.good; ++g) {
        const Block::ChunkRef ref = block.group_ref(run.groups.first + g);
        const auto bytes = block.group_bytes(run.groups.first + g);
        if (!bytes) return std::unexpected(bytes.error());
        const auto count = group_member_count(*bytes);
        if (!count) return in_context(block.directory(), count.error());
        candidate.good = *count == candidate.members.size();
        whole.records.push_back({*bytes, ref.min_time, ref.max_time, ref.count});
        samples += ref.count;
      }
    }
    std::sort(whole.records.begin(), whole.records.end(),
              [](const auto& a, const auto& b) { return a.min_time < b.min_time; });
    for (size_t i = 1; i < whole.records.size(); ++i)
      candidate.good = candidate.good && whole.records[i - 1].max_time < whole.records[i].min_time;
    for (uint32_t m = 0; m < candidate.members.size(); ++m) {
      candidate.good = candidate.good && candidate.members[m].first == m;
      whole.members.push_back(candidate.members[m].second);
    }
    if (candidate.good && whole.records.size() <= kGroupRecordsMax &&
        samples >= samples_wanted * whole.records.size())
      result.push_back(std::move(whole));
  }
  // In the order of the series, so that the same input gives the same bytes.
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.members < b.members; });
  return result;
}

// Blocks that overlap, each run of them by itself.
std::vector<BlockList> overlapping_groups(const BlockList& by_time) {
  std::vector<BlockList> groups;
  BlockList group;
  int64_t reach = std::numeric_limits<int64_t>::min();
  const auto end_group = [&] {
    if (group.size() > 1) groups.push_back(std::move(group));
    group.clear();
  };
  for (const auto& block : by_time) {
    if (block->meta().min_time >= reach) end_group();
    reach = group.empty() ? block->meta().max_time : std::max(reach, block->meta().max_time);
    group.push_back(block);
  }
  end_group();
  return groups;
}

// Overlapping blocks that must be merged now. Those within one window of `range` are merged together with all others of
// it, once the window is over: everything is written once then.
BlockList due_overlap(const BlockList& by_time, int64_t range) {
  for (BlockList& group : overlapping_groups(by_time)) {
    const int64_t start = window_start(group.front()->meta().min_time, range);
    const auto is_inside = [&](const auto& block) {
      return block->meta().min_time >= start && block->meta().max_time <= start + range;
    };
    if (!std::ranges::all_of(group, is_inside)) return group;
    if (start + range > by_time.back()->meta().min_time) continue;
    BlockList whole;
    std::ranges::copy_if(by_time, std::back_inserter(whole), is_inside);
    return whole;
  }
  return {};
}

}  // namespace

Result<std::optional<BlockMeta>> write_head_block(io::FileSystem& fs, const std::string& parent,
                                                  uint64_t number, Head& head,
                                                  const HeadWindow& window,
                                                  const TsdbOptions& options) {
  // Windows shorter than a block are merged and written anew before long.
  auto writer =
      BlockWriter::create(fs, parent, number,
                          options.head_window_ms < options.block_duration_ms ? GroupCoding::kQuick
                                                                             : GroupCoding::kSmall);
  if (!writer) return std::unexpected(std::move(writer).error());
  HeadSource source(head, window);
  if (auto status = (*writer)->write(source, options.block_chunk_samples_max); !status)
    return std::unexpected(std::move(status).error());
  if ((*writer)->empty()) return std::nullopt;
  auto meta = (*writer)->finish({.level = 1, .sources = {number}});
  if (!meta) return std::unexpected(std::move(meta).error());
  return std::move(*meta);
}

Result<std::optional<BlockMeta>> merge_blocks(io::FileSystem& fs, const std::string& parent,
                                              uint64_t number, const BlockList& sources,
                                              const TsdbOptions& options) {
  auto writer = BlockWriter::create(fs, parent, number);
  if (!writer) return std::unexpected(std::move(writer).error());
  BlockMeta meta{.level = 0};
  int64_t min_time = std::numeric_limits<int64_t>::max();
  int64_t max_time = std::numeric_limits<int64_t>::min();
  for (const auto& source : sources) {
    const BlockMeta& m = source->meta();
    meta.level = std::max(meta.level, sources.size() > 1 ? m.level + 1 : m.level);
    meta.parents.push_back(m.number);
    meta.sources.insert(meta.sources.end(), m.sources.begin(), m.sources.end());
    min_time = std::min(min_time, m.min_time);
    max_time = std::max(max_time, m.max_time);
  }
  std::sort(meta.sources.begin(), meta.sources.end());
  ExemplarBudget budget = options.exemplars;
  // Windows of whole multiples, so that thinning again later only joins windows.
  const int64_t times_longer =
      (max_time - min_time + options.block_duration_ms - 1) / options.block_duration_ms;
  int64_t factor = 1;
  while (factor * 3 <= times_longer) factor *= 3;
  budget.window_ms *= factor;
  MergeSource source(sources, budget);
  if (auto status = (*writer)->write(source, options.block_chunk_samples_max); !status)
    return std::unexpected(std::move(status).error());
  if ((*writer)->empty()) return std::nullopt;
  auto finished = (*writer)->finish(std::move(meta));
  if (!finished) return std::unexpected(std::move(finished).error());
  return std::move(*finished);
}

int64_t block_duration_max(const TsdbOptions& options) {
  if (options.block_duration_max_ms > 0) return options.block_duration_max_ms;
  const int64_t longest = 31 * kDayMs;
  return options.retention_time_ms > 0 ? std::min(longest, options.retention_time_ms / 10)
                                       : longest;
}

BlockList plan_compaction(const BlockList& blocks, const TsdbOptions& options) {
  BlockList by_time = blocks;
  std::erase_if(by_time, [](const auto& block) { return block->is_damaged(); });
  std::stable_sort(by_time.begin(), by_time.end(), [](const auto& a, const auto& b) {
    return a->meta().min_time < b->meta().min_time;
  });
  const auto by_age = [](BlockList group) {
    std::sort(group.begin(), group.end(),
              [](const auto& a, const auto& b) { return a->meta().age() < b->meta().age(); });
    return group;
  };
  if (BlockList group = due_overlap(by_time, options.block_duration_ms); !group.empty())
    return by_age(std::move(group));
  if (by_time.empty()) return {};
  const int64_t newest = by_time.back()->meta().min_time;
  const int64_t longest = block_duration_max(options);
  const int64_t first = options.head_window_ms < options.block_duration_ms
                            ? options.block_duration_ms
                            : options.block_duration_ms * 3;
  for (int64_t range = first; range <= std::max(longest, options.block_duration_ms); range *= 3) {
    BlockList group;
    int64_t group_start = 0;
    const auto is_due = [&] { return group.size() > 1 && group_start + range <= newest; };
    for (const auto& block : by_time) {
      const int64_t start = window_start(block->meta().min_time, range);
      if (!group.empty() && start != group_start) {
        if (is_due()) return by_age(std::move(group));
        group.clear();
      }
      if (block->meta().max_time > start + range) continue;  // reaches into the next window already
      group_start = start;
      group.push_back(block);
    }
    if (is_due()) return by_age(std::move(group));
  }
  for (const auto& block : by_time)
    if (block->tombstones()->series_count() > block->series_count() / 20) return {block};
  return {};
}

}  // namespace sightline::tsdb
