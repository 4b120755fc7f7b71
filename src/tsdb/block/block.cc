#include "tsdb/block/block.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tsdb/codec/decoded_groups.h"

namespace sightline::tsdb {
namespace {

uint32_t u32_at(std::string_view bytes, size_t index) {
  return load_le<uint32_t>(bytes.data() + index * 4);
}

Result<std::unique_ptr<io::ReadableFile>> open_with_magic(
    io::FileSystem& fs, const std::string& path, std::span<const std::string_view> magics) {
  auto file = fs.open_read(path);
  if (!file) return file;
  const std::string_view bytes = (*file)->bytes();
  if (std::none_of(magics.begin(), magics.end(),
                   [&](std::string_view magic) { return bytes.starts_with(magic); }))
    return fail(Errc::kCorrupt, path, ": not a file of this kind and version");
  return file;
}

int64_t wrapping_sum(int64_t a, uint64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + b);
}

// Bytes behind a checksum at `offset`.
Result<std::string_view> checked(std::string_view file, uint64_t offset, uint64_t length,
                                 const char* what) {
  if (offset > file.size() || file.size() - offset < 4 || length > file.size() - offset - 4)
    return fail(Errc::kCorrupt, what, " at ", offset, " of ", length,
                " bytes lies beyond the end of its file");
  const std::string_view bytes = file.substr(offset + 4, length);
  if (crc32c(bytes) != load_le<uint32_t>(file.data() + offset))
    return fail(Errc::kCorrupt, what, " at ", offset, ": checksum does not match");
  return bytes;
}

}  // namespace

Result<std::shared_ptr<const Block>> Block::open(io::FileSystem& fs, const std::string& directory) {
  std::shared_ptr<Block> block(new Block());
  block->directory_ = directory;
  if (auto status = block->load(fs); !status)
    return in_context(directory, std::move(status).error());
  return block;
}

Status Block::load(io::FileSystem& fs) {
  auto json = fs.read_all(directory_ + "/" + std::string(kMetaFile));
  if (!json) return std::unexpected(std::move(json).error());
  auto meta = parse_block_meta(*json);
  if (!meta) return std::unexpected(std::move(meta).error());
  meta_ = std::move(*meta);
  const auto open = [&](std::string_view name, std::initializer_list<std::string_view> magics,
                        std::shared_ptr<const io::ReadableFile>& out) -> Status {
    auto file = open_with_magic(fs, directory_ + "/" + std::string(name),
                                std::span(magics.begin(), magics.size()));
    if (!file) return std::unexpected(std::move(file).error());
    out = std::shared_ptr<const io::ReadableFile>(std::move(*file));
    meta_.bytes += out->bytes().size();
    return {};
  };
  meta_.bytes = json->size();
  if (auto status = open(kChunksFile, {kChunksMagic, kChunksMagic1}, chunks_file_); !status)
    return status;
  if (auto status = open(kExemplarsFile, {kExemplarsMagic, kExemplarsMagic2, kExemplarsMagic1},
                         exemplars_file_);
      !status)
    return status;
  if (auto status = open(kIndexFile, {kIndexMagic, kIndexMagic1}, index_file_); !status)
    return status;
  if (auto status = load_index(); !status) return status;
  if (auto status = load_exemplar_table(); !status) return status;
  drop_pages();  // checked whole, of which the next reader wants little
  const std::string tombstones = directory_ + "/" + std::string(kTombstonesFile);
  if (!fs.exists(tombstones)) return {};
  auto bytes = fs.read_all(tombstones);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  auto parsed = Tombstones::parse(*bytes);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  meta_.bytes += bytes->size();
  apply_tombstones(std::make_shared<const Tombstones>(std::move(*parsed)));
  return {};
}

std::shared_ptr<const Block> Block::with_tombstones(
    std::shared_ptr<const Tombstones> tombstones) const {
  std::shared_ptr<Block> copy(new Block(*this));
  copy->apply_tombstones(std::move(tombstones));
  return copy;
}

void Block::apply_tombstones(std::shared_ptr<const Tombstones> tombstones) {
  tombstones_ = std::move(tombstones);
  hidden_ = {};
  for (const uint32_t number : tombstones_->series()) {
    const auto left = series(number);
    if (left && left->chunks.empty() && left->exemplar_bytes == 0) hidden_.add(number);
  }
}

void Block::hide_deleted(uint32_t series, SeriesInfo& info) const {
  const auto deleted = tombstones_->of(series);
  if (deleted.empty()) return;
  std::erase_if(info.chunks, [&](ChunkRef& chunk) {
    chunk.deleted = deleted;
    return is_deleted(deleted, chunk.min_time, chunk.max_time);
  });
  info.deleted = deleted;
  if (is_deleted(deleted, info.exemplar_min, info.exemplar_max)) info.exemplar_bytes = 0;
}

