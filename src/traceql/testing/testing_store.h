#pragma once
// For tests: a store of a few traces in memory, all in one row group or one row group a trace.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "tracestore/querier.h"
#include "tracestore/row_group/span_row_group.h"
#include "tracestore/trace_spans.h"

namespace sightline::traceql::testing {

class MemoryStore final : public tracestore::Queryable {
 public:
  explicit MemoryStore(std::shared_ptr<const model::SpanBatch> batch,
                       size_t traces_per_group = SIZE_MAX)
      : batch_(std::move(batch)), traces_per_group_(traces_per_group) {
    std::map<TraceId, tracestore::TraceSpans> by_id;
    for (uint32_t i = 0; i < batch_->spans.size(); ++i) {
      auto& trace = by_id[batch_->spans[i].trace_id];
      trace.id = batch_->spans[i].trace_id;
      trace.spans.push_back({batch_.get(), i});
    }
    for (auto& [id, trace] : by_id) {
      tracestore::unite_spans(trace.spans);
      traces_.push_back(std::move(trace));
    }
    std::ranges::sort(traces_, std::greater<>(),
                      [](const auto& t) { return t.spans.front().span().start; });
  }

  Result<std::unique_ptr<tracestore::Querier>> querier() const override {
    return std::make_unique<View>(*this);
  }

 private:
  struct View final : tracestore::Querier {
    explicit View(const MemoryStore& s) : store(s) {}

    Result<std::optional<model::SpanBatch>> find(const TraceId& id) const override {
      for (const auto& trace : store.traces_) {
        if (trace.id != id) continue;
        tracestore::SpanGatherer gatherer;
        for (const auto& span : trace.spans) gatherer.add(span);
        return std::move(gatherer).finish({store.batch_});
      }
      return std::nullopt;
    }
    Status scan(const tracestore::ScanRequest&,
                const std::function<bool(tracestore::RowGroup&)>& visit) const override {
      for (size_t at = 0; at < store.traces_.size();) {
        const size_t count = std::min(store.traces_per_group_, store.traces_.size() - at);
        const auto begin = store.traces_.begin() + static_cast<ptrdiff_t>(at);
        tracestore::SpanRowGroup group({begin, begin + static_cast<ptrdiff_t>(count)},
                                       {store.batch_});
        if (!visit(group)) return {};
        at += count;
      }
      return {};
    }
    Result<std::vector<std::vector<std::string>>> attribute_keys(
        const tracestore::KeysRequest& request) const override {
      std::vector<std::vector<std::string>> found;
      for (const auto scope : request.scopes) found.push_back(keys_of(scope));
      return found;
    }
    std::vector<std::string> keys_of(tracestore::AttributeScope scope) const {
      std::set<std::string> keys;
      const auto add = [&](model::Run run) {
        for (const auto& attribute : store.batch_->of(run)) keys.emplace(attribute.key);
      };
      using enum tracestore::AttributeScope;
      for (const auto& span : store.batch_->spans) {
        if (scope == kSpan) add(span.attributes);
        if (scope == kResource) add(store.batch_->resource_of(span).attributes);
        if (scope == kScope) add(store.batch_->scope_of(span).attributes);
        if (scope == kEvent)
          for (const auto& event : store.batch_->events_of(span)) add(event.attributes);
        if (scope == kLink)
          for (const auto& link : store.batch_->links_of(span)) add(link.attributes);
      }
      return {keys.begin(), keys.end()};
    }
    uint64_t inspected_bytes() const override { return 100; }
    const MemoryStore& store;
  };

  const std::shared_ptr<const model::SpanBatch> batch_;
  const size_t traces_per_group_;
  std::vector<tracestore::TraceSpans> traces_;
};

}  // namespace sightline::traceql::testing
