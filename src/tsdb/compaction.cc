#include "tsdb/compaction.h"

#include <algorithm>
#include <deque>
#include <queue>

#include "tsdb/sample_gathering.h"

namespace sightline::tsdb {
namespace {

// Encoded chunks of one series with the bytes they view.
struct EncodedChunks {
  std::deque<std::string> storage;
  std::vector<BlockChunk> chunks;
};

// Equal pieces of at most `samples_max`.
template <typename T>
void encode_pieces(std::span<const int64_t> times, std::span<const T> values, std::span<const int64_t> created,
                   ChunkKind kind, size_t samples_max, EncodedChunks& out) {
  if (times.empty()) return;
  const size_t pieces = (times.size() + samples_max - 1) / samples_max;
  for (size_t i = 0; i < pieces; ++i) {
    const size_t begin = times.size() * i / pieces;
    const size_t count = times.size() * (i + 1) / pieces - begin;
    auto created_piece = created.empty() ? created : created.subspan(begin, count);
    if (std::all_of(created_piece.begin(), created_piece.end(), [](int64_t c) { return c == 0; })) created_piece = {};
    out.storage.push_back(encode_chunk(times.subspan(begin, count), values.subspan(begin, count), created_piece));
    out.chunks.push_back({kind, times[begin], times[begin + count - 1], static_cast<uint32_t>(count), out.storage.back()});
  }
}

EncodedChunks encode_columns(const SampleColumns& columns, size_t samples_max) {
  EncodedChunks out;
  encode_pieces<double>(columns.times, columns.values, columns.created, ChunkKind::kFloat, samples_max, out);
  encode_pieces<HistogramPtr>(columns.histogram_times, columns.histograms, columns.histogram_created,
                              ChunkKind::kHistogram, samples_max, out);
  return out;
}

// One block being read in order of labels.
struct Cursor {
  const Block* block;
  size_t age;            // index into the sources
  uint32_t series = 0;
  model::Labels labels;
};

struct LaterLabels {
  bool operator()(const Cursor* a, const Cursor* b) const {
    if (const auto order = a->labels <=> b->labels; order != 0) return order > 0;
    return a->age > b->age;
  }
};

// The chunks of one series from several blocks: as they are when they follow
// each other, else decoded, joined and encoded again.
Result<EncodedChunks> join_chunks(std::span<const Cursor* const> same, std::span<const Block::SeriesInfo> infos,
                                  size_t samples_max) {
  EncodedChunks out;
  for (size_t s = 0; s < same.size(); ++s)
    for (size_t i = 0; i < infos[s].chunks.size(); ++i) {
      const auto bytes = same[s]->block->chunk_bytes(infos[s], i);
      if (!bytes) return std::unexpected(bytes.error());
      out.chunks.push_back(infos[s].chunks[i]);
    }
  std::vector<BlockChunk> sorted = out.chunks;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.min_time < b.min_time; });
  bool apart = true;
  for (size_t i = 1; i < sorted.size(); ++i) apart = apart && sorted[i - 1].max_time < sorted[i].min_time;
  if (apart) {
    out.chunks = std::move(sorted);
    return out;
  }
  SampleColumns columns;
  SampleGathering gathering(columns, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
  for (const BlockChunk& chunk : out.chunks)
    if (auto status = gathering.add_chunk(chunk.bytes); !status) return std::unexpected(std::move(status).error());
  gathering.finish();
  return encode_columns(columns, samples_max);
}

Result<std::vector<StoredExemplar>> join_exemplars(std::span<const Cursor* const> same,
                                                   std::span<const Block::SeriesInfo> infos, const ExemplarBudget& budget) {
  std::vector<StoredExemplar> all;
  for (size_t s = 0; s < same.size(); ++s)
    if (auto status = same[s]->block->read_exemplars(infos[s], all); !status) return std::unexpected(std::move(status).error());
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  std::vector<StoredExemplar> result;
  for (StoredExemplar& e : all) {
    bool repeated = false;
    for (size_t k = result.size(); k-- > 0 && result[k].time == e.time && !repeated;) repeated = same_exemplar(result[k], e);
    if (!repeated) result.push_back(std::move(e));
  }
  thin_exemplars(result, budget);
  return result;
}

Status merge_series(BlockWriter& writer, std::span<const Cursor* const> same, const ExemplarBudget& budget, size_t samples_max) {
  std::vector<Block::SeriesInfo> infos;
  for (const Cursor* cursor : same) {
    auto info = cursor->block->series(cursor->series);
    if (!info) return std::unexpected(std::move(info).error());
    infos.push_back(std::move(*info));
  }
  auto chunks = join_chunks(same, infos, samples_max);
  if (!chunks) return std::unexpected(std::move(chunks).error());
  auto exemplars = join_exemplars(same, infos, budget);
  if (!exemplars) return std::unexpected(std::move(exemplars).error());
  return writer.add_series(same.front()->labels, chunks->chunks, *exemplars);
}

Status merge_all(BlockWriter& writer, const BlockList& sources, const ExemplarBudget& budget, size_t samples_max) {
  std::deque<Cursor> cursors;
  std::priority_queue<Cursor*, std::vector<Cursor*>, LaterLabels> queue;
  const auto step = [&](Cursor& cursor) -> Status {
    if (cursor.series >= cursor.block->series_count()) return {};
    auto labels = cursor.block->labels(cursor.series);
    if (!labels) return std::unexpected(std::move(labels).error());
    cursor.labels = std::move(*labels);
    queue.push(&cursor);
    return {};
  };
  for (size_t i = 0; i < sources.size(); ++i) {
    cursors.push_back({.block = sources[i].get(), .age = i});
    if (auto status = step(cursors.back()); !status) return status;
  }
  while (!queue.empty()) {
    std::vector<Cursor*> same{queue.top()};
    queue.pop();
    while (!queue.empty() && queue.top()->labels == same.front()->labels) {
      same.push_back(queue.top());
      queue.pop();
    }
    const std::vector<const Cursor*> views(same.begin(), same.end());
    if (auto status = merge_series(writer, views, budget, samples_max); !status) return status;
    for (Cursor* cursor : same) {
      ++cursor->series;
      if (auto status = step(*cursor); !status) return status;
    }
  }
  return {};
}

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

Result<std::optional<BlockMeta>> write_head_block(io::FileSystem& fs, const std::string& parent, uint64_t number,
                                                  Head& head, const HeadWindow& window, const TsdbOptions& options) {
  auto writer = BlockWriter::create(fs, parent, number);
  if (!writer) return std::unexpected(std::move(writer).error());
  SampleColumns columns;
  std::vector<StoredExemplar> exemplars;
  for (const SeriesPtr& series : head.select({})) {
    SampleGathering gathering(columns, window.start, window.end - 1);
    if (auto status = gather_head(head, *series, window.commit, window.start, window.end - 1, gathering); !status)
      return std::unexpected(std::move(status).error());
    gathering.finish();
    exemplars.clear();
    {
      const std::lock_guard lock(head.mutex_of(*series));
      series->collect_exemplars(window.commit, window.start, window.end - 1, exemplars);
    }
    if (columns.times.empty() && columns.histogram_times.empty() && exemplars.empty()) continue;
    const EncodedChunks chunks = encode_columns(columns, options.block_chunk_samples_max);
    if (auto status = (*writer)->add_series(series->labels(), chunks.chunks, exemplars); !status)
      return std::unexpected(std::move(status).error());
  }
  if ((*writer)->empty()) return std::nullopt;
  auto meta = (*writer)->finish({.level = 1, .sources = {number}});
  if (!meta) return std::unexpected(std::move(meta).error());
  return std::move(*meta);
}

Result<BlockMeta> merge_blocks(io::FileSystem& fs, const std::string& parent, uint64_t number, const BlockList& sources,
                               const TsdbOptions& options) {
  auto writer = BlockWriter::create(fs, parent, number);
  if (!writer) return std::unexpected(std::move(writer).error());
  BlockMeta meta{.level = 0};
  int64_t min_time = std::numeric_limits<int64_t>::max();
  int64_t max_time = std::numeric_limits<int64_t>::min();
  for (const auto& source : sources) {
    const BlockMeta& m = source->meta();
    meta.level = std::max(meta.level, m.level + 1);
    meta.parents.push_back(m.number);
    meta.sources.insert(meta.sources.end(), m.sources.begin(), m.sources.end());
    min_time = std::min(min_time, m.min_time);
    max_time = std::max(max_time, m.max_time);
  }
  std::sort(meta.sources.begin(), meta.sources.end());
  ExemplarBudget budget = options.exemplars;
  // Windows of whole multiples, so that thinning again later only joins windows.
  const int64_t times_longer = (max_time - min_time + options.block_duration_ms - 1) / options.block_duration_ms;
  int64_t factor = 1;
  while (factor * 3 <= times_longer) factor *= 3;
  budget.window_ms *= factor;
  if (auto status = merge_all(**writer, sources, budget, options.block_chunk_samples_max); !status)
    return std::unexpected(std::move(status).error());
  return (*writer)->finish(std::move(meta));
}

int64_t block_duration_max(const TsdbOptions& options) {
  if (options.block_duration_max_ms > 0) return options.block_duration_max_ms;
  const int64_t longest = 31 * kDayMs;
  return options.retention_time_ms > 0 ? std::min(longest, options.retention_time_ms / 10) : longest;
}

BlockList plan_compaction(const BlockList& blocks, const TsdbOptions& options) {
  BlockList by_time = blocks;
  std::erase_if(by_time, [](const auto& block) { return block->is_damaged(); });
  std::stable_sort(by_time.begin(), by_time.end(),
                   [](const auto& a, const auto& b) { return a->meta().min_time < b->meta().min_time; });
  const auto by_age = [](BlockList group) {
    std::sort(group.begin(), group.end(), [](const auto& a, const auto& b) { return a->meta().age() < b->meta().age(); });
    return group;
  };
  if (BlockList group = overlapping_group(by_time); !group.empty()) return by_age(std::move(group));
  if (by_time.empty()) return {};
  const int64_t newest = by_time.back()->meta().min_time;
  const int64_t longest = block_duration_max(options);
  for (int64_t range = options.block_duration_ms * 3; range <= longest; range *= 3) {
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
  return {};
}

}  // namespace sightline::tsdb
