#include "pipeline/receivers/scraped_metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/number_text.h"
#include "pipeline/metrics/native_points.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::pipeline {

using model::DataPoint;
using model::MetricKind;
using model::MetricType;
using model::ValueView;

namespace {

uint64_t to_ns(int64_t ms) { return ms > 0 ? static_cast<uint64_t>(ms) * 1'000'000 : 0; }

// What a series is of its family.
enum class Part { kValue, kBucket, kSum, kCount, kQuantile };

struct FamilyPart {
  std::string family;
  Part part = Part::kValue;
};

// One data point that is being put together.
struct Gathered {
  std::map<double, double> buckets;    // le to cumulative count
  std::map<double, double> quantiles;  // of a summary
  DataPoint point;                     // attributes are filled in at the end
  std::vector<model::Exemplar> exemplars;
};

struct GatheredFamily {
  model::MetricMetadata metadata;
  bool is_native = false;
  std::map<model::Labels, Gathered>
      points;  // by labels without __name__, job, instance, le, quantile
};

struct Scope {
  std::string name, version, schema_url;
  friend auto operator<=>(const Scope&, const Scope&) = default;
};

// Of what says nothing of a scope of its own.
const Scope kReceiverScope = {
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver",
    "0.159.0", ""};

struct Target {
  model::Labels info;                                             // of target_info
  std::map<Scope, std::map<std::string, GatheredFamily>> scopes;  // by scope, by family
};

}  // namespace

class ScrapeTransaction final : public tsdb::Appender {
 public:
  explicit ScrapeTransaction(ScrapedMetrics& owner) : owner_(owner) {}

  Result<tsdb::SeriesId> series(const model::Labels& labels) override {
    return owner_.find_or_make(labels);
  }
  Status append(tsdb::SeriesId id, TimestampMs time, double value,
                std::optional<TimestampMs> created) override;
  Status append_histogram(tsdb::SeriesId id, TimestampMs time, const model::Histogram& histogram,
                          std::optional<TimestampMs> created) override;
  Status append_exemplar(tsdb::SeriesId id, const model::Exemplar& exemplar) override;
  void set_metadata(std::string_view metric, const model::MetricMetadata& metadata) override {
    owner_.set_metadata(metric, metadata);
  }
  Status commit() override;
  void rollback() override { later_.clear(); }

 private:
  struct Seen {  // of a sample
    model::Labels labels;
    TimestampMs time, start;
  };
  void place_value(const Seen& seen, double value);
  void place_histogram(const Seen& seen, const model::Histogram& histogram);
  FamilyPart part_of(std::string_view name, const model::Labels& labels) const;
  // The point that the series is a part of.
  struct Place {
    GatheredFamily* family = nullptr;  // null: it says something of the resource alone
    Gathered* gathered = nullptr;
    FamilyPart part;
  };
  Place place_of(const model::Labels& labels);
  Status export_target(const std::pair<std::string, std::string>& key, const Target& target,
                       model::MetricsSink& sink) const;
  Status export_family(const std::string& name, const GatheredFamily& family,
                       model::MetricsSink& sink) const;

  ScrapedMetrics& owner_;
  // What samples are part of is known when the exposition was read to its end, with its metadata.
  std::vector<std::function<void()>> later_;
  std::map<std::pair<std::string, std::string>, Target> targets_;  // by job and instance
};

std::unique_ptr<tsdb::Appender> ScrapedMetrics::appender() {
  return std::make_unique<ScrapeTransaction>(*this);
}

Result<tsdb::SeriesId> ScrapedMetrics::find_or_make(const model::Labels& labels) {
  const std::lock_guard lock(mutex_);
  const auto [known, is_new] = ids_.try_emplace(labels, next_id_);
  if (is_new) series_.emplace(next_id_++, Series{.labels = labels, .round = round_});
  return tsdb::SeriesId{known->second};
}

Result<ScrapedMetrics::Seen> ScrapedMetrics::see(tsdb::SeriesId id, TimestampMs time,
                                                 double counted) {
  const std::lock_guard lock(mutex_);
  const auto known = series_.find(id.value);
  if (known == series_.end()) return fail(Errc::kNotFound, "series was forgotten");
  Series& series = known->second;
  series.round = round_;
  if (series.start_ms == 0 || counted < series.last) series.start_ms = time.value;
  if (!model::is_stale_marker(counted)) series.last = counted;
  return Seen{series.labels, series.start_ms};
}

