// What a collector configuration would run: one line per component and pipeline.
#include <sstream>

#include "base/number_text.h"
#include "config/otelcol/otelcol_config.h"

namespace sightline::config {
namespace {

template <typename List, typename Text>
std::string joined(const List& list, Text text) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + std::string(text(item));
  return out;
}

std::string listed(const std::vector<Marked<ComponentId>>& ids) {
  return "[" + joined(ids, [](const auto& id) { return id->text(); }) + "]";
}

std::string names(const std::vector<DimensionConfig>& dimensions) {
  return joined(dimensions, [](const DimensionConfig& d) {
    if (!d.glob.empty()) return d.glob;
    return d.default_value ? d.name + "=" + *d.default_value : d.name;
  });
}

struct Describe {
  std::ostringstream& out;

  void operator()(const NopConfig&) const { out << "does nothing"; }
  void operator()(const StoreExporterConfig&) const { out << "this process' own stores"; }
  void operator()(const OtlpReceiverConfig& c) const {
    if (c.grpc) out << "gRPC on " << *c.grpc->endpoint << (c.grpc->tls ? " (TLS)" : "");
    if (c.grpc && c.http) out << ", ";
    if (c.http)
      out << "HTTP on " << *c.http->endpoint << c.http->traces_url_path
          << (c.http->tls ? " (TLS)" : "");
  }
  void operator()(const ZipkinReceiverConfig& c) const {
    out << "HTTP on " << *c.server.endpoint << "/api/v2/spans" << (c.server.tls ? " (TLS)" : "");
    if (c.parse_string_tags) out << "; tags as numbers";
  }
  void operator()(const JaegerReceiverConfig& c) const {
    if (c.grpc) out << "gRPC on " << *c.grpc->endpoint << (c.grpc->tls ? " (TLS)" : "");
    if (c.grpc && c.thrift_http) out << ", ";
    if (c.thrift_http)
      out << "Thrift on " << *c.thrift_http->endpoint << "/api/traces"
          << (c.thrift_http->tls ? " (TLS)" : "");
  }
  void operator()(const PrometheusReceiverConfig& c) const {
    out << "scrapes "
        << joined(c.scraping.scrape_configs, [](const ScrapeConfig& job) { return *job.job_name; });
    if (c.trim_metric_suffixes) out << "; names without suffixes";
  }
  void operator()(const BatchProcessorConfig& c) const {
    out << "batches of " << c.send_batch_size << " or " << format_go_duration(c.timeout);
    if (c.send_batch_max_size > 0) out << ", at most " << c.send_batch_max_size;
  }
  void operator()(const MemoryLimiterConfig& c) const {
    if (c.limit_mib > 0) {
      out << "limit " << c.limit_mib << " MiB";
    } else {
      out << "limit " << c.limit_percentage << "% of memory";
    }
    out << ", checked every " << format_go_duration(c.check_interval);
  }
  void operator()(const AttributesProcessorConfig& c) const {
    actions(c.actions);
    if (c.include) out << "; of some spans only";
    if (c.exclude) out << "; of some spans not";
  }
  void operator()(const ResourceProcessorConfig& c) const { actions(c.actions); }
  void actions(const std::vector<AttributeAction>& list) const {
    static constexpr std::string_view kNames[] = {"insert", "update",  "upsert", "delete",
                                                  "hash",   "extract", "convert"};
    out << joined(list, [](const AttributeAction& a) {
      return std::string(kNames[static_cast<size_t>(a.kind)]) + " " +
             (a.key.empty() ? a.pattern : a.key);
    });
  }
  void operator()(const FilterProcessorConfig& c) const {
    if (!c.conditions.empty())
      out << "drops " << joined(c.conditions, [](const OttlCondition& x) { return x.text; });
    if (c.include) out << "keeps what `include` matches";
    if (c.exclude) out << (c.include ? "; " : "") << "drops what `exclude` matches";
    const bool of_spans = !c.conditions.empty() || c.include || c.exclude;
    const auto begin = [&] { out << (of_spans ? "; of metrics " : "of metrics "); };
    if (!c.metric_conditions.empty()) {
      begin();
      out << "drops " << joined(c.metric_conditions, [](const OttlCondition& x) { return x.text; });
    } else if (c.filters_metrics()) {
      begin();
      out << (c.include_metrics ? "keeps what `include` matches" : "drops what `exclude` matches");
    }
    if (!of_spans && !c.filters_metrics()) out << "lets everything pass";
  }
  void operator()(const ProbabilisticSamplerConfig& c) const {
    static constexpr std::string_view kModes[] = {"hash_seed", "proportional", "equalizing"};
    out << format_float_plain(static_cast<double>(c.sampling_percentage)) << "% by "
        << kModes[static_cast<size_t>(c.mode)];
  }
  void operator()(const GroupByTraceConfig& c) const {
    out << "waits " << format_go_duration(c.wait_duration) << ", " << c.num_traces
        << " traces at most";
  }
  void operator()(const TailSamplingConfig& c) const {
    out << "decides after " << format_go_duration(c.decision_wait) << ", " << c.num_traces
        << " traces at most; policies "
        << joined(c.policies, [](const SamplingPolicyConfig& p) { return p.name; });
    if (c.exemplars.keep)
      out << "; and traces of exemplars, " << c.exemplars.max_traces_per_second << " a second";
  }
  void operator()(const ForwardConfig&) const { out << "joins pipelines"; }
  void operator()(const ServiceGraphConfig& c) const {
    out << "waits " << format_go_duration(c.store_ttl) << " for the other side, "
        << c.store_max_items << " at most";
    if (!c.dimensions.empty())
      out << "; dimensions " << joined(c.dimensions, [](const std::string& name) { return name; });
    if (c.exponential_histogram_max_size > 0)
      out << "; exponential histogram of " << c.exponential_histogram_max_size << " buckets";
  }
  void operator()(const CountConfig& c) const {
    const auto listed = [](const std::vector<CountConfig::Metric>& metrics) {
      return joined(metrics, [](const CountConfig::Metric& m) { return m.name; });
    };
    out << listed(c.spans) << " of spans; " << listed(c.span_events) << " of events; "
        << listed(c.metrics) << " of metrics; " << listed(c.data_points) << " of data points";
  }
  void operator()(const FileExporterConfig& c) const {
    out << (c.format == FileExporterConfig::Format::kProto ? "OTLP protobuf" : "OTLP JSON")
        << " to " << c.path;
    if (c.groups()) out << ", * from " << c.group_by_attribute;
    if (c.append) out << "; appends";
    if (c.max_megabytes > 0)
      out << "; a new file after " << c.max_megabytes << " MB, " << c.max_backups << " kept";
  }
  void operator()(const SpanMetricsConfig& c) const {
    out << "namespace " << (c.metrics_namespace.empty() ? "\"\"" : c.metrics_namespace);
    if (!c.dimensions.empty()) out << "; dimensions " << names(c.dimensions);
    if (!c.calls_dimensions.empty()) out << "; of calls " << names(c.calls_dimensions);
    if (!c.exclude_dimensions.empty())
      out << "; without "
          << joined(c.exclude_dimensions, [](const std::string& name) { return name; });
    if (c.histogram.disable) {
      out << "; no histogram";
    } else if (c.histogram.exponential_max_size) {
      out << "; exponential histogram of " << *c.histogram.exponential_max_size << " buckets";
    } else {
      out << "; buckets "
          << joined(c.histogram.explicit_buckets, [](auto d) { return format_go_duration(d); });
    }
    out << " in " << (c.histogram.unit == DurationUnit::kSeconds ? "s" : "ms");
    out << "; exemplars " << (c.exemplars.enabled ? "on" : "off");
    if (c.events.enabled) out << "; events " << names(c.events.dimensions);
    if (c.aggregation_temporality == AggregationTemporality::kDelta) out << "; delta";
    out << "; flushed every " << format_go_duration(c.metrics_flush_interval);
  }
  void operator()(const PrometheusExporterConfig& c) const {
    out << "http://" << *c.server.endpoint << "/metrics";
    if (!c.metrics_namespace.empty()) out << "; namespace " << c.metrics_namespace;
    for (const auto& [name, value] : c.const_labels) out << "; " << name << "=" << value;
    if (c.send_timestamps) out << "; timestamps";
    if (c.enable_open_metrics) out << "; OpenMetrics";
    if (!c.adds_suffixes()) out << "; no suffixes";
    if (c.resource_to_telemetry_conversion) out << "; resource attributes as labels";
    out << "; expires after " << format_go_duration(c.metric_expiration);
  }
  void operator()(const RemoteWriteExporterConfig& c) const {
    out << "remote write " << (c.is_version_2 ? "2.0" : "1.0") << " to " << *c.client.endpoint;
    if (!c.metrics_namespace.empty()) out << "; namespace " << c.metrics_namespace;
    for (const auto& [name, value] : c.external_labels) out << "; " << name << "=" << value;
    if (!c.wal_directory.empty()) out << "; waits in " << c.wal_directory;
    if (c.convert_explicit_histograms_to_nhcb) out << "; histograms as native ones";
    client(c.client);
  }
  void client(const ClientConfig& c) const {
    out << "; " << compression_name(c.compression) << "; timeout " << format_go_duration(c.timeout);
    if (c.tls.insecure) out << "; no TLS";
    if (!c.proxy_url.empty()) out << "; through " << c.proxy_url;
    if (c.retry.enabled) {
      out << "; retries " << format_go_duration(c.retry.initial_interval) << ".."
          << format_go_duration(c.retry.max_interval) << " for "
          << format_go_duration(c.retry.max_elapsed_time);
    } else {
      out << "; no retries";
    }
    if (c.queue.enabled) {
      out << "; queue " << c.queue.queue_size << " " << c.queue.sizer << ", "
          << c.queue.num_consumers << " consumers";
    } else {
      out << "; no queue";
    }
    for (const auto& [name, value] : c.headers) out << "; header " << name;
  }
  void operator()(const OtlpExporterConfig& c) const {
    out << "gRPC to " << *c.client.endpoint;
    client(c.client);
  }
  void operator()(const OtlpHttpExporterConfig& c) const {
    out << "HTTP to " << (c.traces_url().empty() ? c.metrics_url() : c.traces_url());
    if (c.encoding == OtlpHttpExporterConfig::Encoding::kJson) out << "; JSON";
    client(c.client);
  }
  void operator()(const DebugExporterConfig& c) const {
    switch (c.verbosity) {
      case DebugExporterConfig::Verbosity::kBasic: out << "verbosity basic"; break;
      case DebugExporterConfig::Verbosity::kNormal: out << "verbosity normal"; break;
      case DebugExporterConfig::Verbosity::kDetailed: out << "verbosity detailed"; break;
    }
  }
};

template <typename List>
void dump_components(std::ostringstream& out, const OtelcolConfig& config, const List& list,
                     std::string_view kind) {
  for (const auto& component : list) {
    if (!config.is_used(component.id)) continue;
    out << "  " << kind << " " << component.id.text() << ": ";
    std::visit(Describe{out}, component.config);
    out << "\n";
  }
}

}  // namespace

std::string describe(const OtlpReceiverConfig& config) {
  std::ostringstream out;
  Describe{out}(config);
  return std::move(out).str();
}

std::string dump(const OtelcolConfig& config) {
  std::ostringstream out;
  out << "collector (" << config.file << ")" << (config.is_strict ? ", strict" : "") << "\n";
  dump_components(out, config, config.receivers, "receiver");
  dump_components(out, config, config.processors, "processor");
  dump_components(out, config, config.connectors, "connector");
  dump_components(out, config, config.exporters, "exporter");
  if (!config.telemetry_address->empty())
    out << "  own metrics: http://" << *config.telemetry_address << "/metrics\n";
  for (const PipelineConfig& pipeline : config.pipelines) {
    out << "  pipeline " << pipeline.id() << ": " << listed(pipeline.receivers) << " -> ";
    if (!pipeline.processors.empty()) out << listed(pipeline.processors) << " -> ";
    out << listed(pipeline.exporters) << "\n";
  }
  return out.str();
}

}  // namespace sightline::config
