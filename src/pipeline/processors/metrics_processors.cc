#include "pipeline/processors/metrics_processors.h"

#include "pipeline/processors/attribute_actions.h"
#include "pipeline/processors/memory_limiter.h"
#include "pipeline/processors/metrics_filter.h"
#include "wire/otlp/decode_metrics.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::pipeline {
namespace {

using Answer = Result<wire::otlp::PartialSuccess>;

class MetricsMemoryLimiter final : public MetricsConsumer {
 public:
  MetricsMemoryLimiter(const config::MemoryLimiterConfig& config, const std::string& id,
                       MetricsConsumer& next, const Clock& clock, Telemetry& telemetry)
      : gate_(config, id, clock, MemoryReadings::of_system()),
        next_(next),
        accepted_(telemetry.counter("otelcol_processor_accepted_metric_points_total",
                                    "Data points pushed into the next part of the pipeline.",
                                    {{"processor", id}})),
        refused_(telemetry.counter("otelcol_processor_refused_metric_points_total",
                                   "Data points refused by the processor.", {{"processor", id}})) {}
  Answer consume(const SharedMetrics& batch) override {
    if (gate_.refuses()) {
      refused_.add(batch->points);
      return memory_refusal();
    }
    accepted_.add(batch->points);
    return next_.consume(batch);
  }

 private:
  MemoryGate gate_;
  MetricsConsumer& next_;
  Counter& accepted_;
  Counter& refused_;
};

// Hands a copy of everything on, with the attributes of resources or of points changed.
class EditingSink final : public model::MetricsSink {
 public:
  EditingSink(const AttributeActions& actions, bool of_resources)
      : actions_(actions), of_resources_(of_resources) {}

  Status on_resource(const model::MetricResource& resource) override {
    model::MetricResource edited = resource;
    if (of_resources_) apply(edited.attributes);
    return encoder_.on_resource(edited);
  }
  Status on_scope(const model::MetricScope& scope) override { return encoder_.on_scope(scope); }
  Status on_metric(const model::MetricView& metric) override { return encoder_.on_metric(metric); }
  Status on_point(const model::MetricView& metric, const model::DataPoint& point) override {
    if (of_resources_) return encoder_.on_point(metric, point);
    model::DataPoint edited = point;
    apply(edited.attributes);
    return encoder_.on_point(metric, edited);
  }

  bool changed() const { return changed_; }
  std::string take() { return encoder_.take(); }

 private:
  void apply(std::vector<model::AttributeView>& attributes) {
    texts_.clear();
    changed_ |= actions_.apply(attributes, texts_);
  }

  const AttributeActions& actions_;
  const bool of_resources_;
  bool changed_ = false;
  KeptTexts texts_;
  wire::otlp::MetricsEncoder encoder_;
};

class MetricsAttributes final : public MetricsConsumer {
 public:
  MetricsAttributes(const std::vector<config::AttributeAction>& actions, bool of_resources,
                    MetricsConsumer& next)
      : actions_(actions), of_resources_(of_resources), next_(next) {}

  Answer consume(const SharedMetrics& batch) override {
    EditingSink sink(actions_, of_resources_);
    if (auto status = wire::otlp::decode_metrics(*batch->protobuf, sink); !status)
      return std::unexpected(std::move(status).error());
    if (!sink.changed()) return next_.consume(batch);
    return next_.consume(std::make_shared<const MetricsBatch>(
        MetricsBatch{std::make_shared<const std::string>(sink.take()), batch->points}));
  }

 private:
  const AttributeActions actions_;
  const bool of_resources_;
  MetricsConsumer& next_;
};

std::unexpected<Error> of_spans_alone(const config::Component<config::ProcessorConfig>& component,
                                      std::string_view what) {
  return fail(Errc::kInvalidArgument, component.mark.text(), ": processor ", component.id.text(),
              what, " in a pipeline of metrics");
}

}  // namespace

Result<std::unique_ptr<MetricsConsumer>> make_metrics_processor(
    const config::Component<config::ProcessorConfig>& component, MetricsConsumer& next,
    const Clock& clock, Telemetry& telemetry) {
  const config::ProcessorConfig& config = component.config;
  if (std::holds_alternative<config::BatchProcessorConfig>(config)) return nullptr;
  if (const auto* limiter = std::get_if<config::MemoryLimiterConfig>(&config))
    return std::make_unique<MetricsMemoryLimiter>(*limiter, component.id.text(), next, clock,
                                                  telemetry);
  if (const auto* resource = std::get_if<config::ResourceProcessorConfig>(&config))
    return std::make_unique<MetricsAttributes>(resource->actions, true, next);
  if (const auto* attributes = std::get_if<config::AttributesProcessorConfig>(&config)) {
    if (attributes->include || attributes->exclude)
      return of_spans_alone(component, " can have neither include nor exclude here");
    return std::make_unique<MetricsAttributes>(attributes->actions, false, next);
  }
  if (const auto* filter = std::get_if<config::FilterProcessorConfig>(&config)) {
    if (!filter->filters_metrics())
      return nullptr;  // conditions of spans say nothing about metrics
    return std::make_unique<MetricsFilter>(*filter, component.id.text(), next, telemetry);
  }
  return of_spans_alone(component, " acts on spans only and cannot stand");
}

bool edits_metrics(const config::ProcessorConfig& config) {
  const auto* filter = std::get_if<config::FilterProcessorConfig>(&config);
  return std::holds_alternative<config::ResourceProcessorConfig>(config) ||
         std::holds_alternative<config::AttributesProcessorConfig>(config) ||
         (filter != nullptr && filter->filters_metrics());
}

}  // namespace sightline::pipeline
