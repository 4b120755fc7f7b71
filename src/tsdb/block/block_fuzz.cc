// A block whose index is any bytes with checksums made to fit: everything it
// offers is read, and nothing crashes.
#include <array>

#include "base/bytes.h"
#include "base/checksum.h"
#include "io/testing_directory.h"
#include "tsdb/block/block.h"

using namespace sightline;
using namespace sightline::tsdb;

namespace {

// The first bytes say how long each section is, the rest is their content.
std::string index_of(std::string_view input) {
  std::string index(kIndexMagic);
  std::string table;
  size_t at = std::min<size_t>(input.size(), kSectionCount);
  for (size_t i = 0; i < kSectionCount; ++i) {
    const size_t wanted = i < input.size() ? static_cast<uint8_t>(input[i]) : 0;
    const std::string_view section = input.substr(at, wanted);
    at += section.size();
    append_le(table, uint64_t{index.size()});
    append_le(table, uint64_t{section.size()});
    append_le(table, crc32c(section));
    index += section;
  }
  append_le(table, crc32c(table));
  return index + table;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const io::TestingDirectory directory;
  static const auto fs = io::make_posix_file_system();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto write = [&](std::string_view name, std::string_view bytes) {
    auto file = fs->create(directory.path() + "/" + std::string(name));
    if (file) (void)(*file)->append(bytes);
  };
  write(kMetaFile, BlockMeta{.number = 1, .min_time = 0, .max_time = 10, .sources = {1}}.to_json());
  write(kChunksFile, std::string(kChunksMagic) + std::string(input));
  write(kExemplarsFile, std::string(kExemplarsMagic) + std::string(input));
  write(kIndexFile, index_of(input));
  auto block = Block::open(*fs, directory.path());
  if (!block) return 0;
  for (const std::string& name : (*block)->names())
    (*block)->each_value(name, {}, [&](std::string_view value) {
      (void)(*block)->with(name, value);
      return true;
    });
  for (uint32_t i = 0; i < std::min((*block)->series_count(), 100u); ++i) {
    const auto info = (*block)->series(i);
    if (!info) continue;
    std::vector<StoredExemplar> exemplars;
    (void)(*block)->read_exemplars(*info, nullptr, exemplars);
    for (const auto& chunk : info->chunks) {
      SampleColumns columns;
      (void)(*block)->read_chunk(chunk, nullptr, columns);
    }
  }
  return 0;
}
