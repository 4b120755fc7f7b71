#include "tsdb/block_writer.h"

#include <limits>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tsdb/block_format.h"

namespace sightline::tsdb {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

// A file written in larger pieces.
struct BlockWriter::File {
  std::unique_ptr<io::WritableFile> file;
  std::string buffer;
  uint64_t offset = 0;  // of the next byte

  static Result<std::unique_ptr<File>> create(io::FileSystem& fs, const std::string& path, std::string_view magic) {
    auto opened = fs.create(path);
    if (!opened) return std::unexpected(std::move(opened).error());
    auto result = std::make_unique<File>();
    result->file = std::move(*opened);
    result->buffer = magic;
    result->offset = magic.size();
    return result;
  }
  Status append(std::string_view bytes) {
    buffer += bytes;
    offset += bytes.size();
    return buffer.size() < kBufferBytes ? Status() : flush();
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
    auto status = file->append(buffer);
    buffer.clear();
    return status;
  }
  Status finish() {
    if (auto status = flush(); !status) return status;
    return file->sync();
  }
};

BlockWriter::BlockWriter(io::FileSystem& fs, std::string parent, uint64_t number)
    : fs_(fs),
      parent_(std::move(parent)),
      number_(number),
      temporary_(parent_ + "/" + BlockMeta{.number = number}.directory_name() + ".tmp") {
  meta_.min_time = std::numeric_limits<int64_t>::max();
  meta_.max_time = std::numeric_limits<int64_t>::min();
}

Result<std::unique_ptr<BlockWriter>> BlockWriter::create(io::FileSystem& fs, std::string parent, uint64_t number) {
  std::unique_ptr<BlockWriter> writer(new BlockWriter(fs, std::move(parent), number));
  const std::string& dir = writer->temporary_;
  if (fs.exists(dir))
    if (auto status = fs.remove_all(dir); !status) return std::unexpected(std::move(status).error());
  if (auto status = fs.create_directories(dir); !status) return std::unexpected(std::move(status).error());
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
  if (const auto found = symbol_numbers_.find(text); found != symbol_numbers_.end()) return found->second;
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

Status BlockWriter::add_series(const model::Labels& labels, std::span<const BlockChunk> chunks,
                               const std::vector<StoredExemplar>& exemplars) {
  if (entries_.size() > std::numeric_limits<uint32_t>::max() / 2 || symbol_bytes_.size() > std::numeric_limits<uint32_t>::max() / 2)
    return fail(Errc::kResourceExhausted, "block index is over 2 GiB");
  const auto series = static_cast<uint32_t>(series_offsets_.size());
  series_offsets_.push_back(static_cast<uint32_t>(entries_.size()));
  append_uvarint(entries_, labels.size());
  for (const model::LabelView label : labels) {
    append_uvarint(entries_, symbol(label.name));
    const uint32_t value = symbol(label.value);
    append_uvarint(entries_, value);
    auto name = postings_.find(label.name);
    if (name == postings_.end()) name = postings_.try_emplace(std::string(label.name)).first;
    ValuePostings& postings = name->second[std::string(label.value)];
    postings.symbol = value;
    postings.series.add(series);
  }
  append_uvarint(entries_, chunks.size());
  int64_t previous = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const BlockChunk& c = chunks[i];
    const auto offset = chunks_->append_checked(c.bytes);
    if (!offset) return std::unexpected(offset.error());
    if (i == 0) append_uvarint(entries_, *offset);
    entries_.push_back(static_cast<char>(c.kind));
    append_svarint(entries_, c.min_time - previous);
    append_uvarint(entries_, static_cast<uint64_t>(c.max_time - c.min_time));
    append_uvarint(entries_, c.count);
    append_uvarint(entries_, c.bytes.size());
    previous = c.max_time;
    meta_.samples += c.count;
    note(c.min_time, c.max_time);
  }
  meta_.chunks += chunks.size();
  ++meta_.series;
  if (exemplars.empty()) {
    append_uvarint(entries_, 0);
    return {};
  }
  const std::string bytes = encode_exemplars(exemplars);
  const auto offset = exemplars_->append_checked(bytes);
  if (!offset) return std::unexpected(offset.error());
  append_uvarint(entries_, bytes.size());
  append_uvarint(entries_, *offset);
  append_svarint(entries_, exemplars.front().time);
  append_uvarint(entries_, static_cast<uint64_t>(exemplars.back().time - exemplars.front().time));
  meta_.exemplars += exemplars.size();
  note(exemplars.front().time, exemplars.back().time);
  return {};
}

Status BlockWriter::write_index() {
  std::array<std::string, kSectionCount> sections;
  append_le(sections[kSymbols], static_cast<uint32_t>(symbol_offsets_.size() - 1));
  for (const uint32_t offset : symbol_offsets_) append_le(sections[kSymbols], offset);
  sections[kSymbols] += symbol_bytes_;
  append_le(sections[kSeriesOffsets], static_cast<uint32_t>(series_offsets_.size()));
  for (const uint32_t offset : series_offsets_) append_le(sections[kSeriesOffsets], offset);
  sections[kSeriesEntries] = std::move(entries_);
  append_le(sections[kNames], static_cast<uint32_t>(postings_.size()));
  uint32_t first_value = 0;
  for (auto& [name, values] : postings_) {
    append_le(sections[kNames], symbol_numbers_.find(name)->second);
    append_le(sections[kNames], first_value);
    append_le(sections[kNames], static_cast<uint32_t>(values.size()));
    first_value += static_cast<uint32_t>(values.size());
    for (auto& [value, postings] : values) {
      postings.series.runOptimize();
      std::string bytes(postings.series.getSizeInBytes(true), '\0');
      postings.series.write(bytes.data(), true);
      append_le(sections[kValues], postings.symbol);
      append_le(sections[kValues], static_cast<uint32_t>(bytes.size()));
      append_le(sections[kValues], uint64_t{sections[kPostings].size()});
      sections[kPostings] += bytes;
    }
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
    if (auto status = exemplars_->finish(); !status) return status;
    if (auto status = write_index(); !status) return status;
    if (auto status = io::write_file_atomically(fs_, temporary_ + "/" + std::string(kMetaFile), meta_.to_json()); !status)
      return status;
    if (auto status = fs_.sync_directory(temporary_); !status) return status;
    if (auto status = fs_.rename(temporary_, parent_ + "/" + meta_.directory_name()); !status) return status;
    auto status = fs_.sync_directory(parent_);
    // Not surely there: then surely not, if the disk still listens.
    finished_ = status || !fs_.rename(parent_ + "/" + meta_.directory_name(), temporary_);
    return status;
  };
  if (auto status = run(); !status) return in_context("writing " + meta_.directory_name(), std::move(status).error());
  return meta_;
}

}  // namespace sightline::tsdb
