#pragma once
// Writes one block from a source that can be read twice: first every series in order of its labels (index, native histograms,
// exemplars), then the floats in groups of series that share their timestamps, histogram families together. What the source has
// encoded already is taken as it is.
//   Memory    the index, 32 bytes a series to sort by, and one group's samples.
//   Crash     everything goes to block-N.tmp, is synced, then renamed: a block is
//             there whole or not at all. The destructor removes what is unfinished.
//   Threads   one owner.
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <memory>
#include <optional>
#include <roaring/roaring.hh>

#include "base/checksum.h"
#include "io/file_system.h"
#include "model/labels.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/block/exemplar_pages.h"
#include "tsdb/codec/chunk.h"
#include "tsdb/codec/sample_group.h"

namespace sightline::tsdb {

// The floats of one series as encoded columns.
struct EncodedFloats {
  size_t count = 0;
  int64_t min_time = 0;
  int64_t max_time = 0;
  std::string_view times;             // an integer column
  std::string_view values;            // a value column
  std::shared_ptr<const void> owner;  // of those bytes
};

// Records of the chunks file that can be taken as they are.
struct WholeGroups {
  struct Record {
    std::string_view bytes;
    int64_t min_time = 0;
    int64_t max_time = 0;
    uint32_t count = 0;
  };
  std::vector<Record> records;  // ascending by time
  std::vector<uint32_t>
      members;  // numbers of the source, in the order of the members: all that these series have
};

// What a block is made of.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  // Series by series, ascending by labels; false at the end. They are numbered from 0 as they come.
  virtual Result<bool> next(model::Labels& labels) = 0;
  // When all came: groups that hold at least about `samples_wanted` a record, and whose series have no other floats.
  virtual Result<std::vector<WholeGroups>> whole_groups(size_t /*samples_wanted*/) {
    return std::vector<WholeGroups>();
  }
  // The same for series that surely have the timestamps of their floats in common; nullopt: that is not known.
  virtual std::optional<uint64_t> times_key(uint32_t /*number*/) { return std::nullopt; }
  // Of series `number`, which came already; each clears `out`.
  virtual Result<bool> has_floats(uint32_t number) {
    std::vector<int64_t> times;
    if (auto status = read_times(number, times); !status)
      return std::unexpected(std::move(status).error());
    return !times.empty();
  }
  virtual std::optional<EncodedFloats> read_encoded(uint32_t /*number*/) { return std::nullopt; }
  virtual Status read_times(uint32_t number, std::vector<int64_t>& out) = 0;  // of its floats
  virtual Status read_floats(uint32_t number, SampleColumns& out) = 0;
  virtual Status read_histograms(uint32_t number, SampleColumns& out) = 0;
  virtual Status read_exemplars(uint32_t number, std::vector<StoredExemplar>& out) = 0;
};

class BlockWriter {
 public:
  // `parent` is the directory of all blocks.
  static Result<std::unique_ptr<BlockWriter>> create(io::FileSystem& fs, std::string parent,
                                                     uint64_t number,
                                                     GroupCoding coding = GroupCoding::kSmall);
  ~BlockWriter();

  // Once. Pieces of at most `samples_max` samples. A series without anything is left out.
  Status write(BlockSource& source, size_t samples_max);
  bool empty() const { return series_offsets_.empty(); }
  // Level, sources and parents are the caller's, the rest is filled in.
  Result<BlockMeta> finish(BlockMeta meta);

 private:
  struct File;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return static_cast<size_t>(xxh3(text)); }
  };
  // Which series have a label; they come in ascending order.
  struct PairPostings {
    uint32_t name = 0;  // symbols
    uint32_t value = 0;
    Roaring series;
    std::vector<uint32_t> pending;

    void add(uint32_t number) {
      pending.push_back(number);
      if (pending.size() == kPendingMax) settle();
    }
    void settle() {
      series.addMany(pending.size(), pending.data());
      pending.clear();
    }
    static constexpr size_t kPendingMax = 512;
  };

  BlockWriter(io::FileSystem& fs, std::string parent, uint64_t number, GroupCoding coding);
  // Where a series goes among the groups.
  struct Placement {
    uint64_t times_hash = 0;
    uint64_t family = 0;
    double le = 0;
    uint32_t source_number = 0;
    uint32_t series = 0;
    FamilyRole role = FamilyRole::kNone;
  };
  struct GroupRef {
    uint32_t first_group = 0;
    uint16_t groups = 0;
    uint16_t member = 0;
  };

  Status add_series(BlockSource& source, uint32_t number, const model::Labels& labels,
                    size_t samples_max);
  void add_labels(const model::Labels& labels);
  uint32_t pair(uint32_t name, uint32_t value);  // its place in pairs_
  std::string_view symbol_text(uint32_t number) const {
    const uint32_t begin = symbol_offsets_[number];
    return std::string_view(symbol_bytes_).substr(begin, symbol_offsets_[number + 1] - begin);
  }
  Status add_histograms(const SampleColumns& columns, size_t samples_max);
  Status add_exemplars(const std::vector<StoredExemplar>& exemplars);
  Status write_exemplar_page();
  Status finish_exemplars();
  Status take_whole_groups(BlockSource& source, size_t samples_max);
  Result<uint64_t> times_hash(BlockSource& source, uint32_t number);
  Result<uint64_t> encoded_times_hash(BlockSource& source, uint32_t number);
  Status write_groups(BlockSource& source, size_t samples_max);
  Status write_group(BlockSource& source, std::span<const Placement> members, size_t samples_max);
  // From columns that are encoded already; false when some member has none.
  Result<bool> join_encoded(BlockSource& source, std::span<const Placement> members,
                            size_t samples_max);
  Status append_group(std::string_view bytes, int64_t min_time, int64_t max_time, uint32_t samples);
  Status write_pieces(std::span<const Placement> members,
                      std::span<const SampleColumns* const> columns, size_t samples_max);
  uint32_t symbol(std::string_view text);
  void append_postings(std::string& names, std::string& values, std::string& postings);
  Status write_index();
  void note(int64_t min, int64_t max);

  io::FileSystem& fs_;
  const std::string parent_;
  const uint64_t number_;
  const GroupCoding coding_;
  const std::string temporary_;
  bool finished_ = false;
  BlockMeta meta_;
  std::unique_ptr<File> chunks_;
  std::unique_ptr<File> exemplars_;
  ExemplarPagesWriter exemplar_pages_;
  std::string exemplar_table_;  // lengths of the pages
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> symbol_numbers_;
  std::string symbol_bytes_;
  std::vector<uint32_t> symbol_offsets_{0};
  std::string entries_;
  std::vector<uint32_t> series_offsets_;
  std::vector<Placement> placements_;
  std::vector<GroupRef> group_refs_;  // by series
  std::string group_table_;
  std::deque<SampleColumns> columns_;  // of a group's members; kept for their memory
  std::deque<PairPostings> pairs_;
  absl::flat_hash_map<uint64_t, uint32_t> pair_places_;  // by name << 32 | value
  std::vector<uint32_t>
      last_pairs_;  // of the series before, which has most of them in common as a rule
  absl::flat_hash_map<uint64_t, uint64_t> hashes_by_key_;    // times_hash() of what has a key
  absl::flat_hash_map<uint64_t, uint64_t> hashes_by_times_;  // and by a hash of the times
};

}  // namespace sightline::tsdb
