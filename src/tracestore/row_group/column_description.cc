#include "tracestore/row_group/column_description.h"

#include <array>

#include "tracestore/codec/integer_codec.h"
#include "tracestore/codec/paged_integers.h"
#include "tracestore/codec/value_column.h"

namespace sightline::tracestore {
namespace {

enum class Layout : uint8_t { kIntegers, kPaged, kRaw, kBytes, kValues };
struct Description {
  ChunkType type;
  std::string_view name;
  Layout layout;
};

constexpr Description kDescriptions[] = {
    {ChunkType::kTraceRows, "rows of traces", Layout::kIntegers},
    {ChunkType::kTraceStarts, "starts of traces", Layout::kIntegers},
    {ChunkType::kTraceLengths, "lengths of traces", Layout::kIntegers},
    {ChunkType::kTraceRoots, "roots of traces", Layout::kIntegers},
    {ChunkType::kTables, "tables", Layout::kBytes},
    {ChunkType::kSpanIds, "span ids", Layout::kRaw},
    {ChunkType::kParents, "parents", Layout::kPaged},
    {ChunkType::kForeignParents, "parents elsewhere", Layout::kRaw},
    {ChunkType::kForeignOfPages, "parents elsewhere by page", Layout::kIntegers},
    {ChunkType::kStarts, "starts", Layout::kPaged},
    {ChunkType::kDurations, "durations", Layout::kPaged},
    {ChunkType::kStatuses, "statuses", Layout::kPaged},
    {ChunkType::kResources, "resources of spans", Layout::kPaged},
    {ChunkType::kDroppedAttributes, "dropped attributes", Layout::kPaged},
    {ChunkType::kDroppedEvents, "dropped events", Layout::kPaged},
    {ChunkType::kDroppedLinks, "dropped links", Layout::kPaged},
    {ChunkType::kEventCounts, "event counts", Layout::kPaged},
    {ChunkType::kLinkCounts, "link counts", Layout::kPaged},
    {ChunkType::kStatusMessages, "status messages", Layout::kValues},
    {ChunkType::kTraceStates, "trace states", Layout::kValues},
    {ChunkType::kEventTimes, "event times", Layout::kPaged},
    {ChunkType::kEventDroppedAttributes, "event dropped attributes", Layout::kPaged},
    {ChunkType::kEventClasses, "event classes", Layout::kPaged},
    {ChunkType::kLinkTraceIds, "link trace ids", Layout::kRaw},
    {ChunkType::kLinkSpanIds, "link span ids", Layout::kRaw},
    {ChunkType::kLinkTraceStates, "link trace states", Layout::kValues},
    {ChunkType::kLinkFlags, "link flags", Layout::kPaged},
    {ChunkType::kLinkDroppedAttributes, "link dropped attributes", Layout::kPaged},
    {ChunkType::kLinkShapes, "link key list numbers", Layout::kPaged},
    {ChunkType::kLinksOfPages, "links by page", Layout::kIntegers},
    {ChunkType::kClasses, "classes of spans", Layout::kPaged},
    {ChunkType::kOtherClasses, "classes out of turn", Layout::kPaged},
};
constexpr std::array<std::string_view, 3> kOwners = {"span", "event", "link"};

// The columns there is one of for each owner.
constexpr Description kOwnedDescriptions[] = {
    {ChunkType::kRareValues, "rare attributes", Layout::kValues},
    {ChunkType::kValues, "attribute", Layout::kValues},
};

struct Found {
  std::string name;
  Layout layout = Layout::kRaw;
};

Found describe(ChunkType type) {
  for (const Description& d : kDescriptions)
    if (d.type == type) return {std::string(d.name), d.layout};
  for (const Description& d : kOwnedDescriptions) {
    const int owner = static_cast<int>(type) - static_cast<int>(d.type);
    if (owner >= 0 && owner < 3)
      return {std::string(kOwners[static_cast<size_t>(owner)]) + " " + std::string(d.name),
              d.layout};
  }
  return {"chunk " + std::to_string(static_cast<int>(type)), Layout::kRaw};
}

}  // namespace

std::string column_name(ChunkType type, std::string_view key) {
  std::string name = describe(type).name;
  if (!key.empty()) name += " " + std::string(key);
  return name;
}

std::string describe_encoding(ChunkType type, std::string_view bytes) {
  switch (describe(type).layout) {
    case Layout::kIntegers: return std::string(integer_encoding_name(bytes));
    case Layout::kPaged: return std::string(paged_encoding_name(bytes));
    case Layout::kRaw: return "raw";
    case Layout::kBytes: return "zstd";
    case Layout::kValues: return value_encoding_name(bytes);
  }
  return "?";
}

}  // namespace sightline::tracestore
