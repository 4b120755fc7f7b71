#pragma once
// Which component types exist, here and in the collector's contrib distribution,
// so that "not here" and "nowhere" are different errors.
#include <string>
#include <string_view>
#include <vector>

namespace sightline::config {

enum class ComponentKind { kReceiver, kProcessor, kConnector, kExporter, kExtension };
std::string_view kind_name(ComponentKind kind);     // "receiver"
std::string_view section_name(ComponentKind kind);  // "receivers"

const std::vector<std::string>& types_here(ComponentKind kind);  // spelled as preferred, no aliases
std::vector<std::string> types_of_contrib(ComponentKind kind);
// otlp_http -> otlphttp, span_metrics -> spanmetrics, logging -> debug; others as they are.
std::string canonical_type(ComponentKind kind, std::string_view type);
// `receivers::jaeger: the collector has this receiver, Sightline has not; ...`
std::string unknown_type_message(ComponentKind kind, std::string_view type);

}  // namespace sightline::config
