#include "tracestore/snapshot_querier.h"

#include <algorithm>
#include <set>

#include <absl/container/flat_hash_set.h>

#include "tracestore/span_row_group.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {
namespace {

constexpr uint32_t kGatheredRowsPerGroup = 8192;

// The parts of one trace, in order of arrival.
struct Gathered {
  TraceSpans trace;
  std::vector<std::shared_ptr<const void>> owners;
};

void add_live(Gathered& to, const LiveTrace& live, std::atomic<uint64_t>& inspected) {
  uint64_t bytes = 0;
  for (const auto& part : live.parts) {
    for (const LiveRow& row : part->rows) {
      to.trace.spans.push_back({row.batch->batch.get(), row.index});
      bytes += to.trace.spans.back().span().encoded.size();
    }
    to.owners.push_back(part);
  }
  inspected.fetch_add(bytes, std::memory_order_relaxed);
}

TimestampNs earliest_start(const LiveTrace& trace) {
  TimestampNs start{UINT64_MAX};
  for (const auto& part : trace.parts) start = std::min(start, part->min_start);
  return start;
}

}  // namespace

Result<std::optional<model::SpanBatch>> SnapshotQuerier::find(const TraceId& id) const {
  Gathered gathered{{id, {}}, {}};
  add_live(gathered, live_.find(id, snapshot_->visible()), *inspected_);
  if (gathered.trace.spans.empty()) return std::nullopt;
  unite_spans(gathered.trace.spans);
  SpanGatherer gatherer;
  for (const SpanRef& ref : gathered.trace.spans) gatherer.add(ref);
  return std::move(gatherer).finish(std::move(gathered.owners));
}

Status SnapshotQuerier::scan(const ScanRequest& request, const std::function<bool(RowGroup&)>& visit) const {
  std::vector<LiveTrace> live = live_.collect(snapshot_->visible(), request.min, request.max);
  std::sort(live.begin(), live.end(),
            [](const LiveTrace& a, const LiveTrace& b) { return earliest_start(a) > earliest_start(b); });
  for (size_t at = 0; at < live.size();) {
    std::vector<TraceSpans> traces;
    std::vector<std::shared_ptr<const void>> owners;
    for (uint32_t rows = 0; at < live.size() && rows < kGatheredRowsPerGroup; ++at) {
      Gathered gathered{{live[at].id, {}}, {}};
      add_live(gathered, live[at], *inspected_);
      unite_spans(gathered.trace.spans);
      rows += static_cast<uint32_t>(gathered.trace.spans.size());
      traces.push_back(std::move(gathered.trace));
      owners.insert(owners.end(), gathered.owners.begin(), gathered.owners.end());
    }
    SpanRowGroup group(std::move(traces), std::move(owners));
    if (!visit(group)) return {};
  }
  return {};
}

Result<std::vector<std::string>> SnapshotQuerier::attribute_keys(AttributeScope scope, TimestampNs min,
                                                                 TimestampNs max) const {
  absl::flat_hash_set<std::string_view> keys;
  const auto add = [&](const model::SpanBatch& batch, model::Run run) {
    for (const model::AttributeView& attribute : batch.of(run)) keys.insert(attribute.key);
  };
  const std::vector<LiveTrace> live = live_.collect(snapshot_->visible(), min, max);
  for (const LiveTrace& trace : live) {
    for (const auto& part : trace.parts) {
      for (const LiveRow& row : part->rows) {
        const model::SpanBatch& batch = *row.batch->batch;
        const model::SpanView& span = batch.spans[row.index];
        switch (scope) {
          case AttributeScope::kSpan: add(batch, span.attributes); break;
          case AttributeScope::kResource: add(batch, batch.resource_of(span).attributes); break;
          case AttributeScope::kScope: add(batch, batch.scope_of(span).attributes); break;
          case AttributeScope::kEvent:
            for (const auto& event : batch.events_of(span)) add(batch, event.attributes);
            break;
          case AttributeScope::kLink:
            for (const auto& link : batch.links_of(span)) add(batch, link.attributes);
            break;
        }
      }
    }
  }
  std::set<std::string> sorted(keys.begin(), keys.end());
  return std::vector<std::string>(sorted.begin(), sorted.end());
}

}  // namespace sightline::tracestore
