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

// Puts what checkpoint and log hold into the head. Nobody else is there yet: no locks.
class LogReplay {
 public:
  LogReplay(Head& head, MetadataStore& metadata, const TsdbOptions& options)
      : head_(head), metadata_(metadata), options_(options) {
    visitor_.on_commit = [this](uint64_t commit) {
      commit_ = commit;
      last_commit_ = std::max(last_commit_, commit);
      return Status();
    };
    visitor_.on_series = [this](const WalSeries& s) { return add_series(s); };
    visitor_.on_samples = [this](std::span<WalSample> samples) {
      add_samples(samples);
      return Status();
    };
    visitor_.on_exemplar = [this](const WalExemplar& e) {
      add_exemplar(e);
      return Status();
    };
    visitor_.on_metadata = [this](const WalMetadata& m) {
      metadata_.set(m.metric, m.metadata);
      return Status();
    };
    visitor_.on_deletion = [this](const WalDeletion& d) {
      if (HeadSeries* series = series_of(d.number)) head_.erase(*series, d.min, d.max, commit_);
      return Status();
    };
  }

  const WalVisitor& visitor() const { return visitor_; }
  // What comes now is the log, no longer the checkpoint.
  void begin_log(const Checkpoint& checkpoint) {
    checkpoint_ = checkpoint;
    reading_checkpoint_ = false;
  }
  void begin_record(uint64_t segment) {
    segment_max_time_ = &segments_.try_emplace(segment, kNoTime).first->second;
  }

  const Checkpoint& checkpoint() const { return checkpoint_; }
  uint64_t last_commit() const { return std::max(last_commit_, checkpoint_.last_commit); }
  uint64_t last_number() const { return std::max(last_number_, checkpoint_.last_wal_number); }
  std::map<uint64_t, int64_t> take_segments() { return std::move(segments_); }
  uint64_t samples() const { return samples_; }
  uint64_t orphans() const { return orphans_; }

 private:
  Status add_series(const WalSeries& s) {
    SeriesPtr series = head_.restore(model::Labels::from_packed(std::string(s.packed_labels)));
    series->wal_number = std::max(series->wal_number, s.number);
    last_number_ = std::max(last_number_, s.number);
    if (by_number_.empty()) first_number_ = s.number;
    const uint64_t below = s.number < first_number_ ? first_number_ - s.number : 0;
    if (below > kNumberGapMax ||
        (below == 0 && s.number - first_number_ > by_number_.size() + kNumberGapMax))
      return fail(Errc::kCorrupt, "series number ", s.number, " lies far from the others");
    by_number_.insert(by_number_.begin(), below, nullptr);
    first_number_ -= below;
    if (s.number - first_number_ >= by_number_.size())
      by_number_.resize(s.number - first_number_ + 1);
    by_number_[s.number - first_number_] = std::move(series);
    return {};
  }

  HeadSeries* series_of(uint64_t number) const {
    return number - first_number_ < by_number_.size() ? by_number_[number - first_number_].get()
                                                      : nullptr;
  }

  void add_samples(std::span<WalSample> samples) {
    constexpr size_t kPrefetch = 8;
    int64_t min = std::numeric_limits<int64_t>::max();
    int64_t max = kNoTime;
    for (size_t i = 0; i < samples.size(); ++i) {
      if (i + kPrefetch < samples.size())
        if (const HeadSeries* later = series_of(samples[i + kPrefetch].number))
          Head::prefetch(*later);
      const WalSample& s = samples[i];
      if (!reading_checkpoint_) note(s.time);
      HeadSeries* series = series_of(s.number);
      if (series == nullptr) {
        ++orphans_;
      } else if (reading_checkpoint_ || checkpoint_.covers(s.time, commit_)) {
        series->restore_edge(s.time, s.value, s.histogram);
      } else {
        restore(s, *series);
        min = std::min(min, s.time);
        max = std::max(max, s.time);
        ++samples_;
      }
    }
    if (max == kNoTime) return;
    head_.note_time(min);
    head_.note_time(max);
  }

