#include "tsdb/compaction.h"

#include <algorithm>
#include <deque>
#include <queue>

#include "tsdb/sample_gathering.h"

namespace sightline::tsdb {
namespace {

// What the head holds in one window.
class HeadSource final : public BlockSource {
 public:
  HeadSource(Head& head, const HeadWindow& window)
      : head_(head), window_(window), series_(head.select({})) {}

  Result<bool> next(model::Labels& labels) override {
    if (next_ == series_.size()) return false;
    labels = series_[next_++]->labels();
    return true;
  }
  Status read_times(uint32_t number, std::vector<int64_t>& out) override {
    auto status = read_all(number, columns_);
    read_ = number;
    out = columns_.times;
    return status;
  }
  Status read_floats(uint32_t number, SampleColumns& out) override { return read_all(number, out); }
  Status read_histograms(uint32_t number, SampleColumns& out) override {
    if (read_ == number) {  // as a rule right after the times
      std::swap(out, columns_);
      read_.reset();
      return {};
    }
    return read_all(number, out);
  }
  Status read_exemplars(uint32_t number, std::vector<StoredExemplar>& out) override {
    out.clear();
    collect_head_exemplars(head_, *series_[number], window_.commit, window_.start, window_.end - 1,
                           out);
    return {};
  }

 private:
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
  SampleColumns columns_;
  std::optional<uint32_t> read_;  // whose columns those are
};

// One block being read in order of labels.
struct Cursor {
  const Block* block;
  size_t age;  // index into the sources
  uint32_t series = 0;
  model::Labels labels;
};

struct LaterLabels {
  bool operator()(const Cursor* a, const Cursor* b) const {
    if (const auto order = a->labels <=> b->labels; order != 0) return order > 0;
    return a->age > b->age;
  }
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
    if (queue_.empty()) return false;
    labels = queue_.top()->labels;
    firsts_.push_back(static_cast<uint32_t>(places_.size()));
    std::vector<Cursor*> same;
    while (!queue_.empty() && queue_.top()->labels == labels) {
      same.push_back(queue_.top());
      queue_.pop();
    }
    for (Cursor* cursor : same) {
      places_.push_back({static_cast<uint32_t>(cursor->age), cursor->series++});
      if (auto status = step(*cursor); !status) return std::unexpected(std::move(status).error());
    }
    return true;
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
    if (cursor.series >= cursor.block->series_count()) return {};
    auto labels = cursor.block->labels(cursor.series);
    if (!labels) return std::unexpected(std::move(labels).error());
    cursor.labels = std::move(*labels);
    queue_.push(&cursor);
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
        if (auto status = gathering.add_decoded([&](SampleColumns& columns) {
              return from.read_chunk(chunk, &families_, columns);
            });
            !status)
          return status;
      }
    gathering.finish();
    return {};
  }

  const BlockList& sources_;
  const ExemplarBudget budget_;
  std::deque<Cursor> cursors_;
  std::priority_queue<Cursor*, std::vector<Cursor*>, LaterLabels> queue_;
  std::vector<Place> places_;       // of all series, one after the other
  std::vector<uint32_t> firsts_;    // by series
  std::optional<uint32_t> opened_;  // whose infos_ these are
  std::vector<Block::SeriesInfo> infos_;
  FamilyCache families_;
  ExemplarPageCache pages_;
};

BlockList overlapping_group(const BlockList& by_time) {
  BlockList group;
  int64_t reach = std::numeric_limits<int64_t>::min();
  for (const auto& block : by_time) {
    if (!group.empty() && block->meta().min_time >= reach) {
      if (group.size() > 1) return group;
      group.clear();
    }
    group.push_back(block);
    reach = group.size() == 1 ? block->meta().max_time : std::max(reach, block->meta().max_time);
  }
  return group.size() > 1 ? group : BlockList();
}

}  // namespace

Result<std::optional<BlockMeta>> write_head_block(io::FileSystem& fs, const std::string& parent,
                                                  uint64_t number, Head& head,
                                                  const HeadWindow& window,
                                                  const TsdbOptions& options) {
  auto writer = BlockWriter::create(fs, parent, number);
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
  if (BlockList group = overlapping_group(by_time); !group.empty()) return by_age(std::move(group));
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
