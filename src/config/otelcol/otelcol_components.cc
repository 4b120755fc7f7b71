#include "config/otelcol/otelcol_components.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "base/glob.h"
#include "config/otelcol/otelcol_readers.h"

namespace sightline::config {
namespace {

using std::chrono::milliseconds;

std::string url_of(const Marked<std::string>& whole, const std::string& base,
                   std::string_view path) {
  if (!whole.value.empty()) return whole.value;
  if (base.empty()) return {};
  return base + (base.ends_with('/') ? "" : "/") + std::string(path);
}

std::string url_path(std::string path) { return path.starts_with('/') ? path : "/" + path; }

// Of `items`, each of which has a glob: it must be one, and match none of the names.
void check_globs(const std::vector<Cursor>& items, const std::set<std::string>& names) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_dot_nl(true);
  for (const Cursor& item : items) {
    std::string glob;
    MapReader(item).read("glob", glob);
    const auto pattern = glob_to_regexp(glob);
    if (!pattern) {
      item.error(pattern.error().message);
      continue;
    }
    const re2::RE2 compiled(*pattern, options);
    if (!compiled.ok()) item.error("glob \"" + glob + "\": " + compiled.error());
    for (const std::string& name : names)
      if (re2::RE2::FullMatch(name, compiled))
        item.error("duplicate dimension name \"" + name + "\" conflicting with glob \"" + glob +
                   "\"");
  }
}

void read_dimensions(MapReader& map, std::string_view key, std::vector<DimensionConfig>& out,
                     bool reserve) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  std::set<std::string> names;
  if (reserve) names = {"service.name", "span.name", "span.kind", "status.code"};
  std::vector<Cursor> globs;
  for (const Cursor& item : at->items()) {
    DimensionConfig dimension;
    MapReader inner(item);
    inner.read("name", dimension.name);
    inner.read("default", dimension.default_value);
    inner.read("glob", dimension.glob);
    inner.finish();
    if (dimension.name.empty() == dimension.glob.empty()) {
      item.error("a dimension needs a name or a glob");
    } else if (!dimension.glob.empty()) {
      if (dimension.default_value) item.error("`default` is not supported on a glob");
      globs.push_back(item);
      out.push_back(std::move(dimension));
    } else if (!names.insert(dimension.name).second) {
      item.error("duplicate dimension name \"" + dimension.name + "\"" +
                 (reserve ? " (service.name, span.name, span.kind and status.code are always there)"
                          : ""));
    } else {
      out.push_back(std::move(dimension));
    }
  }
  check_globs(globs, names);
}

void read_explicit_buckets(MapReader& map, SpanMetricsConfig::Histogram& out) {
  const auto at = map.take("explicit");
  if (!at || at->is_null()) return;
  MapReader inner(*at);
  std::vector<std::chrono::nanoseconds> buckets;
  inner.read("buckets", buckets);
  inner.finish();
  if (out.exponential_max_size) at->error("use either `explicit` or `exponential`, not both");
  if (buckets.empty()) return;
  for (size_t i = 1; i < buckets.size(); ++i)
    if (buckets[i] <= buckets[i - 1]) return at->error("buckets must ascend");
  out.explicit_buckets = std::move(buckets);
}

void read_histogram(const Cursor& at, SpanMetricsConfig::Histogram& out) {
  MapReader map(at);
  map.read("disable", out.disable);
  std::string unit = "ms";
  map.read_choice("unit", unit, {"ms", "s"});
  out.unit = unit == "s" ? DurationUnit::kSeconds : DurationUnit::kMilliseconds;
  if (const auto exponential = map.take("exponential"); exponential && !exponential->is_null()) {
    out.exponential_max_size = 160;
    out.explicit_buckets.clear();
    MapReader inner(*exponential);
    inner.read("max_size", *out.exponential_max_size);
    inner.finish();
    if (*out.exponential_max_size < 2) exponential->error("max_size must be at least 2");
  }
  read_explicit_buckets(map, out);
  read_dimensions(map, "dimensions", out.dimensions, true);
  map.finish();
}

}  // namespace

void read_client(MapReader& map, ClientConfig& out) {
  map.read("endpoint", out.endpoint);
  read_client_tls(map, out.tls);
  read_headers(map, "headers", out.headers);
  read_compression(map, out.compression);
  map.read("timeout", out.timeout);
  if (out.timeout.count() < 0) map.at().error("timeout must not be negative");
  read_retry(map, out.retry);
  read_queue(map, out.queue);
  map.ignore({"read_buffer_size", "write_buffer_size"}, "buffers grow by need");
  read_authenticator(map, out.authenticator);
  map.reject({"middlewares"}, "middleware extensions are not available here");
}

