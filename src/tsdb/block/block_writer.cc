#include "tsdb/block/block_writer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/number_text.h"
#include "tsdb/block/block_format.h"
#include "tsdb/codec/integer_column.h"

namespace sightline::tsdb {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr size_t kGroupMembersWanted = 160;  // then the next family begins a new group
static_assert(kGroupMembersWanted + kFamilyBucketsMax < kGroupMembersMax);

// Which histogram family a series belongs to: its labels without `le`, its name without the ending.
struct FamilyPlace {
  FamilyRole role = FamilyRole::kNone;
  uint64_t family = 0;
  double le = 0;
};

FamilyPlace family_place(const model::Labels& labels) {
  FamilyPlace place;
  std::string_view name = labels.metric_name();
  const std::string_view le = labels.get("le");
  const auto ending = [&](std::string_view text) {
    if (!name.ends_with(text)) return false;
    name.remove_suffix(text.size());
    return true;
  };
  if (!le.empty() && ending("_bucket")) {
    if (const auto bound = parse_float(le); bound && !std::isnan(*bound)) {
      place.role = FamilyRole::kBucket;
      place.le = *bound;
    }
  } else if (le.empty() && ending("_count")) {
    place.role = FamilyRole::kCount;
  }
  std::string key(name);
  for (const model::LabelView label : labels) {
    if (label.name == model::kMetricName ||
        (label.name == "le" && place.role == FamilyRole::kBucket))
      continue;
    append_sized(key, label.name);
    append_sized(key, label.value);
  }
  place.family = xxh3(key);
  return place;
}

// Of the column as it is encoded, which does not say how many times there are, and of their number.
uint64_t hash_of_times(std::string_view column, size_t count) {
  return xxh3(column) ^ (count * 0x9e3779b97f4a7c15);
}

}  // namespace

// A file written in larger pieces.
struct BlockWriter::File {
  std::unique_ptr<io::WritableFile> file;
  std::string buffer;
  uint64_t offset = 0;  // of the next byte

  static Result<std::unique_ptr<File>> create(io::FileSystem& fs, const std::string& path,
                                              std::string_view magic) {
    auto opened = fs.create(path);
    if (!opened) return std::unexpected(std::move(opened).error());
    auto result = std::make_unique<File>();
    result->file = std::move(*opened);
    result->buffer = magic;
    result->offset = magic.size();
    return result;
  }
  Status append(std::string_view bytes) {
    offset += bytes.size();
    if (bytes.size() < kBufferBytes) {
      buffer += bytes;
      return buffer.size() < kBufferBytes ? Status() : flush();
    }
    if (auto status = flush(); !status) return status;
    return file->append(bytes);
  }
  // A checksum, then the bytes; returns where the checksum is.
  Result<uint64_t> append_checked(std::string_view bytes) {
    const uint64_t at = offset;
    std::string sum;
    append_le(sum, crc32c(bytes));
    buffer += sum;
    offset += sum.size();
    if (auto status = append(bytes); !status) return std::unexpected(std::move(status).error());
    return at;
  }
  Status flush() {
    if (buffer.empty()) return {};
    auto status = file->append(buffer);
    buffer.clear();
    return status;
  }
  Status finish() {
    if (auto status = flush(); !status) return status;
    return file->sync();
  }
};

BlockWriter::BlockWriter(io::FileSystem& fs, std::string parent, uint64_t number,
                         GroupCoding coding)
    : fs_(fs),
      parent_(std::move(parent)),
      number_(number),
      coding_(coding),
      temporary_(parent_ + "/" + BlockMeta{.number = number}.directory_name() + ".tmp") {
  meta_.min_time = std::numeric_limits<int64_t>::max();
  meta_.max_time = std::numeric_limits<int64_t>::min();
}