void ScrapedMetrics::end_round() {
  const std::lock_guard lock(mutex_);
  if (++round_ % kForgetRounds != 0) return;
  absl::erase_if(series_, [&](const auto& entry) {
    if (entry.second.round + kForgetRounds >= round_) return false;
    ids_.erase(entry.second.labels);
    return true;
  });
}

void ScrapedMetrics::set_metadata(std::string_view metric, const model::MetricMetadata& metadata) {
  const std::lock_guard lock(mutex_);
  metadata_.insert_or_assign(std::string(metric), metadata);
}

namespace {

// Of what a scrape says of itself.
const std::map<std::string, model::MetricMetadata, std::less<>>& own_metadata() {
  constexpr auto kGauge = MetricType::kGauge;
  static const std::map<std::string, model::MetricMetadata, std::less<>> kOwn = {
      {"up", {kGauge, "", "The scraping was successful"}},
      {"scrape_duration_seconds", {kGauge, "seconds", "Duration of the scrape"}},
      {"scrape_samples_scraped", {kGauge, "", "The number of samples the target exposed"}},
      {"scrape_series_added", {kGauge, "", "The approximate number of new series in this scrape"}},
      {"scrape_samples_post_metric_relabeling",
       {kGauge, "", "The number of samples remaining after metric relabeling was applied"}}};
  return kOwn;
}

// localhost and its like say nothing to others.
bool says_where(std::string_view host) {
  return host != "localhost" && !host.starts_with("127.") && host != "[::1]" && host != "0.0.0.0" &&
         host != "[::]";
}

}  // namespace

model::MetricMetadata ScrapedMetrics::metadata_of(const std::string& metric) const {
  if (const auto own = own_metadata().find(metric); own != own_metadata().end()) return own->second;
  const std::lock_guard lock(mutex_);
  const auto known = metadata_.find(metric);
  return known == metadata_.end() ? model::MetricMetadata() : known->second;
}

FamilyPart ScrapeTransaction::part_of(std::string_view name, const model::Labels& labels) const {
  const auto type_of = [&](std::string_view family) {
    return owner_.metadata_of(std::string(family)).type;
  };
  const auto grouped = [](MetricType type) {
    return type == MetricType::kHistogram || type == MetricType::kSummary ||
           type == MetricType::kGaugeHistogram;
  };
  for (const auto& [suffix, part] :
       {std::pair{"_bucket", Part::kBucket}, std::pair{"_sum", Part::kSum},
        std::pair{"_count", Part::kCount}}) {
    if (!name.ends_with(suffix)) continue;
    const std::string_view family = name.substr(0, name.size() - std::string_view(suffix).size());
    if (grouped(type_of(family))) return {std::string(family), part};
  }
  if (constexpr std::string_view kInfo = "_info"; name.ends_with(kInfo)) {
    const std::string_view family = name.substr(0, name.size() - kInfo.size());
    if (type_of(family) == MetricType::kInfo) return {std::string(family), Part::kValue};
  }
  if (labels.has("quantile") && type_of(name) == MetricType::kSummary)
    return {std::string(name), Part::kQuantile};
  return {std::string(name), Part::kValue};
}

ScrapeTransaction::Place ScrapeTransaction::place_of(const model::Labels& labels) {
  const std::string name(labels.metric_name());
  Target& target = targets_[{std::string(labels.get("job")), std::string(labels.get("instance"))}];
  if (name == "target_info") {
    target.info = labels;
    return {};
  }
  FamilyPart part = part_of(name, labels);
  Scope scope{std::string(labels.get("otel_scope_name")),
              std::string(labels.get("otel_scope_version")),
              std::string(labels.get("otel_scope_schema_url"))};
  if (scope == Scope()) scope = kReceiverScope;
  GatheredFamily& family = target.scopes[scope][part.family];
  family.metadata = owner_.metadata_of(part.family);
  if (family.metadata.type == MetricType::kUnknown && part.family.ends_with("_total"))
    family.metadata = owner_.metadata_of(part.family.substr(0, part.family.size() - 6));
  model::LabelsBuilder key(labels);
  for (const std::string_view label : {"__name__", "job", "instance", "otel_scope_name",
                                       "otel_scope_version", "otel_scope_schema_url"})
    key.remove(label);
  if (part.part == Part::kBucket) key.remove("le");
  if (part.part == Part::kQuantile) key.remove("quantile");
  return {&family, &family.points[key.build()], std::move(part)};
}