Status Block::load_index() {
  const std::string_view bytes = index_file_->bytes();
  is_version_1_ = bytes.starts_with(kIndexMagic1);
  const size_t sections = is_version_1_ ? kSectionCount1 : kSectionCount;
  const size_t table_bytes = index_table_bytes(sections);
  if (bytes.size() < kMagicBytes + table_bytes)
    return fail(Errc::kCorrupt, "index of ", bytes.size(), " bytes is too short");
  const std::string_view table = bytes.substr(bytes.size() - table_bytes);
  if (crc32c(table.substr(0, table.size() - 4)) !=
      load_le<uint32_t>(table.data() + table.size() - 4))
    return fail(Errc::kCorrupt, "index: table of sections does not check");
  for (size_t i = 0; i < sections; ++i) {
    const char* entry = table.data() + i * kSectionEntryBytes;
    const auto offset = load_le<uint64_t>(entry);
    const auto length = load_le<uint64_t>(entry + 8);
    if (offset > bytes.size() || length > bytes.size() - offset)
      return fail(Errc::kCorrupt, "index: section ", i, " lies beyond the end");
    sections_[i] = bytes.substr(offset, length);
    if (crc32c(sections_[i]) != load_le<uint32_t>(entry + 16))
      return fail(Errc::kCorrupt, "index: section ", i, " does not check");
  }
  const auto count = [&](IndexSection section, size_t entry_bytes, size_t extra, uint32_t& out) {
    if (sections_[section].size() < 4) return false;
    out = u32_at(sections_[section], 0);
    return sections_[section].size() >= 4 + extra + uint64_t{out} * entry_bytes;
  };
  value_count_ = static_cast<uint32_t>(sections_[kValues].size() / kValueEntryBytes);
  if (!count(kSymbols, 4, 4, symbol_count_) || !count(kSeriesOffsets, 4, 0, series_count_) ||
      !count(kNames, kNameEntryBytes, 0, name_count_))
    return fail(Errc::kCorrupt, "index: a count does not fit its section");
  group_count_ = static_cast<uint32_t>(sections_[kGroups].size() / kGroupEntryBytes);
  checked_groups_ = std::make_shared<std::vector<std::atomic<uint64_t>>>(group_count_ / 64 + 1);
  if (!is_version_1_ &&
      sections_[kGroupMembers].size() != uint64_t{series_count_} * kGroupMemberBytes)
    return fail(Errc::kCorrupt, "index: a group member is missing");
  return {};
}

// Lengths of the pages, their number and a checksum at the end of the file.
Status Block::load_exemplar_table() {
  const std::string_view bytes = exemplars_file_->bytes();
  has_exemplar_columns_ = !bytes.starts_with(kExemplarsMagic);
  if (has_exemplar_columns_) return {};
  if (bytes.size() < kMagicBytes + 8) return fail(Errc::kCorrupt, "exemplars: too short");
  const auto pages = load_le<uint32_t>(bytes.data() + bytes.size() - 8);
  const uint64_t table_bytes = uint64_t{pages} * 4 + 4;
  if (table_bytes > bytes.size() - kMagicBytes - 4)
    return fail(Errc::kCorrupt, "exemplars: ", pages, " pages do not fit the file");
  const std::string_view table = bytes.substr(bytes.size() - 4 - table_bytes, table_bytes);
  if (crc32c(table) != load_le<uint32_t>(bytes.data() + bytes.size() - 4))
    return fail(Errc::kCorrupt, "exemplars: table of pages does not check");
  uint64_t end = kMagicBytes;
  for (uint32_t i = 0; i < pages; ++i) exemplar_pages_.push_back(end += 4 + u32_at(table, i));
  if (end != bytes.size() - 4 - table_bytes)
    return fail(Errc::kCorrupt, "exemplars: pages end at ", end, ", not where their table begins");
  return {};
}

std::string_view Block::symbol(uint32_t number) const {
  if (number >= symbol_count_) return {};
  const std::string_view section = sections_[kSymbols];
  const std::string_view text = section.substr(4 + 4 * (uint64_t{symbol_count_} + 1));
  const uint32_t begin = u32_at(section, 1 + number);
  const uint32_t end = u32_at(section, 2 + number);
  if (begin > end || end > text.size()) return {};
  return text.substr(begin, end - begin);
}

