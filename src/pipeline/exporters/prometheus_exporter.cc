#include "pipeline/exporters/prometheus_exporter.h"

#include <algorithm>
#include <map>

#include "connectors/spanmetrics/label_names.h"
#include "wire/openmetrics/exposition_writer.h"

namespace sightline::pipeline {
namespace {

using model::Labels;
using model::LabelsBuilder;
using model::MetricFamily;

constexpr std::string_view kTargetInfo = "target_info";
using Target = std::pair<std::string, std::string>;  // job, instance

Target target_of(const Labels& labels) {
  return {std::string(labels.get("job")), std::string(labels.get("instance"))};
}

// The resource's attributes, as far as its target_info and the labels made of it tell.
class ResourceLabels {
 public:
  ResourceLabels(const std::vector<MetricFamily>& families, bool exclude_service)
      : exclude_service_(exclude_service) {
    for (const MetricFamily& family : families)
      if (family.name == kTargetInfo)
        for (const auto& point : family.points)
          targets_.emplace(target_of(point.labels), point.labels);
  }

  void add_to(const Labels& of, LabelsBuilder& labels) const {
    const Target target = target_of(of);
    if (const auto found = targets_.find(target); found != targets_.end())
      for (const model::LabelView label : found->second)
        if (label.name != "job" && label.name != "instance") labels.set(label.name, label.value);
    if (exclude_service_) return;
    const auto& [job, instance] = target;
    std::string name(of.get("service_name"));
    if (name.empty()) name = job.substr(job.rfind('/') + 1);
    labels.set("service_name", name).set("service_instance_id", instance);
    if (job.size() > name.size() + 1)
      labels.set("service_namespace", job.substr(0, job.size() - name.size() - 1));
  }

