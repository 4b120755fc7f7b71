#pragma once
// Sample values and their special case, the stale marker.
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace sightline::model {

// "This series ended here": a NaN told apart by its bits (Prometheus value.StaleNaN).
inline constexpr uint64_t kStaleMarkerBits = 0x7ff0000000000002;
inline double stale_marker() { return std::bit_cast<double>(kStaleMarkerBits); }
inline bool is_stale_marker(double v) { return std::bit_cast<uint64_t>(v) == kStaleMarkerBits; }

enum class MetricType : uint8_t {
  kUnknown,
  kCounter,
  kGauge,
  kHistogram,
  kGaugeHistogram,
  kSummary,
  kInfo,
  kStateset
};
std::string_view metric_type_name(MetricType type);  // "counter", ... as the metadata API prints it

// Of one metric family.
struct MetricMetadata {
  MetricType type = MetricType::kUnknown;
  std::string unit;
  std::string help;
  friend bool operator==(const MetricMetadata&, const MetricMetadata&) = default;
};

}  // namespace sightline::model
