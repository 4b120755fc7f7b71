#pragma once
// A batch made from another one: some spans left out, or attributes changed. What is not
// touched stays a view into the first batch, which the new one keeps alive.
//   Cost      one copy of the columns, which are views; text is copied only where it is new.
//   Encoded   a span or resource that was changed loses its encoded form, and so does the batch.
//   Threads   owned by one call; finish() once.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/graph/consumer.h"
#include "pipeline/metrics/kept_texts.h"

namespace sightline::pipeline {

// The spans with these indexes, in their order. All of them: the batch itself.
SharedBatch keep_spans(const SharedBatch& batch, std::span<const uint32_t> kept);
// The spans of several batches in one, for what was gathered from many requests.
SharedBatch join_batches(std::span<const SharedBatch> batches);

class BatchEdit {
 public:
  explicit BatchEdit(SharedBatch from);

  const model::SpanBatch& batch() const { return *made_; }
  // Text that lives as long as the new batch.
  std::string_view keep(std::string text) { return owner_->texts.keep(std::move(text)); }
  KeptTexts& texts() { return owner_->texts; }
  // New attributes in place of the old ones.
  void set_span_attributes(uint32_t span, std::span<const model::AttributeView> attributes);
  void set_resource_attributes(uint32_t resource, std::span<const model::AttributeView> attributes);
  void set_trace_state(uint32_t span, std::string text);
  void keep_events(uint32_t span, std::span<const model::EventView> events);
  void keep_spans(std::span<const uint32_t> kept);
  bool changed() const { return changed_; }
  // The batch it began with when nothing was changed.
  SharedBatch finish();

 private:
  struct Owner {
    SharedBatch from;
    KeptTexts texts;
  };
  model::Run append(std::span<const model::AttributeView> attributes);
  void touch_span(uint32_t span);

  std::shared_ptr<Owner> owner_;
  std::shared_ptr<model::SpanBatch> made_;
  bool changed_ = false;
};

}  // namespace sightline::pipeline