 private:
  const bool exclude_service_;
  std::map<Target, Labels> targets_;
};

bool is_scope_label(std::string_view name) { return name.starts_with("otel_scope_"); }

}  // namespace

PrometheusExporter::PrometheusExporter(const config::PrometheusExporterConfig& config,
                                       const Clock& clock, bool is_strict)
    : config_(config),
      clock_(clock),
      is_strict_(is_strict),
      prefix_(config.metrics_namespace.empty()
                  ? ""
                  : connectors::spanmetrics::label_name_of(config.metrics_namespace) + "_") {}

Result<std::unique_ptr<PrometheusExporter>> PrometheusExporter::create(
    const config::PrometheusExporterConfig& config, const config::OtelcolConfig& all,
    const std::string& id, const Clock& clock) {
  std::unique_ptr<PrometheusExporter> made(new PrometheusExporter(config, clock, all.is_strict));
  auto endpoint = HttpEndpoint::create(config.server, &all, "exporter " + id, id);
  if (!endpoint) return std::unexpected(std::move(endpoint).error());
  made->endpoint_ = std::move(*endpoint);
  made->endpoint_->add("GET", "/metrics", [exporter = made.get()](net::HttpRequest& request) {
    return exporter->exposition(request.headers.get("Accept"));
  });
  return made;
}

// Of one spanmetrics connector alone, each series is shown the same until it changes.
void PrometheusExporter::add_source(SpanToMetrics& source) {
  sources_.push_back(&source);
  cache_.reset();
  const auto* metrics = source.span_metrics();
  if (sources_.size() > 1 || metrics == nullptr || !metrics->shows_every_exemplar() ||
      config_.keeps_utf8() || config_.resource_to_telemetry_conversion)
    return;
  cache_ = std::make_unique<ExpositionCache>(
      *metrics, ExpositionCache::Look{
                    .change_heads =
                        [this](std::vector<MetricFamily>& heads) {
                          for (MetricFamily& head : heads) {
                            if (config_.without_scope_info)
                              std::erase_if(head.empty_labels, is_scope_label);
                            change_name(head);
                          }
                        },
                    .change_point = [this](model::MetricPoint& point) { change_point(point); }});
}

void PrometheusExporter::change_point(model::MetricPoint& point) const {
  if (!config_.send_timestamps) point.has_time = false;
  if (!changes_labels()) return;
  LabelsBuilder labels(point.labels);
  if (config_.without_scope_info)
    for (const model::LabelView label : point.labels)
      if (is_scope_label(label.name)) labels.remove(label.name);
  for (const auto& [name, value] : config_.const_labels) labels.set(name, value);
  point.labels = labels.build();
}

MetricsConsumer& PrometheusExporter::pushed() {
  if (!pushed_) pushed_ = std::make_unique<PointFamilies>(config_, clock_, is_strict_);
  return *pushed_;
}

Status PrometheusExporter::start(WorkPool& pool, Telemetry& telemetry,
                                 std::shared_ptr<net::IoThreads> threads) {
  return endpoint_->start(pool, telemetry, std::move(threads));
}

bool PrometheusExporter::changes_labels() const {
  return !config_.const_labels.empty() || config_.resource_to_telemetry_conversion ||
         config_.without_scope_info;
}

void PrometheusExporter::change_labels(std::vector<MetricFamily>& families) const {
  const ResourceLabels resources(families, config_.exclude_service_attributes);
  for (MetricFamily& family : families) {
    if (family.name == kTargetInfo) continue;  // is about the resource alone
    if (config_.without_scope_info) std::erase_if(family.empty_labels, is_scope_label);
    for (model::MetricPoint& point : family.points) {
      LabelsBuilder labels(point.labels);
      if (config_.resource_to_telemetry_conversion) resources.add_to(point.labels, labels);
      if (config_.without_scope_info)
        for (const model::LabelView label : point.labels)
          if (is_scope_label(label.name)) labels.remove(label.name);
      for (const auto& [name, value] : config_.const_labels) labels.set(name, value);
      point.labels = labels.build();
    }
  }
}

void PrometheusExporter::change_name(MetricFamily& family) const {
  if (!config_.adds_suffixes() && !family.unit_suffix.empty() &&
      family.name.ends_with(family.unit_suffix))
    family.name.resize(family.name.size() - family.unit_suffix.size());
  family.total_suffix = config_.adds_suffixes();
  family.name.insert(0, prefix_);
}

void PrometheusExporter::change_names(std::vector<MetricFamily>& families) const {
  for (MetricFamily& family : families) change_name(family);
  if (!prefix_.empty() || !config_.adds_suffixes())
    std::sort(families.begin(), families.end(),
              [](const MetricFamily& a, const MetricFamily& b) { return a.name < b.name; });
}

std::vector<MetricFamily> PrometheusExporter::read_sources() const {
  std::vector<MetricFamily> families;
  // Names that stay as they are cannot be read from what is counted under Prometheus' names.
  if (config_.keeps_utf8()) {
    PointFamilies points(config_, clock_);
    for (SpanToMetrics* source : sources_)
      (void)points.take([&](model::MetricsSink& sink) -> Status {
        const auto read = source->export_points(sink, 0);
        return read ? Status() : std::unexpected(read.error());
      });
    return points.collect();
  }
  for (const SpanToMetrics* source : sources_) merge_families(families, source->collect());
  if (!config_.send_timestamps)
    for (MetricFamily& family : families)
      for (model::MetricPoint& point : family.points) point.has_time = false;
  if (changes_labels()) change_labels(families);
  change_names(families);
  return families;
}

net::HttpResponse PrometheusExporter::exposition(std::string_view accept) const {
  auto negotiated = wire::openmetrics::negotiate_exposition(accept, config_.enable_open_metrics);
  net::HttpResponse response;
  response.headers.set("Content-Type", std::move(negotiated.content_type));
  if (cache_ && (!pushed_ || pushed_->is_empty())) {
    if (auto text = cache_->write(negotiated.format, negotiated.escaping, clock_.now_ms())) {
      response.body = std::move(*text);
      return response;
    }
  }
  std::vector<MetricFamily> families = read_sources();
  if (pushed_) {
    merge_families(families, pushed_->collect());
    std::ranges::sort(families, {}, &MetricFamily::name);
  }
  response.body = write_exposition(families, negotiated.format, negotiated.escaping);
  return response;
}

}  // namespace sightline::pipeline
