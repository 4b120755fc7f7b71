#include "pipeline/processors/processors.h"

#include "base/log.h"
#include "pipeline/processors/attributes_processor.h"
#include "pipeline/processors/filter_processor.h"
#include "pipeline/processors/group_by_trace.h"
#include "pipeline/processors/memory_limiter.h"
#include "pipeline/processors/probabilistic_sampler.h"
#include "pipeline/processors/tail_sampling.h"

namespace sightline::pipeline {
namespace {

// One function for each kind of processor.
struct Make {
  const std::string id;
  const config::Mark& mark;
  SpanStage& next;
  const ProcessorEnvironment& env;
  using Made = std::unique_ptr<SpanProcessor>;

  Made operator()(const config::BatchProcessorConfig&) const {
    SL_LOG_INFO("{}: {} has nothing to do here: each request goes on as it came, without waiting",
                mark.text(), id);
    return nullptr;
  }
  Made operator()(const config::MemoryLimiterConfig& c) const {
    return std::make_unique<MemoryLimiter>(
        c, id, next, env.clock, env.telemetry,
        env.is_strict ? MemoryReadings::of_heap() : MemoryReadings::of_system());
  }
  Made operator()(const config::AttributesProcessorConfig& c) const {
    return std::make_unique<AttributesProcessor>(c, next);
  }
  Made operator()(const config::ResourceProcessorConfig& c) const {
    return std::make_unique<ResourceProcessor>(c, next);
  }
  Made operator()(const config::FilterProcessorConfig& c) const {
    return std::make_unique<FilterProcessor>(c, id, next, env.telemetry);
  }
  Made operator()(const config::ProbabilisticSamplerConfig& c) const {
    return std::make_unique<ProbabilisticSampler>(c, id, next, env.fates, env.telemetry);
  }
  Made operator()(const config::GroupByTraceConfig& c) const {
    return std::make_unique<GroupByTrace>(c, id, next, env.clock, env.telemetry);
  }
  Made operator()(const config::TailSamplingConfig& c) const {
    return std::make_unique<TailSampling>(c, id, next, env.fates, env.clock, env.telemetry,
                                          env.is_strict);
  }
};

}  // namespace

std::unique_ptr<SpanProcessor> make_processor(
    const config::Component<config::ProcessorConfig>& component, SpanStage& next,
    const ProcessorEnvironment& environment) {
  return std::visit(Make{component.id.text(), component.mark, next, environment}, component.config);
}

bool is_sampler(const config::ProcessorConfig& config) {
  return std::holds_alternative<config::ProbabilisticSamplerConfig>(config) ||
         std::holds_alternative<config::TailSamplingConfig>(config);
}

}  // namespace sightline::pipeline
