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

std::string size_text(uint64_t bytes) {
  if (bytes > 0 && bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + "MiB";
  return std::to_string(bytes) + "B";
}

}  // namespace

std::string dump(const TempoConfig& config) {
  std::ostringstream out;
  // Nothing here is open to the network unless the file says so.
  const std::string host =
      config.server.http_listen_address.empty() ? "127.0.0.1" : config.server.http_listen_address;
  out << "trace store (" << config.file << ")\n";
  out << "  Tempo API: http://" << host << ":" << *config.server.http_listen_port
      << config.http_api_prefix << "\n";
  if (config.otlp) {
    out << "  receiver otlp: " << describe(*config.otlp) << "\n";
  }
  out << "  storage: " << *config.storage.backend << "; wal " << *config.storage.wal_path
      << "; blocks " << *config.storage.local_path << "\n";
  if (const auto& s3 = config.storage.s3; *config.storage.backend == "s3")
    out << "  blocks move to " << (s3.insecure ? "http://" : "https://") << *s3.endpoint
        << ", bucket " << *s3.bucket << (s3.prefix->empty() ? "" : ", prefix " + *s3.prefix)
        << "\n";
  out << "  a trace is cut after " << format_go_duration(config.cutting.trace_idle_period)
      << " idle; a block after " << format_go_duration(config.cutting.max_block_duration) << " or "
      << size_text(config.cutting.max_block_bytes) << "\n";
  const auto retention = config.limits.block_retention.value_or(config.compaction.block_retention);
  out << "  kept for " << format_go_duration(retention)
      << (config.storage.retention_size ? " or " + size_text(config.storage.retention_size->bytes)
                                        : "")
      << "; compaction window " << format_go_duration(config.compaction.compaction_window) << "\n";
  if (config.multitenancy_enabled) out << "  tenants by X-Scope-OrgID\n";
  if (const auto& rate = config.limits.rate_limit_bytes)
    out << "  a tenant may send " << size_text(*rate) << " per second\n";
  if (config.per_tenant_override_config.is_written())
    out << "  limits of tenants: " << *config.per_tenant_override_config << ", read every "
        << format_go_duration(config.per_tenant_override_period) << "\n";
  if (config.user_overrides) out << "  tenants may set limits of their own\n";
  if (config.usage_enabled)
    out << "  bytes received are counted in at most " << config.usage_series_max
        << " series a tenant\n";
  return out.str();
}

std::string dump(const PrometheusConfig& config) {
  std::ostringstream out;
  out << "metrics store (" << config.file << ")\n";
  for (const auto& [name, value] : config.global.external_labels)
    out << "  external label " << name << "=" << value << "\n";
  for (const ScrapeConfig& job : config.scrape_configs) {
    out << "  job " << *job.job_name << ": every "
        << format_prometheus_duration(job.scrape_interval) << ", timeout "
        << format_prometheus_duration(job.scrape_timeout)
        << (job.honor_labels ? ", honor_labels" : "")
        << (job.honor_timestamps ? "" : ", own timestamps")
        << (job.scrape_native_histograms ? ", native histograms" : "") << "\n";
    for (const TargetGroup& group : job.static_configs)
      for (const auto& target : group.targets)
        out << "    " << job.scheme << "://" << *target << job.metrics_path << "\n";
    const auto marked = [](const Marked<std::string>& each) { return *each; };
    for (const auto& each : job.file_discoveries)
      out << "    targets of " << joined(each.files, marked) << "\n";
    for (const auto& each : job.http_discoveries)
      out << "    targets of " << *each.url << ", asked every "
          << format_prometheus_duration(each.refresh_interval) << "\n";
    for (const auto& each : job.dns_discoveries)
      out << "    targets of " << each.type << " records of " << joined(each.names, marked)
          << ", asked every " << format_prometheus_duration(each.refresh_interval) << "\n";
    for (const auto* list : {&job.relabel_configs, &job.metric_relabel_configs})
      for (const RelabelConfig& rule : *list)
        out << "    " << (list == &job.relabel_configs ? "relabel" : "metric relabel") << " "
            << relabel_action_name(rule.action) << " ["
            << joined(rule.source_labels, [](const std::string& name) { return name; }) << "] =~ "
            << rule.regex << (rule.target_label.empty() ? "" : " -> " + rule.target_label) << "\n";
  }
  if (config.scrape_configs.empty()) out << "  no scrape jobs\n";
  if (config.storage.retention_time)
    out << "  kept for " << format_prometheus_duration(*config.storage.retention_time) << "\n";
  if (config.storage.retention_size)
    out << "  kept up to " << size_text(config.storage.retention_size->bytes) << "\n";
  return out.str();
}

std::string dump(const Provisioning& provisioning) {
  std::ostringstream out;
  out << "provisioning (" << provisioning.directory << ")\n";
  for (const DataSource& source : provisioning.data_sources) {
    out << "  data source " << source.name << " (" << source.uid << "): " << source.type << " "
        << source.url << (source.is_default ? "; default" : "");
    for (const ExemplarDestination& d : source.exemplar_destinations)
      out << "; exemplar " << d.name << " -> "
          << (d.datasource_uid.empty() ? d.url : d.datasource_uid);
    if (source.traces_to_metrics)
      out << "; " << source.traces_to_metrics->queries.size() << " queries from spans";
    out << "\n";
  }
  for (const Dashboard& dashboard : provisioning.dashboards)
    out << "  dashboard " << dashboard.title << " (" << dashboard.uid << "): " << dashboard.path
        << "\n";
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