Result<std::unique_ptr<BlockWriter>> BlockWriter::create(io::FileSystem& fs, std::string parent,
                                                         uint64_t number, GroupCoding coding) {
  std::unique_ptr<BlockWriter> writer(new BlockWriter(fs, std::move(parent), number, coding));
  const std::string& dir = writer->temporary_;
  if (fs.exists(dir))
    if (auto status = fs.remove_all(dir); !status)
      return std::unexpected(std::move(status).error());
  if (auto status = fs.create_directories(dir); !status)
    return std::unexpected(std::move(status).error());
  auto chunks = File::create(fs, dir + "/" + std::string(kChunksFile), kChunksMagic);
  if (!chunks) return std::unexpected(std::move(chunks).error());
  writer->chunks_ = std::move(*chunks);
  auto exemplars = File::create(fs, dir + "/" + std::string(kExemplarsFile), kExemplarsMagic);
  if (!exemplars) return std::unexpected(std::move(exemplars).error());
  writer->exemplars_ = std::move(*exemplars);
  return writer;
}

BlockWriter::~BlockWriter() {
  if (finished_) return;
  chunks_.reset();
  exemplars_.reset();
  (void)fs_.remove_all(temporary_);
}

uint32_t BlockWriter::symbol(std::string_view text) {
  if (const auto found = symbol_numbers_.find(text); found != symbol_numbers_.end())
    return found->second;
  const auto number = static_cast<uint32_t>(symbol_numbers_.size());
  symbol_numbers_.emplace(text, number);
  symbol_bytes_ += text;
  symbol_offsets_.push_back(static_cast<uint32_t>(symbol_bytes_.size()));
  return number;
}

void BlockWriter::note(int64_t min, int64_t max) {
  meta_.min_time = std::min(meta_.min_time, min);
  meta_.max_time = std::max(meta_.max_time, max + 1);
}

Status BlockWriter::write(BlockSource& source, size_t samples_max) {
  model::Labels labels;
  for (uint32_t number = 0;; ++number) {
    auto more = source.next(labels);
    if (!more) return std::unexpected(std::move(more).error());
    if (!*more) break;
    if (auto status = add_series(source, number, labels, samples_max); !status) return status;
  }
  group_refs_.resize(series_offsets_.size());
  if (auto status = take_whole_groups(source, samples_max); !status) return status;
  for (Placement& placement : placements_) {
    const auto hash = times_hash(source, placement.source_number);
    if (!hash) return std::unexpected(hash.error());
    placement.times_hash = *hash;
  }
  return write_groups(source, samples_max);
}

// Records that are long enough: shorter ones take fewer bytes together.
Status BlockWriter::take_whole_groups(BlockSource& source, size_t samples_max) {
  auto groups = source.whole_groups(samples_max / 2);
  if (!groups) return std::unexpected(std::move(groups).error());
  if (groups->empty()) return {};
  absl::flat_hash_map<uint32_t, uint32_t> series_by_number;
  for (const Placement& p : placements_) series_by_number.emplace(p.source_number, p.series);
  for (const WholeGroups& group : *groups) {
    const auto first = static_cast<uint32_t>(group_table_.size() / kGroupEntryBytes);
    for (size_t m = 0; m < group.members.size(); ++m) {
      const auto series = series_by_number.extract(group.members[m]);
      SL_ASSERT(!series.empty());
      group_refs_[series.mapped()] = {first, static_cast<uint16_t>(group.records.size()),
                                      static_cast<uint16_t>(m)};
    }
    for (const WholeGroups::Record& record : group.records) {
      if (auto status = append_group(record.bytes, record.min_time, record.max_time, record.count);
          !status)
        return status;
      meta_.samples += uint64_t{record.count} * group.members.size();
      meta_.chunks += group.members.size();
    }
  }
  std::erase_if(placements_,
                [&](const Placement& p) { return !series_by_number.contains(p.source_number); });
  return {};
}

// The same for the same times.
Result<uint64_t> BlockWriter::times_hash(BlockSource& source, uint32_t number) {
  const auto key = source.times_key(number);
  if (!key) return encoded_times_hash(source, number);
  if (const auto known = hashes_by_key_.find(*key); known != hashes_by_key_.end())
    return known->second;
  auto hash = encoded_times_hash(source, number);
  if (hash) hashes_by_key_.emplace(*key, *hash);
  return hash;
}

