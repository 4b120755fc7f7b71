#pragma once
// One series of the head: its newest samples open (open_floats.h), the ones before in sealed
// chunks, samples that came out of order beside them, and its exemplars.
//   Threads   the commit leader alone changes it, under its shard's mutex; the leader
//             reads without, all others under the mutex.
//   Snapshot  read as of a commit: in-order samples by the newest time that was
//             there then, out-of-order samples and exemplars by their commit.
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/labels.h"
#include "tsdb/block/deletions.h"
#include "tsdb/block/exemplar_column.h"
#include "tsdb/codec/chunk.h"
#include "tsdb/codec/open_floats.h"
#include "tsdb/head/label_pairs.h"
#include "tsdb/options.h"

namespace sightline::tsdb {

inline constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();

// Sums and differences of times within it cannot overflow.
inline constexpr int64_t kTimeAbsMax = int64_t{1} << 61;

// The newest sample of a series: what decides whether the next one fits.
struct SeriesEdge {
  int64_t time = kNoTime;
  double value = 0;
  HistogramPtr histogram;  // null: the newest sample is a float
};

struct AppendRules {
  int64_t head_max_time = kNoTime;
  int64_t min_valid_time = kNoTime;  // older ones are refused
  int64_t future_limit = std::numeric_limits<int64_t>::max();
  int64_t out_of_order_window_ms = 0;
};

enum class Place : uint8_t { kInOrder, kDuplicate, kOutOfOrder };

// Where a sample belongs (spec/prometheus-api.md section 7). kOutOfRange or kAlreadyExists
// with the peer's words: "out of order sample", "too old sample", "out of bounds",
// "duplicate sample for timestamp". `histogram` is null for a float.
Result<Place> place_sample(const SeriesEdge& edge, int64_t time, double value,
                           const model::Histogram* histogram, const AppendRules& rules);

struct HeadChunk {
  int64_t min_time;
  int64_t max_time;
  uint32_t count;
  ChunkKind kind;
  std::string bytes;
};

struct OutOfOrderSample {
  int64_t time;
  int64_t created;
  double value;
  HistogramPtr histogram;  // null: a float
  uint64_t commit;
};

// Which readers look at older commits, as the leader saw it when it began.
struct ActiveReaders {
  uint64_t oldest = std::numeric_limits<uint64_t>::max();
  uint64_t newest = 0;
};

class HeadSeries {
 public:
  HeadSeries(uint64_t id, const model::Labels& labels, LabelPairs& pairs)
      : id_(id), hash_(labels.hash()), labels_(pairs, labels) {}

  // Set once: any thread.
  uint64_t id() const { return id_; }
  uint64_t hash() const { return hash_; }
  const InternedLabels& interned() const { return labels_; }
  model::Labels labels() const { return labels_.labels(); }  // made anew

  // The leader's.
  const SeriesEdge& edge() const { return edge_; }
  uint64_t last_commit() const { return last_commit_; }
  void begin_commit(uint64_t commit, const ActiveReaders& readers);
  void append(int64_t time, double value, HistogramPtr histogram, int64_t created,
              const TsdbOptions& options);
  // Newer than all others, but of a time that is cut into blocks already: kept beside.
  void append_late(OutOfOrderSample sample);
  // What is known of the newest sample when that lies in a block. For opening.
  void restore_edge(int64_t time, double value, HistogramPtr histogram);
  // False: a sample of that time was already there, which none of the series' deletions took.
  bool append_out_of_order(OutOfOrderSample sample, std::span<const HeadDeletion> deletions = {});
  // Keeps within the budget. The caller checked that it is not older than the newest.
  void append_exemplar(StoredExemplar exemplar, const ExemplarBudget& budget);
  const StoredExemplar* newest_exemplar() const {
    return exemplars_ ? &exemplars_->newest : nullptr;
  }

  // What a reader as of `commit` sees in [min, max].
  struct Seen {
    std::vector<std::shared_ptr<const HeadChunk>> chunks;  // sealed; may reach beyond the range
    OpenFloats open_floats;                                // as they are kept: up to `open_max`
    SampleColumns open_histograms;
    int64_t open_max = kNoTime;
    std::vector<OutOfOrderSample> late;

    // Adds the open samples to the columns; needs no mutex.
    void read_open(int64_t min, SampleColumns& out) const;
  };
  Seen see(uint64_t commit, int64_t min, int64_t max) const;
  // The same, added to `chunks`, `open` and `late`.
  void collect(uint64_t commit, int64_t min, int64_t max,
               std::vector<std::shared_ptr<const HeadChunk>>& chunks, SampleColumns& open,
               std::vector<OutOfOrderSample>& late) const;
  void collect_exemplars(uint64_t commit, int64_t min, int64_t max,
                         std::vector<StoredExemplar>& out) const;

  // Forgets what a block holds now: everything below `time` that was there at `commit`; and the newest exemplar
  // once it is below `known_from`.
  void truncate(int64_t time, uint64_t commit, int64_t known_from);
  bool has_data() const;
  // Adds the starts of the windows that hold anything below `time`.
  void note_windows(int64_t time, int64_t window_ms, std::set<int64_t>& windows) const;
  // Smallest time held; nullopt when empty.
  std::optional<int64_t> min_time() const;
  uint64_t chunk_count() const { return chunks_.size() + (has_open() ? 1 : 0); }
  uint64_t exemplar_count() const { return exemplars_ ? exemplars_->kept.size() : 0; }

  // Guarded by the shard's mutex.
  uint32_t users = 0;  // open transactions that name it: not collected meanwhile
  // The leader's.
  uint64_t wal_number = 0;             // its number in the log; 0: not logged yet
  uint32_t index_number = UINT32_MAX;  // in the head's postings; UINT32_MAX: not visible yet

 private:
  struct Mark {
    uint64_t commit = 0;
    int64_t time = kNoTime;  // newest in-order sample after that commit
  };
  struct Exemplars {
    std::vector<StoredExemplar> kept;  // ascending by time
    StoredExemplar newest;             // accepted last, kept or not
  };

  struct OpenHistograms {
    std::vector<int64_t> times;
    std::vector<HistogramPtr> histograms;
    std::vector<int64_t> created;  // empty while all are 0
  };

  int64_t visible_time(uint64_t commit) const;
  bool has_open() const { return !open_.empty() || open_histograms_ != nullptr; }
  uint32_t open_count() const;
  int64_t open_first_time() const;  // while has_open()
  void collect_open(int64_t min, int64_t max, SampleColumns& out) const;
  void collect_open_histograms(int64_t min, int64_t max, SampleColumns& out) const;
  void seal();

  // What every sample touches comes first.
  const uint64_t id_;
  uint64_t last_commit_ = 0;
  SeriesEdge edge_;
  Mark previous_;               // before last_commit_
  int64_t open_end_ = kNoTime;  // of the open chunk's window
  // The open chunk: floats, or histograms.
  OpenFloats open_;
  std::unique_ptr<OpenHistograms> open_histograms_;
  std::unique_ptr<std::vector<Mark>> history_;  // marks before previous_, while a reader needs them

  std::vector<std::shared_ptr<const HeadChunk>> chunks_;
  std::unique_ptr<std::vector<OutOfOrderSample>> late_;
  std::unique_ptr<Exemplars> exemplars_;
  const uint64_t hash_;
  const InternedLabels labels_;
};

// Start of the window that holds `time`.
constexpr int64_t window_start(int64_t time, int64_t window_ms) {
  const int64_t rest = time % window_ms;
  return time - (rest < 0 ? rest + window_ms : rest);
}

}  // namespace sightline::tsdb
