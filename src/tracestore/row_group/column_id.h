#pragma once
// Names a column of values of a block: an attribute, or one of the texts that every span, scope or event has.
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

namespace sightline::tracestore {

// Of AttributeScope the first ones, in its order.
enum class ColumnScope : uint8_t {
  kSpan,
  kResource,
  kScope,
  kEvent,
  kLink,
  kName,
  kStatusMessage,
  kScopeName,
  kScopeVersion,
  kEventName
};
inline constexpr uint8_t kColumnScopes = 10;

struct ColumnId {
  ColumnScope scope = ColumnScope::kSpan;
  std::string_view key;  // of an attribute
  friend bool operator==(const ColumnId&, const ColumnId&) = default;
  friend auto operator<=>(const ColumnId& a, const ColumnId& b) {
    return std::tie(a.scope, a.key) <=> std::tie(b.scope, b.key);
  }
};

}  // namespace sightline::tracestore