void check_http_url(const Marked<std::string>& url, const Cursor& at, std::string_view key) {
  if (url.value.empty() || url.value.starts_with("http://") || url.value.starts_with("https://"))
    return;
  at.diagnostics().error(url.mark,
                         at.path() + "::" + std::string(key) + ": \"" + url.value +
                             "\" is not a URL; write http://host:port or https://host:port");
}

namespace {

void read_grpc_channel(MapReader& map, GrpcChannelConfig& out) {
  if (const auto keepalive = map.take("keepalive"); keepalive && !keepalive->is_null()) {
    MapReader inner(*keepalive);
    inner.read("time", out.keepalive_time);
    inner.read("timeout", out.keepalive_timeout);
    inner.read("permit_without_stream", out.keepalive_without_stream);
    inner.finish();
    if (out.keepalive_time.count() < 0 || out.keepalive_timeout.count() < 0)
      keepalive->error("time and timeout must not be negative");
  }
  map.read("wait_for_ready", out.wait_for_ready);
  map.read_choice("balancer_name", out.balancer_name, {"", "round_robin", "pick_first"});
  map.read("authority", out.authority);
  map.read("user_agent", out.user_agent);
}

}  // namespace

std::vector<std::chrono::nanoseconds> SpanMetricsConfig::default_buckets() {
  std::vector<std::chrono::nanoseconds> out;
  for (const int ms :
       {2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10'000, 15'000})
    out.emplace_back(milliseconds(ms));
  return out;
}

std::string OtlpHttpExporterConfig::traces_url() const {
  return url_of(traces_endpoint, client.endpoint.value, "v1/traces");
}
std::string OtlpHttpExporterConfig::metrics_url() const {
  return url_of(metrics_endpoint, client.endpoint.value, "v1/metrics");
}
std::string OtlpHttpExporterConfig::logs_url() const {
  return url_of(logs_endpoint, client.endpoint.value, "v1/logs");
}

void read_component(const Cursor& at, OtlpReceiverConfig& out) {
  const size_t errors_before = at.diagnostics().error_count();
  MapReader map(at);
  const auto protocols = map.take("protocols");
  map.finish();
  if (protocols) {
    MapReader inner(*protocols);
    if (const auto grpc = inner.take("grpc")) {
      out.grpc.emplace();
      out.grpc->endpoint = {"localhost:4317", grpc->mark()};
      MapReader keys(*grpc);
      read_grpc_server(keys, *out.grpc);
      keys.finish();
    }
    if (const auto http = inner.take("http")) {
      out.http.emplace();
      out.http->endpoint = {"localhost:4318", http->mark()};
      out.http->write_timeout = out.http->read_header_timeout = out.http->idle_timeout = {};
      MapReader keys(*http);
      read_http_server(keys, *out.http);
      keys.read("traces_url_path", out.http->traces_url_path);
      keys.read("metrics_url_path", out.http->metrics_url_path);
      keys.read("logs_url_path", out.http->logs_url_path);
      keys.finish();
      out.http->traces_url_path = url_path(out.http->traces_url_path);
      out.http->metrics_url_path = url_path(out.http->metrics_url_path);
      out.http->logs_url_path = url_path(out.http->logs_url_path);
    }
    inner.finish();
  }
  // A mistyped protocol was named and reported: one fault, one line.
  const bool is_mistyped = at.diagnostics().error_count() > errors_before;
  if (!out.grpc && !out.http && !is_mistyped)
    at.error("must name at least one protocol: protocols: grpc: or http:");
}

void read_component(const Cursor& at, ZipkinReceiverConfig& out) {
  MapReader map(at);
  out.server.endpoint = {"localhost:9411", at.mark()};
  read_http_server(map, out.server);
  map.read("parse_string_tags", out.parse_string_tags);
  map.finish();
}

