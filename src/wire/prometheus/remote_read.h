#pragma once
// Remote read: a ReadRequest in, and what answers it out, in protobuf.
//   Errors   kInvalidArgument when the bytes are no such message.
//   Limits   none of its own: linear in the bytes, which the caller bounds.
//   Threads  pure functions.
//   Source   spec: Remote read; prompb/remote.proto, types.proto.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/histogram.h"
#include "model/labels.h"

namespace sightline::wire::prometheus {

enum class ReadMatch : uint8_t { kEqual, kNotEqual, kRegex, kNotRegex };
struct ReadMatcher {
  ReadMatch type = ReadMatch::kEqual;
  std::string name;
  std::string value;
};
struct ReadQuery {
  TimestampMs start;
  TimestampMs end;
  std::vector<ReadMatcher> matchers;
};
inline constexpr int64_t kReadSamples = 0;
inline constexpr int64_t kReadStreamedChunks = 1;
struct ReadRequest {
  std::vector<ReadQuery> queries;
  std::vector<int64_t> accepted_types;  // as listed; numbers that nobody knows yet included
};
Result<ReadRequest> decode_read_request(std::string_view bytes);

// The series of a QueryResult: labels, then samples and histograms in time order.
class ReadSeriesWriter {
 public:
  explicit ReadSeriesWriter(const model::Labels& labels);
  void add(int64_t time_ms, double value);
  void add(int64_t time_ms, const model::Histogram& histogram);
  std::string take() { return std::move(message_); }

 private:
  std::string message_;
};
void append_series(std::string& query_result, std::string_view series);  // QueryResult.timeseries
void append_query_result(std::string& response,
                         std::string_view query_result);  // ReadResponse.results

struct ReadChunk {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  int32_t type = 1;  // Chunk.Encoding
  std::string data;
};
// One frame of a streamed answer: length, checksum, ChunkedReadResponse of one series.
void append_frame(std::string& out, const model::Labels& labels, std::span<const ReadChunk> chunks,
                  uint64_t query_index);

}  // namespace sightline::wire::prometheus
