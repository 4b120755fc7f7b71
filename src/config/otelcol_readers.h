#pragma once
// Each collector component read from its map, with the checks it makes itself.
#include "config/otelcol_components.h"
#include "config/yaml_node.h"

namespace sightline::config {

void read_component(const Cursor& at, OtlpReceiverConfig& out);
void read_component(const Cursor& at, NopConfig& out);
void read_component(const Cursor& at, BatchProcessorConfig& out);
void read_component(const Cursor& at, MemoryLimiterConfig& out);
void read_component(const Cursor& at, SpanMetricsConfig& out);
void read_component(const Cursor& at, PrometheusExporterConfig& out);
void read_component(const Cursor& at, OtlpExporterConfig& out);
void read_component(const Cursor& at, OtlpHttpExporterConfig& out);
void read_component(const Cursor& at, DebugExporterConfig& out);
void read_component(const Cursor& at, StoreExporterConfig& out);

}  // namespace sightline::config
