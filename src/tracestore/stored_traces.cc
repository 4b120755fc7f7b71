#include "tracestore/stored_traces.h"

#include <algorithm>

namespace sightline::tracestore {

namespace {

constexpr size_t kLocatedBetweenRests = 16'384;

void locate_in(const Block& block, uint32_t order, const TraceId& id,
               std::vector<StoredPart>& parts) {
  if (block.is_corrupt()) return;
  const auto found = block.find(id);
  if (!found)
    (void)block.marked_corrupt(found.error());  // what it reads is local: no other error
  else if (*found)
    parts.push_back({&block, order, **found});
}

}  // namespace

std::vector<StoredPart> locate(std::span<const std::shared_ptr<const Block>> blocks,
                               const TraceId& id) {
  std::vector<StoredPart> parts;
  for (uint32_t i = 0; i < blocks.size(); ++i) locate_in(*blocks[i], i, id, parts);
  return parts;
}

std::vector<std::vector<StoredPart>> locate_all(
    std::span<const std::shared_ptr<const Block>> blocks, std::span<const TraceId> ids,
    const std::function<bool()>& rest) {
  std::vector<std::vector<StoredPart>> parts(ids.size());
  for (uint32_t i = 0; i < blocks.size(); ++i) {
    for (size_t t = 0; t < ids.size(); ++t) {
      if (t % kLocatedBetweenRests == 0 && rest && !rest()) return parts;
      locate_in(*blocks[i], i, ids[t], parts[t]);
    }
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