Status ScrapeTransaction::append(tsdb::SeriesId id, TimestampMs time, double value,
                                 std::optional<TimestampMs> created) {
  auto seen = owner_.see(id, time, value);
  if (!seen) return std::unexpected(std::move(seen).error());
  const TimestampMs start = created.value_or(TimestampMs{seen->start_ms});
  later_.emplace_back([this, seen = Seen{std::move(seen->labels), time, start}, value] {
    place_value(seen, value);
  });
  return {};
}

void ScrapeTransaction::place_value(const Seen& seen, double value) {
  const Place place = place_of(seen.labels);
  if (place.family == nullptr) return;
  DataPoint& point = place.gathered->point;
  point.time_ns = to_ns(seen.time.value);
  if (place.part.part != Part::kBucket && place.part.part != Part::kQuantile)
    point.start_ns = to_ns(seen.start.value);
  if (model::is_stale_marker(value)) {
    point.flags = DataPoint::kNoRecordedValue;
    return;
  }
  switch (place.part.part) {
    case Part::kValue: point.value = value; break;
    case Part::kSum:
      point.sum = value;
      point.has_sum = true;
      break;
    case Part::kCount: point.count = static_cast<uint64_t>(std::max(0.0, value)); break;
    case Part::kBucket:
      place.gathered->buckets[parse_float(seen.labels.get("le")).value_or(INFINITY)] = value;
      break;
    case Part::kQuantile:
      place.gathered->quantiles[parse_float(seen.labels.get("quantile")).value_or(0)] = value;
      break;
  }
}

Status ScrapeTransaction::append_histogram(tsdb::SeriesId id, TimestampMs time,
                                           const model::Histogram& h,
                                           std::optional<TimestampMs> created) {
  auto seen = owner_.see(id, time, h.count);
  if (!seen) return std::unexpected(std::move(seen).error());
  const TimestampMs start = created.value_or(TimestampMs{seen->start_ms});
  later_.emplace_back(
      [this, seen = Seen{std::move(seen->labels), time, start}, h] { place_histogram(seen, h); });
  return {};
}

void ScrapeTransaction::place_histogram(const Seen& seen, const model::Histogram& h) {
  const Place place = place_of(seen.labels);
  if (place.family == nullptr || h.schema == model::kCustomBucketsSchema) return;
  place.family->is_native = true;
  DataPoint& point = place.gathered->point;
  point.time_ns = to_ns(seen.time.value);
  point.start_ns = to_ns(seen.start.value);
  if (model::is_stale_marker(h.sum)) point.flags = DataPoint::kNoRecordedValue;
  point.count = static_cast<uint64_t>(h.count);
  point.sum = h.sum;
  point.has_sum = true;
  fill_exponential(h, point);
}

Status ScrapeTransaction::append_exemplar(tsdb::SeriesId id, const model::Exemplar& exemplar) {
  auto labels = owner_.labels_of(id);
  if (!labels) return std::unexpected(std::move(labels).error());
  later_.emplace_back([this, labels = std::move(*labels), exemplar] {
    if (const Place place = place_of(labels); place.family != nullptr)
      place.gathered->exemplars.push_back(exemplar);
  });
  return {};
}

namespace {

bool is_cumulative(MetricType type) {
  return type == MetricType::kCounter || type == MetricType::kHistogram;
}

model::MetricView view_of(const std::string& name, const GatheredFamily& family) {
  model::MetricView view{
      .name = name, .description = family.metadata.help, .unit = family.metadata.unit};
  view.metadata.push_back(
      {"prometheus.type", ValueView::of_string(model::metric_type_name(family.metadata.type))});
  switch (family.metadata.type) {
    case MetricType::kCounter:
    case MetricType::kInfo:
    case MetricType::kStateset: view.kind = MetricKind::kSum; break;
    case MetricType::kHistogram:
    case MetricType::kGaugeHistogram: view.kind = MetricKind::kHistogram; break;
    case MetricType::kSummary: view.kind = MetricKind::kSummary; break;
    default: view.kind = MetricKind::kGauge;
  }
  if (family.is_native) view.kind = MetricKind::kExponentialHistogram;
  view.is_monotonic = family.metadata.type == MetricType::kCounter;
  if (view.kind != MetricKind::kGauge && view.kind != MetricKind::kSummary)
    view.temporality = model::Temporality::kCumulative;
  return view;
}

// Cumulative counts by bound as OTLP's counts between bounds.
void fill_buckets(const std::map<double, double>& buckets, DataPoint& point) {
  double before = 0;
  for (const auto& [le, count] : buckets) {
    if (!std::isinf(le)) point.bounds.push_back(le);
    point.bucket_counts.push_back(static_cast<uint64_t>(std::max(0.0, count - before)));
    before = count;
  }
  if (!buckets.empty() && !std::isinf(buckets.rbegin()->first))
    point.bucket_counts.push_back(
        static_cast<uint64_t>(std::max(0.0, static_cast<double>(point.count) - before)));
}

// "requests_seconds_total" of unit "seconds" is "requests".
std::string trimmed_name(std::string name, const model::MetricMetadata& metadata) {
  const auto trim = [&](const std::string& suffix) {
    if (suffix.size() > 1 && name.ends_with(suffix) && name.size() > suffix.size())
      name.resize(name.size() - suffix.size());
  };
  if (metadata.type == MetricType::kCounter) trim("_total");
  trim("_" + metadata.unit);
  return name;
}

}  // namespace

