#include "connectors/spanmetrics/span_metrics.h"

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/glob.h"
#include "connectors/spanmetrics/foreign_numbers.h"
#include "connectors/spanmetrics/label_names.h"
#include "connectors/spanmetrics/span_metrics_state.h"
#include "model/sampling_state.h"
#include "model/value_text.h"

namespace sightline::connectors::spanmetrics {
namespace {

using model::SpanBatch;
using model::SpanView;
using model::ValueKind;
using model::ValueView;

void append_value(std::string& key, const ValueView* value) {
  if (value == nullptr) {
    key += '\xff';
    return;
  }
  key += static_cast<char>(value->kind);
  switch (value->kind) {
    case ValueKind::kEmpty: return;
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kDouble: append_le(key, value->int_value); return;
    default: append_sized(key, value->bytes);
  }
}

Status check_dimensions(const std::vector<Dimension>& dimensions) {
  for (size_t i = 0; i < dimensions.size(); ++i) {
    if (!dimensions[i].glob.empty()) {
      if (auto pattern = glob_to_regexp(dimensions[i].glob); !pattern)
        return in_context("spanmetrics", std::move(pattern).error());
      continue;
    }
    if (dimensions[i].name.empty())
      return fail(Errc::kInvalidArgument, "spanmetrics: dimension ", i, " has no name");
    for (const std::string_view fixed : {kServiceName, kSpanName, kSpanKind, kStatusCode})
      if (dimensions[i].name == fixed)
        return fail(Errc::kInvalidArgument, "spanmetrics: dimension ", fixed,
                    " is always there; remove it from dimensions");
    for (size_t j = 0; j < i; ++j)
      if (dimensions[i].name == dimensions[j].name)
        return fail(Errc::kInvalidArgument, "spanmetrics: duplicate dimension name ",
                    dimensions[i].name);
  }
  return {};
}

// By kind, those that are named and those by glob.
DimensionLists dimension_lists(const SpanMetricsOptions& options) {
  DimensionLists lists;
  const auto joined = [&](const std::vector<Dimension>& more) {
    std::vector<Dimension> all = options.dimensions;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  lists[static_cast<size_t>(SeriesKind::kCallsAndDuration)] = joined({});
  lists[static_cast<size_t>(SeriesKind::kCalls)] = joined(options.calls_dimensions);
  lists[static_cast<size_t>(SeriesKind::kDuration)] = joined(options.duration_dimensions);
  lists[static_cast<size_t>(SeriesKind::kEvents)] = joined(options.event_dimensions);
  return lists;
}

DimensionLists named_ones(DimensionLists lists) {
  for (auto& list : lists) std::erase_if(list, [](const Dimension& d) { return !d.glob.empty(); });
  return lists;
}

// Which of an exponential histogram's exemplar slots a duration belongs to.
uint32_t magnitude_of(double duration) {
  if (!(duration > 0)) return 0;
  return static_cast<uint32_t>(
      std::clamp(std::ilogb(duration) + 4, 0, static_cast<int>(kMagnitudes) - 1));
}

// How many spans a sampled one stands for, when its tracestate says so.
std::optional<uint32_t> sampled_for(const SpanView& span) {
  if (span.trace_state.find("ot=") == std::string_view::npos) return std::nullopt;
  const auto state = model::SamplingState::parse(span.trace_state);
  if (!state || !state->threshold || *state->threshold >= model::kNeverSample) return std::nullopt;
  const uint64_t part = model::kSamplingRange - *state->threshold;
  uint64_t times = model::kSamplingRange / part;
  const uint64_t rest = model::kSamplingRange % part;
  const std::string_view id(reinterpret_cast<const char*>(span.span_id.bytes.data()),
                            span.span_id.bytes.size());
  if (rest > 0 && xxh3(id) % part < rest) ++times;
  return static_cast<uint32_t>(std::min<uint64_t>(times, UINT32_MAX));
}

Status check(const SpanMetricsOptions& options) {
  for (size_t i = 0; i < options.buckets.size(); ++i) {
    if (!std::isfinite(options.buckets[i]))
      return fail(Errc::kInvalidArgument, "spanmetrics: bucket ", i,
                  " is not finite; +Inf is implied");
    if (i > 0 && options.buckets[i] <= options.buckets[i - 1])
      return fail(Errc::kInvalidArgument, "spanmetrics: buckets must ascend: bucket ", i, " (",
                  options.buckets[i], ") follows ", options.buckets[i - 1]);
  }
  for (const auto* list : {&options.dimensions, &options.calls_dimensions,
                           &options.duration_dimensions, &options.event_dimensions})
    if (auto status = check_dimensions(*list); !status) return status;
  return {};
}

}  // namespace

SpanMetrics::State::State(const Clock& c, SpanMetricsOptions o)
    : clock(c),
      options(std::move(o)),
      dimensions(named_ones(dimension_lists(options))),
      resources(options, dimensions) {
  const std::string prefix =
      options.metrics_namespace.empty() ? "" : options.metrics_namespace + ".";
  calls_name = metric_name_of(prefix + "calls");
  duration_name = metric_name_of(
      prefix + "duration", options.unit == DurationUnit::kSeconds ? "seconds" : "milliseconds");
  events_name = metric_name_of(prefix + "events");
  unit_ns = options.unit == DurationUnit::kSeconds ? 1e9 : 1e6;
  const DimensionLists all = dimension_lists(options);
  RE2::Options whole(RE2::Quiet);
  whole.set_dot_nl(true);
  for (size_t kind = 0; kind < kSeriesKinds; ++kind)
    for (const Dimension& dimension : all[kind])
      if (!dimension.glob.empty())
        globs[kind].push_back(std::make_unique<const RE2>(
            glob_to_regexp(dimension.glob).value_or(std::string()), whole));
  kinds = {SeriesKind::kCallsAndDuration};
  if (!options.calls_dimensions.empty() || !options.duration_dimensions.empty())
    kinds = {SeriesKind::kCalls, SeriesKind::kDuration};
  if (!options.histogram_enabled) kinds = {SeriesKind::kCalls};
  for (size_t i = 0; i < kShards; ++i)
    shards.push_back(std::make_unique<SeriesShard>(options, counts));
}

// Of the span, else of the event it is asked for.
void SpanMetrics::State::find_dimensions(const SpanBatch& batch, const Observation& o,
                                         std::vector<const ValueView*>& values) const {
  const auto& names = dimensions[static_cast<size_t>(o.kind)];
  values.assign(names.size(), nullptr);
  const auto look_in = [&](model::Run run) {
    for (const model::AttributeView& attribute : batch.of(run))
      for (size_t i = 0; i < values.size(); ++i)
        if (values[i] == nullptr && attribute.key == names[i].name) values[i] = &attribute.value;
  };
  look_in(batch.spans[o.span].attributes);
  if (o.kind == SeriesKind::kEvents) look_in(batch.events[o.event].attributes);
}

void SpanMetrics::State::find_globbed(const SpanBatch& batch, const Observation& o,
                                      const model::ResourceView* resource,
                                      std::vector<const model::AttributeView*>& found) const {
  found.clear();
  const auto& patterns = globs[static_cast<size_t>(o.kind)];
  const auto look_in = [&](model::Run run) {
    for (const model::AttributeView& attribute : batch.of(run)) {
      const bool is_known = std::ranges::any_of(
          found, [&](const auto* known) { return known->key == attribute.key; });
      if (!is_known && std::ranges::any_of(patterns, [&](const auto& pattern) {
            return RE2::FullMatch(attribute.key, *pattern);
          }))
        found.push_back(&attribute);
    }
  };
  look_in(batch.spans[o.span].attributes);
  if (o.kind == SeriesKind::kEvents) look_in(batch.events[o.event].attributes);
  if (resource != nullptr) look_in(resource->attributes);
}

std::string_view SpanMetrics::State::kind_name(const SpanView& span) const {
  if (options.flushes_as_peer && span.kind == model::SpanKind::kUnspecified &&
      has_foreign_kind(span))
    return {};
  return span_kind_name(span.kind);
}

std::string_view SpanMetrics::State::status_name(const SpanView& span) const {
  if (options.flushes_as_peer && span.status == model::StatusCode::kUnset &&
      has_foreign_status(span))
    return {};
  return status_code_name(span.status);
}

// Equal keys have equal labels. The reverse need not hold: 200 and "200" are one label value.
void SpanMetrics::State::build_key(const SpanBatch& batch, const Observation& o,
                                   const Resource& resource, bool is_sampled,
                                   Scratch& scratch) const {
  const SpanView& span = batch.spans[o.span];
  const size_t begin = scratch.keys.size();
  append_le(scratch.keys, resource.id);
  scratch.keys += static_cast<char>(o.kind);
  scratch.keys += static_cast<char>(span.kind);
  scratch.keys += static_cast<char>(span.status);
  if (options.flushes_as_peer)
    (scratch.keys += static_cast<char>(kind_name(span).size())) +=
        static_cast<char>(status_name(span).size());
  append_sized(scratch.keys, span.name);
  if (!options.include_instrumentation_scope.empty()) {
    const model::ScopeView& scope = batch.scope_of(span);
    const bool included = includes_scope(scope);
    append_sized(scratch.keys, included ? scope.name : std::string_view());
    append_sized(scratch.keys, included ? scope.version : std::string_view());
  }
  if (options.sampling_method_label) scratch.keys += is_sampled ? 'e' : 'c';
  find_dimensions(batch, o, scratch.values);
  for (const ValueView* value : scratch.values) append_value(scratch.keys, value);
  if (has_globs(o.kind)) {  // what the resource has is part of its id
    find_globbed(batch, o, nullptr, scratch.globbed);
    for (const model::AttributeView* attribute : scratch.globbed) {
      append_sized(scratch.keys, attribute->key);
      append_value(scratch.keys, &attribute->value);
    }
  }
  scratch.key_places.emplace_back(static_cast<uint32_t>(begin),
                                  static_cast<uint32_t>(scratch.keys.size() - begin));
}

Observation SpanMetrics::State::observation(const SpanView& span, uint32_t index,
                                            TimestampNs now) const {
  const double duration = static_cast<double>(span.duration_ns()) / unit_ns;
  const uint32_t bucket =
      options.exponential_max_size
          ? magnitude_of(duration)
          : static_cast<uint32_t>(
                std::lower_bound(options.buckets.begin(), options.buckets.end(), duration) -
                options.buckets.begin());
  return {.duration = duration,
          .bucket = bucket,
          .span = index,
          .exemplar_time = span.end.value == 0 ? now : std::min(span.end, now)};
}

// Fills scratch.observations for the spans [begin, end) of one resource.
void SpanMetrics::State::observe(const SpanBatch& batch, uint32_t begin, uint32_t end,
                                 const Resource& resource, TimestampNs now,
                                 Scratch& scratch) const {
  scratch.keys.clear();
  scratch.key_places.clear();
  scratch.observations.clear();
  for (uint32_t i = begin; i < end; ++i) {
    const SpanView& span = batch.spans[i];
    Observation o = observation(span, i, now);
    const auto sampled = span.trace_state.empty() ? std::nullopt : sampled_for(span);
    o.times = sampled.value_or(1);
    const auto add = [&] {
      build_key(batch, o, resource, sampled.has_value(), scratch);
      scratch.observations.push_back(o);
    };
    for (const SeriesKind kind : kinds) {
      o.kind = kind;
      add();
    }
    if (!options.events_enabled) continue;
    o.kind = SeriesKind::kEvents;
    for (uint32_t event = 0; event < span.events.count; ++event) {
      o.event = span.events.begin + event;
      add();
    }
  }
  for (size_t i = 0; i < scratch.observations.size(); ++i) {
    const auto [offset, length] = scratch.key_places[i];
    Observation& o = scratch.observations[i];
    o.key = std::string_view(scratch.keys).substr(offset, length);
    o.key_hash = xxh3(o.key);
  }
}

model::Labels SpanMetrics::State::make_labels(const SpanBatch& batch, const Observation& o,
                                              const Resource& resource) const {
  const SpanView& span = batch.spans[o.span];
  AttributeLabels attributes({"__name__", "job", "instance", "le", "otel_scope_name",
                              "otel_scope_version", "otel_scope_schema_url"});
  const auto add = [&](std::string_view key, std::string value) {
    if (!options.excludes(key)) attributes.add(key, std::move(value));
  };
  // What is added first wins over what has the same key.
  std::vector<const ValueView*> values;
  find_dimensions(batch, o, values);
  const auto& names = dimensions[static_cast<size_t>(o.kind)];
  const auto& fallbacks = resource.fallbacks[static_cast<size_t>(o.kind)];
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != nullptr)
      attributes.add(names[i].name, model::value_text(*values[i]));
    else if (fallbacks[i])
      attributes.add(names[i].name, *fallbacks[i]);
  }
  if (has_globs(o.kind)) {
    std::vector<const model::AttributeView*> globbed;
    find_globbed(batch, o, &batch.resource_of(span), globbed);
    for (const model::AttributeView* attribute : globbed)
      attributes.add(attribute->key, model::value_text(attribute->value));
  }
  add(kServiceName, resource.service_name);
  add(kSpanName, std::string(span.name));
  add(kSpanKind, std::string(kind_name(span)));
  add(kStatusCode, std::string(status_name(span)));
  if (!options.collector_instance_id.empty())
    add(kCollectorInstance, options.collector_instance_id);
  if (const model::ScopeView& scope = batch.scope_of(span);
      !options.include_instrumentation_scope.empty() && includes_scope(scope)) {
    attributes.add(kScopeName, std::string(scope.name));
    if (!scope.version.empty()) attributes.add(kScopeVersion, std::string(scope.version));
  }
  if (options.sampling_method_label)
    attributes.add(kSamplingMethod, sampled_for(span) ? "extrapolated" : "counted");
  model::LabelsBuilder labels;
  attributes.build_into(labels);
  labels.set("job", resource.job)
      .set("instance", resource.instance)
      .set("otel_scope_name", kConnectorScope);
  // Resources alike in job and instance are told apart; what is shown is made of the attributes.
  if (options.flushes_as_peer) labels.set("__resource__", std::to_string(resource.target_hash));
  return labels.build();
}

