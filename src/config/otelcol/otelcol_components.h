#pragma once
// What each collector component can be told, with the collector's own defaults.
// One struct per component type; keys and meanings are those of the component's
// README in opentelemetry-collector(-contrib), read against release 0.136 and later.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/otelcol/otelcol_connectors.h"
#include "config/otelcol/otelcol_tail_sampling.h"
#include "config/otelcol/transport_config.h"
#include "config/prometheus/prometheus_config.h"

namespace sightline::config {

struct OtlpHttpServerConfig : HttpServerConfig {
  std::string traces_url_path = "/v1/traces";
  std::string metrics_url_path = "/v1/metrics";
  std::string logs_url_path = "/v1/logs";
};

// receivers: otlp
struct OtlpReceiverConfig {
  using Http = OtlpHttpServerConfig;
  std::optional<GrpcServerConfig>
      grpc;                  // present when the file names it, even as `grpc:` (localhost:4317)
  std::optional<Http> http;  // localhost:4318
};

// receivers: zipkin
struct ZipkinReceiverConfig {
  HttpServerConfig server;         // localhost:9411
  bool parse_string_tags = false;  // tags that read as numbers or booleans become such
};

// receivers: jaeger. Its collector's addresses; the agent's by UDP are not here.
struct JaegerReceiverConfig {
  std::optional<GrpcServerConfig> grpc;         // localhost:14250
  std::optional<HttpServerConfig> thrift_http;  // localhost:14268
};

// receivers: prometheus
struct PrometheusReceiverConfig {
  PrometheusConfig scraping;  // key `config`: global and scrape_configs
  bool trim_metric_suffixes = false;
};

// receivers and exporters: nop
struct NopConfig {};

// One attribute that becomes a metric dimension, taken from the span, else from its resource.
struct DimensionConfig {
  std::string name;  // or, of all attributes that it matches,
  std::string glob;
  std::optional<std::string>
      default_value;  // none: the dimension is left out when the attribute is missing
};

enum class DurationUnit { kMilliseconds, kSeconds };
enum class AggregationTemporality { kCumulative, kDelta };

// connectors: spanmetrics (span_metrics)
struct SpanMetricsConfig {
  std::string metrics_namespace = "traces.span.metrics";  // key `namespace`; "" for none
  std::vector<DimensionConfig> dimensions;                // of every metric
  std::vector<DimensionConfig> calls_dimensions;          // of `calls` only, besides `dimensions`
  std::vector<std::string>
      exclude_dimensions;  // of service.name, span.name, span.kind, status.code, ...

  struct Histogram {
    bool disable = false;
    DurationUnit unit = DurationUnit::kMilliseconds;
    // Upper bounds, ascending; empty where `exponential_max_size` is set.
    std::vector<std::chrono::nanoseconds> explicit_buckets = default_buckets();
    std::optional<int32_t> exponential_max_size;  // set: exponential histograms instead of buckets
    std::vector<DimensionConfig> dimensions;      // of `duration` only, besides `dimensions`
  };
  Histogram histogram;

  struct Exemplars {
    bool enabled = false;
    int32_t max_per_data_point = 5;  // 0: none at all
  };
  Exemplars exemplars;

  struct Events {
    bool enabled = false;
    std::vector<DimensionConfig> dimensions;
  };
  Events events;

  AggregationTemporality aggregation_temporality = AggregationTemporality::kCumulative;
  uint32_t resource_metrics_cache_size = 1000;
  std::vector<std::string> resource_metrics_key_attributes;
  uint32_t aggregation_cardinality_limit = 0;  // 0: none of its own; the store's limits hold
  std::chrono::nanoseconds metrics_flush_interval{std::chrono::seconds(60)};
  std::chrono::nanoseconds metrics_expiration{0};  // 0: never
  std::chrono::nanoseconds series_expiration{0};   // 0: never
  uint32_t metric_timestamp_cache_size = 1000;     // delta only
  std::vector<std::string> include_instrumentation_scope;
  bool add_resource_attributes = false;
  bool enable_metrics_sampling_method = false;

