#pragma once
// The attributes processor (of spans) and the resource processor (of their resources).
//   Threads   immutable once made; pass() from any thread.
//   Source    opentelemetry-collector-contrib, attributesprocessor and resourceprocessor READMEs.
#include "pipeline/graph/stage.h"
#include "pipeline/processors/attribute_actions.h"
#include "pipeline/processors/batch_edit.h"
#include "pipeline/processors/span_match.h"

namespace sightline::pipeline {

class AttributesProcessor final : public SpanProcessor {
 public:
  AttributesProcessor(const config::AttributesProcessorConfig& config, SpanStage& next)
      : SpanProcessor(next), actions_(config.actions), selection_(config.include, config.exclude) {}
  Status pass(const SharedBatch& batch, Delivery& delivery) override;

 private:
  const AttributeActions actions_;
  const SpanSelection selection_;
};

class ResourceProcessor final : public SpanProcessor {
 public:
  ResourceProcessor(const config::ResourceProcessorConfig& config, SpanStage& next)
      : SpanProcessor(next), actions_(config.actions) {}
  Status pass(const SharedBatch& batch, Delivery& delivery) override;

 private:
  const AttributeActions actions_;
};

}  // namespace sightline::pipeline