namespace {

bool skip_labels(ByteReader& in) {
  const uint64_t count = in.uvarint();
  if (!in.ok() || count > in.remaining()) return false;
  for (uint64_t i = 0; i < 2 * count; ++i) (void)in.uvarint();
  return in.ok();
}

}  // namespace

bool Block::read_labels(ByteReader& in, model::Labels& labels) const {
  const uint64_t count = in.uvarint();
  if (!in.ok() || count > in.remaining()) return false;
  std::string packed;
  for (uint64_t i = 0; i < count; ++i) {
    append_sized(packed, symbol(static_cast<uint32_t>(in.uvarint())));
    append_sized(packed, symbol(static_cast<uint32_t>(in.uvarint())));
  }
  if (!in.ok() || !model::Labels::is_packed(packed)) return false;
  labels = model::Labels::from_packed(std::move(packed));
  return true;
}

Result<model::Labels> Block::labels(uint32_t series) const {
  model::Labels result;
  const uint32_t offset =
      series < series_count_ ? u32_at(sections_[kSeriesOffsets], 1 + series) : UINT32_MAX;
  const std::string_view entries = sections_[kSeriesEntries];
  ByteReader in(entries.substr(std::min<size_t>(offset, entries.size())));
  if (read_labels(in, result)) return result;
  mark_damaged();
  return fail(Errc::kCorrupt, directory_, ": series ", series, " is damaged");
}

Result<Block::SeriesInfo> Block::series(uint32_t series) const {
  auto info = stored_series(series, true);
  if (info) hide_deleted(series, *info);
  return info;
}

Result<Block::SeriesInfo> Block::data_of(uint32_t series) const {
  auto info = stored_series(series, false);
  if (info) hide_deleted(series, *info);
  return info;
}

Result<Block::SeriesInfo> Block::stored_series(uint32_t series, bool with_labels) const {
  SeriesInfo info;
  const uint32_t offset =
      series < series_count_ ? u32_at(sections_[kSeriesOffsets], 1 + series) : UINT32_MAX;
  const std::string_view entries = sections_[kSeriesEntries];
  ByteReader in(entries.substr(std::min<size_t>(offset, entries.size())));
  bool good = with_labels ? read_labels(in, info.labels) : skip_labels(in);
  good = good && read_chunk_refs(in, info);
  if (good) info.exemplar_bytes = in.uvarint();
  if (good && info.exemplar_bytes > 0) {
    if (!has_exemplar_columns_) info.exemplar_page = in.uvarint();
    info.exemplar_offset = in.uvarint();
    info.exemplar_min = in.svarint();
    info.exemplar_max = wrapping_sum(info.exemplar_min, in.uvarint());
  }
  if (good && in.ok() && (is_version_1_ || add_group_refs(series, info))) return info;
  mark_damaged();
  return fail(Errc::kCorrupt, directory_, ": series ", series, " is damaged");
}

bool Block::is_within_chunks(uint64_t offset, uint64_t length) const {
  const std::string_view file = chunks_file_->bytes();
  return offset <= file.size() && file.size() - offset >= 4 && length <= file.size() - offset - 4;
}

// Chunks of one series alone. In version 1 they lie one after the other and begin with their kind.
bool Block::read_chunk_refs(ByteReader& in, SeriesInfo& info) const {
  const uint64_t count = in.uvarint();
  if (!in.ok() || count > in.remaining()) return false;
  uint64_t at = is_version_1_ && count > 0 ? in.uvarint() : 0;
  int64_t previous = 0;
  for (uint64_t i = 0; i < count; ++i) {
    ChunkRef c{.kind = ChunkRef::kHistograms};
    if (is_version_1_)
      c.kind = static_cast<ChunkRef::Kind>(in.u8());
    else
      at = in.uvarint();
    c.min_time = wrapping_sum(previous, static_cast<uint64_t>(in.svarint()));
    c.max_time = wrapping_sum(c.min_time, in.uvarint());
    c.count = static_cast<uint32_t>(in.uvarint());
    c.offset = at;
    c.length = in.uvarint();
    if (!in.ok() || !is_within_chunks(c.offset, c.length) ||
        (c.kind != ChunkRef::kFloats && c.kind != ChunkRef::kHistograms))
      return false;
    at += 4 + c.length;
    previous = c.max_time;
    info.chunks.push_back(c);
  }
  return true;
}

void Block::drop_pages() const {
  for (const auto& file : {chunks_file_, index_file_, exemplars_file_}) file->drop_pages();
}