void read_component(const Cursor& at, JaegerReceiverConfig& out) {
  MapReader map(at);
  const auto protocols = map.take("protocols");
  map.reject({"remote_sampling"}, "sampling strategies are not served here");
  map.finish();
  if (protocols) {
    MapReader inner(*protocols);
    if (const auto grpc = inner.take("grpc")) {
      out.grpc.emplace();
      out.grpc->endpoint = {"localhost:14250", grpc->mark()};
      MapReader keys(*grpc);
      read_grpc_server(keys, *out.grpc);
      keys.finish();
    }
    if (const auto http = inner.take("thrift_http")) {
      out.thrift_http.emplace();
      out.thrift_http->endpoint = {"localhost:14268", http->mark()};
      MapReader keys(*http);
      read_http_server(keys, *out.thrift_http);
      keys.finish();
    }
    inner.reject({"thrift_compact", "thrift_binary"},
                 "spans by UDP are not received here; send to thrift_http, grpc or otlp");
    inner.finish();
  }
  if (!out.grpc && !out.thrift_http && at.diagnostics().ok())
    at.error(
        "must specify at least one protocol when using the Jaeger receiver: grpc: or "
        "thrift_http:");
}

void read_component(const Cursor& at, PrometheusReceiverConfig& out) {
  MapReader map(at);
  if (const auto config = map.take("config"); config && !config->is_null()) {
    MapReader inner(*config);
    read_scraping(inner, out.scraping);
    inner.reject({"scrape_config_files"}, "write the jobs under scrape_configs");
    inner.ignore({"rule_files", "alerting", "remote_write", "remote_read", "storage", "runtime",
                  "tracing", "otlp"},
                 "the receiver scrapes only");
    inner.finish();
  }
  map.read("trim_metric_suffixes", out.trim_metric_suffixes);
  map.ignore({"scrape_on_shutdown", "initial_scrape_offset"},
             "targets are scraped at once and then at their interval, until the end");
  map.ignore({"use_start_time_metric", "start_time_metric_regex", "report_extra_scrape_metrics",
              "discovery_reload_on_startup", "reload_interval"},
             "targets are scraped from the start; counters carry the start they expose");
  map.ignore("api_server", "the pages and the Prometheus API of this process show its targets");
  map.reject({"target_allocator"}, "not available here; name the targets in scrape_configs");
  map.finish();
  if (out.scraping.scrape_configs.empty() && at.diagnostics().ok())
    at.error("no Prometheus scrape_configs set");
}

void read_component(const Cursor& at, NopConfig&) { MapReader(at).finish(); }
void read_component(const Cursor& at, StoreExporterConfig&) { MapReader(at).finish(); }

void read_component(const Cursor& at, SpanMetricsConfig& out) {
  MapReader map(at);
  map.read("namespace", out.metrics_namespace);
  read_dimensions(map, "dimensions", out.dimensions, true);
  read_dimensions(map, "calls_dimensions", out.calls_dimensions, true);
  map.read("exclude_dimensions", out.exclude_dimensions);
  if (const auto histogram = map.take("histogram"); histogram)
    read_histogram(*histogram, out.histogram);
  if (const auto exemplars = map.take("exemplars"); exemplars) {
    MapReader inner(*exemplars);
    inner.read("enabled", out.exemplars.enabled);
    inner.read("max_per_data_point", out.exemplars.max_per_data_point);
    inner.finish();
    if (out.exemplars.max_per_data_point < 0)
      exemplars->error("max_per_data_point must not be negative");
  }
  if (const auto events = map.take("events"); events) {
    MapReader inner(*events);
    inner.read("enabled", out.events.enabled);
    read_dimensions(inner, "dimensions", out.events.dimensions, true);
    inner.finish();
    if (out.events.enabled && out.events.dimensions.empty())
      events->error("no dimensions configured for events");
  }
  std::string temporality = "AGGREGATION_TEMPORALITY_CUMULATIVE";
  map.read_choice("aggregation_temporality", temporality,
                  {"AGGREGATION_TEMPORALITY_CUMULATIVE", "AGGREGATION_TEMPORALITY_DELTA"});
  if (temporality.ends_with("DELTA")) out.aggregation_temporality = AggregationTemporality::kDelta;
  map.read("resource_metrics_cache_size", out.resource_metrics_cache_size);
  map.read("resource_metrics_key_attributes", out.resource_metrics_key_attributes);
  map.read("aggregation_cardinality_limit", out.aggregation_cardinality_limit);
  map.read("metrics_flush_interval", out.metrics_flush_interval);
  map.read("metrics_expiration", out.metrics_expiration);
  map.read("series_expiration", out.series_expiration);
  map.read("metric_timestamp_cache_size", out.metric_timestamp_cache_size);
  map.read("include_instrumentation_scope", out.include_instrumentation_scope);
  map.read("add_resource_attributes", out.add_resource_attributes);
  if (map.has("add_resource_attributes"))
    at.notice(
        "add_resource_attributes: the resource's attributes are always there, as in the peer "
        "without its feature gate");
  map.read("enable_metrics_sampling_method", out.enable_metrics_sampling_method);
  if (map.has("resource_metrics_cache_size"))
    at.notice(
        "resource_metrics_cache_size: no service is forgotten to make room for another; "
        "metrics_expiration and aggregation_cardinality_limit bound what is kept");
  if (map.has("metric_timestamp_cache_size"))
    at.notice("metric_timestamp_cache_size: the time of every series' last flush is known here");
  map.ignore("dimensions_cache_size",
             "series are bounded by aggregation_cardinality_limit instead");
  map.finish();
  if (out.metrics_flush_interval.count() < 0)
    at.error("metrics_flush_interval must not be negative");
  if (out.metrics_expiration.count() < 0) at.error("metrics_expiration must not be negative");
  if (out.series_expiration.count() < 0) at.error("series_expiration must not be negative");
  if (out.aggregation_temporality == AggregationTemporality::kDelta &&
      out.metric_timestamp_cache_size == 0)
    at.error("metric_timestamp_cache_size must be positive");
}

