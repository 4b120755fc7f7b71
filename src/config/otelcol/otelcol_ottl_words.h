#pragma once
// The words of OTTL: which paths each context has, the functions, the enums. What they mean: otelcol_ottl.h.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/otelcol/otelcol_ottl.h"

namespace sightline::config {

struct OttlFunction {
  std::string_view name;
  size_t arguments_min;
  size_t arguments_max;
};
// Null: there is none of this name.
const OttlFunction* find_ottl_function(std::string_view name);
// The one context in which a function may stand; nothing: it may in all.
std::optional<OttlContext> only_context_of(std::string_view function);
// By path without the context's name in front.
const std::map<std::string, OttlField, std::less<>>& ottl_paths_of(OttlContext context);
// Whether a condition about `inner` may name fields of `outer`.
bool ottl_context_knows(OttlContext inner, OttlContext outer);
std::optional<int64_t> ottl_enum_value(std::string_view word);
// Whether the field is a map that takes ["key"].
bool is_ottl_map(OttlField field);

}  // namespace sightline::config
