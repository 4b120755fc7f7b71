#include "tracestore/snapshot_querier.h"

#include <algorithm>
#include <set>

#include "tracestore/live/live_walk.h"
#include "tracestore/snapshot_scan.h"
#include "tracestore/stored_traces.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {
namespace {

// Keys seen so far; views of keys that may not outlive their source are copied when new.
class KeySet {
 public:
  void add(std::string_view key) {
    if (keys_.find(key) == keys_.end()) keys_.emplace(key);
  }
  void add(const model::SpanBatch& batch, model::Run run) {
    for (const model::AttributeView& attribute : batch.of(run)) add(attribute.key);
  }
  void add(const model::SpanBatch& batch, const model::SpanView& span, AttributeScope scope) {
    switch (scope) {
      case AttributeScope::kSpan: return add(batch, span.attributes);
      case AttributeScope::kResource: return add(batch, batch.resource_of(span).attributes);
      case AttributeScope::kScope: return add(batch, batch.scope_of(span).attributes);
      case AttributeScope::kEvent:
        for (const auto& event : batch.events_of(span)) add(batch, event.attributes);
        return;
      case AttributeScope::kLink:
        for (const auto& link : batch.links_of(span)) add(batch, link.attributes);
        return;
    }
  }
  std::vector<std::string> sorted() const { return {keys_.begin(), keys_.end()}; }

 private:
  std::set<std::string, std::less<>> keys_;
};

// Of each scope asked for.
using KeySets = std::vector<KeySet>;

Status add_stored_keys(const Block& block, const KeysRequest& request, KeySets& keys) {
  RowGroupSet in_range;
  for (uint32_t i = 0; i < block.zones().size(); ++i)
    if (block.zones()[i].min_start <= request.max && block.zones()[i].max_end >= request.min)
      in_range.add(i);
  const auto index = block.value_index();
  if (!index) return std::unexpected(index.error());
  for (const ValueIndex::Entry& entry : (*index)->entries()) {
    for (size_t s = 0; s < keys.size(); ++s)
      if (entry.id.scope == static_cast<ColumnScope>(request.scopes[s]) &&
          ValueIndex::present(entry).meets(in_range))
        keys[s].add(entry.id.key);
  }
  return {};
}

bool overlaps(const LiveTrace& trace, const KeysRequest& request) {
  return std::ranges::any_of(trace.parts, [&](const auto& part) {
    return part->min_start <= request.max && part->max_end >= request.min;
  });
}

Status add_live_keys(LiveWalk walk, LiveBatchCache::Reader& reader, const KeysRequest& request,
                     KeySets& keys) {
  std::vector<LiveTrace> traces;
  uint64_t bytes = 0;
  while (!walk.at_end() && bytes < request.live_bytes_max && (!request.rest || request.rest())) {
    traces.clear();
    walk.next(traces);
    for (const LiveTrace& trace : traces) {
      if (!overlaps(trace, request)) continue;
      for (const auto& part : trace.parts) {
        std::shared_ptr<const model::SpanBatch> batch;
        const LiveBatch* of = nullptr;
        for (const LiveRow& row : part->rows) {
          if (of != row.batch.get()) {
            auto read = reader.read(row.batch);
            if (!read) return std::unexpected(std::move(read).error());
            of = row.batch.get();
            batch = std::move(*read);
            bytes += of->decoded_bytes();
          }
          for (size_t s = 0; s < keys.size(); ++s)
            keys[s].add(*batch, batch->spans[row.index], request.scopes[s]);
        }
      }
    }
  }
  return {};
}

}  // namespace

Result<std::optional<model::SpanBatch>> SnapshotQuerier::find(const TraceId& id) const {
  std::vector<SpanRef> spans;
  std::vector<std::shared_ptr<const void>> owners;
  auto stored = read_parts(locate(snapshot_->blocks(), id), inspected_);
  if (!stored) return std::unexpected(std::move(stored).error());
  for (auto& batch : *stored) {
    for (uint32_t i = 0; i < batch->spans.size(); ++i) spans.push_back({batch.get(), i});
    owners.push_back(std::move(batch));
  }
  LiveBatchCache::Reader reader(live_batches_);
  for (const auto& part : live_.find(id, snapshot_->visible()).parts) {
    for (const LiveRow& row : part->rows) {
      auto batch = reader.read(row.batch);
      if (!batch) return std::unexpected(std::move(batch).error());
      spans.push_back({batch->get(), row.index});
      owners.push_back(std::move(*batch));
    }
  }
  if (spans.empty()) return std::nullopt;
  unite_spans(spans);
  SpanGatherer gatherer;
  for (const SpanRef& ref : spans) gatherer.add(ref);
  return std::move(gatherer).finish(std::move(owners));
}

Status SnapshotQuerier::scan(const ScanRequest& request,
                             const std::function<bool(RowGroup&)>& visit) const {
  return SnapshotScan(*snapshot_, live_, live_batches_, request, inspected_).run(visit);
}

Result<std::vector<std::vector<std::string>>> SnapshotQuerier::attribute_keys(
    const KeysRequest& request) const {
  KeySets keys(request.scopes.size());
  LiveBatchCache::Reader reader(live_batches_);
  if (auto added = add_live_keys(LiveWalk(live_, snapshot_->visible()), reader, request, keys);
      !added)
    return std::unexpected(std::move(added).error());
  for (const auto& block : snapshot_->blocks()) {
    if (block->is_corrupt()) continue;
    if (auto added = add_stored_keys(*block, request, keys);
        !added && !block->marked_corrupt(added.error()))
      return std::unexpected(std::move(added).error());
  }
  std::vector<std::vector<std::string>> sorted;
  for (const KeySet& of_scope : keys) sorted.push_back(of_scope.sorted());
  return sorted;
}

}  // namespace sightline::tracestore
