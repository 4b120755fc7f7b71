#include "pipeline/processors/batch_edit.h"

namespace sightline::pipeline {

using model::AttributeView;
using model::Run;
using model::SpanBatch;

SharedBatch keep_spans(const SharedBatch& batch, std::span<const uint32_t> kept) {
  if (kept.size() == batch->spans.size()) return batch;
  BatchEdit edit(batch);
  edit.keep_spans(kept);
  return edit.finish();
}

namespace {

void shift(Run& run, size_t by) { run.begin += static_cast<uint32_t>(by); }

// Appends `from` to `to`, indexes moved.
void append(SpanBatch& to, const SpanBatch& from) {
  const size_t attributes = to.attributes.size(), resources = to.resources.size(),
               scopes = to.scopes.size();
  const size_t events = to.events.size(), links = to.links.size();
  to.attributes.insert(to.attributes.end(), from.attributes.begin(), from.attributes.end());
  for (model::ResourceView resource : from.resources) {
    shift(resource.attributes, attributes);
    to.resources.push_back(resource);
  }
  for (model::ScopeView scope : from.scopes) {
    scope.resource += static_cast<uint32_t>(resources);
    shift(scope.attributes, attributes);
    to.scopes.push_back(scope);
  }
  for (model::EventView event : from.events) {
    shift(event.attributes, attributes);
    to.events.push_back(event);
  }
  for (model::LinkView link : from.links) {
    shift(link.attributes, attributes);
    to.links.push_back(link);
  }
  for (model::SpanView span : from.spans) {
    span.scope += static_cast<uint32_t>(scopes);
    shift(span.attributes, attributes);
    shift(span.events, events);
    shift(span.links, links);
    to.spans.push_back(span);
  }
}

}  // namespace

SharedBatch join_batches(std::span<const SharedBatch> batches) {
  if (batches.size() == 1) return batches[0];
  auto made = std::make_shared<SpanBatch>();
  made->owner = std::make_shared<std::vector<SharedBatch>>(batches.begin(), batches.end());
  for (const SharedBatch& batch : batches) append(*made, *batch);
  return made;
}

BatchEdit::BatchEdit(SharedBatch from)
    : owner_(std::make_shared<Owner>(from, KeptTexts())),
      made_(std::make_shared<SpanBatch>(*from)) {
  made_->owner = owner_;
}

Run BatchEdit::append(std::span<const AttributeView> attributes) {
  const Run run{static_cast<uint32_t>(made_->attributes.size()),
                static_cast<uint32_t>(attributes.size())};
  made_->attributes.insert(made_->attributes.end(), attributes.begin(), attributes.end());
  return run;
}

void BatchEdit::touch_span(uint32_t span) {
  made_->spans[span].encoded = {};
  made_->encoded = {};
  changed_ = true;
}

void BatchEdit::set_span_attributes(uint32_t span, std::span<const AttributeView> attributes) {
  made_->spans[span].attributes = append(attributes);
  touch_span(span);
}

void BatchEdit::set_resource_attributes(uint32_t resource,
                                        std::span<const AttributeView> attributes) {
  made_->resources[resource].attributes = append(attributes);
  made_->resources[resource].encoded = {};
  made_->encoded = {};
  changed_ = true;
}

void BatchEdit::set_trace_state(uint32_t span, std::string text) {
  made_->spans[span].trace_state = keep(std::move(text));
  touch_span(span);
}

void BatchEdit::keep_events(uint32_t span, std::span<const model::EventView> events) {
  const Run run{static_cast<uint32_t>(made_->events.size()), static_cast<uint32_t>(events.size())};
  made_->events.insert(made_->events.end(), events.begin(), events.end());
  made_->spans[span].events = run;
  touch_span(span);
}

void BatchEdit::keep_spans(std::span<const uint32_t> kept) {
  if (kept.size() == made_->spans.size()) return;
  std::vector<model::SpanView> spans;
  spans.reserve(kept.size());
  for (const uint32_t index : kept) spans.push_back(made_->spans[index]);
  made_->spans = std::move(spans);
  made_->encoded = {};
  changed_ = true;
}

SharedBatch BatchEdit::finish() {
  if (!changed_) return owner_->from;
  return std::move(made_);
}

}  // namespace sightline::pipeline