Result<uint64_t> BlockWriter::encoded_times_hash(BlockSource& source, uint32_t number) {
  if (const auto encoded = source.read_encoded(number))
    return hash_of_times(encoded->times, encoded->count);
  std::vector<int64_t> times;
  if (auto status = source.read_times(number, times); !status)
    return std::unexpected(std::move(status).error());
  if (times.empty())
    return fail(Errc::kInternal, "a series lost its samples while a block was written");
  const uint64_t plain =
      xxh3({reinterpret_cast<const char*>(times.data()), times.size() * sizeof(int64_t)});
  if (const auto known = hashes_by_times_.find(plain); known != hashes_by_times_.end())
    return known->second;
  std::string column;
  append_integer_column(column, times);
  return hashes_by_times_.emplace(plain, hash_of_times(column, times.size())).first->second;
}

Status BlockWriter::add_series(BlockSource& source, uint32_t number, const model::Labels& labels,
                               size_t samples_max) {
  if (entries_.size() > std::numeric_limits<uint32_t>::max() / 2 ||
      symbol_bytes_.size() > std::numeric_limits<uint32_t>::max() / 2)
    return fail(Errc::kResourceExhausted, "block index is over 2 GiB");
  SampleColumns histograms;
  std::vector<StoredExemplar> exemplars;
  const auto has_floats = source.has_floats(number);
  if (!has_floats) return std::unexpected(has_floats.error());
  if (auto status = source.read_histograms(number, histograms); !status) return status;
  if (auto status = source.read_exemplars(number, exemplars); !status) return status;
  if (!*has_floats && histograms.histogram_times.empty() && exemplars.empty()) return {};
  const auto series = static_cast<uint32_t>(series_offsets_.size());
  if (*has_floats) {
    const FamilyPlace place = family_place(labels);
    placements_.push_back({.family = place.family,
                           .le = place.le,
                           .source_number = number,
                           .series = series,
                           .role = place.role});
  }
  add_labels(labels);
  ++meta_.series;
  if (auto status = add_histograms(histograms, samples_max); !status) return status;
  return add_exemplars(exemplars);
}

void BlockWriter::add_labels(const model::Labels& labels) {
  const auto series = static_cast<uint32_t>(series_offsets_.size());
  series_offsets_.push_back(static_cast<uint32_t>(entries_.size()));
  append_uvarint(entries_, labels.size());
  size_t i = 0;
  for (const model::LabelView label : labels) {
    if (i == last_pairs_.size()) last_pairs_.push_back(0);
    uint32_t& place = last_pairs_[i++];
    if (place >= pairs_.size() || symbol_text(pairs_[place].value) != label.value ||
        symbol_text(pairs_[place].name) != label.name) {
      const uint32_t name = symbol(label.name);
      place = pair(name, symbol(label.value));
    }
    PairPostings& postings = pairs_[place];
    append_uvarint(entries_, postings.name);
    append_uvarint(entries_, postings.value);
    postings.add(series);
  }
}

uint32_t BlockWriter::pair(uint32_t name, uint32_t value) {
  const auto [at, fresh] =
      pair_places_.try_emplace(uint64_t{name} << 32 | value, static_cast<uint32_t>(pairs_.size()));
  if (fresh) {
    pairs_.emplace_back();
    pairs_.back().name = name;
    pairs_.back().value = value;
  }
  return at->second;
}