  static std::vector<std::chrono::nanoseconds> default_buckets();
};

// exporters: prometheus
struct PrometheusExporterConfig {
  enum class Translation {
    kUnderscoreWithSuffixes,
    kUnderscoreWithoutSuffixes,
    kUtf8WithSuffixes,
    kNone
  };
  HttpServerConfig server;        // `endpoint` is required
  std::string metrics_namespace;  // key `namespace`
  std::map<std::string, std::string> const_labels;
  bool send_timestamps = false;
  std::chrono::nanoseconds metric_expiration{std::chrono::minutes(5)};
  bool enable_open_metrics = false;
  bool resource_to_telemetry_conversion = false;  // key ...::enabled
  bool exclude_service_attributes =
      false;                        // of the resource: service.name, .namespace, .instance.id
  bool without_scope_info = false;  // no otel_scope_* labels
  // From translation_strategy; without it from add_metric_suffixes.
  Translation translation = Translation::kUnderscoreWithSuffixes;
  bool keeps_utf8() const {
    return translation == Translation::kUtf8WithSuffixes || translation == Translation::kNone;
  }
  bool adds_suffixes() const {
    return translation == Translation::kUnderscoreWithSuffixes ||
           translation == Translation::kUtf8WithSuffixes;
  }
};

// exporters: prometheusremotewrite (prometheus_remote_write)
struct RemoteWriteExporterConfig {
  ClientConfig
      client;  // endpoint is the URL, `http` or top-level keys; remote_write_queue is its queue
  std::string metrics_namespace;
  std::map<std::string, std::string> external_labels;
  PrometheusExporterConfig::Translation translation =
      PrometheusExporterConfig::Translation::kUnderscoreWithSuffixes;
  bool send_metadata = false;
  bool target_info = true;  // key ...::enabled
  bool disable_scope_info = false;
  bool resource_to_telemetry_conversion = false;  // key ...::enabled
  bool exclude_service_attributes = false;
  bool is_version_2 = false;  // protobuf_message: io.prometheus.write.v2.Request
  uint64_t max_batch_size_bytes = 3'000'000;
  bool convert_explicit_histograms_to_nhcb = false;
  bool keep_classic_histograms = false;
  std::string wal_directory;  // wal::directory; empty: none
};

// What the gRPC client of an exporter is told of its connections.
struct GrpcChannelConfig {
  std::chrono::nanoseconds keepalive_time{std::chrono::seconds(10)};  // 0: no pings
  std::chrono::nanoseconds keepalive_timeout{std::chrono::seconds(10)};
  bool keepalive_without_stream = false;
  bool wait_for_ready = false;
  std::string balancer_name = "round_robin";
  std::string authority, user_agent;  // empty: gRPC's own
};

// exporters: otlp (otlp_grpc)
struct OtlpExporterConfig {
  GrpcChannelConfig channel;
  ClientConfig
      client;  // endpoint "host:port", or with http:// (plaintext) or https:// in front; timeout 5s
};

// exporters: otlphttp (otlp_http)
struct OtlpHttpExporterConfig {
  enum class Encoding { kProto, kJson };
  ClientConfig client;  // endpoint is a base URL, /v1/traces is appended; timeout 30s
  Marked<std::string> traces_endpoint;  // whole URLs; they win over `endpoint`
  Marked<std::string> metrics_endpoint;
  Marked<std::string> logs_endpoint;
  Encoding encoding = Encoding::kProto;
  std::string traces_url() const;  // empty when neither is set
  std::string metrics_url() const;
  std::string logs_url() const;
};

// exporters: debug (logging, its former name, too)
struct DebugExporterConfig {
  enum class Verbosity { kBasic, kNormal, kDetailed };
  Verbosity verbosity = Verbosity::kBasic;
  uint32_t sampling_initial = 2;
  uint32_t sampling_thereafter = 1;
  bool use_internal_logger = true;
  // Without the logger: "stdout", "stderr" or files, which are appended to.
  std::vector<std::string> output_paths = {"stdout"};
};

// exporters: file. One line of OTLP/JSON, or one length-prefixed OTLP/protobuf message, a request.
struct FileExporterConfig {
  enum class Format { kJson, kProto };
  std::string path;
  Format format = Format::kJson;
  bool append = false;
  bool create_directory = false;
  uint32_t directory_permissions = 0755;
  std::chrono::nanoseconds flush_interval{std::chrono::seconds(1)};
  // rotation; 0 megabytes: none
  uint32_t max_megabytes = 0;
  uint32_t max_days = 0;
  uint32_t max_backups = 100;
  bool localtime = false;
  Compression compression = Compression::kNone;  // kZstd: each message by itself
  int32_t compression_level = 0;  // compression_params::level; 0: the compression's default
  // group_by: the resource attribute that stands for the * of the path; empty: one file
  std::string group_by_attribute;
  uint32_t max_open_files = 100;
  bool groups() const { return !group_by_attribute.empty(); }
};

// exporters: sightline. Our own: hands traces to this process' trace store and
// metrics to its metrics store, without a socket. It takes no keys.
struct StoreExporterConfig {};

using ReceiverConfig = std::variant<OtlpReceiverConfig, ZipkinReceiverConfig, JaegerReceiverConfig,
                                    PrometheusReceiverConfig, NopConfig>;
using ConnectorConfig =
    std::variant<SpanMetricsConfig, ServiceGraphConfig, CountConfig, ForwardConfig>;
using ExporterConfig = std::variant<PrometheusExporterConfig, OtlpExporterConfig,
                                    OtlpHttpExporterConfig, DebugExporterConfig, FileExporterConfig,
                                    RemoteWriteExporterConfig, StoreExporterConfig, NopConfig>;

}  // namespace sightline::config