namespace {

// translation_strategy, and the older add_metric_suffixes that it wins over.
void read_translation(MapReader& map, PrometheusExporterConfig::Translation& out) {
  using Translation = PrometheusExporterConfig::Translation;
  bool suffixes = true;
  map.read("add_metric_suffixes", suffixes);
  if (!suffixes) out = Translation::kUnderscoreWithoutSuffixes;
  std::string strategy;
  map.read_choice("translation_strategy", strategy,
                  {"", "UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes",
                   "NoUTF8EscapingWithSuffixes", "NoTranslation"});
  if (strategy == "UnderscoreEscapingWithSuffixes") out = Translation::kUnderscoreWithSuffixes;
  if (strategy == "UnderscoreEscapingWithoutSuffixes")
    out = Translation::kUnderscoreWithoutSuffixes;
  if (strategy == "NoUTF8EscapingWithSuffixes") out = Translation::kUtf8WithSuffixes;
  if (strategy == "NoTranslation") out = Translation::kNone;
}

void read_remote_write_queue(MapReader& map, ClientConfig& client) {
  client.queue.queue_size = 10'000;
  client.queue.num_consumers = 1;
  const auto at = map.take("remote_write_queue");
  if (!at || at->is_null()) return;
  MapReader inner(*at);
  inner.read("enabled", client.queue.enabled);
  inner.read("queue_size", client.queue.queue_size);
  inner.ignore("num_consumers", "requests leave one after the other, so that they stay in order");
  inner.finish();
  if (client.queue.enabled && client.queue.queue_size == 0)
    at->error("a 0 size queue will drop all the data");
}

void read_wal(MapReader& map, RemoteWriteExporterConfig& out) {
  const auto at = map.take("wal");
  if (!at || at->is_null()) return;
  MapReader inner(*at);
  inner.read("directory", out.wal_directory);
  inner.ignore({"buffer_size", "truncate_frequency", "lag_record_frequency"},
               "a request is written before it is acknowledged and removed when it was sent");
  inner.finish();
  if (out.wal_directory.empty()) at->error("directory must be non-empty");
}

// Of the exporter's client, under `http` or at the top.
void read_remote_write_client(MapReader& map, ClientConfig& client) {
  map.read("endpoint", client.endpoint);
  read_client_tls(map, client.tls);
  read_headers(map, "headers", client.headers);
  map.read("timeout", client.timeout);
  read_authenticator(map, client.authenticator);
  std::string compression;
  map.read_choice("compression", compression, {"", "snappy"});
  client.compression = Compression::kSnappy;
  read_http_connections(map, client);
  map.ignore({"read_buffer_size", "write_buffer_size"}, "buffers grow by need");
  map.reject({"middlewares"}, "middleware extensions are not available here");
}

}  // namespace

