#include "pipeline/processors/attributes_processor.h"

namespace sightline::pipeline {

Status AttributesProcessor::pass(const SharedBatch& batch, Delivery& delivery) {
  BatchEdit edit(batch);
  std::vector<model::AttributeView> attributes;
  for (uint32_t i = 0; i < batch->spans.size(); ++i) {
    const model::SpanView& span = batch->spans[i];
    if (!selection_.selects_all() && !selection_.selects(*batch, span)) continue;
    const auto before = batch->of(span.attributes);
    attributes.assign(before.begin(), before.end());
    if (actions_.apply(attributes, edit.texts())) edit.set_span_attributes(i, attributes);
  }
  return hand_on(edit.finish(), delivery);
}

Status ResourceProcessor::pass(const SharedBatch& batch, Delivery& delivery) {
  BatchEdit edit(batch);
  std::vector<model::AttributeView> attributes;
  for (uint32_t i = 0; i < batch->resources.size(); ++i) {
    const auto before = batch->of(batch->resources[i].attributes);
    attributes.assign(before.begin(), before.end());
    if (actions_.apply(attributes, edit.texts())) edit.set_resource_attributes(i, attributes);
  }
  return hand_on(edit.finish(), delivery);
}

}  // namespace sightline::pipeline
