// Opening a Tsdb: the directory lock, blocks, checkpoint and log.
#include <algorithm>
#include <charconv>
#include <deque>
#include <set>

#include "base/log.h"
#include "tsdb/tsdb.h"

namespace sightline::tsdb {
namespace {

constexpr uint64_t kNumberGapMax = 16u << 20;  // series that came and went between two of the log

// Whether `later` was compacted from all that went into `earlier`.
bool replaces(const Block& later, const Block& earlier) {
  const auto& all = later.meta().sources;
  const auto& some = earlier.meta().sources;
  return later.meta().number > earlier.meta().number &&
         std::includes(all.begin(), all.end(), some.begin(), some.end());
}

bool same_sample(const SeriesEdge& edge, const WalSample& s) {
  const auto place = place_sample(edge, s.time, s.value, s.histogram.get(), {});
  return place && *place == Place::kDuplicate;
}

}  // namespace

Status Tsdb::recover() {
  if (auto status = fs_.create_directories(options_.directory); !status) return status;
  auto lock = fs_.lock(options_.directory);
  if (!lock) return std::unexpected(std::move(lock).error());
  lock_ = std::move(*lock);
  if (auto status = load_blocks(); !status) return status;
  if (auto status = remove_unfinished_snapshots(); !status) return status;
  return replay();
}

Status Tsdb::load_blocks() {
  auto names = fs_.list(options_.directory);
  if (!names) return std::unexpected(std::move(names).error());
  BlockList loaded;
  for (const std::string& name : *names) {
    if (const auto taken = block_number_taken(name))
      next_block_number_ = std::max(next_block_number_, *taken + 1);
    if (name.starts_with(kBlockDirectoryPrefix) && name.ends_with(".tmp")) {
      if (auto status = fs_.remove_all(path(name)); !status) return status;
      continue;
    }
    if (!block_number(name)) continue;
    auto block = Block::open(fs_, path(name));
    if (block) {
      loaded.push_back(std::move(*block));
      continue;
    }
    if (block.error().code != Errc::kCorrupt && block.error().code != Errc::kNotFound)
      return std::unexpected(std::move(block).error());
    SL_LOG_ERROR("tsdb: block set aside as {}.corrupt: {}", name, block.error().message);
    counters_.blocks_corrupt.add();
    if (auto status = fs_.rename(path(name), path(name + ".corrupt")); !status) return status;
  }
  BlockList kept;
  for (const auto& block : loaded) {
    const bool replaced = std::any_of(loaded.begin(), loaded.end(),
                                      [&](const auto& other) { return replaces(*other, *block); });
    if (replaced)
      delete_block(*block);  // a compaction was cut short after its rename
    else
      kept.push_back(block);
    head_.note_max_time(block->meta().max_time - 1);
  }
  publish_blocks(std::move(kept));
  return {};
}

// Nobody else is there yet: no locks.
void Tsdb::restore_sample(const WalSample& s, uint64_t commit, int64_t cut_time,
                          HeadSeries& series) {
  const SeriesEdge& edge = series.edge();
  // Its place was checked before it was logged; here only order matters.
  if (edge.time == kNoTime || s.time > edge.time) {
    series.begin_commit(commit, {});
    if (s.time < cut_time)
      series.append_late({s.time, s.created, s.value, s.histogram, commit});
    else
      series.append(s.time, s.value, s.histogram, s.created, options_);
  } else if (!same_sample(edge, s)) {
    (void)series.append_out_of_order({s.time, s.created, s.value, s.histogram, commit},
                                     head_.deletions().of(series.id(), commit));
  }
  head_.note_time(s.time);
}

Status Tsdb::replay() {
  std::deque<SeriesPtr> by_number;  // from first_number on: the log's numbers are nearly dense
  uint64_t first_number = 0;
  std::map<uint64_t, int64_t> segments;
  Checkpoint checkpoint;
  bool reading_checkpoint = true;
  uint64_t segment = 0;
  uint64_t commit = 0;
  uint64_t last_commit = 0;
  uint64_t last_number = 0;
  uint64_t samples = 0;
  uint64_t orphans = 0;
  const auto note = [&](int64_t time) {
    int64_t& max = segments.try_emplace(segment, kNoTime).first->second;
    max = std::max(max, time);
  };
  WalVisitor visitor;
  visitor.on_commit = [&](uint64_t c) {
    commit = c;
    last_commit = std::max(last_commit, c);
    return Status();
  };
  visitor.on_series = [&](const WalSeries& s) {
    SeriesPtr series = head_.restore(model::Labels::from_packed(std::string(s.packed_labels)));
    series->wal_number = std::max(series->wal_number, s.number);
    last_number = std::max(last_number, s.number);
    if (by_number.empty()) first_number = s.number;
    const uint64_t below = s.number < first_number ? first_number - s.number : 0;
    if (below > kNumberGapMax ||
        (below == 0 && s.number - first_number > by_number.size() + kNumberGapMax))
      return Status(fail(Errc::kCorrupt, "series number ", s.number, " lies far from the others"));
    by_number.insert(by_number.begin(), below, nullptr);
    first_number -= below;
    if (s.number - first_number >= by_number.size()) by_number.resize(s.number - first_number + 1);
    by_number[s.number - first_number] = std::move(series);
    return Status();
  };
  const auto series_of = [&](uint64_t number) -> HeadSeries* {
    HeadSeries* found =
        number - first_number < by_number.size() ? by_number[number - first_number].get() : nullptr;
    if (found == nullptr) ++orphans;
    return found;
  };
  visitor.on_sample = [&](const WalSample& s) {
    if (!reading_checkpoint) note(s.time);
    HeadSeries* series = series_of(s.number);
    if (series == nullptr) return Status();
    if (reading_checkpoint || checkpoint.covers(s.time, commit)) {
      series->restore_edge(s.time, s.value, s.histogram);
      return Status();
    }
    restore_sample(s, commit, checkpoint.cut_time, *series);
    ++samples;
    return Status();
  };
  visitor.on_exemplar = [&](const WalExemplar& e) {
    note(e.exemplar.time);
    if (checkpoint.covers(e.exemplar.time, commit)) return Status();
    if (HeadSeries* series = series_of(e.number)) {
      StoredExemplar stored = e.exemplar;
      stored.commit = commit;
      series->append_exemplar(std::move(stored), options_.exemplars);
    }
    return Status();
  };
  visitor.on_metadata = [&](const WalMetadata& m) {
    metadata_.set(m.metric, m.metadata);
    return Status();
  };
  visitor.on_deletion = [&](const WalDeletion& d) {
    const uint64_t at = d.number - first_number;
    if (at < by_number.size() && by_number[at] != nullptr)
      head_.erase(*by_number[at], d.min, d.max, commit);
    return Status();
  };
  auto read = read_checkpoint(fs_, path("checkpoint"), visitor);
  if (!read && read.error().code == Errc::kCorrupt) {
    SL_LOG_ERROR(
        "tsdb: set aside as checkpoint.corrupt, samples of series it alone names are lost: {}",
        read.error().message);
    if (auto status = fs_.rename(path("checkpoint"), path("checkpoint.corrupt")); !status)
      return status;
    read = Checkpoint();
  }
  if (!read) return std::unexpected(std::move(read).error());
  checkpoint = *read;
  reading_checkpoint = false;
  const auto started = clock_.monotonic();
  io::RecordLogRecovery recovery;
  auto log = io::RecordLog::open(
      fs_, path("wal"),
      {.sync = options_.sync,
       .segment_bytes_max = options_.wal_segment_bytes_max,
       .on_segment = options_.on_replay_segment},
      [&](uint64_t number, uint8_t type, std::string_view payload) {
        segment = number;
        (void)segments.try_emplace(number, kNoTime);
        if (type != kWalCommit)
          return Status(fail(Errc::kCorrupt, "record of type ", int{type}, " is unknown"));
        return read_wal_record(payload, visitor);
      },
      &recovery);
  if (!log) return std::unexpected(std::move(log).error());
  log_ = std::move(*log);
  if (!recovery.note.empty()) SL_LOG_WARN("tsdb: the log was damaged: {}", recovery.note);
  if (orphans > 0)
    SL_LOG_WARN("tsdb: {} entries of the log name a series that was lost with the damage", orphans);
  counters_.wal_dropped_bytes.add(recovery.bytes_dropped);
  cut_time_.store(checkpoint.cut_time);
  blocks_reach_ = checkpoint.cut_time;
  head_.publish_with_data();
  counters_.head_series.set(static_cast<double>(head_.series_count()));
  queue_.start(*log_, std::max(last_commit, checkpoint.last_commit),
               std::max(last_number, checkpoint.last_wal_number), std::move(segments));
  SL_LOG_INFO(
      "tsdb: {} series and {} samples from {} log segments, {} blocks, in {} ms",
      head_.series_count(), samples, recovery.segments, blocks()->size(),
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - started).count());
  return {};
}

}  // namespace sightline::tsdb