  // Its place was checked before it was logged; here only order matters.
  void restore(const WalSample& s, HeadSeries& series) {
    const SeriesEdge& edge = series.edge();
    if (edge.time == kNoTime || s.time > edge.time) {
      series.begin_commit(commit_, {});
      if (s.time < checkpoint_.cut_time)
        series.append_late({s.time, s.created, s.value, s.histogram, commit_});
      else
        series.append(s.time, s.value, s.histogram, s.created, options_);
    } else if (!same_sample(edge, s)) {
      (void)series.append_out_of_order({s.time, s.created, s.value, s.histogram, commit_},
                                       head_.deletions().of(series.id(), commit_));
    }
  }

  void add_exemplar(const WalExemplar& e) {
    note(e.exemplar.time);
    if (checkpoint_.covers(e.exemplar.time, commit_)) return;
    HeadSeries* series = series_of(e.number);
    if (series == nullptr) {
      ++orphans_;
      return;
    }
    StoredExemplar stored = e.exemplar;
    stored.commit = commit_;
    series->append_exemplar(std::move(stored), options_.exemplars);
  }

  void note(int64_t time) {
    if (segment_max_time_ != nullptr) *segment_max_time_ = std::max(*segment_max_time_, time);
  }

  Head& head_;
  MetadataStore& metadata_;
  const TsdbOptions& options_;
  WalVisitor visitor_;
  Checkpoint checkpoint_;
  bool reading_checkpoint_ = true;
  std::deque<SeriesPtr> by_number_;  // from first_number_ on: the log's numbers are nearly dense
  uint64_t first_number_ = 0;
  std::map<uint64_t, int64_t> segments_;  // newest time in each
  int64_t* segment_max_time_ = nullptr;   // of the one being read
  uint64_t commit_ = 0;
  uint64_t last_commit_ = 0;
  uint64_t last_number_ = 0;
  uint64_t samples_ = 0;
  uint64_t orphans_ = 0;
};

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

Status Tsdb::replay() {
  LogReplay replay(head_, metadata_, options_);
  auto checkpoint = read_checkpoint(fs_, path("checkpoint"), replay.visitor());
  if (!checkpoint && checkpoint.error().code == Errc::kCorrupt) {
    SL_LOG_ERROR(
        "tsdb: set aside as checkpoint.corrupt, samples of series it alone names are lost: {}",
        checkpoint.error().message);
    if (auto status = fs_.rename(path("checkpoint"), path("checkpoint.corrupt")); !status)
      return status;
    checkpoint = Checkpoint();
  }
  if (!checkpoint) return std::unexpected(std::move(checkpoint).error());
  replay.begin_log(*checkpoint);
  const auto started = clock_.monotonic();
  io::RecordLogRecovery recovery;
  auto log = io::RecordLog::open(
      fs_, path("wal"),
      {.sync = options_.sync,
       .segment_bytes_max = options_.wal_segment_bytes_max,
       .on_segment = options_.on_replay_segment},
      [&](uint64_t segment, uint8_t type, std::string_view payload) {
        replay.begin_record(segment);
        if (type != kWalCommit)
          return Status(fail(Errc::kCorrupt, "record of type ", int{type}, " is unknown"));
        return read_wal_record(payload, replay.visitor());
      },
      &recovery);
  if (!log) return std::unexpected(std::move(log).error());
  log_ = std::move(*log);
  if (!recovery.note.empty()) SL_LOG_WARN("tsdb: the log was damaged: {}", recovery.note);
  if (replay.orphans() > 0)
    SL_LOG_WARN("tsdb: {} entries of the log name a series that was lost with the damage",
                replay.orphans());
  counters_.wal_dropped_bytes.add(recovery.bytes_dropped);
  cut_time_.store(checkpoint->cut_time);
  blocks_reach_ = checkpoint->cut_time;
  head_.publish_with_data();
  counters_.head_series.set(static_cast<double>(head_.series_count()));
  queue_.start(*log_, replay.last_commit(), replay.last_number(), replay.take_segments());
  SL_LOG_INFO(
      "tsdb: {} series and {} samples from {} log segments, {} blocks, in {} ms",
      head_.series_count(), replay.samples(), recovery.segments, blocks()->size(),
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - started).count());
  return {};
}

}  // namespace sightline::tsdb
