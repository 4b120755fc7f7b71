#include "tracestore/snapshot_querier.h"

#include <algorithm>
#include <set>

#include "tracestore/snapshot_scan.h"
#include "tracestore/stored_traces.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {
namespace {

constexpr TimestampNs kAlways{UINT64_MAX};

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

Status add_stored_keys(const Block& block, AttributeScope scope, TimestampNs min, TimestampNs max,
                       KeySet& keys) {
  RowGroupSet in_range;
  for (uint32_t i = 0; i < block.zones().size(); ++i)
    if (block.zones()[i].min_start <= max && block.zones()[i].max_end >= min) in_range.add(i);
  const auto index = block.value_index();
  if (!index) return std::unexpected(index.error());
  for (const ValueIndex::Entry& entry : (*index)->entries()) {
    if (entry.id.scope != static_cast<ColumnScope>(scope)) continue;
    if (ValueIndex::present(entry).meets(in_range)) keys.add(entry.id.key);
  }
  return {};
}

// Batch by batch, so that each is read once.
Status add_live_keys(const std::vector<LiveTrace>& traces, AttributeScope scope, KeySet& keys) {
  struct Place {
    const std::shared_ptr<const LiveBatch>* batch;
    uint32_t index;
  };
  std::vector<Place> places;
  for (const LiveTrace& trace : traces)
    for (const auto& part : trace.parts)
      for (const LiveRow& row : part->rows) places.push_back({&row.batch, row.index});
  std::ranges::sort(places, {}, [](const Place& place) { return place.batch->get(); });
  LiveBatchReader reader(0);
  for (const Place& place : places) {
    const auto batch = reader.read(*place.batch);
    if (!batch) return std::unexpected(batch.error());
    keys.add(**batch, (*batch)->spans[place.index], scope);
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
  LiveBatchReader reader;
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
  // All live traces, whatever their time: a part in a block may overlap the range.
  SnapshotScan scan(snapshot_->blocks(),
                    live_.collect(snapshot_->visible(), {0}, kAlways, request.rest), request,
                    inspected_);
  return scan.run(visit);
}

Result<std::vector<std::string>> SnapshotQuerier::attribute_keys(AttributeScope scope,
                                                                 TimestampNs min,
                                                                 TimestampNs max) const {
  KeySet keys;
  if (auto status = add_live_keys(live_.collect(snapshot_->visible(), min, max, {}), scope, keys);
      !status)
    return std::unexpected(std::move(status).error());
  for (const auto& block : snapshot_->blocks()) {
    if (block->is_corrupt()) continue;
    if (auto added = add_stored_keys(*block, scope, min, max, keys);
        !added && !block->marked_corrupt(added.error()))
      return std::unexpected(std::move(added).error());
  }
  return keys.sorted();
}

}  // namespace sightline::tracestore
