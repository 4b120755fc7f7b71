#pragma once
// ${...} in configuration values, in each peer's own dialect. Keys are never expanded.
//   kNone       values stay as they are (Tempo, Prometheus outside external_labels)
//   kCollector  ${env:X} ${env:X:-default} ${X} ${file:path} ${yaml:text}, $$ is a dollar; a value that is
//               nothing but one reference takes the YAML type of what it refers to
//   kGrafana    $X ${X} $__env{X} $__file{path}, $$ is a dollar
//   kPrometheus $X ${X}, $$ is a dollar (external_labels)
// A variable that is not set becomes empty, with a notice.
//   Limits  kExpansionsMax references in one document, kExpansionDepthMax nested.
#include <memory>
#include <string>
#include <string_view>

#include "config/diagnostics.h"
#include "config/yaml/environment.h"
#include "config/yaml/yaml_value.h"

namespace sightline::config {

inline constexpr size_t kExpansionsMax = 10'000;
inline constexpr size_t kExpansionDepthMax = 16;

enum class Dialect { kNone, kCollector, kGrafana, kPrometheus };

// The document with every reference replaced; errors go to `diagnostics`.
std::shared_ptr<const YamlValue> expand(std::shared_ptr<const YamlValue> root, Dialect dialect,
                                        const Environment& environment, Diagnostics& diagnostics,
                                        const YamlLimits& limits = {});
// One string, for the dialects whose references are always text.
std::string expand_text(std::string_view text, Dialect dialect, const Environment& environment,
                        const Mark& mark, Diagnostics& diagnostics);

}  // namespace sightline::config
