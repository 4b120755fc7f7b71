#include "wire/otlp/responses.h"

#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "base/text_codec.h"
#include "wire/otlp/signal_counts.h"

namespace sightline::wire::otlp {
namespace {

using protozero::pbf_writer;

TEST(Responses, ExportResponses) {
  EXPECT_EQ(encode_export_response(Signal::kTraces, Encoding::kProtobuf, {}), "");
  EXPECT_EQ(encode_export_response(Signal::kTraces, Encoding::kJson, {}),
            R"({"partialSuccess":{}})");
  EXPECT_EQ(
      encode_export_response(Signal::kMetrics, Encoding::kJson, {3, "no \"metrics\" here"}),
      R"({"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"no \"metrics\" here"}})");
  EXPECT_EQ(hex_encode(encode_export_response(Signal::kLogs, Encoding::kProtobuf, {300, "x"})),
            "0a0608ac02120178");
}

TEST(Responses, RpcStatus) {
  const RpcStatus status{RpcCode::kResourceExhausted, "queue full",
                         std::chrono::milliseconds(1500)};
  EXPECT_EQ(
      encode_rpc_status(Encoding::kJson, status),
      R"({"code":8,"message":"queue full","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.500s"}]})");
  const std::string bytes = encode_rpc_status(Encoding::kProtobuf, status);
  EXPECT_EQ(hex_encode(bytes.substr(0, 14)), "0808120a71756575652066756c6c");
  EXPECT_EQ(hex_encode(bytes.substr(bytes.size() - 10)),
            "0a08080110"
            "80cab5ee01");
  EXPECT_EQ(rpc_code_of(Errc::kUnavailable), RpcCode::kUnavailable);
}

TEST(SignalCounts, CountsDataPointsAndLogRecords) {
  std::string metrics;
  {
    pbf_writer request(metrics);
    for (int r = 0; r < 2; ++r) {
      pbf_writer resource(request, 1);
      pbf_writer scope(resource, 2);
      for (const uint32_t data : {5, 7, 9, 10, 11}) {
        pbf_writer metric(scope, 2);
        metric.add_string(1, "m");
        pbf_writer points(metric, data);
        pbf_writer(points, 1).add_fixed64(3, 1);
        pbf_writer(points, 1).add_fixed64(3, 2);
      }
    }
  }
  EXPECT_EQ(count_data_points(metrics, Encoding::kProtobuf), 20u);
  EXPECT_FALSE(count_data_points("\x0a\x05", Encoding::kProtobuf));
  EXPECT_EQ(
      count_data_points(
          R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{"dataPoints":[{},{}]}},{"gauge":{"dataPoints":[{}]}}]}]}]})",
          Encoding::kJson),
      3u);
  EXPECT_EQ(count_log_records(R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]}]})",
                              Encoding::kJson),
            2u);
  EXPECT_EQ(count_log_records(std::string_view("\x0a\x06\x12\x04\x12\x00\x12\x00", 8),
                              Encoding::kProtobuf),
            2u);
  EXPECT_FALSE(count_log_records("[", Encoding::kJson));
}

}  // namespace
}  // namespace sightline::wire::otlp
