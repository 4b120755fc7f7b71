#pragma once
// The file exporter's group_by: of a request, which resources go to which file.
//   Path      the `*` of the configured path, replaced with the value of a resource's attribute. Whatever the value says, the
//             file lies below what comes before the `*`.
//   Left out  a resource without that attribute, or whose value is no string or has a NUL.
//   Threads   pure functions.
//   Source    opentelemetry-collector-contrib, fileexporter README, "Group by attribute".
#include <map>
#include <string>
#include <string_view>

#include "config/otelcol/otelcol_components.h"

namespace sightline::pipeline {

// Requests by path. `protobuf` is an ExportTraceServiceRequest or an ExportMetricsServiceRequest.
std::map<std::string, std::string> group_by_path(const config::FileExporterConfig& config,
                                                 std::string_view protobuf);
std::string grouped_path(std::string_view configured, std::string_view segment);

}  // namespace sightline::pipeline