Block::ChunkRef Block::group_ref(uint32_t group) const {
  const char* entry = sections_[kGroups].data() + uint64_t{group} * kGroupEntryBytes;
  return {.min_time = load_le<int64_t>(entry + 8),
          .max_time = load_le<int64_t>(entry + 16),
          .count = load_le<uint32_t>(entry + 28),
          .offset = load_le<uint64_t>(entry),
          .length = load_le<uint32_t>(entry + 24),
          .group = group};
}

Block::GroupRun Block::group_run(uint32_t series) const {
  if (is_version_1_ || series >= series_count_) return {};
  const char* entry = sections_[kGroupMembers].data() + uint64_t{series} * kGroupMemberBytes;
  const GroupRun run{load_le<uint32_t>(entry), load_le<uint16_t>(entry + 4),
                     load_le<uint16_t>(entry + 6)};
  return run.first > group_count_ || run.count > group_count_ - run.first ? GroupRun{} : run;
}

bool Block::add_group_refs(uint32_t series, SeriesInfo& info) const {
  const char* entry = sections_[kGroupMembers].data() + uint64_t{series} * kGroupMemberBytes;
  const auto first = load_le<uint32_t>(entry);
  const auto groups = load_le<uint16_t>(entry + 4);
  if (first > group_count_ || groups > group_count_ - first) return false;
  for (uint32_t i = 0; i < groups; ++i) {
    info.chunks.push_back(group_ref(first + i));
    info.chunks.back().member = load_le<uint16_t>(entry + 6);
    if (!is_within_chunks(info.chunks.back().offset, info.chunks.back().length)) return false;
  }
  return true;
}

Result<std::string_view> Block::chunk_bytes(const ChunkRef& chunk) const {
  const bool is_group = chunk.kind == ChunkRef::kGroup;
  const uint64_t bit = uint64_t{1} << (chunk.group % 64);
  if (is_group && ((*checked_groups_)[chunk.group / 64].load(std::memory_order_relaxed) & bit) != 0)
    return chunks_file_->bytes().substr(chunk.offset + 4, chunk.length);
  auto bytes = checked(chunks_file_->bytes(), chunk.offset, chunk.length, "chunk");
  if (bytes && is_group)
    (*checked_groups_)[chunk.group / 64].fetch_or(bit, std::memory_order_relaxed);
  if (bytes) return bytes;
  mark_damaged();
  return in_context(directory_, std::move(bytes).error());
}

Result<std::string_view> Block::group_bytes(uint32_t group) const {
  return chunk_bytes(group_ref(group));
}

Status Block::read_chunk(const ChunkRef& chunk, DecodedGroups* cache, SampleColumns& out,
                         ValueNeed need) const {
  auto bytes = chunk_bytes(chunk);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  const size_t floats = out.times.size();
  const size_t histograms = out.histogram_times.size();
  Status status = chunk.kind == ChunkRef::kGroup
                      ? read_group_member(*bytes, chunk.member, cache, out,
                                          {.block = meta_.number, .offset = chunk.offset}, need)
                      : decode_chunk(*bytes, out, need);
  if (status) erase_deleted(chunk.deleted, floats, histograms, out);
  if (status) return {};
  mark_damaged();
  return in_context(directory_, std::move(status).error());
}

Status Block::read_times(const ChunkRef& chunk, std::vector<int64_t>& out) const {
  auto bytes = chunk_bytes(chunk);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  Status status;
  const size_t before = out.size();
  if (chunk.kind == ChunkRef::kGroup) {
    status = read_group_times(*bytes, out);
  } else {
    SampleColumns columns;
    status = decode_chunk(*bytes, columns);
    out.insert(out.end(), columns.times.begin(), columns.times.end());
  }
  if (!chunk.deleted.empty())
    out.erase(std::remove_if(out.begin() + static_cast<ptrdiff_t>(before), out.end(),
                             [&](int64_t time) { return is_deleted(chunk.deleted, time); }),
              out.end());
  if (status) return {};
  mark_damaged();
  return in_context(directory_, std::move(status).error());
}

Result<std::shared_ptr<const ExemplarPage>> Block::exemplar_page(uint64_t number,
                                                                 ExemplarPageCache* cache) const {
  if (number >= exemplar_pages_.size())
    return fail(Errc::kCorrupt, "there is no page ", number, " of exemplars");
  const uint64_t begin = number == 0 ? kMagicBytes : exemplar_pages_[number - 1];
  const char* key = exemplars_file_->bytes().data() + begin;
  if (cache != nullptr)
    if (auto known = cache->find(key)) return known;
  const auto bytes = checked(exemplars_file_->bytes(), begin, exemplar_pages_[number] - begin - 4,
                             "page of exemplars");
  if (!bytes) return std::unexpected(bytes.error());
  auto page = ExemplarPage::decode(*bytes);
  if (page && cache != nullptr) cache->keep(key, *page);
  return page;
}