void read_component(const Cursor& at, RemoteWriteExporterConfig& out) {
  MapReader map(at);
  out.client.retry.initial_interval = std::chrono::milliseconds(50);
  read_remote_write_client(map, out.client);
  if (const auto http = map.take("http"); http && !http->is_null()) {
    MapReader inner(*http);
    read_remote_write_client(inner, out.client);
    inner.finish();
  }
  read_retry(map, out.client.retry);
  read_remote_write_queue(map, out.client);
  map.read("namespace", out.metrics_namespace);
  map.read("external_labels", out.external_labels);
  read_translation(map, out.translation);
  map.read("send_metadata", out.send_metadata);
  map.read("disable_scope_info", out.disable_scope_info);
  if (const auto target = map.take("target_info"); target && !target->is_null()) {
    MapReader inner(*target);
    inner.read("enabled", out.target_info);
    inner.finish();
  }
  if (const auto conversion = map.take("resource_to_telemetry_conversion"); conversion) {
    MapReader inner(*conversion);
    inner.read("enabled", out.resource_to_telemetry_conversion);
    inner.read("exclude_service_attributes", out.exclude_service_attributes);
    inner.finish();
  }
  std::string message = "prometheus.WriteRequest";
  map.read_choice("protobuf_message", message,
                  {"prometheus.WriteRequest", "io.prometheus.write.v2.Request"});
  out.is_version_2 = message != "prometheus.WriteRequest";
  uint64_t batch_bytes = 0;
  map.read("max_batch_size_bytes", batch_bytes);
  if (batch_bytes > 0) out.max_batch_size_bytes = batch_bytes;
  map.read("convert_explicit_histograms_to_nhcb", out.convert_explicit_histograms_to_nhcb);
  map.read("keep_classic_histograms", out.keep_classic_histograms);
  map.ignore("max_batch_request_parallelism",
             "requests leave one after the other, so that they stay in order");
  map.ignore("include_metadata_keys", "the senders' metadata is not kept");
  read_wal(map, out);
  map.finish();
  if (out.client.endpoint->empty()) return at.error("endpoint is required: the URL to write to");
  check_http_url(out.client.endpoint, at, "endpoint");
  using Translation = PrometheusExporterConfig::Translation;
  if (!out.is_version_2 &&
      (out.translation == Translation::kUtf8WithSuffixes || out.translation == Translation::kNone))
    at.error("this translation_strategy requires Prometheus Remote Write 2.0 (UTF-8 support)");
}

void read_component(const Cursor& at, PrometheusExporterConfig& out) {
  MapReader map(at);
  if (!map.has("endpoint")) {
    at.error("endpoint is required: the address to serve /metrics on, such as 127.0.0.1:9464");
    out.server.endpoint.value = "localhost:0";
  }
  read_http_server(map, out.server);
  map.read("namespace", out.metrics_namespace);
  map.read("const_labels", out.const_labels);
  map.read("send_timestamps", out.send_timestamps);
  map.read("metric_expiration", out.metric_expiration);
  map.read("enable_open_metrics", out.enable_open_metrics);
  map.read("without_scope_info", out.without_scope_info);
  if (const auto conversion = map.take("resource_to_telemetry_conversion"); conversion) {
    MapReader inner(*conversion);
    inner.read("enabled", out.resource_to_telemetry_conversion);
    inner.read("exclude_service_attributes", out.exclude_service_attributes);
    inner.finish();
  }
  read_translation(map, out.translation);
  map.ignore({"sending_queue", "retry_on_failure", "timeout"},
             "metrics are served when asked for, not sent");
  map.reject({"resource_constant_labels"},
             "not available here; use resource_to_telemetry_conversion");
  map.finish();
  if (out.metric_expiration.count() < 0) at.error("metric_expiration must not be negative");
}

void read_component(const Cursor& at, OtlpExporterConfig& out) {
  MapReader map(at);
  read_client(map, out.client);
  if (!out.client.tls.insecure) check_grpc_tls(map, out.client.tls);
  read_grpc_channel(map, out.channel);
  map.finish();
  if (out.client.compression != Compression::kGzip && out.client.compression != Compression::kNone)
    at.notice("compression: gRPC packs with gzip here, which every receiver knows");
  const std::string& endpoint = out.client.endpoint.value;
  if (endpoint.empty()) return at.error("requires a non-empty \"endpoint\"");
  for (const std::string_view scheme : {"http://", "https://", "dns:///", "dns://"}) {
    if (!endpoint.starts_with(scheme)) continue;
    std::string rest = endpoint.substr(scheme.size());
    while (rest.ends_with('/')) rest.pop_back();
    return check_host_port({rest, out.client.endpoint.mark}, at);
  }
  check_host_port(out.client.endpoint, at);
}

