#include "tracestore/block.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/log.h"

namespace sightline::tracestore {
namespace {

constexpr size_t kTailBytes = 16;  // footer length, footer crc, magic
constexpr size_t kZoneBytes = 8 + 11 * 4 + 4 * 8;
constexpr size_t kTablesKept = 8;  // of each block
constexpr size_t kIdBytes = sizeof(TraceId);

std::unexpected<Error> torn(std::string_view what) { return fail(Errc::kCorrupt, what); }

RowGroupZone read_zone(ByteReader& in) {
  RowGroupZone zone;
  zone.offset = in.le<uint64_t>();
  for (uint32_t* field : {&zone.filter_bytes, &zone.filter_crc, &zone.chunk_bytes,
                          &zone.directory_bytes, &zone.directory_crc, &zone.rows, &zone.traces,
                          &zone.events, &zone.links, &zone.kinds, &zone.statuses})
    *field = in.le<uint32_t>();
  zone.min_start = {in.le<uint64_t>()};
  zone.max_end = {in.le<uint64_t>()};
  zone.min_duration = in.le<uint64_t>();
  zone.max_duration = in.le<uint64_t>();
  return zone;
}

TraceId id_at(std::string_view bytes, size_t index) {
  TraceId id;
  std::memcpy(id.bytes.data(), bytes.data() + index * kIdBytes, kIdBytes);
  return id;
}

}  // namespace

Result<std::shared_ptr<const Block>> Block::open(io::FileSystem& fs, const std::string& path,
                                                 uint64_t id) {
  auto file = fs.open_read(path);
  if (!file) return std::unexpected(std::move(file).error());
  const std::shared_ptr<const io::ReadableFile> owner = std::move(*file);
  return open(owner->bytes(), owner, id, path);
}

Result<std::shared_ptr<const Block>> Block::open(std::string_view bytes,
                                                 std::shared_ptr<const void> owner, uint64_t id,
                                                 std::string name) {
  std::shared_ptr<Block> block(new Block());
  block->id_ = id;
  block->owner_ = std::move(owner);
  block->name_ = std::move(name);
  if (auto status = block->parse(bytes); !status)
    return in_context(block->name_, std::move(status).error());
  return block;
}

Status Block::parse(std::string_view bytes) {
  bytes_ = bytes;
  summary_.bytes = bytes.size();
  if (bytes.size() < kBlockMagic.size() + kTailBytes)
    return torn("file is too short for a trace block");
  if (!bytes.starts_with(kBlockMagic) || !bytes.ends_with(kBlockMagic))
    return torn("not a trace block of version 3");
  const size_t tail = bytes.size() - kTailBytes;
  const auto footer_bytes = load_le<uint32_t>(bytes.data() + tail);
  if (footer_bytes > tail - kBlockMagic.size()) return torn("footer is longer than the file");
  const std::string_view footer = bytes.substr(tail - footer_bytes, footer_bytes);
  if (crc32c(footer) != load_le<uint32_t>(bytes.data() + tail + 4))
    return torn("footer checksum does not match");

  ByteReader in(footer);
  summary_.pinned = in.le<uint32_t>() != 0;
  summary_.newest_received = {in.le<uint64_t>()};
  summary_.spans = in.le<uint64_t>();
  const auto ids_offset = in.le<uint64_t>();
  summary_.traces = in.le<uint32_t>();
  const auto slots = in.le<uint32_t>();
  const auto continued = in.le<uint32_t>();
  const auto replaced = in.le<uint32_t>();
  const auto gone = in.le<uint32_t>();
  const auto row_groups = in.le<uint32_t>();
  const auto values_bytes = in.le<uint32_t>();
  ids_crc_ = in.le<uint32_t>();
  index_crc_ = in.le<uint32_t>();
  const auto lists_crc = in.le<uint32_t>();
  values_crc_ = in.le<uint32_t>();
  if (!in.ok() || in.remaining() != uint64_t{row_groups} * kZoneBytes)
    return torn("footer is torn");

  const uint64_t ids_bytes = uint64_t{summary_.traces} * kIdBytes;
  const uint64_t index_bytes = uint64_t{slots} * sizeof(uint32_t);
  const uint64_t lists_bytes = uint64_t{continued} * kIdBytes +
                               uint64_t{replaced} * sizeof(uint64_t) +
                               uint64_t{gone} * sizeof(uint32_t);
  const uint64_t footer_begin = tail - footer_bytes;
  if (gone > summary_.traces || slots <= summary_.traces - gone ||
      ids_offset < kBlockMagic.size() || ids_offset > footer_begin ||
      ids_bytes + index_bytes + lists_bytes + values_bytes != footer_begin - ids_offset)
    return torn("sections do not add up to the file");
  ids_ = bytes.substr(ids_offset, ids_bytes);
  index_ = bytes.substr(ids_offset + ids_bytes, index_bytes);
  lists_bytes_ = lists_bytes;
  values_ = bytes.substr(footer_begin - values_bytes, values_bytes);
  const std::string_view lists = bytes.substr(ids_offset + ids_bytes + index_bytes, lists_bytes);
  if (crc32c(lists) != lists_crc) return torn("checksum of the lists does not match");
  for (uint32_t i = 0; i < continued; ++i) summary_.continued.push_back(id_at(lists, i));
  for (uint32_t i = 0; i < replaced; ++i)
    summary_.replaced.push_back(
        load_le<uint64_t>(lists.data() + continued * kIdBytes + i * sizeof(uint64_t)));

  summary_.gone = gone;
  for (uint32_t i = 0; i < gone; ++i) {
    gone_.push_back(load_le<uint32_t>(lists.data() + lists_bytes - (gone - i) * sizeof(uint32_t)));
    if (gone_.back() >= summary_.traces || (i > 0 && gone_[i - 1] >= gone_.back()))
      return torn("gone traces are not in order");
  }
  uint64_t offset = kBlockMagic.size(), spans = 0, traces = 0;
  for (uint32_t i = 0; i < row_groups; ++i) {
    RowGroupZone zone = read_zone(in);
    if (zone.offset != offset || zone.bytes() > ids_offset - offset)
      return torn("row groups overlap or pass the end");
    zone.first_trace = static_cast<uint32_t>(traces);
    offset += zone.bytes();
    spans += zone.rows;
    traces += zone.traces;
    summary_.min_start = std::min(summary_.min_start, zone.min_start);
    summary_.max_end = std::max(summary_.max_end, zone.max_end);
    zones_.push_back(zone);
  }
  if (offset != ids_offset || spans < summary_.spans || traces != summary_.traces)
    return torn("row groups do not add up to the block");
  verified_ = std::vector<VerifiedChunks>(zones_.size());
  filter_verified_ = std::vector<std::atomic<bool>>(zones_.size());
  return {};
}

Status Block::check_index() const {
  std::call_once(index_once_, [this] {
    if (crc32c(ids_) != ids_crc_ || crc32c(index_) != index_crc_)
      index_status_ = in_context(
          name_, Error{Errc::kCorrupt, "checksum of the trace ids or their index does not match"});
  });
  return index_status_;
}

Block::Sections Block::sections() const {
  uint64_t groups = 0, filters = 0;
  for (const RowGroupZone& zone : zones_) {
    groups += zone.bytes();
    filters += zone.filter_bytes;
  }
  return {ids_.size(),
          index_.size(),
          lists_bytes_,
          values_.size(),
          filters,
          bytes_.size() - groups - ids_.size() - index_.size() - lists_bytes_ - values_.size()};
}

Result<const ValueIndex*> Block::value_index() const {
  std::call_once(values_once_, [this] {
    if (crc32c(values_) != values_crc_)
      value_index_ = fail(Errc::kCorrupt, name_, ": checksum of the value index does not match");
    else
      value_index_ = ValueIndex::open(values_, zones_.size());
  });
  if (!value_index_) return std::unexpected(value_index_.error());
  return &*value_index_;
}

Result<std::string_view> Block::filter(uint32_t number) const {
  const RowGroupZone& zone = zones_[number];
  const std::string_view filter = bytes_.substr(zone.offset, zone.filter_bytes);
  if (!filter_verified_[number].load(std::memory_order_relaxed)) {
    if (crc32c(filter) != zone.filter_crc)
      return fail(Errc::kCorrupt, name_, ": checksum of the filter of row group ", number,
                  " does not match");
    filter_verified_[number].store(true, std::memory_order_relaxed);
  }
  return filter;
}

void Block::share_tables(uint32_t number, RowGroupDecoder& decoder) const {
  const std::lock_guard lock(tables_mutex_);
  const auto known = std::ranges::find(tables_, number, &KeptTables::row_group);
  if (known == tables_.end()) {
    if (!decoder.shared_tables()) return;
    if (tables_.size() >= kTablesKept) tables_.erase(tables_.begin());
    tables_.push_back({number, decoder.shared_tables()});
    return;
  }
  std::rotate(known, known + 1, tables_.end());
  if (!decoder.shared_tables()) decoder.use_tables(tables_.back().tables);
}

Result<std::optional<uint32_t>> Block::find(const TraceId& id) const {
  if (auto status = check_index(); !status) return std::unexpected(std::move(status).error());
  const auto slot_count = static_cast<uint32_t>(index_.size() / sizeof(uint32_t));
  uint32_t slot = first_slot(id, slot_count);
  for (uint32_t looked = 0; looked < slot_count; ++looked) {
    const auto entry = load_le<uint32_t>(index_.data() + slot * sizeof(uint32_t));
    if (entry == 0) return std::nullopt;
    if (entry > summary_.traces) return torn("trace index is out of range");
    if (std::memcmp(ids_.data() + (entry - 1) * kIdBytes, id.bytes.data(), kIdBytes) == 0)
      return entry - 1;
    slot = slot + 1 == slot_count ? 0 : slot + 1;
  }
  return std::nullopt;
}

Result<std::string_view> Block::row_group_bytes(uint32_t number) const {
  const auto decoder = row_group(number, nullptr);
  if (!decoder) return std::unexpected(decoder.error());
  if (auto status = decoder->verify(); !status) return in_context(name_, std::move(status).error());
  if (const auto filter = this->filter(number); !filter) return filter;
  return bytes_.substr(zones_[number].offset, zones_[number].bytes());
}

TraceId Block::trace_id(uint32_t ordinal) const { return id_at(ids_, ordinal); }

uint32_t Block::row_group_of(uint32_t ordinal) const {
  const auto next =
      std::upper_bound(zones_.begin(), zones_.end(), ordinal,
                       [](uint32_t o, const RowGroupZone& zone) { return o < zone.first_trace; });
  return static_cast<uint32_t>(next - zones_.begin() - 1);
}

Result<RowGroupDecoder> Block::row_group(uint32_t number, InspectedBytes inspected) const {
  const RowGroupZone& zone = zones_[number];
  auto decoder =
      RowGroupDecoder::open(bytes_.substr(zone.offset + zone.filter_bytes,
                                          uint64_t{zone.chunk_bytes} + zone.directory_bytes),
                            zone, owner_, std::move(inspected), &verified_[number]);
  if (!decoder) return in_context(name_, std::move(decoder).error());
  share_tables(number, *decoder);
  return decoder;
}

Result<std::shared_ptr<const model::SpanBatch>> Block::read_traces(
    std::span<const uint32_t> ordinals, uint32_t row_group_number, InspectedBytes inspected) const {
  auto decoder = row_group(row_group_number, std::move(inspected));
  if (!decoder) return std::unexpected(std::move(decoder).error());
  const RowGroupZone& zone = zones_[row_group_number];
  const auto tables = decoder->tables();
  if (!tables) return in_context(name_, tables.error());
  share_tables(row_group_number, *decoder);
  std::vector<model::Run> runs;
  uint32_t row = 0;
  size_t next = 0;
  for (uint32_t i = 0; i < zone.traces; ++i) {
    const uint32_t count = (*tables)->trace_rows[i];
    if (next < ordinals.size() && ordinals[next] == zone.first_trace + i) {
      runs.push_back({row, count});
      ++next;
    }
    row += count;
  }
  if (runs.size() != ordinals.size())
    return fail(Errc::kInternal, "trace ordinals are not of this row group");
  auto batch = decoder->spans(runs);
  if (!batch) return in_context(name_, std::move(batch).error());
  size_t at = 0;
  for (size_t i = 0; i < runs.size(); ++i)
    for (uint32_t k = 0; k < runs[i].count; ++k)
      (*batch)->spans[at++].trace_id = trace_id(ordinals[i]);
  return *batch;
}

void Block::mark_corrupt(const Error& error) const {
  if (!corrupt_.exchange(true))
    SL_LOG_ERROR("trace store: block {} is set aside: {}", name_, error.message);
}

}  // namespace sightline::tracestore
