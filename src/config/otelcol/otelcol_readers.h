#pragma once
// Each collector component read from its map, with the checks it makes itself.
#include "config/otelcol/otelcol_components.h"
#include "config/otelcol/otelcol_extensions.h"
#include "config/yaml/yaml_node.h"

namespace sightline::config {

void read_component(const Cursor& at, OtlpReceiverConfig& out);
void read_component(const Cursor& at, ZipkinReceiverConfig& out);
void read_component(const Cursor& at, JaegerReceiverConfig& out);
void read_component(const Cursor& at, PrometheusReceiverConfig& out);
void read_component(const Cursor& at, NopConfig& out);
void read_component(const Cursor& at, BatchProcessorConfig& out);
void read_component(const Cursor& at, MemoryLimiterConfig& out);
void read_component(const Cursor& at, AttributesProcessorConfig& out);
void read_component(const Cursor& at, ResourceProcessorConfig& out);
void read_component(const Cursor& at, FilterProcessorConfig& out);
void read_component(const Cursor& at, ProbabilisticSamplerConfig& out);
void read_component(const Cursor& at, GroupByTraceConfig& out);
void read_component(const Cursor& at, TailSamplingConfig& out);
void read_component(const Cursor& at, SpanMetricsConfig& out);
void read_component(const Cursor& at, ServiceGraphConfig& out);
void read_component(const Cursor& at, CountConfig& out);
void read_component(const Cursor& at, ForwardConfig& out);
void read_component(const Cursor& at, PrometheusExporterConfig& out);
void read_component(const Cursor& at, OtlpExporterConfig& out);
void read_component(const Cursor& at, OtlpHttpExporterConfig& out);
void read_component(const Cursor& at, DebugExporterConfig& out);
void read_component(const Cursor& at, FileExporterConfig& out);
void read_component(const Cursor& at, RemoteWriteExporterConfig& out);
void read_component(const Cursor& at, StoreExporterConfig& out);
void read_component(const Cursor& at, HealthCheckConfig& out);
void read_component(const Cursor& at, BasicAuthConfig& out);
void read_component(const Cursor& at, BearerTokenConfig& out);
void read_component(const Cursor& at, FileStorageConfig& out);

// The keys of a client that several components share; `map` is theirs.
void read_client(MapReader& map, ClientConfig& out);
void check_http_url(const Marked<std::string>& url, const Cursor& at, std::string_view key);

// A list of conditions; faults name the condition's place.
void read_ottl_conditions(MapReader& map, std::string_view key, OttlContext context,
                          std::vector<OttlCondition>& out);

}  // namespace sightline::config
