#include "wire/otlp/responses.h"

#include <protozero/pbf_writer.hpp>

#include "base/text_codec.h"

namespace sightline::wire::otlp {
namespace {

using protozero::pbf_writer;

constexpr std::string_view kRetryInfoType = "type.googleapis.com/google.rpc.RetryInfo";

std::string_view rejected_key(Signal signal) {
  switch (signal) {
    case Signal::kTraces: return "rejectedSpans";
    case Signal::kMetrics: return "rejectedDataPoints";
    case Signal::kLogs: return "rejectedLogRecords";
  }
  return "rejectedSpans";
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

// A proto3 JSON Duration: "1.5s", fraction of 0, 3, 6 or 9 digits.
std::string duration_json(std::chrono::nanoseconds d) {
  std::string out = std::to_string(d.count() / 1'000'000'000);
  if (const int64_t ns = d.count() % 1'000'000'000; ns != 0) {
    std::string digits = std::to_string(ns);
    digits.insert(0, 9 - digits.size(), '0');
    while (digits.ends_with("000")) digits.resize(digits.size() - 3);
    out += "." + digits;
  }
  return out + "s";
}

std::string retry_info(std::chrono::nanoseconds delay) {
  std::string out;
  pbf_writer message(out);
  pbf_writer duration(message, 1);
  duration.add_int64(1, delay.count() / 1'000'000'000);
  duration.add_int32(2, static_cast<int32_t>(delay.count() % 1'000'000'000));
  duration.commit();
  return out;
}

}  // namespace

std::string encode_export_response(Signal signal, Encoding encoding,
                                   const PartialSuccess& partial) {
  std::string out;
  if (encoding == Encoding::kProtobuf) {
    pbf_writer response(out);
    pbf_writer body(response, 1);
    if (partial.rejected != 0) body.add_int64(1, static_cast<int64_t>(partial.rejected));
    if (!partial.message.empty()) body.add_string(2, to_valid_utf8(partial.message));
    body.commit();
    return out;
  }
  out = "{\"partialSuccess\":{";
  if (partial.rejected != 0) {
    append_quoted(out, rejected_key(signal));
    out += ":\"" + std::to_string(partial.rejected) + "\"";
  }
  if (!partial.message.empty()) {
    if (partial.rejected != 0) out += ',';
    out += "\"errorMessage\":";
    append_quoted(out, partial.message);
  }
  return out + "}}";
}

RpcCode rpc_code_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kCorrupt:
    case Errc::kExecution: return RpcCode::kInvalidArgument;
    case Errc::kNotFound: return RpcCode::kNotFound;
    case Errc::kAlreadyExists: return RpcCode::kFailedPrecondition;
    case Errc::kOutOfRange: return RpcCode::kOutOfRange;
    case Errc::kResourceExhausted: return RpcCode::kResourceExhausted;
    case Errc::kUnavailable:
    case Errc::kIo: return RpcCode::kUnavailable;
    case Errc::kDeadlineExceeded: return RpcCode::kDeadlineExceeded;
    case Errc::kCancelled: return RpcCode::kCancelled;
    case Errc::kUnsupported: return RpcCode::kUnimplemented;
    case Errc::kInternal: return RpcCode::kInternal;
  }
  return RpcCode::kUnknown;
}

std::string encode_rpc_status(Encoding encoding, const RpcStatus& status) {
  std::string out;
  if (encoding == Encoding::kProtobuf) {
    pbf_writer message(out);
    if (status.code != RpcCode::kOk) message.add_int32(1, static_cast<int32_t>(status.code));
    if (!status.message.empty()) message.add_string(2, to_valid_utf8(status.message));
    if (status.retry_delay) {
      pbf_writer any(message, 3);
      any.add_bytes(1, kRetryInfoType.data(), kRetryInfoType.size());
      any.add_bytes(2, retry_info(*status.retry_delay));
      any.commit();
    }
    return out;
  }
  out = "{\"code\":" + std::to_string(static_cast<int>(status.code)) + ",\"message\":";
  append_quoted(out, status.message);
  if (status.retry_delay) {
    out += ",\"details\":[{\"@type\":";
    append_quoted(out, kRetryInfoType);
    out += ",\"retryDelay\":\"" + duration_json(*status.retry_delay) + "\"}]";
  }
  return out + "}";
}

}  // namespace sightline::wire::otlp
