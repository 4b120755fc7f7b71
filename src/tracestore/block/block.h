#pragma once
// One immutable block, open for reading: mapped, or in object storage. Its footer is in memory; trace ids, their index
// and the lists are local, checked when first asked for; row groups are read, checked and decoded when asked for.
//   Format    docs/formats/trace_block.md.
//   Threads   any.
//   Errors    kCorrupt when bytes do not check. Whoever meets an error of a block asks marked_corrupt(); from then on
//             readers pass the block by, until maintenance sets it aside. Other errors (storage that does not
//             answer) are passed on: an answer without this block would be wrong.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "io/byte_source.h"
#include "io/file_system.h"
#include "tracestore/block/block_format.h"
#include "tracestore/block/row_group_cache.h"
#include "tracestore/row_group/row_group_decoder.h"
#include "tracestore/row_group/value_index.h"

namespace sightline::tracestore {

struct BlockSummary {
  bool pinned = false;
  TimestampNs newest_received;
  uint64_t spans = 0;
  uint32_t traces = 0;  // ordinals; some may be gone
  uint32_t gone = 0;
  uint64_t bytes = 0;
  TimestampNs min_start{UINT64_MAX};
  TimestampNs max_end{0};
  std::vector<TraceId> continued;
  std::vector<uint64_t> replaced;
};

using InspectedBytes = std::shared_ptr<std::atomic<uint64_t>>;

class Block : public std::enable_shared_from_this<Block> {
 public:
  // With a cache, row groups that were read stay open there for a while; else nothing of them is kept.
  using Cache = std::shared_ptr<RowGroupCache>;
  ~Block() {
    if (cache_) cache_->forget(this);
  }
  static Result<std::shared_ptr<const Block>> open(io::FileSystem& fs, const std::string& path,
                                                   uint64_t id, Cache cache = nullptr);
  // The same over bytes in memory that `owner` keeps; `file` when they are mapped from one.
  static Result<std::shared_ptr<const Block>> open(
      std::string_view bytes, std::shared_ptr<const void> owner, uint64_t id, std::string name,
      Cache cache = nullptr, std::shared_ptr<const io::ReadableFile> file = nullptr);
  // Gives memory of what was read back (io::ReadableFile); after a walk over much of the block.
  void drop_pages() const;
  // Of object storage: everything from `tail_offset` on is read at once and stays local.
  static Result<std::shared_ptr<const Block>> open(std::shared_ptr<const io::ByteSource> source,
                                                   uint64_t tail_offset, uint64_t id,
                                                   std::string name, Cache cache = nullptr);
  // Where the row groups end, and what tells this block from others that had its id.
  struct Tail {
    uint64_t offset = 0;
    uint32_t footer_crc = 0;
  };
  static Result<Tail> find_tail(const io::ByteSource& source);
  Tail tail() const { return {tail_offset_, footer_crc_}; }

  uint64_t id() const { return id_; }
  bool is_archived() const { return archived_; }  // in object storage
  const std::string& name() const { return name_; }
  const BlockSummary& summary() const { return summary_; }
  const std::vector<RowGroupZone>& zones() const { return zones_; }

  // The ordinal of the trace, nullopt when it is not here.
  Result<std::optional<uint32_t>> find(const TraceId& id) const;
  TraceId trace_id(uint32_t ordinal) const;
  // Its rows are here, yet it is not: it was reunited elsewhere, or removed.
  bool is_gone(uint32_t ordinal) const {
    return !gone_.empty() && std::binary_search(gone_.begin(), gone_.end(), ordinal);
  }
  // Whether some trace of the row group is gone.
  bool has_gone(const RowGroupZone& zone) const {
    const auto next = std::ranges::lower_bound(gone_, zone.first_trace);
    return next != gone_.end() && *next < zone.first_trace + zone.traces;
  }
  // The bytes of a row group, verified, and their zone; one of an earlier version as this one has it.
  struct RowGroupBytes {
    io::HeldBytes held;
    RowGroupZone zone;
  };
  Result<RowGroupBytes> row_group_bytes(uint32_t number) const;

