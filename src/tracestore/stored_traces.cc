#include "tracestore/stored_traces.h"

#include <algorithm>

namespace sightline::tracestore {

std::vector<StoredPart> locate(std::span<const std::shared_ptr<const Block>> blocks,
                               const TraceId& id) {
  std::vector<StoredPart> parts;
  for (uint32_t i = 0; i < blocks.size(); ++i) {
    const Block& block = *blocks[i];
    if (block.is_corrupt()) continue;
    const auto found = block.find(id);
    if (!found)
      (void)block.marked_corrupt(found.error());  // what it reads is local: no other error
    else if (*found)
      parts.push_back({&block, i, **found});
  }
  return parts;
}

Result<std::vector<std::shared_ptr<const model::SpanBatch>>> read_parts(
    std::vector<StoredPart> parts, const InspectedBytes& inspected) {
  std::sort(parts.begin(), parts.end(), [](const StoredPart& a, const StoredPart& b) {
    return std::tie(a.order, a.ordinal) < std::tie(b.order, b.ordinal);
  });
  std::vector<std::shared_ptr<const model::SpanBatch>> batches;
  std::vector<uint32_t> ordinals;
  for (size_t at = 0; at < parts.size();) {
    const Block& block = *parts[at].block;
    const uint32_t row_group = block.row_group_of(parts[at].ordinal);
    ordinals.clear();
    for (; at < parts.size() && parts[at].block == &block &&
           block.row_group_of(parts[at].ordinal) == row_group;
         ++at)
      ordinals.push_back(parts[at].ordinal);
    if (block.is_corrupt()) continue;
    auto batch = block.read_traces(ordinals, row_group, inspected);
    if (batch)
      batches.push_back(std::move(*batch));
    else if (!block.marked_corrupt(batch.error()))
      return std::unexpected(std::move(batch).error());
  }
  return batches;
}

}  // namespace sightline::tracestore