Status Block::read_exemplars(const SeriesInfo& info, ExemplarPageCache* cache,
                             std::vector<StoredExemplar>& out) const {
  if (info.exemplar_bytes == 0) return {};
  const size_t before = out.size();
  Status status;
  if (has_exemplar_columns_) {
    const auto bytes = checked(exemplars_file_->bytes(), info.exemplar_offset, info.exemplar_bytes,
                               "exemplar column");
    status = bytes ? decode_exemplars(*bytes, out) : Status(std::unexpected(bytes.error()));
  } else {
    ExemplarPageCache own;
    ExemplarPageCache* const pages = cache != nullptr ? cache : &own;
    status = read_exemplar_list(
        {info.exemplar_page, info.exemplar_offset, info.exemplar_bytes},
        [&](uint64_t page) { return exemplar_page(page, pages); }, out);
  }
  if (!status) {
    mark_damaged();
    return in_context(directory_, std::move(status).error());
  }
  if (!info.deleted.empty())
    out.erase(
        std::remove_if(out.begin() + static_cast<ptrdiff_t>(before), out.end(),
                       [&](const StoredExemplar& e) { return is_deleted(info.deleted, e.time); }),
        out.end());
  return {};
}

std::string_view Block::value_text(uint32_t index) const {
  return symbol(load_le<uint32_t>(sections_[kValues].data() + uint64_t{index} * kValueEntryBytes));
}

Roaring Block::value_postings(uint32_t index) const {
  const char* entry = sections_[kValues].data() + uint64_t{index} * kValueEntryBytes;
  const auto length = load_le<uint32_t>(entry + 4);
  const auto offset = load_le<uint64_t>(entry + 8);
  const std::string_view postings = sections_[kPostings];
  if (offset > postings.size() || length > postings.size() - offset) {
    mark_damaged();
    return {};
  }
  try {
    Roaring series = Roaring::readSafe(postings.data() + offset, length);
    if (!hidden_.isEmpty()) series -= hidden_;
    return series;
  } catch (const std::exception&) {
    mark_damaged();
    return {};
  }
}

Block::ValueRun Block::values_of(std::string_view name) const {
  const char* entries = sections_[kNames].data() + 4;
  uint32_t low = 0;
  uint32_t high = name_count_;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const char* entry = entries + uint64_t{middle} * kNameEntryBytes;
    const std::string_view text = symbol(load_le<uint32_t>(entry));
    if (text == name) {
      const ValueRun run{load_le<uint32_t>(entry + 4), load_le<uint32_t>(entry + 8)};
      return run.first <= value_count_ && run.count <= value_count_ - run.first ? run : ValueRun{};
    }
    if (text < name)
      low = middle + 1;
    else
      high = middle;
  }
  return {};
}

uint32_t Block::lower_bound(ValueRun run, std::string_view text) const {
  uint32_t low = run.first;
  uint32_t high = run.first + run.count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (value_text(middle) < text)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

Roaring Block::all() const {
  Roaring result;
  result.addRange(0, series_count_);
  result -= hidden_;
  return result;
}

Roaring Block::with(std::string_view name, std::string_view value) const {
  const ValueRun run = values_of(name);
  const uint32_t at = lower_bound(run, value);
  if (at == run.first + run.count || value_text(at) != value) return {};
  return value_postings(at);
}

bool Block::is_visible(uint32_t value) const {
  return hidden_.isEmpty() || !value_postings(value).isEmpty();
}

void Block::each_value(std::string_view name, std::string_view prefix,
                       const ValueVisitor& visit) const {
  const ValueRun run = values_of(name);
  for (uint32_t at = lower_bound(run, prefix); at < run.first + run.count; ++at) {
    const std::string_view text = value_text(at);
    if (!text.starts_with(prefix) || (is_visible(at) && !visit(text))) return;
  }
}

std::vector<std::string> Block::names() const {
  std::vector<std::string> result;
  for (uint32_t i = 0; i < name_count_; ++i) {
    const std::string_view name =
        symbol(load_le<uint32_t>(sections_[kNames].data() + 4 + uint64_t{i} * kNameEntryBytes));
    bool visible = hidden_.isEmpty();
    if (!visible)
      each_value(name, {}, [&](std::string_view) {
        visible = true;
        return false;
      });
    if (visible) result.emplace_back(name);
  }
  return result;
}

}  // namespace sightline::tsdb