Status BlockWriter::add_histograms(const SampleColumns& columns, size_t samples_max) {
  const size_t samples = columns.histogram_times.size();
  const size_t pieces = (samples + samples_max - 1) / samples_max;
  append_uvarint(entries_, pieces);
  int64_t previous = 0;
  for (size_t i = 0; i < pieces; ++i) {
    const size_t begin = samples * i / pieces;
    const size_t count = samples * (i + 1) / pieces - begin;
    const auto times = std::span(columns.histogram_times).subspan(begin, count);
    auto created = std::span(columns.histogram_created);
    if (!created.empty()) created = created.subspan(begin, count);
    if (std::all_of(created.begin(), created.end(), [](int64_t c) { return c == 0; })) created = {};
    const std::string bytes =
        encode_chunk(times, std::span(columns.histograms).subspan(begin, count), created);
    const auto offset = chunks_->append_checked(bytes);
    if (!offset) return std::unexpected(offset.error());
    append_uvarint(entries_, *offset);
    append_svarint(entries_, times.front() - previous);
    append_uvarint(entries_, static_cast<uint64_t>(times.back() - times.front()));
    append_uvarint(entries_, count);
    append_uvarint(entries_, bytes.size());
    previous = times.back();
    meta_.samples += count;
    note(times.front(), times.back());
  }
  meta_.chunks += pieces;
  return {};
}

Status BlockWriter::add_exemplars(const std::vector<StoredExemplar>& exemplars) {
  if (exemplars.empty()) {
    append_uvarint(entries_, 0);
    return {};
  }
  const ExemplarList list = exemplar_pages_.add(exemplars);
  append_uvarint(entries_, list.bytes);
  append_uvarint(entries_, list.page);
  append_uvarint(entries_, list.offset);
  append_svarint(entries_, exemplars.front().time);
  append_uvarint(entries_, static_cast<uint64_t>(exemplars.back().time - exemplars.front().time));
  meta_.exemplars += exemplars.size();
  note(exemplars.front().time, exemplars.back().time);
  return exemplar_pages_.is_full() ? write_exemplar_page() : Status();
}

Status BlockWriter::write_exemplar_page() {
  const std::string bytes = exemplar_pages_.take();
  append_le(exemplar_table_, static_cast<uint32_t>(bytes.size()));
  const auto offset = exemplars_->append_checked(bytes);
  return offset ? Status() : std::unexpected(offset.error());
}

Status BlockWriter::finish_exemplars() {
  if (!exemplar_pages_.is_empty())
    if (auto status = write_exemplar_page(); !status) return status;
  append_le(exemplar_table_, static_cast<uint32_t>(exemplar_table_.size() / 4));
  append_le(exemplar_table_, crc32c(exemplar_table_));
  if (auto status = exemplars_->append(exemplar_table_); !status) return status;
  return exemplars_->finish();
}

// Series with the same timestamps next to each other, families within them.
Status BlockWriter::write_groups(BlockSource& source, size_t samples_max) {
  std::sort(placements_.begin(), placements_.end(), [](const Placement& a, const Placement& b) {
    return std::tie(a.times_hash, a.family, a.role, a.le, a.series) <
           std::tie(b.times_hash, b.family, b.role, b.le, b.series);
  });
  for (size_t begin = 0; begin < placements_.size();) {
    size_t end = begin;
    while (end < placements_.size() &&
           placements_[end].times_hash == placements_[begin].times_hash) {
      size_t next = end + 1;  // past the family
      while (next < placements_.size() &&
             placements_[next].times_hash == placements_[end].times_hash &&
             placements_[next].family == placements_[end].family && next - end < kFamilyBucketsMax)
        ++next;
      if (end > begin && next - begin > kGroupMembersWanted) break;
      end = next;
    }
    if (auto status =
            write_group(source, std::span(placements_).subspan(begin, end - begin), samples_max);
        !status)
      return status;
    begin = end;
  }
  placements_.clear();
  return {};
}

Status BlockWriter::write_group(BlockSource& source, std::span<const Placement> members,
                                size_t samples_max) {
  const auto joined = join_encoded(source, members, samples_max);
  if (!joined) return std::unexpected(joined.error());
  if (*joined) return {};
  while (columns_.size() < members.size()) columns_.emplace_back();
  std::vector<Placement> same;
  std::vector<const SampleColumns*> columns;
  std::vector<size_t> others;
  for (size_t i = 0; i < members.size(); ++i) {
    if (auto status = source.read_floats(members[i].source_number, columns_[i]); !status)
      return status;
    if (columns_[i].times.empty())
      return fail(Errc::kInternal, "a series lost its samples while a block was written");
    if (columns_[i].times != columns_[0].times) {
      others.push_back(i);
      continue;
    }
    same.push_back(members[i]);
    columns.push_back(&columns_[i]);
  }
  if (auto status = write_pieces(same, columns, samples_max); !status) return status;
  for (const size_t i : others) {  // two columns of times with one hash
    const SampleColumns* alone = &columns_[i];
    if (auto status = write_pieces(members.subspan(i, 1), std::span(&alone, 1), samples_max);
        !status)
      return status;
  }
  return {};
}

