#pragma once
// Traces that lie in blocks: where, and their spans read with as few decodings as there are row groups.
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "tracestore/block/block.h"
#include "tracestore/block/publication.h"

namespace sightline::tracestore {

struct StoredPart {
  const Block* block = nullptr;
  uint32_t order = 0;  // of the block in its list: older first
  uint32_t ordinal = 0;
};

// Where the trace lies, older blocks first. Blocks found corrupt are marked and passed by.
std::vector<StoredPart> locate(std::span<const std::shared_ptr<const Block>> blocks,
                               const TraceId& id);

// The same of many traces at once, block by block: what is looked at in one stays in the processor's caches. `rest` as
// of a ScanRequest; false: what was found so far is of no use.
std::vector<std::vector<StoredPart>> locate_all(
    std::span<const std::shared_ptr<const Block>> blocks, std::span<const TraceId> ids,
    const std::function<bool()>& rest);

// What corrupt blocks held is left out, and they are marked; older blocks come first. An error when a block cannot be
// read just now.
Result<std::vector<std::shared_ptr<const model::SpanBatch>>> read_parts(
    std::vector<StoredPart> parts, const InspectedBytes& inspected);

}  // namespace sightline::tracestore
