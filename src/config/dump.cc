// What a configuration would run, one line per listener, component, pipeline and job.
#include <sstream>

#include "base/number_text.h"
#include "config/sightline_config.h"

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
    if (c.http) out << "HTTP on " << *c.http->endpoint << c.http->traces_url_path << (c.http->tls ? " (TLS)" : "");
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
  void operator()(const SpanMetricsConfig& c) const {
    out << "namespace " << (c.metrics_namespace.empty() ? "\"\"" : c.metrics_namespace);
    if (!c.dimensions.empty()) out << "; dimensions " << names(c.dimensions);
    if (!c.calls_dimensions.empty()) out << "; of calls " << names(c.calls_dimensions);
    if (!c.exclude_dimensions.empty())
      out << "; without " << joined(c.exclude_dimensions, [](const std::string& name) { return name; });
    if (c.histogram.disable) {
      out << "; no histogram";
    } else if (c.histogram.exponential_max_size) {
      out << "; exponential histogram of " << *c.histogram.exponential_max_size << " buckets";
    } else {
      out << "; buckets " << joined(c.histogram.explicit_buckets, [](auto d) { return format_go_duration(d); });
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
  void client(const ClientConfig& c) const {
    out << "; " << compression_name(c.compression) << "; timeout " << format_go_duration(c.timeout);
    if (c.tls.insecure) out << "; no TLS";
    if (c.retry.enabled) {
      out << "; retries " << format_go_duration(c.retry.initial_interval) << ".."
          << format_go_duration(c.retry.max_interval) << " for " << format_go_duration(c.retry.max_elapsed_time);
    } else {
      out << "; no retries";
    }
    if (c.queue.enabled) {
      out << "; queue " << c.queue.queue_size << " " << c.queue.sizer << ", " << c.queue.num_consumers << " consumers";
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
void dump_components(std::ostringstream& out, const OtelcolConfig& config, const List& list, std::string_view kind) {
  for (const auto& component : list) {
    if (!config.is_used(component.id)) continue;
    out << "  " << kind << " " << component.id.text() << ": ";
    std::visit(Describe{out}, component.config);
    out << "\n";
  }
}

std::string size_text(uint64_t bytes) {
  if (bytes > 0 && bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + "MiB";
  return std::to_string(bytes) + "B";
}

}  // namespace

std::string dump(const OtelcolConfig& config) {
  std::ostringstream out;
  out << "collector (" << config.file << ")\n";
  dump_components(out, config, config.receivers, "receiver");
  dump_components(out, config, config.processors, "processor");
  dump_components(out, config, config.connectors, "connector");
  dump_components(out, config, config.exporters, "exporter");
  for (const PipelineConfig& pipeline : config.pipelines) {
    out << "  pipeline " << pipeline.id() << ": " << listed(pipeline.receivers) << " -> ";
    if (!pipeline.processors.empty()) out << listed(pipeline.processors) << " -> ";
    out << listed(pipeline.exporters) << "\n";
  }
  return out.str();
}

std::string dump(const TempoConfig& config) {
  std::ostringstream out;
  // Nothing here is open to the network unless the file says so.
  const std::string host = config.server.http_listen_address.empty() ? "127.0.0.1" : config.server.http_listen_address;
  out << "trace store (" << config.file << ")\n";
  out << "  Tempo API: http://" << host << ":" << *config.server.http_listen_port << config.http_api_prefix << "\n";
  if (config.otlp) {
    out << "  receiver otlp: ";
    Describe{out}(*config.otlp);
    out << "\n";
  }
  out << "  storage: " << *config.storage.backend << "; wal " << *config.storage.wal_path << "; blocks "
      << *config.storage.local_path << "\n";
  out << "  a trace is cut after " << format_go_duration(config.cutting.trace_idle_period) << " idle; a block after "
      << format_go_duration(config.cutting.max_block_duration) << " or " << size_text(config.cutting.max_block_bytes)
      << "\n";
  const auto retention = config.limits.block_retention.value_or(config.compaction.block_retention);
  out << "  kept for " << format_go_duration(retention) << "; compaction window "
      << format_go_duration(config.compaction.compaction_window) << "\n";
  return out.str();
}

std::string dump(const PrometheusConfig& config) {
  std::ostringstream out;
  out << "metrics store (" << config.file << ")\n";
  for (const auto& [name, value] : config.global.external_labels) out << "  external label " << name << "=" << value << "\n";
  for (const ScrapeConfig& job : config.scrape_configs) {
    out << "  job " << *job.job_name << ": every " << format_prometheus_duration(job.scrape_interval) << ", timeout "
        << format_prometheus_duration(job.scrape_timeout) << (job.honor_labels ? ", honor_labels" : "")
        << (job.honor_timestamps ? "" : ", own timestamps") << "\n";
    for (const TargetGroup& group : job.static_configs)
      for (const auto& target : group.targets)
        out << "    " << job.scheme << "://" << *target << job.metrics_path << "\n";
    for (const auto* list : {&job.relabel_configs, &job.metric_relabel_configs})
      for (const RelabelConfig& rule : *list)
        out << "    " << (list == &job.relabel_configs ? "relabel" : "metric relabel") << " "
            << relabel_action_name(rule.action) << " ["
            << joined(rule.source_labels, [](const std::string& name) { return name; }) << "] =~ " << rule.regex
            << (rule.target_label.empty() ? "" : " -> " + rule.target_label) << "\n";
  }
  if (config.scrape_configs.empty()) out << "  no scrape jobs\n";
  if (config.storage.retention_time) out << "  kept for " << format_prometheus_duration(*config.storage.retention_time) << "\n";
  return out.str();
}

std::string dump(const Provisioning& provisioning) {
  std::ostringstream out;
  out << "provisioning (" << provisioning.directory << ")\n";
  for (const DataSource& source : provisioning.data_sources) {
    out << "  data source " << source.name << " (" << source.uid << "): " << source.type << " " << source.url
        << (source.is_default ? "; default" : "");
    for (const ExemplarDestination& d : source.exemplar_destinations)
      out << "; exemplar " << d.name << " -> " << (d.datasource_uid.empty() ? d.url : d.datasource_uid);
    if (source.traces_to_metrics) out << "; " << source.traces_to_metrics->queries.size() << " queries from spans";
    out << "\n";
  }
  for (const Dashboard& dashboard : provisioning.dashboards)
    out << "  dashboard " << dashboard.title << " (" << dashboard.uid << "): " << dashboard.path << "\n";
  return out.str();
}

std::string dump(const SightlineConfig& config) {
  std::ostringstream out;
  out << "pages on http://" << *config.server.ui << "/; ";
  if (config.prometheus) out << "Prometheus API on http://" << *config.server.prometheus << "/; ";
  out << "data in " << config.server.data_dir << "\n";
  if (config.otelcol) out << dump(*config.otelcol);
  if (config.tempo) out << dump(*config.tempo);
  if (config.prometheus) out << dump(*config.prometheus);
  if (config.provisioning) out << dump(*config.provisioning);
  return out.str();
}

}  // namespace sightline::config
