#include "config/tempo/tempo_config.h"

#include "config/otelcol/otelcol_readers.h"
#include "config/tempo/tempo_keys.h"
#include "config/tempo/tempo_overrides.h"
#include "config/yaml/yaml_section.h"

namespace sightline::config {
namespace {

constexpr std::string_view kOneProcess =
    "one process with one trace store needs no ring, queue or client for it";

void read_server(Section& root, TempoConfig::Server& out) {
  Section server = root.inner("server");
  server.read("http_listen_address", out.http_listen_address);
  server.read("http_listen_port", out.http_listen_port);
  server.read("grpc_listen_address", out.grpc_listen_address);
  server.read("grpc_listen_port", out.grpc_listen_port);
  server.read("http_server_read_timeout", out.http_server_read_timeout);
  server.read("http_server_write_timeout", out.http_server_write_timeout);
  server.read("graceful_shutdown_timeout", out.graceful_shutdown_timeout);
  server.read("grpc_server_max_recv_msg_size", out.grpc_server_max_recv_msg_bytes);
  server.read("grpc_server_max_send_msg_size", out.grpc_server_max_send_msg_bytes);
  server.read("log_level", out.log_level);
  server.finish("this process' own server settings are used");
}

void read_receivers(Section& distributor, std::optional<OtlpReceiverConfig>& out) {
  const auto at = distributor.take("receivers");
  if (!at || at->is_null()) return;
  MapReader map(*at);
  if (const auto otlp = map.take("otlp")) {
    out.emplace();
    read_component(*otlp, *out);
  }
  map.reject({"jaeger", "zipkin", "opencensus", "kafka"},
             "only the otlp receiver is available here");
  map.finish();
}

void read_distributor(Section& root, TempoConfig& out) {
  Section distributor = root.inner("distributor");
  read_receivers(distributor, out.otlp);
  Section usage = distributor.inner("usage");
  Section cost = usage.inner("cost_attribution");
  cost.read("enabled", out.usage_enabled);
  cost.read("max_cardinality", out.usage_series_max);
  cost.finish("what was counted stays");
  usage.finish("");
  distributor.finish(kOneProcess);
}

void read_cutting(Section& section, TempoConfig::Cutting& out) {
  section.read("trace_idle_period", out.trace_idle_period);
  section.read("max_trace_idle", out.trace_idle_period);
  for (const char* key : {"trace_live_period", "max_trace_live"})
    section.ignore(key, "a live trace can be searched at once, and max_block_duration ends it");
  section.read("max_block_duration", out.max_block_duration);
  section.read("max_block_bytes", out.max_block_bytes);
  section.ignore("complete_block_timeout", "a block is complete at once");
  section.ignore("flush_check_period", "what is due is looked for every second");
  section.read("flush_all_on_shutdown", out.flush_all_on_shutdown);
}

void read_ingester(Section& root, TempoConfig::Cutting& out) {
  Section ingester = root.inner("ingester");
  read_cutting(ingester, out);
  ingester.finish(kOneProcess);
  Section live_store = root.inner("live_store");
  read_cutting(live_store, out);
  live_store.finish(kOneProcess);
}

void read_compaction(Section section, TempoConfig::Compaction& out) {
  section.read("compaction_window", out.compaction_window);
  section.read("block_retention", out.block_retention);
  section.ignore("compacted_block_retention", "a merged block goes with its last reader");
  section.ignore("compaction_cycle", "what can be merged is looked for every second");
  section.read("max_compaction_objects", out.max_compaction_objects);
  section.read("max_block_bytes", out.max_block_bytes);
  section.finish("the trace store compacts in its own way");
}

void read_compactor(Section& root, TempoConfig::Compaction& out) {
  Section compactor = root.inner("compactor");
  read_compaction(compactor.inner("compaction"), out);
  compactor.finish(kOneProcess);
  Section scheduler = root.inner("backend_scheduler");
  Section provider = scheduler.inner("provider");
  Section planner = provider.inner("compaction");
  read_compaction(planner.inner("compaction"), out);
  planner.finish(kOneProcess);
  provider.finish(kOneProcess);
  scheduler.finish(kOneProcess);
  Section worker = root.inner("backend_worker");
  read_compaction(worker.inner("compaction"), out);
  worker.finish(kOneProcess);
}

// Tempo names versions as Go does.
void read_tls_version(Section& s3, std::string& out) {
  const auto at = s3.take("tls_min_version");
  if (!at || at->is_null()) return;
  std::string name;
  read_value(*at, name);
  if (name == "VersionTLS10" || name == "VersionTLS11" || name == "VersionTLS12" ||
      name == "VersionTLS13")
    out = {'1', '.', name.back()};
  else
    at->error("expected VersionTLS10 to VersionTLS13, got \"" + name + "\"");
}

void read_s3(Section s3, TempoConfig::S3& out) {
  s3.read("bucket", out.bucket);
  s3.read("endpoint", out.endpoint);
  s3.read("prefix", out.prefix);
  s3.read("region", out.region);
  s3.read("access_key", out.access_key);
  s3.read("secret_key", out.secret_key);
  s3.read("session_token", out.session_token);
  s3.read("insecure", out.insecure);
  s3.read("forcepathstyle", out.forcepathstyle);
  s3.read("bucket_lookup_type", out.bucket_lookup_type);
  s3.read("tls_ca_path", out.tls_ca_path);
  s3.read("tls_cert_path", out.tls_cert_path);
  s3.read("tls_key_path", out.tls_key_path);
  s3.read("tls_server_name", out.tls_server_name);
  s3.read("tls_insecure_skip_verify", out.tls_insecure_skip_verify);
  read_tls_version(s3, out.tls_min_version);
  s3.read("retry_max_attempts", out.retry_max_attempts);
  s3.read("retry_backoff_initial", out.retry_backoff_initial);
  s3.read("retry_backoff_max", out.retry_backoff_max);
  // What the file asks to be encrypted must not lie there in the clear.
  if (const auto sse = s3.take("sse"); sse && !sse->is_null())
    sse->error("encryption by request is not available here; set it for the bucket");
  bool signature_v2 = false;
  const auto v2 = s3.take("signature_v2");
  if (v2 && !v2->is_null()) read_value(*v2, signature_v2);
  if (signature_v2) v2->error("only Signature Version 4 is available here");
  s3.finish("requests to object storage are made in another way here");
}

void check_s3(const TempoConfig::Storage& storage, Diagnostics& diagnostics) {
  const TempoConfig::S3& s3 = storage.s3;
  const auto error = [&](const Mark& mark, std::string_view what) {
    diagnostics.error(mark.is_written() ? mark : storage.backend.mark,
                      "storage.trace.s3." + std::string(what));
  };
  if (s3.bucket->empty()) error(s3.bucket.mark, "bucket: names no bucket");
  if (s3.endpoint->empty())
    error(s3.endpoint.mark, "endpoint: names no host");
  else if (s3.endpoint->find('/') != std::string::npos)
    error(s3.endpoint.mark, "endpoint: expected a host, perhaps with a port, got \"" +
                                *s3.endpoint + "\"; insecure says whether it is http");
  if (*s3.bucket_lookup_type > 2)
    error(s3.bucket_lookup_type.mark,
          "bucket_lookup_type: expected 0, 1 or 2, got " + std::to_string(*s3.bucket_lookup_type));
  if (s3.access_key.empty() != s3.secret_key.empty())
    error(storage.backend.mark, "access_key and secret_key: one is there, the other is not");
  if (s3.retry_max_attempts == 0)
    error(storage.backend.mark, "retry_max_attempts must be positive");
}

void read_storage(Section& root, TempoConfig::Storage& out) {
  Section storage = root.inner("storage");
  Section trace = storage.inner("trace");
  trace.read("backend", out.backend);
  trace.read("blocklist_poll", out.blocklist_poll);
  Section wal = trace.inner("wal");
  wal.read("path", out.wal_path);
  wal.finish("the write-ahead log has its own format here");
  Section local = trace.inner("local");
  local.read("path", out.local_path);
  if (trace.map() != nullptr) trace.map()->read("retention_size", out.retention_size);  // our own
  local.finish("blocks have their own format here");
  read_s3(trace.inner("s3"), out.s3);
  trace.finish("blocks have their own format and cache here");
  storage.finish(kOneProcess);
  const std::string& backend = out.backend.value;
  if (trace.map() == nullptr || backend == "local") return;
  const Cursor& at = trace.map()->at();
  if (backend == "s3") {
    check_s3(out, at.diagnostics());
  } else if (backend == "gcs" || backend == "azure") {
    at.diagnostics().error(out.backend.mark, "storage.trace.backend: \"" + backend +
                                                 "\" is not available here; use local or s3");
  } else {
    at.diagnostics().error(out.backend.mark,
                           "storage.trace.backend: unknown backend \"" + backend + "\"" +
                               did_you_mean(backend, {"local", "s3", "gcs", "azure"}));
  }
}

void read_search(Section& root, TempoConfig::Search& out) {
  Section frontend = root.inner("query_frontend");
  Section search = frontend.inner("search");
  search.read("default_result_limit", out.default_result_limit);
  search.read("max_result_limit", out.max_result_limit);
  search.read("max_duration", out.max_duration);
  search.read("default_spans_per_span_set", out.default_spans_per_span_set);
  search.read("max_spans_per_span_set", out.max_spans_per_span_set);
  search.finish("queries are not split into jobs for other processes");
  Section metrics = frontend.inner("metrics");
  metrics.read("max_duration", out.metrics_max_duration);
  metrics.finish("queries are not split into jobs for other processes");
  frontend.read("multi_tenant_queries_enabled", out.multi_tenant_queries_enabled);
  frontend.finish("queries are not split into jobs for other processes");
}

// This process is the whole of Tempo.
void read_roles(Section& top, const YamlValue& root, Diagnostics& diagnostics, TempoConfig& out) {
  std::string target = "all";
  top.read("target", target);
  if (target != "all" && target != "scalable-single-binary")
    diagnostics.error(root.find("target")->mark,
                      "target: \"" + target + "\" alone is not available here; use all");
  top.read("auth_enabled", out.multitenancy_enabled);  // its name before 2.0
  top.read("multitenancy_enabled", out.multitenancy_enabled);
}

void check(const TempoConfig& config, Diagnostics& diagnostics) {
  const auto positive = [&](std::chrono::nanoseconds value, std::string_view key) {
    if (value.count() <= 0)
      diagnostics.error({std::make_shared<const std::string>(config.file), 0, 0},
                        std::string(key) + " must be positive");
  };
  positive(config.cutting.trace_idle_period, "trace_idle_period");
  positive(config.cutting.max_block_duration, "max_block_duration");
  positive(config.compaction.compaction_window, "compaction_window");
  positive(config.compaction.block_retention, "block_retention");
  if (config.storage.wal_path.value == config.storage.local_path.value)
    diagnostics.error(config.storage.local_path.mark,
                      "storage.trace: wal.path and local.path must be different directories");
}

}  // namespace

Result<TempoConfig> parse_tempo(std::string_view text, std::string_view file, const Environment&,
                                const YamlLimits& limits) {
  auto root = parse_yaml(text, file, limits);
  if (!root) return std::unexpected(std::move(root).error());
  return read_tempo(std::move(*root), file, limits);
}

Result<TempoConfig> read_tempo(std::shared_ptr<const YamlValue> root, std::string_view file,
                               const YamlLimits&) {
  Diagnostics diagnostics;
  TempoConfig out;
  out.file = file;
  const KnownKeys keys = tempo_keys();
  Section top(Cursor(*root, "", PathStyle::kDots, diagnostics), &keys);
  read_server(top, out.server);
  read_distributor(top, out);
  read_ingester(top, out.cutting);
  read_compactor(top, out.compaction);
  read_storage(top, out.storage);
  read_search(top, out.search);
  read_overrides(top, out);
  top.read("http_api_prefix", out.http_api_prefix);
  top.read("stream_over_http_enabled", out.stream_over_http_enabled);
  read_roles(top, *root, diagnostics, out);
  top.ignore("metrics_generator", "span metrics come from the collector's spanmetrics connector");
  top.finish(kOneProcess);
  if (diagnostics.ok()) check(out, diagnostics);
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  out.notices = diagnostics.take_notices();
  return out;
}

}  // namespace sightline::config
