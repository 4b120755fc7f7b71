#pragma once
// Magics and layout of a block's files. Format: docs/formats/tsdb_block.md
#include <array>
#include <cstdint>
#include <string_view>

namespace sightline::tsdb {

// Version 2 is written; version 1, where every series had chunks of its own, is read.
inline constexpr std::string_view kChunksMagic("SLTC\x02\0\0\0", 8);
inline constexpr std::string_view kChunksMagic1("SLTC\x01\0\0\0", 8);
inline constexpr std::string_view kIndexMagic("SLTI\x02\0\0\0", 8);
inline constexpr std::string_view kIndexMagic1("SLTI\x01\0\0\0", 8);
inline constexpr std::string_view kExemplarsMagic("SLTX\x03\0\0\0", 8);  // pages
inline constexpr std::string_view kExemplarsMagic2("SLTX\x02\0\0\0",
                                                   8);  // columns, as in version 1
inline constexpr std::string_view kExemplarsMagic1("SLTX\x01\0\0\0", 8);
inline constexpr std::string_view kTombstonesMagic("SLTD\x01\0\0\0", 8);
inline constexpr size_t kMagicBytes = 8;

inline constexpr std::string_view kChunksFile = "chunks";
inline constexpr std::string_view kIndexFile = "index";
inline constexpr std::string_view kExemplarsFile = "exemplars";
inline constexpr std::string_view kMetaFile = "meta.json";
inline constexpr std::string_view kTombstonesFile =
    "tombstones";  // only where something was deleted

// Sections of the index, in order. Version 1 ends with the postings.
enum IndexSection : size_t {
  kSymbols,
  kSeriesOffsets,
  kSeriesEntries,
  kNames,
  kValues,
  kPostings,
  kGroups,
  kGroupMembers,
  kSectionCount
};
inline constexpr size_t kSectionCount1 = kPostings + 1;
// Per section in the table at the end: u64 offset, u64 length, u32 crc32c; after them u32 crc32c of the table.
inline constexpr size_t kSectionEntryBytes = 20;
constexpr size_t index_table_bytes(size_t sections) { return sections * kSectionEntryBytes + 4; }
inline constexpr size_t kNameEntryBytes = 12;  // u32 symbol, u32 first value, u32 values
inline constexpr size_t kValueEntryBytes =
    16;  // u32 symbol, u32 postings bytes, u64 postings offset
inline constexpr size_t kGroupEntryBytes =
    32;  // u64 offset, i64 min time, i64 max time, u32 length, u32 samples
inline constexpr size_t kGroupMemberBytes =
    8;  // per series: u32 first group, u16 groups, u16 member

}  // namespace sightline::tsdb