void read_component(const Cursor& at, OtlpHttpExporterConfig& out) {
  MapReader map(at);
  out.client.timeout = std::chrono::seconds(30);
  read_client(map, out.client);
  map.read("traces_endpoint", out.traces_endpoint);
  map.read("metrics_endpoint", out.metrics_endpoint);
  map.read("logs_endpoint", out.logs_endpoint);
  map.ignore("profiles_endpoint", "profiles are not received here");
  std::string encoding = "proto";
  map.read_choice("encoding", encoding, {"proto", "json"});
  if (encoding == "json") out.encoding = OtlpHttpExporterConfig::Encoding::kJson;
  read_http_connections(map, out.client);
  map.finish();
  if (out.traces_url().empty() && out.metrics_endpoint.value.empty() &&
      out.logs_endpoint.value.empty())
    at.error("at least one endpoint must be specified");
  check_http_url(out.client.endpoint, at, "endpoint");
  check_http_url(out.traces_endpoint, at, "traces_endpoint");
  check_http_url(out.metrics_endpoint, at, "metrics_endpoint");
  check_http_url(out.logs_endpoint, at, "logs_endpoint");
}

void read_component(const Cursor& at, DebugExporterConfig& out) {
  MapReader map(at);
  std::string verbosity = "basic";
  map.read_choice("verbosity", verbosity,
                  {"basic", "normal", "detailed", "Basic", "Normal", "Detailed"});
  if (verbosity == "normal" || verbosity == "Normal")
    out.verbosity = DebugExporterConfig::Verbosity::kNormal;
  if (verbosity == "detailed" || verbosity == "Detailed")
    out.verbosity = DebugExporterConfig::Verbosity::kDetailed;
  map.read("sampling_initial", out.sampling_initial);
  map.read("sampling_thereafter", out.sampling_thereafter);
  map.read("use_internal_logger", out.use_internal_logger);
  const bool names_outputs = map.has("output_paths");
  map.read("output_paths", out.output_paths);
  map.ignore("sending_queue", "what is printed waits in a short queue of its own");
  map.finish();
  if (names_outputs && out.use_internal_logger)
    at.error("output_paths is not supported when use_internal_logger is true");
  else if (names_outputs && out.output_paths.empty())
    at.error("output_paths must not be empty when use_internal_logger is false");
}

namespace {

// After path.
void read_group_by(MapReader& map, FileExporterConfig& out) {
  const auto at = map.take("group_by");
  if (!at || at->is_null()) return;
  bool enabled = false;
  std::string attribute = "fileexporter.path_segment";
  MapReader inner(*at);
  inner.read("enabled", enabled);
  inner.read("resource_attribute", attribute);
  inner.read("max_open_files", out.max_open_files);
  inner.finish();
  if (!enabled) return;
  if (attribute.empty()) at->error("resource_attribute must not be empty when group_by is enabled");
  if (out.max_open_files == 0) at->error("max_open_files must be positive");
  if (std::ranges::count(out.path, '*') != 1)
    at->error("path must contain exactly one * when group_by is enabled");
  else if (out.path.starts_with('*'))
    at->error("path must not start with * when group_by is enabled");
  out.group_by_attribute = attribute;
}

}  // namespace

void read_component(const Cursor& at, FileExporterConfig& out) {
  MapReader map(at);
  map.read("path", out.path);
  std::string format = "json", compression;
  map.read_choice("format", format, {"json", "proto"});
  if (format == "proto") out.format = FileExporterConfig::Format::kProto;
  map.read("append", out.append);
  map.read("create_directory", out.create_directory);
  read_permissions(map, "directory_permissions", out.directory_permissions);
  map.read_choice("compression", compression, {"", "zstd"});
  if (compression == "zstd") out.compression = Compression::kZstd;
  read_compression_level(map, out.compression, out.compression_level);
  map.read("flush_interval", out.flush_interval);
  if (const auto rotation = map.take("rotation"); rotation && !rotation->is_null()) {
    out.max_megabytes = 100;
    MapReader inner(*rotation);
    inner.read("max_megabytes", out.max_megabytes);
    inner.read("max_days", out.max_days);
    inner.read("max_backups", out.max_backups);
    inner.read("localtime", out.localtime);
    inner.finish();
    if (out.append) rotation->error("append and rotation cannot be used together");
  }
  map.reject({"encoding"}, "encoding extensions are not available here; use format json or proto");
  read_group_by(map, out);
  map.finish();
  if (out.path.empty()) at.error("path must be non-empty");
  if (out.flush_interval.count() < 0) at.error("flush_interval must be larger than zero");
}

}  // namespace sightline::config