  // How many bytes the parts other than row groups take.
  struct Sections {
    uint64_t ids, index, checksums, lists, values, filters, footer;
  };
  Sections sections() const;
  // All trace ids and their index against their checksums, once; look-ups trust them from then on.
  Status check_index() const;
  // Likewise at least the ids of some traces, which trace_id() tells without looking.
  Status check_ids(uint32_t first_ordinal, uint32_t count) const;

  // Which values the block's columns have.
  Result<const ValueIndex*> value_index() const;
  // Of the values of a row group that the index does not list.
  Result<io::HeldBytes> filter(uint32_t number) const;

  // Its chunks are verified when first read.
  Result<RowGroupDecoder> row_group(uint32_t number, InspectedBytes inspected) const;
  // Whole traces of one row group by ordinal, ascending, with their trace ids, everything in them.
  Result<std::shared_ptr<const model::SpanBatch>> read_traces(std::span<const uint32_t> ordinals,
                                                              uint32_t row_group,
                                                              InspectedBytes inspected) const;
  uint32_t row_group_of(uint32_t ordinal) const;

  // With a cache: a decoder that lacks the tables takes them from there, else leaves its own there.
  void share_tables(uint32_t number, RowGroupDecoder& decoder) const;

  // True when the error means that the block is damaged or gone: it is marked and said then.
  bool marked_corrupt(const Error& error) const;
  bool is_corrupt() const { return corrupt_.load(std::memory_order_relaxed); }

 private:
  Block() = default;
  RowGroupCache::Key cache_key(uint32_t number) const { return {this, number}; }
  Result<std::unique_ptr<RowGroupDecoder>> take_decoder(uint32_t number,
                                                        InspectedBytes inspected) const;
  Status parse(const io::HeldBytes& tail);
  std::unexpected<Error> index_unsound() const;
  // Whether what a look-up sees of ids or index is as it was written; before version 4, check_index() has said so.
  bool is_index_sound(std::string_view looked_at) const {
    return version_ == kOldestBlockVersion || index_verified_.load(std::memory_order_relaxed) ||
           index_parts_.is_sound(looked_at);
  }
  VerifiedParts verified_of(uint32_t row_group) const {
    const size_t begin = verified_begins_[row_group];
    return std::span(verified_).subspan(begin, verified_begins_[row_group + 1] - begin);
  }
  Status parse_lists(std::string_view lists, uint32_t continued, uint32_t replaced, uint32_t gone);
  Status parse_zones(ByteReader& footer, uint32_t row_groups);

  uint64_t id_ = 0;
  uint8_t version_ = kBlockVersion;
  std::string name_;
  bool archived_ = false;
  Cache cache_;
  std::shared_ptr<const io::ReadableFile> file_;  // null: not a local file
  std::shared_ptr<const io::ByteSource> source_;
  std::shared_ptr<const void> tail_owner_;
  uint64_t tail_offset_ = 0;  // of the trace ids
  uint32_t footer_crc_ = 0;
  BlockSummary summary_;
  std::vector<RowGroupZone> zones_;
  std::string_view ids_;
  std::string_view index_;
  uint32_t slots_ = 0;
  uint64_t index_checksums_bytes_ = 0;
  CheckedParts index_parts_;  // of ids and index
  uint64_t lists_bytes_ = 0;
  std::vector<uint32_t> gone_;  // ordinals, ascending
  std::string_view values_;
  uint32_t values_crc_ = 0;
  uint32_t ids_crc_ = 0;
  uint32_t index_crc_ = 0;
  mutable std::atomic<bool> index_verified_{false};  // all of it, since version 4
  mutable std::once_flag index_once_;
  mutable Status index_status_;  // set once under index_once_
  mutable std::once_flag values_once_;
  mutable Result<ValueIndex> value_index_;                  // set once under values_once_
  mutable std::vector<std::atomic<bool>> filter_verified_;  // per row group
  std::vector<uint32_t>
      verified_begins_;  // of each row group in verified_, and the end of the last
  mutable std::vector<std::atomic<uint64_t>> verified_;
  mutable std::atomic<bool> corrupt_{false};
};

}  // namespace sightline::tracestore