Status ScrapeTransaction::export_family(const std::string& name, const GatheredFamily& family,
                                        model::MetricsSink& sink) const {
  const std::string sent =
      owner_.options_.trim_suffixes ? trimmed_name(name, family.metadata) : name;
  const model::MetricView view = view_of(sent, family);
  if (auto status = sink.on_metric(view); !status) return status;
  for (const auto& [labels, gathered] : family.points) {
    DataPoint point = gathered.point;
    for (const model::LabelView label : labels)
      point.attributes.push_back({label.name, ValueView::of_string(label.value)});
    if (!is_cumulative(family.metadata.type) && view.kind != MetricKind::kSummary)
      point.start_ns = 0;
    fill_buckets(gathered.buckets, point);
    for (const auto& [quantile, value] : gathered.quantiles)
      point.quantiles.push_back({quantile, value});
    for (const model::Exemplar& from : gathered.exemplars) {
      model::PointExemplar to{.time_ns = to_ns(from.time.value),
                              .value = from.value,
                              .trace_id = from.trace_id,
                              .span_id = from.span_id};
      for (const model::LabelView label : from.labels)
        to.attributes.push_back({label.name, ValueView::of_string(label.value)});
      point.exemplars.push_back(std::move(to));
    }
    if (auto status = sink.on_point(view, point); !status) return status;
  }
  return {};
}

Status ScrapeTransaction::export_target(const std::pair<std::string, std::string>& key,
                                        const Target& target, model::MetricsSink& sink) const {
  const auto& [job, instance] = key;
  model::MetricResource resource;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) resource.attributes.push_back({name, ValueView::of_string(value)});
  };
  add("service.name", job);
  add("service.instance.id", instance);
  if (const size_t colon = instance.rfind(':'); colon != std::string::npos) {
    const std::string_view host = std::string_view(instance).substr(0, colon);
    if (says_where(host)) add("server.address", host);
    add("server.port", std::string_view(instance).substr(colon + 1));
  }
  if (const auto scheme = owner_.options_.schemes.find(job);
      scheme != owner_.options_.schemes.end())
    add("url.scheme", scheme->second);
  for (const model::LabelView label : target.info)
    if (label.name != "__name__" && label.name != "job" && label.name != "instance")
      add(label.name, label.value);
  if (auto status = sink.on_resource(resource); !status) return status;
  for (const auto& [scope, families] : target.scopes) {
    const model::MetricScope view{
        .name = scope.name, .version = scope.version, .schema_url = scope.schema_url};
    if (auto status = sink.on_scope(view); !status) return status;
    for (const auto& [name, family] : families)
      if (auto status = export_family(name, family, sink); !status) return status;
  }
  return {};
}

Status ScrapeTransaction::commit() {
  for (const auto& place : later_) place();
  later_.clear();
  wire::otlp::MetricsEncoder encoder;
  for (const auto& [key, target] : targets_)
    if (auto status = export_target(key, target, encoder); !status) return status;
  targets_.clear();
  owner_.end_round();
  const uint64_t points = encoder.points();
  if (points == 0) return {};
  const auto answer = owner_.next_.consume(std::make_shared<const MetricsBatch>(
      MetricsBatch{std::make_shared<const std::string>(encoder.take()), points}));
  if (!answer) {
    owner_.counters_.refused_points.add(points);
    return std::unexpected(answer.error());
  }
  owner_.counters_.refused_points.add(answer->rejected);
  owner_.counters_.accepted_points.add(points - std::min(points, answer->rejected));
  return {};
}

Result<model::Labels> ScrapedMetrics::labels_of(tsdb::SeriesId id) const {
  const std::lock_guard lock(mutex_);
  const auto known = series_.find(id.value);
  if (known == series_.end()) return fail(Errc::kNotFound, "series was forgotten");
  return known->second.labels;
}

}  // namespace sightline::pipeline