// In the peer's order; of two with one key the later wins.
model::OwnedAttributes SpanMetrics::State::make_attributes(const SpanBatch& batch,
                                                           const Observation& o,
                                                           const Resource& resource) const {
  const SpanView& span = batch.spans[o.span];
  std::vector<model::AttributeView> all;
  const auto put = [&](std::string_view key, const ValueView& value) {
    const auto same = std::ranges::find(all, key, &model::AttributeView::key);
    if (same != all.end())
      same->value = value;
    else
      all.push_back({key, value});
  };
  const auto add = [&](std::string_view key, std::string_view text) {
    if (!options.excludes(key)) put(key, ValueView::of_string(text));
  };
  add(kServiceName, resource.service_name);
  add(kSpanName, span.name);
  add(kSpanKind, kind_name(span));
  add(kStatusCode, status_name(span));
  if (!options.collector_instance_id.empty())
    add(kCollectorInstance, options.collector_instance_id);
  if (const model::ScopeView& scope = batch.scope_of(span); includes_scope(scope)) {
    put(kScopeName, ValueView::of_string(scope.name));
    if (!scope.version.empty()) put(kScopeVersion, ValueView::of_string(scope.version));
  }
  if (options.sampling_method_label)
    put(kSamplingMethod, ValueView::of_string(sampled_for(span) ? "extrapolated" : "counted"));
  std::vector<const ValueView*> values;
  find_dimensions(batch, o, values);
  const auto& dims = dimensions[static_cast<size_t>(o.kind)];
  const model::ResourceView& from = batch.resource_of(span);
  for (size_t i = 0; i < values.size(); ++i) {
    const ValueView* value =
        values[i] != nullptr ? values[i] : batch.find(from.attributes, dims[i].name);
    if (value != nullptr)
      put(dims[i].name, *value);
    else if (dims[i].default_value)
      put(dims[i].name, ValueView::of_string(*dims[i].default_value));
  }
  if (has_globs(o.kind)) {
    std::vector<const model::AttributeView*> globbed;
    find_globbed(batch, o, &from, globbed);
    for (const model::AttributeView* attribute : globbed) put(attribute->key, attribute->value);
  }
  return model::OwnedAttributes(all);
}

