#include "pipeline/connectors/count_tally.h"

#include <algorithm>

#include "pipeline/metrics/attribute_key.h"
#include "pipeline/processors/metrics_walk.h"

namespace sightline::pipeline {
namespace {

using config::OttlContext;
using model::AttributeView;
using model::ValueView;
using AttributeSpan = std::span<const AttributeView>;

// One thing that may be counted.
struct Item {
  OttlContext context;
  const ConditionSubject& subject;
  AttributeSpan own, scope, resource;
};

ValueView view_of(const config::CountConfig::Default& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return ValueView::of_string(*text);
  if (const auto* whole = std::get_if<int64_t>(&value)) return ValueView::of_int(*whole);
  return ValueView::of_double(std::get<double>(value));
}

const ValueView* find(const Item& item, std::string_view key) {
  for (const AttributeSpan attributes : {item.own, item.scope, item.resource}) {
    const auto found = std::ranges::find(attributes, key, &AttributeView::key);
    if (found != attributes.end()) return &found->value;
  }
  return nullptr;
}

// False: the item has neither one of the attributes nor a default for it.
bool find_all(const CountedMetric& metric, const Item& item, CountTally::Attributes& out) {
  for (const auto& attribute : metric.config.attributes) {
    const ValueView* value = find(item, attribute.key);
    if (value == nullptr && !attribute.default_value) return false;
    out.push_back({attribute.key, value != nullptr ? *value : view_of(*attribute.default_value)});
  }
  return true;
}

Status count(const CountRules& rules, const Item& item, CountTally& tally) {
  CountTally::Attributes attributes;
  for (const CountedMetric& metric : rules.all()) {
    if (metric.counts != item.context) continue;
    attributes.clear();
    if (!find_all(metric, item, attributes)) continue;
    if (!metric.config.conditions.empty()) {
      const auto matches = metric.conditions.any(item.context, item.subject);
      if (!matches) return std::unexpected(matches.error());
      if (!*matches) continue;
    }
    tally.on_match(metric, attributes);
  }
  return {};
}

class CountingVisitor final : public MetricsVisitor {
 public:
  CountingVisitor(const CountRules& rules, CountTally& tally) : rules_(rules), tally_(tally) {}

  Status on_resource(const ConditionSubject& subject) override {
    tally_.on_resource(subject.metric_resource->attributes);
    return {};
  }
  Status on_scope(const ConditionSubject&) override { return {}; }
  Status on_metric(const ConditionSubject& subject) override {
    return count(rules_, item_of(OttlContext::kMetric, subject, {}), tally_);
  }
  Status on_point(const ConditionSubject& subject) override {
    tally_.on_time(OttlContext::kDataPoint, subject.point->time_ns);
    return count(rules_, item_of(OttlContext::kDataPoint, subject, subject.point->attributes),
                 tally_);
  }

 private:
  static Item item_of(OttlContext context, const ConditionSubject& subject, AttributeSpan own) {
    const auto* scope = subject.metric_scope;
    return {context, subject, own, scope == nullptr ? AttributeSpan() : scope->attributes,
            subject.metric_resource->attributes};
  }

  const CountRules& rules_;
  CountTally& tally_;
};

}  // namespace

CountRules::CountRules(const config::CountConfig& config, config::OttlErrorMode mode) {
  const auto add = [&](OttlContext context,
                       const std::vector<config::CountConfig::Metric>& metrics) {
    for (const auto& metric : metrics)
      all_.push_back({all_.size(), context, metric, Conditions(metric.conditions, mode)});
  };
  add(OttlContext::kSpan, config.spans);
  add(OttlContext::kSpanEvent, config.span_events);
  add(OttlContext::kMetric, config.metrics);
  add(OttlContext::kDataPoint, config.data_points);
}

bool CountRules::ask_for_points() const {
  return std::ranges::any_of(
      all_, [](const CountedMetric& metric) { return metric.conditions.asks_for_points(); });
}

Status count_spans(const CountRules& rules, const model::SpanBatch& batch, CountTally& tally) {
  const model::ResourceView* resource = nullptr;
  for (const model::SpanView& span : batch.spans) {
    auto subject = ConditionSubject::of_span(batch, span);
    if (std::exchange(resource, subject.resource) != subject.resource)
      tally.on_resource(batch.of(resource->attributes));
    const AttributeSpan scope = batch.of(subject.scope->attributes);
    const AttributeSpan around = batch.of(resource->attributes);
    tally.on_time(OttlContext::kSpan, span.start.value);
    tally.on_time(OttlContext::kSpan, span.end.value);
    const Item item{OttlContext::kSpan, subject, batch.of(span.attributes), scope, around};
    if (auto status = count(rules, item, tally); !status) return status;
    for (const model::EventView& event : batch.events_of(span)) {
      tally.on_time(OttlContext::kSpanEvent, event.time.value);
      subject.event = &event;
      const Item inner{OttlContext::kSpanEvent, subject, batch.of(event.attributes), scope, around};
      if (auto status = count(rules, inner, tally); !status) return status;
    }
  }
  return {};
}

Status count_metrics(const CountRules& rules, std::string_view protobuf, CountTally& tally) {
  CountingVisitor visitor(rules, tally);
  return walk_metrics(
      protobuf,
      rules.ask_for_points() ? ReadPoints::kBeforeTheirMetric : ReadPoints::kAfterTheirMetric,
      visitor);
}

void CountDeltas::on_resource(std::span<const AttributeView> attributes) {
  end_resource();
  resource_.assign(attributes.begin(), attributes.end());
}

void CountDeltas::on_time(OttlContext item, uint64_t time_ns) {
  if (time_ns == 0) return;
  const auto [times, is_first] = times_.try_emplace(item, Times{time_ns, time_ns});
  times->second.first_ns = std::min(times->second.first_ns, time_ns);
  times->second.last_ns = std::max(times->second.last_ns, time_ns);
}

void CountDeltas::on_match(const CountedMetric& metric, const Attributes& attributes) {
  std::string key;
  append_attribute_key(attributes, key);
  Count& count = counts_[{metric.number, std::move(key)}];
  if (count.n++ == 0) count.attributes = attributes;
}

// An encoder does not fail: it writes what it is given.
void CountDeltas::end_resource() {
  if (!counts_.empty()) {
    (void)encoder_.on_resource({.attributes = resource_});
    (void)encoder_.on_scope({.name = kCountScope});
  }
  model::MetricView view;
  size_t last = rules_.all().size();
  for (const auto& [key, count] : counts_) {
    const CountedMetric& metric = rules_.all()[key.first];
    if (std::exchange(last, metric.number) != metric.number) {
      view = {.name = metric.config.name,
              .description = metric.config.description,
              .kind = model::MetricKind::kSum,
              .temporality = model::Temporality::kDelta,
              .is_monotonic = true};
      (void)encoder_.on_metric(view);
    }
    const auto times = times_.find(metric.counts);
    model::DataPoint point{.attributes = count.attributes,
                           .start_ns = times == times_.end() ? now_ns_ : times->second.first_ns,
                           .time_ns = times == times_.end() ? now_ns_ : times->second.last_ns,
                           .value = static_cast<double>(count.n),
                           .is_int = true,
                           .int_value = static_cast<int64_t>(count.n)};
    (void)encoder_.on_point(view, point);
  }
  counts_.clear();
  times_.clear();
}

std::pair<std::string, uint64_t> CountDeltas::take() {
  end_resource();
  const uint64_t points = encoder_.points();
  return {encoder_.take(), points};
}

}  // namespace sightline::pipeline
