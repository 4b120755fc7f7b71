#include "pipeline/processors/waiting_traces.h"

namespace sightline::pipeline {
namespace {

using model::Run;
using model::SpanBatch;

// Copies what some spans of one batch need into `to`.
class PartCopy {
 public:
  PartCopy(const SpanBatch& from, SpanBatch& to) : from_(from), to_(to) {}

  void span(uint32_t index) {
    model::SpanView span = from_.spans[index];
    span.scope = scope(span.scope);
    const auto events = from_.events_of(from_.spans[index]);
    const auto links = from_.links_of(from_.spans[index]);
    span.events = {static_cast<uint32_t>(to_.events.size()), span.events.count};
    for (model::EventView event : events) {
      event.attributes = attributes(event.attributes);
      to_.events.push_back(event);
    }
    span.links = {static_cast<uint32_t>(to_.links.size()), span.links.count};
    for (model::LinkView link : links) {
      link.attributes = attributes(link.attributes);
      to_.links.push_back(link);
    }
    span.attributes = attributes(span.attributes);
    to_.spans.push_back(span);
  }

 private:
  Run attributes(Run run) {
    const Run copied{static_cast<uint32_t>(to_.attributes.size()), run.count};
    const auto range = from_.of(run);
    to_.attributes.insert(to_.attributes.end(), range.begin(), range.end());
    return copied;
  }
  uint32_t scope(uint32_t index) {
    for (const auto& [old, made] : scopes_)
      if (old == index) return made;
    model::ScopeView copy = from_.scopes[index];
    copy.resource = resource(copy.resource);
    copy.attributes = attributes(copy.attributes);
    to_.scopes.push_back(copy);
    scopes_.emplace_back(index, static_cast<uint32_t>(to_.scopes.size() - 1));
    return scopes_.back().second;
  }
  uint32_t resource(uint32_t index) {
    for (const auto& [old, made] : resources_)
      if (old == index) return made;
    model::ResourceView copy = from_.resources[index];
    copy.attributes = attributes(copy.attributes);
    to_.resources.push_back(copy);
    resources_.emplace_back(index, static_cast<uint32_t>(to_.resources.size() - 1));
    return resources_.back().second;
  }

  const SpanBatch& from_;
  SpanBatch& to_;
  std::vector<std::pair<uint32_t, uint32_t>> scopes_, resources_;  // few of each in one part
};

}  // namespace

SharedBatch gather(std::span<const SpanPart> parts) {
  if (parts.size() == 1 && parts[0].spans.size() == parts[0].batch->spans.size())
    return parts[0].batch;
  auto made = std::make_shared<SpanBatch>();
  auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (const SpanPart& part : parts) {
    if (owners->empty() || owners->back() != part.batch->owner)
      owners->push_back(part.batch->owner);
    PartCopy copy(*part.batch, *made);
    for (const uint32_t index : part.spans) copy.span(index);
  }
  made->owner = std::move(owners);
  return made;
}

std::vector<std::pair<TraceId, std::vector<uint32_t>>> spans_by_trace(const SpanBatch& batch) {
  std::vector<std::pair<TraceId, std::vector<uint32_t>>> traces;
  absl::flat_hash_map<TraceId, size_t, TraceIdHash> places;
  for (uint32_t i = 0; i < batch.spans.size(); ++i) {
    const TraceId& id = batch.spans[i].trace_id;
    const auto [place, is_new] = places.try_emplace(id, traces.size());
    if (is_new) traces.push_back({id, {}});
    traces[place->second].second.push_back(i);
  }
  return traces;
}

WaitingTrace& WaitingTraces::add(const TraceId& id, const SharedBatch& batch,
                                 std::vector<uint32_t> spans, std::chrono::nanoseconds now) {
  const auto [entry, is_new] = by_id_.try_emplace(id);
  if (is_new) {
    entry->second = order_.insert(order_.end(), WaitingTrace{.id = id});
    entry->second->first_seen = now;
  }
  WaitingTrace& trace = *entry->second;
  trace.span_count += spans.size();
  for (const uint32_t index : spans) {
    trace.bytes += batch->spans[index].encoded.size();
    if (!trace.root_seen && !batch->spans[index].parent_span_id.is_valid()) trace.root_seen = now;
  }
  trace.parts.push_back({batch, std::move(spans)});
  return trace;
}

WaitingTrace WaitingTraces::take(Place place) {
  WaitingTrace trace = std::move(*place);
  by_id_.erase(trace.id);
  order_.erase(place);
  return trace;
}

}  // namespace sightline::pipeline
