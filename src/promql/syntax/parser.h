#pragma once
// PromQL text to a type-checked tree.
//   Errors  kInvalidArgument, in the peer's words: `1:5: parse error: unclosed left parenthesis`.
//   Limits  ParseLimits; deeper or longer input is an error of the same form.
//   Source  spec: PromQL expressions; experimental functions and modifiers are always on.
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "promql/syntax/ast.h"

namespace sightline::promql {

struct ParseLimits {
  size_t query_bytes_max = 1 << 20;
  uint32_t height_max = 1000;  // of the tree; keeps every later recursion shallow
};

Result<ExprPtr> parse(std::string_view query, const ParseLimits& limits = {});

// A series selector alone, as in match[]=up{job="a"}: its matchers, at least one of
// which rejects the empty string, unless kAllowed.
enum class EmptySelector : uint8_t { kRefused, kAllowed };
Result<std::vector<tsdb::Matcher>> parse_selector(std::string_view text,
                                                  EmptySelector empty = EmptySelector::kRefused);

// A label set as test scripts and rules write series: x{a="b"} or {"a.b", c="d"}.
Result<model::Labels> parse_series_labels(std::string_view text);

// "line:column" of a byte offset, both from 1.
std::string position_text(std::string_view query, uint32_t offset);

}  // namespace sightline::promql
