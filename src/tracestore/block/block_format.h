#pragma once
// The shape of a trace block on disk: docs/formats/trace_block.md says it byte by byte.
#include <cstdint>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"

namespace sightline::tracestore {

inline constexpr std::string_view kBlockMagic{"SLTRACE\4", 8};  // the last byte is the version
inline constexpr uint8_t kBlockVersion = 4;
inline constexpr uint8_t kOldestBlockVersion = 3;
inline constexpr std::string_view kBlockSuffix = ".trace";
inline constexpr std::string_view kQuarantineSuffix = ".corrupt";

// What one row group may hold; a decoder refuses more before it allocates.
inline constexpr uint32_t kRowsMax = 1u << 20;
inline constexpr uint32_t kEntriesMax = 1u << 24;  // events, links; attribute values of one column
inline constexpr uint32_t kKeysMax = 1u << 22;
inline constexpr uint64_t kContextsOfKeysMax = 1u << 27;  // keys of all classes together
inline constexpr uint64_t kChunkBytesMax = 1ull << 30;    // decompressed
// Larger groups than these close early.
inline constexpr uint64_t kRowGroupBytesTarget = 64u << 20;  // received bytes, about

// Rows of a page, of which every column has its own part: closes with the trace that reaches it.
inline constexpr uint32_t kPageRows = 512;
inline constexpr uint32_t kPagesMax = kRowsMax;
// Contents of a dictionary are compressed in parts of at least this many bytes; templated ones in pages of values.
inline constexpr size_t kSegmentBytes = 16u << 10;
inline constexpr uint32_t kTemplatedPage = 256;
inline constexpr size_t kTemplatesMax = 4096;

// Bytes that have a checksum of their own, so that a reader of few need not verify many: of the chunks of a row group, and
// of the trace ids with their index.
inline constexpr size_t kCheckedBytes = 1024;
inline constexpr size_t kCheckedIndexBytes = 256;

// A key with fewer values in a row group goes to the key-value column.
inline constexpr uint32_t kRareValuesBelow = 8;
inline constexpr uint32_t kFrequentKeysMax = 2000;

enum class ChunkType : uint8_t {
  kTraceRows = 1,  // rows of each trace
  kSpanIds = 2,    // 8 raw bytes each
  kParents = 3,
  kForeignParents = 4,  // 8 raw bytes for each parent that is not in the trace
  kStarts = 5,
  kDurations = 6,
  kTables = 7,  // what the rows have in common
  kStatuses = 8,
  kResources = 9,  // which of those of the row's class
  kDroppedAttributes = 10,
  kDroppedEvents = 11,
  kDroppedLinks = 12,
  kEventCounts = 13,
  kLinkCounts = 14,
  kTraceStarts = 15,
  kTraceLengths = 16,  // to the latest start or end
  kTraceRoots = 17,
  kStatusMessages = 18,
  kTraceStates = 19,
  kForeignOfPages = 20,  // how many entries of kForeignParents each page has
  kEventTimes = 21,
  kEventDroppedAttributes = 22,
  kEventClasses = 23,  // number of the class
  kLinkTraceIds = 24,  // 16 raw bytes each
  kLinkSpanIds = 25,   // 8 raw bytes each
  kLinkTraceStates = 26,
  kLinkFlags = 27,
  kLinkDroppedAttributes = 28,
  kLinkShapes = 29,    // number of the shape
  kLinksOfPages = 30,  // how many links each page has
  kClasses = 31,       // which of the successors of the class before, by row
  kOtherClasses = 32,  // classes that are none of them
  // One of each for spans, events and links: + AttributeOwner.
  kRareValues = 40,  // values of rare keys, in order of appearance
  kValues = 43,      // with a key: its values, in order of appearance
};
enum class AttributeOwner : uint8_t { kSpan = 0, kEvent = 1, kLink = 2 };
constexpr ChunkType chunk_of(ChunkType first, AttributeOwner owner) {
  return static_cast<ChunkType>(static_cast<uint8_t>(first) + static_cast<uint8_t>(owner));
}

// Where the search for a trace begins in the index, slot_count > 0, and what most other traces do not have in common with
// it.
inline constexpr size_t kIndexSlotBytes = sizeof(uint32_t) + sizeof(uint8_t);
struct IndexPlace {
  uint32_t first_slot = 0;
  uint8_t tag = 0;
};
IndexPlace index_place(const TraceId& id, uint32_t slot_count);

// What the footer says about a row group: enough to pass it by.
struct RowGroupZone {
  uint64_t offset = 0;        // in the file
  uint32_t filter_bytes = 0;  // from offset
  uint32_t filter_crc = 0;
  uint32_t chunk_bytes = 0;      // the chunks, behind it
  uint32_t directory_bytes = 0;  // behind them
  uint32_t directory_crc = 0;
  uint32_t rows = 0;
  uint32_t traces = 0;
  uint32_t first_trace = 0;         // ordinal in the block; not stored
  uint8_t version = kBlockVersion;  // of the block; not stored
  uint32_t events = 0;
  uint32_t links = 0;
  uint32_t kinds = 0;     // bit min(kind, 31)
  uint32_t statuses = 0;  // bit min(status, 31)
  TimestampNs min_start{UINT64_MAX};
  TimestampNs max_end{0};  // of starts and ends
  uint64_t min_duration = UINT64_MAX;
  uint64_t max_duration = 0;
  uint64_t bytes() const { return uint64_t{filter_bytes} + chunk_bytes + directory_bytes; }
};

}  // namespace sightline::tracestore
