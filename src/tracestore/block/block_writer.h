#pragma once
// Writes one immutable block: row groups as they fill, then the trace-id index and the footer.
//   Publication  <id>.trace.tmp until finish() has synced it and renamed it to <id>.trace.
//   Format       docs/formats/trace_block.md.
//   Threads      one owner.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file_system.h"
#include "tracestore/block/block_format.h"
#include "tracestore/row_group/value_index.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

// "<directory>/00000012.trace"
std::string block_path(const std::string& directory, uint64_t id);

struct BlockDescription {
  bool pinned = false;
  TimestampNs newest_received;  // wall clock: retention counts from here
  std::vector<TraceId>
      continued;  // traces of this block that have parts in older ones; may be too many
  std::vector<uint64_t> replaced;  // blocks whose content is all here or expired
};

class BlockWriter {
 public:
  static Result<std::unique_ptr<BlockWriter>> create(io::FileSystem& fs, std::string directory,
                                                     uint64_t id, uint32_t row_group_rows);
  ~BlockWriter();  // removes the file unless finish() succeeded

  // `trace` united and not empty; `owner` keeps its batches until the row group is written. Spans
  // beyond kRowsMax of one trace are left out and counted by spans_left_out().
  Status add(TraceSpans trace, const std::shared_ptr<const void>& owner);
  // A row group, encoded, with its trace ids.
  Status add_encoded(std::string_view bytes, RowGroupZone zone, const RowGroupValues& values,
                     std::span<const TraceId> ids);
  // One as another block has it; traces for which `gone` is true are not part of this block, though their rows are
  // there. Its number here.
  Result<uint32_t> add_copy(std::string_view bytes, RowGroupZone zone, std::span<const TraceId> ids,
                            const std::vector<bool>& gone, uint64_t gone_rows);
  // What the index of that block says of its copied row groups; once for each such block.
  Status add_copied_values(const ValueIndex& from,
                           std::span<const ValueIndexBuilder::Copy> copies) {
    return values_.add_copied(from, copies);
  }
  Status finish(const BlockDescription& description);

  uint64_t trace_count() const { return trace_ids_.size() - gone_.size() + pending_.size(); }
  uint64_t bytes_written() const { return file_->size(); }
  uint64_t spans_left_out() const { return spans_left_out_; }

 private:
  BlockWriter(io::FileSystem& fs, std::string directory, uint64_t id, uint32_t row_group_rows)
      : fs_(fs), directory_(std::move(directory)), id_(id), row_group_rows_(row_group_rows) {}
  std::string temporary_path() const { return block_path(directory_, id_) + ".tmp"; }
  Status flush();
  Status append(std::string_view bytes, RowGroupZone zone);

  io::FileSystem& fs_;
  const std::string directory_;
  const uint64_t id_;
  const uint32_t row_group_rows_;
  std::unique_ptr<io::WritableFile> file_;
  std::vector<TraceSpans> pending_;
  std::vector<std::shared_ptr<const void>> owners_;
  uint64_t pending_rows_ = 0;
  uint64_t pending_bytes_ = 0;
  uint64_t spans_left_out_ = 0;
  std::vector<RowGroupZone> zones_;
  ValueIndexBuilder values_;
  std::vector<TraceId> trace_ids_;
  std::vector<uint32_t> gone_;  // ordinals, ascending
  uint64_t gone_rows_ = 0;
  bool finished_ = false;
};

}  // namespace sightline::tracestore