Result<bool> BlockWriter::join_encoded(BlockSource& source, std::span<const Placement> members,
                                       size_t samples_max) {
  if (coding_ != GroupCoding::kQuick) return false;
  std::vector<EncodedFloats> columns;
  std::vector<std::string_view> values;
  for (const Placement& member : members) {
    auto column = source.read_encoded(member.source_number);
    if (!column || column->count > samples_max ||
        (!columns.empty() &&
         (column->count != columns.front().count || column->times != columns.front().times)))
      return false;
    columns.push_back(std::move(*column));
    values.push_back(columns.back().values);
  }
  const auto group = static_cast<uint32_t>(group_table_.size() / kGroupEntryBytes);
  for (size_t m = 0; m < members.size(); ++m)
    group_refs_[members[m].series] = {group, 1, static_cast<uint16_t>(m)};
  const EncodedFloats& first = columns.front();
  if (auto status = append_group(join_group(first.count, first.times, values), first.min_time,
                                 first.max_time, static_cast<uint32_t>(first.count));
      !status)
    return std::unexpected(std::move(status).error());
  meta_.samples += first.count * members.size();
  meta_.chunks += members.size();
  return true;
}

Status BlockWriter::append_group(std::string_view bytes, int64_t min_time, int64_t max_time,
                                 uint32_t samples) {
  const auto offset = chunks_->append_checked(bytes);
  if (!offset) return std::unexpected(offset.error());
  append_le(group_table_, *offset);
  append_le(group_table_, min_time);
  append_le(group_table_, max_time);
  append_le(group_table_, static_cast<uint32_t>(bytes.size()));
  append_le(group_table_, samples);
  note(min_time, max_time);
  return {};
}

Status BlockWriter::write_pieces(std::span<const Placement> members,
                                 std::span<const SampleColumns* const> columns,
                                 size_t samples_max) {
  const std::span<const int64_t> times = columns.front()->times;
  const size_t pieces = (times.size() + samples_max - 1) / samples_max;
  if (pieces > std::numeric_limits<uint16_t>::max())
    return fail(Errc::kResourceExhausted, "series with ", times.size(), " samples in one block");
  const auto first_group = static_cast<uint32_t>(group_table_.size() / kGroupEntryBytes);
  for (size_t m = 0; m < members.size(); ++m)
    group_refs_[members[m].series] = {first_group, static_cast<uint16_t>(pieces),
                                      static_cast<uint16_t>(m)};
  std::vector<GroupMember> group(members.size());
  for (size_t i = 0; i < pieces; ++i) {
    const size_t begin = times.size() * i / pieces;
    const size_t count = times.size() * (i + 1) / pieces - begin;
    for (size_t m = 0; m < members.size(); ++m) {
      std::span<const int64_t> created = columns[m]->created;
      if (!created.empty()) created = created.subspan(begin, count);
      if (std::all_of(created.begin(), created.end(), [](int64_t c) { return c == 0; }))
        created = {};
      group[m] = {members[m].role, members[m].family,
                  std::span(columns[m]->values).subspan(begin, count), created};
    }
    const auto piece = times.subspan(begin, count);
    if (auto status = append_group(encode_group(piece, group, coding_), piece.front(), piece.back(),
                                   static_cast<uint32_t>(count));
        !status)
      return status;
  }
  meta_.samples += times.size() * members.size();
  meta_.chunks += pieces * members.size();
  return {};
}

