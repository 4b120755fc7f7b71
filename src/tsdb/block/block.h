#pragma once
// An immutable block, mapped: series by number in order of their labels,
// their chunks and exemplars, and the index over them.
//   Integrity  the index is checked whole when opened, a group when it is first read, a chunk or exemplar column
//              when read; what does not check is kCorrupt and marks the block damaged.
//   Deletes    what its tombstones name is not there for whoever reads: samples, exemplars, and series
//              that nothing is left of.
//   Threads    any; nothing changes but the mark.
//   Lifetime   views live as long as the block, also when its directory is deleted.
#include <array>
#include <atomic>

#include "tsdb/block/block_format.h"
#include "tsdb/block/block_writer.h"
#include "tsdb/block/deletions.h"
#include "tsdb/postings.h"

namespace sightline::tsdb {

class Block final : public PostingsSource {
 public:
  static Result<std::shared_ptr<const Block>> open(io::FileSystem& fs,
                                                   const std::string& directory);

  // The same files with other tombstones, none for an empty one. They are not written.
  std::shared_ptr<const Block> with_tombstones(std::shared_ptr<const Tombstones> tombstones) const;
  const std::shared_ptr<const Tombstones>& tombstones() const { return tombstones_; }

  const BlockMeta& meta() const { return meta_; }
  const std::string& directory() const { return directory_; }
  uint32_t series_count() const { return series_count_; }

  // Samples of one series within a time range.
  struct ChunkRef {
    enum Kind : uint8_t {
      kFloats = 1,
      kHistograms = 2,
      kGroup = 3
    } kind = kGroup;  // kFloats: version 1 alone
    int64_t min_time = 0;
    int64_t max_time = 0;
    uint32_t count = 0;
    uint64_t offset = 0;  // in `chunks`
    uint64_t length = 0;
    uint32_t group = 0;
    uint32_t member = 0;                    // of that group
    std::span<const DeletedRange> deleted;  // taken out when it is read
  };
  struct SeriesInfo {
    model::Labels labels;
    std::vector<ChunkRef> chunks;
    uint64_t exemplar_bytes = 0;  // of the list, before version 3 of the column; 0: none
    uint64_t exemplar_offset =
        0;  // of the list in its page, before version 3 of the column in the file
    uint64_t exemplar_page = 0;
    int64_t exemplar_min = 0;
    int64_t exemplar_max = 0;
    std::span<const DeletedRange> deleted;
  };
  Result<model::Labels> labels(uint32_t series) const;
  Result<SeriesInfo> series(uint32_t series) const;
  Result<SeriesInfo> data_of(uint32_t series) const;  // the same without labels
  // Appends the samples to `out`. `cache` is of this block's readers, and may be null.
  Status read_chunk(const ChunkRef& chunk, DecodedGroups* cache, SampleColumns& out,
                    ValueNeed need = ValueNeed::kAll) const;
  Status read_times(const ChunkRef& chunk, std::vector<int64_t>& out) const;  // of floats
  // `cache` as above.
  Status read_exemplars(const SeriesInfo& info, ExemplarPageCache* cache,
                        std::vector<StoredExemplar>& out) const;
  // The checked bytes of one group; their number is group_count().
  uint32_t group_count() const { return group_count_; }
  Result<std::string_view> group_bytes(uint32_t group) const;
  ChunkRef group_ref(uint32_t group) const;
  // The groups that a series is in, and which member of each it is; none when it has no floats or they are damaged.
  struct GroupRun {
    uint32_t first = 0;
    uint16_t count = 0;
    uint16_t member = 0;
  };
  GroupRun group_run(uint32_t series) const;
  bool has_own_chunks() const { return is_version_1_; }  // floats are not in groups
  std::string_view section(IndexSection section) const { return sections_[section]; }
  // Gives memory of what was read back (io::ReadableFile); after a walk over much of the block.
  void drop_pages() const;
  uint64_t exemplar_file_bytes() const { return exemplars_file_->bytes().size(); }
  uint64_t chunks_file_bytes() const { return chunks_file_->bytes().size(); }

  bool is_damaged() const { return damaged_->load(std::memory_order_relaxed); }
  void mark_damaged() const { damaged_->store(true, std::memory_order_relaxed); }

  Roaring all() const override;
  Roaring with(std::string_view name, std::string_view value) const override;
  void each_value(std::string_view name, std::string_view prefix,
                  const ValueVisitor& visit) const override;
  std::vector<std::string> names() const override;

 private:
  Block() = default;
  Block(const Block&) = default;
  void apply_tombstones(std::shared_ptr<const Tombstones> tombstones);
  // Takes away what is deleted whole, and notes the rest.
  void hide_deleted(uint32_t series, SeriesInfo& info) const;
  Result<SeriesInfo> stored_series(uint32_t series, bool with_labels) const;
  Status load(io::FileSystem& fs);
  Status load_index();
  Status load_exemplar_table();
  Result<std::shared_ptr<const ExemplarPage>> exemplar_page(uint64_t number,
                                                            ExemplarPageCache* cache) const;
  std::string_view symbol(uint32_t number) const;
  std::string_view value_text(uint32_t index) const;
  Roaring value_postings(uint32_t index) const;
  bool is_visible(uint32_t value) const;  // by its index: a series is left that has it
  struct ValueRun {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  ValueRun values_of(std::string_view name) const;
  // The first of the run whose text is not below `text`.
  uint32_t lower_bound(ValueRun run, std::string_view text) const;
  bool read_labels(ByteReader& in, model::Labels& labels) const;
  bool read_chunk_refs(ByteReader& in, SeriesInfo& info) const;
  bool add_group_refs(uint32_t series, SeriesInfo& info) const;
  bool is_within_chunks(uint64_t offset, uint64_t length) const;
  Result<std::string_view> chunk_bytes(const ChunkRef& chunk) const;

  std::string directory_;
  BlockMeta meta_;
  std::shared_ptr<const io::ReadableFile> chunks_file_;
  std::shared_ptr<const io::ReadableFile> index_file_;
  std::shared_ptr<const io::ReadableFile> exemplars_file_;
  std::shared_ptr<const Tombstones> tombstones_ = std::make_shared<const Tombstones>();
  Roaring hidden_;  // series that nothing is left of
  std::array<std::string_view, kSectionCount> sections_;
  uint32_t symbol_count_ = 0;
  uint32_t series_count_ = 0;
  uint32_t name_count_ = 0;
  uint32_t value_count_ = 0;
  uint32_t group_count_ = 0;
  bool is_version_1_ = false;
  bool has_exemplar_columns_ = false;     // instead of pages
  std::vector<uint64_t> exemplar_pages_;  // where each ends, with its checksum
  std::shared_ptr<std::atomic<bool>> damaged_ =
      std::make_shared<std::atomic<bool>>(false);  // of all copies
  // A bit for each group: its checksum was right once.
  std::shared_ptr<std::vector<std::atomic<uint64_t>>> checked_groups_;
};

}  // namespace sightline::tsdb
