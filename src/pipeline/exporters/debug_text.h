#pragma once
// The texts of the debug exporter, as the collector writes them.
//   Threads  pure functions.
//   Source   opentelemetry-collector, debugexporter README.
#include <string>
#include <string_view>

#include "config/otelcol/otelcol_components.h"
#include "pipeline/exporters/outgoing.h"

namespace sightline::pipeline {

std::string debug_text(const model::SpanBatch& batch,
                       config::DebugExporterConfig::Verbosity verbosity);
// Of an ExportMetricsServiceRequest.
std::string debug_text(std::string_view metrics, config::DebugExporterConfig::Verbosity verbosity);

std::string_view kind_title(model::ValueKind kind);  // "Str"
std::string debug_time(TimestampNs time);            // "2026-11-24 01:58:08.48 +0000 UTC"

}  // namespace sightline::pipeline
