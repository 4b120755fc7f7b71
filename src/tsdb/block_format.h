#pragma once
// Magics and layout of a block's files. Format: docs/formats/tsdb_block.md
#include <array>
#include <cstdint>
#include <string_view>

namespace sightline::tsdb {

inline constexpr std::string_view kChunksMagic("SLTC\x01\0\0\0", 8);
inline constexpr std::string_view kIndexMagic ("SLTI\x01\0\0\0", 8);
inline constexpr std::string_view kExemplarsMagic ("SLTX\x01\0\0\0", 8);
inline constexpr size_t kMagicBytes = 8;

inline constexpr std::string_view kChunksFile = "chunks";
inline constexpr std::string_view kIndexFile = "index";
inline constexpr std::string_view kExemplarsFile = "exemplars";
inline constexpr std::string_view kMetaFile = "meta.json";

// Sections of the index, in order.
enum IndexSection : size_t { kSymbols, kSeriesOffsets, kSeriesEntries, kNames, kValues, kPostings, kSectionCount };
// Per section in the table at the end: u64 offset, u64 length, u32 crc32c.
inline constexpr size_t kSectionEntryBytes = 20;
inline constexpr size_t kIndexTableBytes = kSectionCount * kSectionEntryBytes + 4;
inline constexpr size_t kNameEntryBytes = 12;   // u32 symbol, u32 first value, u32 values
inline constexpr size_t kValueEntryBytes = 16;  // u32 symbol, u32 postings bytes, u64 postings offset

}  // namespace sightline::tsdb
