#include "tracestore/block/block_writer.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tracestore/codec/checked_parts.h"
#include "tracestore/row_group/row_group_encoder.h"

namespace sightline::tracestore {
namespace {

void append_id(std::string& out, const TraceId& id) {
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

// Received bytes, about.
uint64_t weight_of(const SpanRef& ref) {
  const model::SpanView& span = ref.span();
  if (!span.encoded.empty()) return span.encoded.size();
  uint64_t bytes = 64;
  for (const auto& [key, value] : ref.batch->of(span.attributes)) bytes += 16 + value.bytes.size();
  for (const auto& event : ref.batch->events_of(span))
    for (const auto& [key, value] : ref.batch->of(event.attributes))
      bytes += 16 + value.bytes.size();
  return bytes;
}

void append_zone(std::string& out, const RowGroupZone& zone) {
  append_le<uint64_t>(out, zone.offset);
  for (const uint32_t field : {zone.filter_bytes, zone.filter_crc, zone.chunk_bytes,
                               zone.directory_bytes, zone.directory_crc, zone.rows, zone.traces,
                               zone.events, zone.links, zone.kinds, zone.statuses})
    append_le<uint32_t>(out, field);
  append_le<uint64_t>(out, zone.min_start.value);
  append_le<uint64_t>(out, zone.max_end.value);
  append_le<uint64_t>(out, zone.min_duration);
  append_le<uint64_t>(out, zone.max_duration);
}

// Appends the index: open addressing, three quarters full: ordinal + 1 of the trace, 0 for an empty slot; then their tags.
// The number of slots.
uint32_t append_index(std::string& out, const std::vector<TraceId>& ids,
                      const std::vector<uint32_t>& gone) {
  const size_t count = ids.size() - gone.size();
  const auto slot_count = static_cast<uint32_t>(count + count / 3 + 1);
  const size_t begin = out.size();
  out.resize(begin + size_t{slot_count} * kIndexSlotBytes);
  char* const slots = out.data() + begin;
  char* const tags = slots + size_t{slot_count} * sizeof(uint32_t);
  size_t next_gone = 0;
  for (uint32_t ordinal = 0; ordinal < ids.size(); ++ordinal) {
    if (next_gone < gone.size() && gone[next_gone] == ordinal) {
      ++next_gone;
      continue;
    }
    const IndexPlace place = index_place(ids[ordinal], slot_count);
    const auto at = [&](uint32_t slot) { return slots + size_t{slot} * sizeof(uint32_t); };
    uint32_t slot = place.first_slot;
    while (load_le<uint32_t>(at(slot)) != 0) slot = slot + 1 == slot_count ? 0 : slot + 1;
    store_le<uint32_t>(at(slot), ordinal + 1);
    tags[slot] = static_cast<char>(place.tag);
  }
  return slot_count;
}

}  // namespace

std::string block_path(const std::string& directory, uint64_t id) {
  const std::string digits = std::to_string(id);
  return directory + "/" + std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits +
         std::string(kBlockSuffix);
}

IndexPlace index_place(const TraceId& id, uint32_t slot_count) {
  const uint64_t hash = xxh3({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  return {static_cast<uint32_t>((hash >> 32) * slot_count >> 32), static_cast<uint8_t>(hash)};
}

Result<std::unique_ptr<BlockWriter>> BlockWriter::create(io::FileSystem& fs, std::string directory,
                                                         uint64_t id, uint32_t row_group_rows) {
  std::unique_ptr<BlockWriter> writer(
      new BlockWriter(fs, std::move(directory), id, row_group_rows));
  auto file = fs.create(writer->temporary_path());
  if (!file) return std::unexpected(std::move(file).error());
  writer->file_ = std::move(*file);
  if (auto status = writer->file_->append(kBlockMagic); !status)
    return std::unexpected(std::move(status).error());
  return writer;
}

BlockWriter::~BlockWriter() {
  if (finished_ || !file_) return;
  file_.reset();
  (void)fs_.remove(temporary_path());  // if even that fails, the next start does it
}

Status BlockWriter::add(TraceSpans trace, const std::shared_ptr<const void>& owner) {
  if (trace.spans.size() > kRowsMax) {
    spans_left_out_ += trace.spans.size() - kRowsMax;
    trace.spans.resize(kRowsMax);
  }
  if (pending_rows_ + trace.spans.size() > kRowsMax)
    if (auto status = flush(); !status) return status;
  pending_rows_ += trace.spans.size();
  for (const SpanRef& ref : trace.spans) pending_bytes_ += weight_of(ref);
  pending_.push_back(std::move(trace));
  if (owners_.empty() || owners_.back() != owner) owners_.push_back(owner);
  if (pending_rows_ >= row_group_rows_ || pending_bytes_ >= kRowGroupBytesTarget) return flush();
  return {};
}

Status BlockWriter::flush() {
  if (pending_.empty()) return {};
  std::stable_sort(pending_.begin(), pending_.end(), [](const TraceSpans& a, const TraceSpans& b) {
    return a.spans.front().span().start < b.spans.front().span().start;
  });
  const RowGroupEncoder::Encoded encoded = encode_row_group(pending_);
  std::vector<TraceId> ids;
  for (const TraceSpans& trace : pending_) ids.push_back(trace.id);
  if (auto status = add_encoded(encoded.bytes, encoded.zone, encoded.values, ids); !status)
    return status;
  pending_.clear();
  owners_.clear();
  pending_rows_ = 0;
  pending_bytes_ = 0;
  return {};
}

Status BlockWriter::append(std::string_view bytes, RowGroupZone zone) {
  zone.offset = file_->size();
  if (auto status = file_->append(bytes); !status) return status;
  zones_.push_back(zone);
  return {};
}

Status BlockWriter::add_encoded(std::string_view bytes, RowGroupZone zone,
                                const RowGroupValues& values, std::span<const TraceId> ids) {
  if (auto status = append(bytes, zone); !status) return status;
  trace_ids_.insert(trace_ids_.end(), ids.begin(), ids.end());
  values_.add(values);
  return {};
}

Result<uint32_t> BlockWriter::add_copy(std::string_view bytes, RowGroupZone zone,
                                       std::span<const TraceId> ids, const std::vector<bool>& gone,
                                       uint64_t gone_rows) {
  if (auto status = append(bytes, zone); !status) return std::unexpected(status.error());
  for (size_t i = 0; i < ids.size(); ++i) {
    if (gone[i]) gone_.push_back(static_cast<uint32_t>(trace_ids_.size()));
    trace_ids_.push_back(ids[i]);
  }
  gone_rows_ += gone_rows;
  return values_.add_copy();
}

Status BlockWriter::finish(const BlockDescription& description) {
  if (auto status = flush(); !status) return status;
  static_assert(sizeof(TraceId) == sizeof(TraceId::bytes));
  const size_t id_bytes = trace_ids_.size() * sizeof(TraceId);
  std::string index;  // behind the ids: of a large block, the least that is in memory at once
  index.reserve(id_bytes + (trace_ids_.size() * 4 / 3 + 1) * kIndexSlotBytes);
  index.append(reinterpret_cast<const char*>(trace_ids_.data()), id_bytes);
  const uint32_t slot_count = append_index(index, trace_ids_, gone_);
  std::string checksums;
  CheckedParts::append_checksums(index, kCheckedIndexBytes, checksums);
  std::string lists;
  for (const TraceId& id : description.continued) append_id(lists, id);
  for (const uint64_t id : description.replaced) append_le<uint64_t>(lists, id);
  for (const uint32_t ordinal : gone_) append_le<uint32_t>(lists, ordinal);
  const std::string values = values_.finish();
  uint64_t spans = 0;
  for (const RowGroupZone& zone : zones_) spans += zone.rows;

  std::string footer;
  append_le<uint32_t>(footer, description.pinned ? 1 : 0);
  append_le<uint64_t>(footer, description.newest_received.value);
  append_le<uint64_t>(footer, spans - gone_rows_);
  append_le<uint64_t>(footer, file_->size());  // where the ids begin
  for (const uint64_t count :
       {trace_ids_.size(), size_t{slot_count}, description.continued.size(),
        description.replaced.size(), gone_.size(), zones_.size(), values.size()})
    append_le<uint32_t>(footer, static_cast<uint32_t>(count));
  for (const uint32_t crc : {crc32c(checksums), uint32_t{0}, crc32c(lists), crc32c(values)})
    append_le<uint32_t>(footer, crc);
  for (const RowGroupZone& zone : zones_) append_zone(footer, zone);
  const auto footer_bytes = static_cast<uint32_t>(footer.size());
  const uint32_t footer_crc = crc32c(footer);
  append_le<uint32_t>(footer, footer_bytes);
  append_le<uint32_t>(footer, footer_crc);
  footer += kBlockMagic;
  for (const std::string_view section :
       {std::string_view(index), std::string_view(checksums), std::string_view(lists),
        std::string_view(values), std::string_view(footer)})
    if (auto status = file_->append(section); !status) return status;
  if (auto status = file_->sync(); !status) return status;
  if (auto status = fs_.rename(temporary_path(), block_path(directory_, id_)); !status)
    return status;
  finished_ = true;
  return fs_.sync_directory(directory_);
}

}  // namespace sightline::tracestore