SeriesNames SpanMetrics::State::names_of(const SpanBatch& batch, const Observation& o,
                                         const Resource& resource) const {
  return {make_labels(batch, o, resource),
          options.keep_attributes ? make_attributes(batch, o, resource) : model::OwnedAttributes()};
}

Result<std::unique_ptr<SpanMetrics>> SpanMetrics::create(const Clock& clock,
                                                         SpanMetricsOptions options) {
  if (auto status = check(options); !status) return std::unexpected(std::move(status).error());
  return std::unique_ptr<SpanMetrics>(
      new SpanMetrics(std::make_unique<State>(clock, std::move(options))));
}
SpanMetrics::SpanMetrics(std::unique_ptr<State> state) : state_(std::move(state)) {}
SpanMetrics::~SpanMetrics() = default;

void SpanMetrics::consume(const SpanBatch& batch) {
  const TimestampNs now_ns = state_->clock.now();
  const TimestampMs now = to_ms(now_ns);
  Scratch scratch;
  const auto count = static_cast<uint32_t>(batch.spans.size());
  for (uint32_t begin = 0; begin < count;) {
    const uint32_t index = batch.scopes[batch.spans[begin].scope].resource;
    uint32_t end = begin + 1;
    while (end < count && batch.scopes[batch.spans[end].scope].resource == index) ++end;
    const auto resource = state_->resources.find_or_make(batch, batch.resources[index]);
    if (resource->counted) {
      state_->observe(batch, begin, end, *resource, now_ns, scratch);
      const auto names_of = [&](const Observation& o) {
        return state_->names_of(batch, o, *resource);
      };
      scratch.overflow.clear();
      state_->shards[resource->target_hash % kShards]->apply(scratch.observations, batch, *resource,
                                                             names_of, now, scratch.overflow);
      if (!scratch.overflow.empty())
        state_->shards[0]->apply_overflow(scratch.overflow, batch, now);
    } else {
      state_->counts.uncounted_spans += end - begin;
    }
    begin = end;
  }
}

