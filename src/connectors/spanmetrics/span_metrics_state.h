#pragma once
// What a SpanMetrics holds. Inside spanmetrics/ only: span_metrics.cc counts, span_metrics_read.cc reads.
#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "connectors/spanmetrics/series_shard.h"
#include "connectors/spanmetrics/span_metrics.h"

namespace sightline::connectors::spanmetrics {

inline constexpr size_t kShards = 16;
inline constexpr std::string_view kConnectorScope = "spanmetricsconnector";

// Of one run of spans with the same resource; reused within one consume().
struct Scratch {
  std::string keys;
  std::vector<std::pair<uint32_t, uint32_t>> key_places;  // offset, length in keys
  std::vector<Observation> observations;
  std::vector<Observation> overflow;
  std::vector<const model::ValueView*> values;       // by dimension, of one span
  std::vector<const model::AttributeView*> globbed;  // of one span
};

struct SpanMetrics::State {
  State(const Clock& c, SpanMetricsOptions o);

  void find_dimensions(const model::SpanBatch& batch, const Observation& o,
                       std::vector<const model::ValueView*>& values) const;
  bool has_globs(SeriesKind kind) const { return !globs[static_cast<size_t>(kind)].empty(); }
  // The attributes that a glob of the kind matches, of several with one key the first: the span's, those of the event it is
  // asked for, and where `resource` is given the resource's.
  void find_globbed(const model::SpanBatch& batch, const Observation& o,
                    const model::ResourceView* resource,
                    std::vector<const model::AttributeView*>& found) const;
  void build_key(const model::SpanBatch& batch, const Observation& o, const Resource& resource,
                 bool is_sampled, Scratch& scratch) const;
  Observation observation(const model::SpanView& span, uint32_t index, TimestampNs now) const;
  void observe(const model::SpanBatch& batch, uint32_t begin, uint32_t end,
               const Resource& resource, TimestampNs now, Scratch& scratch) const;
  // The names of a series that is met for the first time.
  SeriesNames names_of(const model::SpanBatch& batch, const Observation& o,
                       const Resource& resource) const;
  model::Labels make_labels(const model::SpanBatch& batch, const Observation& o,
                            const Resource& resource) const;
  model::OwnedAttributes make_attributes(const model::SpanBatch& batch, const Observation& o,
                                         const Resource& resource) const;
  std::string_view kind_name(const model::SpanView& span) const;
  std::string_view status_name(const model::SpanView& span) const;
  bool includes_scope(const model::ScopeView& scope) const {
    return !scope.name.empty() &&
           std::ranges::find(options.include_instrumentation_scope, scope.name) !=
               options.include_instrumentation_scope.end();
  }
  model::MetricPoint counter_point(const Series& series, model::MetricPoint point) const;
  model::MetricPoint histogram_point(const Series& series, model::MetricPoint point) const;
  model::ExposedExemplar hand_out(const ExemplarSlot& slot) const;
  bool shows(const ExemplarSlot& slot) const {
    return slot.epoch != 0 && (!options.may_be_exemplar || options.may_be_exemplar(slot.trace_id));
  }

  const Clock& clock;
  const SpanMetricsOptions options;
  const DimensionLists dimensions;  // by kind: those that are named
  std::array<std::vector<std::unique_ptr<const re2::RE2>>, kSeriesKinds> globs;  // and the others
  std::vector<SeriesKind> kinds;  // that each span is counted in
  std::string calls_name;
  std::string duration_name;
  std::string events_name;
  double unit_ns = 1e6;
  ResourceCache resources;
  SharedCounts counts;
  std::vector<std::unique_ptr<SeriesShard>> shards;
};

}  // namespace sightline::connectors::spanmetrics
