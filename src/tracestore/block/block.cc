#include "tracestore/block/block.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/log.h"
#include "tracestore/row_group/row_group_upgrade.h"

namespace sightline::tracestore {
namespace {

constexpr size_t kTailBytes = 16;  // footer length, footer crc, magic
constexpr size_t kZoneBytes = 8 + 11 * 4 + 4 * 8;
constexpr size_t kIdBytes = sizeof(TraceId);
constexpr size_t kIdsOffsetAt = 4 + 8 + 8;  // in the footer

std::unexpected<Error> torn(std::string_view what) { return fail(Errc::kCorrupt, what); }

// The version that a magic names; 0 for bytes that are none of ours.
uint8_t version_of(std::string_view magic) {
  const size_t last = kBlockMagic.size() - 1;
  if (magic.size() != kBlockMagic.size() || !kBlockMagic.starts_with(magic.substr(0, last)))
    return 0;
  const auto version = static_cast<uint8_t>(magic[last]);
  return version >= kOldestBlockVersion && version <= kBlockVersion ? version : uint8_t{0};
}
std::string_view last_bytes(std::string_view bytes, size_t count) {
  return bytes.substr(bytes.size() - std::min(count, bytes.size()));
}
std::unexpected<Error> not_a_block() { return torn("not a trace block of version 3 or 4"); }

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
                                                 uint64_t id, Cache cache) {
  auto file = fs.open_read(path);
  if (!file) return std::unexpected(std::move(file).error());
  const std::shared_ptr<const io::ReadableFile> owner = std::move(*file);
  return open(owner->bytes(), owner, id, path, std::move(cache), owner);
}

void Block::drop_pages() const {
  if (file_) file_->drop_pages();
}

Result<std::shared_ptr<const Block>> Block::open(std::string_view bytes,
                                                 std::shared_ptr<const void> owner, uint64_t id,
                                                 std::string name, Cache cache,
                                                 std::shared_ptr<const io::ReadableFile> file) {
  std::shared_ptr<Block> block(new Block());
  block->file_ = std::move(file);
  block->cache_ = std::move(cache);
  block->id_ = id;
  block->name_ = std::move(name);
  const io::HeldBytes whole{bytes, std::move(owner)};
  block->source_ = std::make_shared<io::HeldByteSource>(whole);
  const std::string_view magic = bytes.substr(0, kBlockMagic.size());
  Status status = bytes.size() < kBlockMagic.size() || magic == last_bytes(bytes, magic.size())
                      ? block->parse(whole)
                      : not_a_block();
  if (!status) return in_context(block->name_, std::move(status).error());
  return block;
}

Result<std::shared_ptr<const Block>> Block::open(std::shared_ptr<const io::ByteSource> source,
                                                 uint64_t tail_offset, uint64_t id,
                                                 std::string name, Cache cache) {
  std::shared_ptr<Block> block(new Block());
  block->cache_ = std::move(cache);
  block->id_ = id;
  block->name_ = std::move(name);
  block->archived_ = true;
  block->source_ = std::move(source);
  const uint64_t size = block->source_->size();
  if (tail_offset > size) return fail(Errc::kCorrupt, block->name_, ": is shorter than it was");
  const auto tail = block->source_->read({tail_offset, size - tail_offset});
  if (!tail) return in_context(block->name_, tail.error());
  if (auto status = block->parse(*tail); !status)
    return in_context(block->name_, std::move(status).error());
  return block;
}

Result<Block::Tail> Block::find_tail(const io::ByteSource& source) {
  const uint64_t size = source.size();
  if (size < kBlockMagic.size() + kTailBytes) return torn("file is too short for a trace block");
  const auto end = source.read({size - kTailBytes, kTailBytes});
  if (!end) return std::unexpected(end.error());
  const auto footer_bytes = load_le<uint32_t>(end->bytes.data());
  if (version_of(last_bytes(end->bytes, kBlockMagic.size())) == 0 ||
      footer_bytes < kIdsOffsetAt + sizeof(uint64_t) ||
      footer_bytes > size - kTailBytes - kBlockMagic.size())
    return not_a_block();
  const auto footer = source.read({size - kTailBytes - footer_bytes, footer_bytes});
  if (!footer) return std::unexpected(footer.error());
  const auto crc = load_le<uint32_t>(end->bytes.data() + sizeof(uint32_t));
  if (crc32c(footer->bytes) != crc) return torn("footer checksum does not match");
  return Tail{load_le<uint64_t>(footer->bytes.data() + kIdsOffsetAt), crc};
}

// `held` is the whole block, or what follows the row groups.
Status Block::parse(const io::HeldBytes& held) {
  const std::string_view bytes = held.bytes;
  const uint64_t before = source_->size() - bytes.size();  // bytes of the block that `held` lacks
  tail_owner_ = held.owner;
  summary_.bytes = source_->size();
  if (source_->size() < kBlockMagic.size() + kTailBytes || bytes.size() < kTailBytes)
    return torn("file is too short for a trace block");
  version_ = version_of(last_bytes(bytes, kBlockMagic.size()));
  if (version_ == 0) return not_a_block();
  const size_t tail = bytes.size() - kTailBytes;
  const auto footer_bytes = load_le<uint32_t>(bytes.data() + tail);
  if (footer_bytes > tail || before + tail - footer_bytes < kBlockMagic.size())
    return torn("footer is longer than the file");
  const std::string_view footer = bytes.substr(tail - footer_bytes, footer_bytes);
  footer_crc_ = load_le<uint32_t>(bytes.data() + tail + 4);
  if (crc32c(footer) != footer_crc_) return torn("footer checksum does not match");

  ByteReader in(footer);
  summary_.pinned = in.le<uint32_t>() != 0;
  summary_.newest_received = {in.le<uint64_t>()};
  summary_.spans = in.le<uint64_t>();
  tail_offset_ = in.le<uint64_t>();
  summary_.traces = in.le<uint32_t>();
  const auto slots = in.le<uint32_t>();
  const auto continued = in.le<uint32_t>();
  const auto replaced = in.le<uint32_t>();
  const auto gone = in.le<uint32_t>();
  const auto row_groups = in.le<uint32_t>();
  const auto values_bytes = in.le<uint32_t>();
  ids_crc_ = in.le<uint32_t>();    // since version 4 of the checksums of both
  index_crc_ = in.le<uint32_t>();  // since version 4: 0
  const auto lists_crc = in.le<uint32_t>();
  values_crc_ = in.le<uint32_t>();
  if (!in.ok() || in.remaining() != uint64_t{row_groups} * kZoneBytes)
    return torn("footer is torn");

  const uint64_t ids_bytes = uint64_t{summary_.traces} * kIdBytes;
  const uint64_t index_bytes =
      slots * (version_ == kOldestBlockVersion ? sizeof(uint32_t) : uint64_t{kIndexSlotBytes});
  slots_ = slots;
  lists_bytes_ = uint64_t{continued} * kIdBytes + uint64_t{replaced} * sizeof(uint64_t) +
                 uint64_t{gone} * sizeof(uint32_t);
  index_checksums_bytes_ =
      version_ == kOldestBlockVersion
          ? 0
          : CheckedParts::count_of(ids_bytes + index_bytes, kCheckedIndexBytes) * sizeof(uint32_t);
  const uint64_t footer_begin = before + tail - footer_bytes;
  if (gone > summary_.traces || slots <= summary_.traces - gone ||
      tail_offset_ < std::max<uint64_t>(kBlockMagic.size(), before) ||
      tail_offset_ > footer_begin ||
      ids_bytes + index_bytes + index_checksums_bytes_ + lists_bytes_ + values_bytes !=
          footer_begin - tail_offset_)
    return torn("sections do not add up to the file");
  ids_ = bytes.substr(tail_offset_ - before, ids_bytes);
  index_ = bytes.substr(tail_offset_ - before + ids_bytes, index_bytes);
  values_ = bytes.substr(footer_begin - before - values_bytes, values_bytes);
  const uint64_t ids_begin = tail_offset_ - before;
  const auto checksums = bytes.substr(ids_begin + ids_bytes + index_bytes, index_checksums_bytes_);
  if (version_ != kOldestBlockVersion && (crc32c(checksums) != ids_crc_ || index_crc_ != 0))
    return torn("checksum of the trace index' checksums does not match");
  index_parts_ =
      CheckedParts(bytes.substr(ids_begin, ids_bytes + index_bytes), checksums, kCheckedIndexBytes);
  const std::string_view lists =
      bytes.substr(ids_begin + ids_bytes + index_bytes + index_checksums_bytes_, lists_bytes_);
  if (crc32c(lists) != lists_crc) return torn("checksum of the lists does not match");
  if (auto status = parse_lists(lists, continued, replaced, gone); !status) return status;
  return parse_zones(in, row_groups);
}

Status Block::parse_lists(std::string_view lists, uint32_t continued, uint32_t replaced,
                          uint32_t gone) {
  for (uint32_t i = 0; i < continued; ++i) summary_.continued.push_back(id_at(lists, i));
  for (uint32_t i = 0; i < replaced; ++i)
    summary_.replaced.push_back(
        load_le<uint64_t>(lists.data() + continued * kIdBytes + i * sizeof(uint64_t)));
  summary_.gone = gone;
  for (uint32_t i = 0; i < gone; ++i) {
    gone_.push_back(load_le<uint32_t>(lists.data() + lists.size() - (gone - i) * sizeof(uint32_t)));
    if (gone_.back() >= summary_.traces || (i > 0 && gone_[i - 1] >= gone_.back()))
      return torn("gone traces are not in order");
  }
  return {};
}

Status Block::parse_zones(ByteReader& footer, uint32_t row_groups) {
  uint64_t offset = kBlockMagic.size(), spans = 0, traces = 0;
  for (uint32_t i = 0; i < row_groups; ++i) {
    RowGroupZone zone = read_zone(footer);
    if (zone.offset != offset || zone.bytes() > tail_offset_ - offset)
      return torn("row groups overlap or pass the end");
    zone.first_trace = static_cast<uint32_t>(traces);
    zone.version = version_;
    offset += zone.bytes();
    spans += zone.rows;
    traces += zone.traces;
    summary_.min_start = std::min(summary_.min_start, zone.min_start);
    summary_.max_end = std::max(summary_.max_end, zone.max_end);
    zones_.push_back(zone);
  }
  if (offset != tail_offset_ || spans < summary_.spans || traces != summary_.traces)
    return torn("row groups do not add up to the block");
  verified_begins_.push_back(0);
  for (const RowGroupZone& zone : zones_)
    verified_begins_.push_back(verified_begins_.back() +
                               static_cast<uint32_t>(RowGroupDecoder::verified_words(zone)));
  verified_ = std::vector<std::atomic<uint64_t>>(verified_begins_.back());
  filter_verified_ = std::vector<std::atomic<bool>>(zones_.size());
  return {};
}

Status Block::check_index() const {
  if (version_ != kOldestBlockVersion) {
    if (index_verified_.load(std::memory_order_relaxed)) return {};
    if (!index_parts_.is_sound_anew()) return index_unsound();
    index_verified_.store(true, std::memory_order_relaxed);
    return {};
  }
  std::call_once(index_once_, [this] {
    if (crc32c(ids_) != ids_crc_ || crc32c(index_) != index_crc_) index_status_ = index_unsound();
  });
  return index_status_;
}

Status Block::check_ids(uint32_t first_ordinal, uint32_t count) const {
  if (version_ == kOldestBlockVersion) return check_index();
  return is_index_sound(ids_.substr(first_ordinal * kIdBytes, count * kIdBytes)) ? Status{}
                                                                                 : index_unsound();
}

std::unexpected<Error> Block::index_unsound() const {
  return fail(Errc::kCorrupt, name_, ": checksum of the trace ids or their index does not match");
}

Block::Sections Block::sections() const {
  uint64_t groups = 0, filters = 0;
  for (const RowGroupZone& zone : zones_) {
    groups += zone.bytes();
    filters += zone.filter_bytes;
  }
  return {ids_.size(),
          index_.size(),
          index_checksums_bytes_,
          lists_bytes_,
          values_.size(),
          filters,
          summary_.bytes - groups - ids_.size() - index_.size() - index_checksums_bytes_ -
              lists_bytes_ - values_.size()};
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

// As row_group() is checked.
Result<io::HeldBytes> Block::filter(uint32_t number) const {
  const RowGroupZone& zone = zones_[number];
  auto filter = source_->read({zone.offset, zone.filter_bytes});
  if (!filter) return in_context(name_, std::move(filter).error());
  if (archived_ || !filter_verified_[number].load(std::memory_order_relaxed)) {
    if (crc32c(filter->bytes) != zone.filter_crc)
      return fail(Errc::kCorrupt, name_, ": checksum of the filter of row group ", number,
                  " does not match");
    filter_verified_[number].store(true, std::memory_order_relaxed);
  }
  return filter;
}

void Block::share_tables(uint32_t number, RowGroupDecoder& decoder) const {
  if (archived_ || !cache_) return;  // of what is fetched, tables may be other ones the next time
  if (auto known = cache_->tables(cache_key(number))) {
    if (!decoder.shared_tables()) decoder.use_tables(std::move(known));
  } else if (decoder.shared_tables()) {
    cache_->keep_tables(cache_key(number), decoder.shared_tables());
  }
}

Result<std::optional<uint32_t>> Block::find(const TraceId& id) const {
  const bool has_tags = version_ != kOldestBlockVersion;
  if (!has_tags)
    if (auto status = check_index(); !status) return std::unexpected(std::move(status).error());
  const IndexPlace place = index_place(id, slots_);
  const std::string_view tags = has_tags ? index_.substr(slots_ * sizeof(uint32_t)) : index_;
  uint32_t slot = place.first_slot;
  for (uint32_t looked = 0; looked < slots_; ++looked, slot = slot + 1 == slots_ ? 0 : slot + 1) {
    const std::string_view in_slot = index_.substr(slot * sizeof(uint32_t), sizeof(uint32_t));
    if (!is_index_sound(in_slot)) return index_unsound();
    const auto entry = load_le<uint32_t>(in_slot.data());
    if (entry == 0) return std::nullopt;
    if (entry > summary_.traces) return torn("trace index is out of range");
    if (has_tags && static_cast<uint8_t>(tags[slot]) != place.tag) {
      if (!is_index_sound(tags.substr(slot, 1))) return index_unsound();
      continue;
    }
    const std::string_view known = ids_.substr((entry - 1) * kIdBytes, kIdBytes);
    if (std::memcmp(known.data(), id.bytes.data(), kIdBytes) == 0) return entry - 1;
    if (!is_index_sound(known)) return index_unsound();
  }
  return std::nullopt;
}

Result<Block::RowGroupBytes> Block::row_group_bytes(uint32_t number) const {
  const auto decoder = row_group(number, nullptr);
  if (!decoder) return std::unexpected(decoder.error());
  if (auto status = decoder->verify(); !status) return in_context(name_, std::move(status).error());
  if (const auto filter = this->filter(number); !filter) return std::unexpected(filter.error());
  auto held = source_->read({zones_[number].offset, zones_[number].bytes()});
  if (!held) return in_context(name_, std::move(held).error());
  RowGroupBytes result{std::move(*held), zones_[number]};
  if (version_ == kBlockVersion) return result;
  auto upgraded = upgrade_row_group(result.held.bytes, result.zone);
  if (!upgraded) return in_context(name_, std::move(upgraded).error());
  const auto kept = std::make_shared<const std::string>(std::move(*upgraded));
  result.held = {*kept, kept};
  return result;
}

TraceId Block::trace_id(uint32_t ordinal) const { return id_at(ids_, ordinal); }

uint32_t Block::row_group_of(uint32_t ordinal) const {
  const auto next =
      std::upper_bound(zones_.begin(), zones_.end(), ordinal,
                       [](uint32_t o, const RowGroupZone& zone) { return o < zone.first_trace; });
  return static_cast<uint32_t>(next - zones_.begin() - 1);
}

// What comes from object storage is checked each time: it may have been fetched anew.
Result<RowGroupDecoder> Block::row_group(uint32_t number, InspectedBytes inspected) const {
  const RowGroupZone& zone = zones_[number];
  auto held = source_->read(
      {zone.offset + zone.filter_bytes, uint64_t{zone.chunk_bytes} + zone.directory_bytes});
  if (!held) return in_context(name_, std::move(held).error());
  auto decoder =
      RowGroupDecoder::open(held->bytes, zone, std::move(held->owner), std::move(inspected),
                            archived_ ? VerifiedParts() : verified_of(number));
  if (!decoder) return in_context(name_, std::move(decoder).error());
  share_tables(number, *decoder);
  return decoder;
}

Result<std::unique_ptr<RowGroupDecoder>> Block::take_decoder(uint32_t number,
                                                             InspectedBytes inspected) const {
  if (cache_)
    if (auto known = cache_->take(cache_key(number))) {
      known->hand_on(std::move(inspected));
      return known;
    }
  auto opened = row_group(number, std::move(inspected));
  if (!opened) return std::unexpected(std::move(opened).error());
  auto decoder = std::make_unique<RowGroupDecoder>(std::move(*opened));
  if (const auto tables = decoder->tables(); !tables) return in_context(name_, tables.error());
  share_tables(number, *decoder);
  return decoder;
}

Result<std::shared_ptr<const model::SpanBatch>> Block::read_traces(
    std::span<const uint32_t> ordinals, uint32_t row_group_number, InspectedBytes inspected) const {
  auto taken = take_decoder(row_group_number, std::move(inspected));
  if (!taken) return std::unexpected(std::move(taken).error());
  std::unique_ptr<RowGroupDecoder> decoder = std::move(*taken);
  const RowGroupZone& zone = zones_[row_group_number];
  const auto tables = decoder->tables();
  if (!tables) return in_context(name_, tables.error());
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
  for (size_t i = 0; i < runs.size(); ++i) {
    if (auto status = check_ids(ordinals[i], 1); !status)
      return std::unexpected(std::move(status).error());
    for (uint32_t k = 0; k < runs[i].count; ++k)
      (*batch)->spans[at++].trace_id = trace_id(ordinals[i]);
  }
  if (cache_) {
    decoder->hand_on(nullptr);
    cache_->give_back(cache_key(row_group_number), std::move(decoder));
  }
  return *batch;
}

bool Block::marked_corrupt(const Error& error) const {
  switch (error.code) {
    case Errc::kUnavailable:
    case Errc::kDeadlineExceeded:
    case Errc::kCancelled:
    case Errc::kIo: return false;  // its storage does not answer, or not to us
    default: break;
  }
  if (!corrupt_.exchange(true))
    SL_LOG_ERROR("trace store: block {} is set aside: {}", name_, error.message);
  return true;
}

}  // namespace sightline::tracestore