// Ascending by the texts of name and value.
void BlockWriter::append_postings(std::string& names, std::string& values, std::string& postings) {
  std::vector<uint32_t> order(pairs_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const PairPostings& x = pairs_[a];
    const PairPostings& y = pairs_[b];
    return x.name == y.name ? symbol_text(x.value) < symbol_text(y.value)
                            : symbol_text(x.name) < symbol_text(y.name);
  });
  std::string runs;
  uint32_t name_count = 0;
  for (size_t begin = 0; begin < order.size(); ++name_count) {
    size_t end = begin;
    const uint32_t name = pairs_[order[begin]].name;
    for (; end < order.size() && pairs_[order[end]].name == name; ++end) {
      PairPostings& pair = pairs_[order[end]];
      pair.settle();
      pair.series.runOptimize();
      std::string bytes(pair.series.getSizeInBytes(true), '\0');
      pair.series.write(bytes.data(), true);
      append_le(values, pair.value);
      append_le(values, static_cast<uint32_t>(bytes.size()));
      append_le(values, uint64_t{postings.size()});
      postings += bytes;
      pair.series = Roaring();
    }
    append_le(runs, name);
    append_le(runs, static_cast<uint32_t>(begin));
    append_le(runs, static_cast<uint32_t>(end - begin));
    begin = end;
  }
  append_le(names, name_count);
  names += runs;
}

Status BlockWriter::write_index() {
  std::array<std::string, kSectionCount> sections;
  append_le(sections[kSymbols], static_cast<uint32_t>(symbol_offsets_.size() - 1));
  for (const uint32_t offset : symbol_offsets_) append_le(sections[kSymbols], offset);
  sections[kSymbols] += symbol_bytes_;
  append_le(sections[kSeriesOffsets], static_cast<uint32_t>(series_offsets_.size()));
  for (const uint32_t offset : series_offsets_) append_le(sections[kSeriesOffsets], offset);
  sections[kSeriesEntries] = std::move(entries_);
  append_postings(sections[kNames], sections[kValues], sections[kPostings]);
  sections[kGroups] = std::move(group_table_);
  for (const GroupRef& ref : group_refs_) {
    append_le(sections[kGroupMembers], ref.first_group);
    append_le(sections[kGroupMembers], ref.groups);
    append_le(sections[kGroupMembers], ref.member);
  }
  auto file = File::create(fs_, temporary_ + "/" + std::string(kIndexFile), kIndexMagic);
  if (!file) return std::unexpected(std::move(file).error());
  std::string table;
  for (const std::string& section : sections) {
    append_le(table, (*file)->offset);
    append_le(table, uint64_t{section.size()});
    append_le(table, crc32c(section));
    if (auto status = (*file)->append(section); !status) return status;
  }
  append_le(table, crc32c(table));
  if (auto status = (*file)->append(table); !status) return status;
  return (*file)->finish();
}

Result<BlockMeta> BlockWriter::finish(BlockMeta meta) {
  SL_ASSERT(!empty());
  meta_.number = number_;
  meta_.level = meta.level;
  meta_.sources = std::move(meta.sources);
  meta_.parents = std::move(meta.parents);
  const auto run = [&]() -> Status {
    if (auto status = chunks_->finish(); !status) return status;
    if (auto status = finish_exemplars(); !status) return status;
    if (auto status = write_index(); !status) return status;
    if (auto status = io::write_file_atomically(fs_, temporary_ + "/" + std::string(kMetaFile),
                                                meta_.to_json());
        !status)
      return status;
    if (auto status = fs_.sync_directory(temporary_); !status) return status;
    if (auto status = fs_.rename(temporary_, parent_ + "/" + meta_.directory_name()); !status)
      return status;
    auto status = fs_.sync_directory(parent_);
    // Not surely there: then surely not, if the disk still listens.
    finished_ = status || !fs_.rename(parent_ + "/" + meta_.directory_name(), temporary_);
    return status;
  };
  if (auto status = run(); !status)
    return in_context("writing " + meta_.directory_name(), std::move(status).error());
  return meta_;
}

}  // namespace sightline::tsdb
