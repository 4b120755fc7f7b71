#include "wire/otlp/signal_counts.h"

#include <span>

#include "base/protobuf_reader.h"
#include "wire/otlp/json_document.h"

namespace sightline::wire::otlp {
namespace {

// One step down: the fields of a message that lead towards what is counted.
struct Step {
  std::span<const uint32_t> fields;        // protobuf
  std::span<const std::string_view> keys;  // JSON
};

constexpr uint32_t kOne[] = {1};
constexpr uint32_t kTwo[] = {2};
constexpr uint32_t kMetricData[] = {5, 7, 9, 10, 11};
constexpr std::string_view kResourceMetrics[] = {"resourceMetrics", "resource_metrics"};
constexpr std::string_view kScopeMetrics[] = {"scopeMetrics", "scope_metrics"};
constexpr std::string_view kMetrics[] = {"metrics"};
constexpr std::string_view kMetricDataKeys[] = {
    "gauge", "sum", "histogram", "exponentialHistogram", "exponential_histogram", "summary"};
constexpr std::string_view kDataPoints[] = {"dataPoints", "data_points"};
constexpr std::string_view kResourceLogs[] = {"resourceLogs", "resource_logs"};
constexpr std::string_view kScopeLogs[] = {"scopeLogs", "scope_logs"};
constexpr std::string_view kLogRecords[] = {"logRecords", "log_records"};

constexpr Step kMetricsPath[] = {{kOne, kResourceMetrics},
                                 {kTwo, kScopeMetrics},
                                 {kTwo, kMetrics},
                                 {kMetricData, kMetricDataKeys},
                                 {kOne, kDataPoints}};
constexpr Step kLogsPath[] = {{kOne, kResourceLogs}, {kTwo, kScopeLogs}, {kTwo, kLogRecords}};

bool count_protobuf(std::string_view message, std::span<const Step> path, uint64_t& count,
                    const char*& fault_at) {
  ProtobufReader r(message);
  while (r.next()) {
    const bool wanted = std::ranges::any_of(
        path[0].fields, [&](uint32_t f) { return r.tag() == protobuf_bytes(f); });
    if (!wanted) {
      r.skip();
      continue;
    }
    const std::string_view inner = r.bytes();
    if (path.size() == 1)
      ++count;
    else if (!count_protobuf(inner, path.subspan(1), count, fault_at))
      return false;
  }
  if (!r.ok()) fault_at = r.fault_at();
  return r.ok();
}

uint64_t count_json(simdjson::dom::element e, std::span<const Step> path) {
  uint64_t count = 0;
  simdjson::dom::array items;
  if (e.get_array().get(items) == simdjson::SUCCESS) {
    for (const auto item : items) count += path.empty() ? 1 : count_json(item, path);
    return count;
  }
  simdjson::dom::object members;
  if (path.empty() || e.get_object().get(members) != simdjson::SUCCESS) return 0;
  for (const auto field : members)
    if (std::ranges::find(path[0].keys, field.key) != path[0].keys.end())
      count += count_json(field.value, path.subspan(1));
  return count;
}

Result<uint64_t> count(std::string_view request, Encoding encoding, std::span<const Step> path) {
  uint64_t n = 0;
  if (encoding == Encoding::kProtobuf) {
    const char* fault_at = nullptr;
    if (!count_protobuf(request, path, n, fault_at))
      return fail(Errc::kInvalidArgument, "malformed OTLP protobuf at byte ",
                  fault_at - request.data());
    return n;
  }
  JsonDocument document;
  const auto root = document.parse(request);
  if (!root) return std::unexpected(root.error());
  if (!root->is_object()) return fail(Errc::kInvalidArgument, "OTLP JSON: expected an object");
  return count_json(*root, path);
}

}  // namespace

Result<uint64_t> count_data_points(std::string_view request, Encoding encoding) {
  return count(request, encoding, kMetricsPath);
}
Result<uint64_t> count_log_records(std::string_view request, Encoding encoding) {
  return count(request, encoding, kLogsPath);
}

}  // namespace sightline::wire::otlp