std::vector<std::shared_ptr<const SeriesIdentity>> SpanMetrics::expire() {
  std::vector<std::shared_ptr<const SeriesIdentity>> expired;
  const auto before = [&](std::chrono::nanoseconds expiration) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(expiration).count();
    return age <= 0 ? TimestampMs::min() : TimestampMs{state_->clock.now_ms().value - age};
  };
  const TimestampMs series_before = before(state_->options.series_expiration);
  const TimestampMs target_before = before(state_->options.metrics_expiration);
  if (series_before == TimestampMs::min() && target_before == TimestampMs::min()) return expired;
  for (const auto& shard : state_->shards) shard->expire(series_before, target_before, expired);
  return expired;
}

const std::string& SpanMetrics::calls_name() const { return state_->calls_name; }
const std::string& SpanMetrics::duration_name() const { return state_->duration_name; }
const std::string& SpanMetrics::events_name() const { return state_->events_name; }
std::span<const double> SpanMetrics::bounds() const { return state_->options.buckets; }
bool SpanMetrics::has_histogram() const { return state_->options.histogram_enabled; }
bool SpanMetrics::has_exponential_histogram() const {
  return has_histogram() && state_->options.exponential_max_size.has_value();
}
uint64_t SpanMetrics::series_count() const { return state_->counts.series.load(); }
uint64_t SpanMetrics::overflowed_spans() const { return state_->counts.overflowed_spans.load(); }
uint64_t SpanMetrics::uncounted_spans() const { return state_->counts.uncounted_spans.load(); }

}  // namespace sightline::connectors::spanmetrics
