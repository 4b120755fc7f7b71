#include "api/jaeger/jaeger_grpc.h"

#include <algorithm>
#include <map>
#include <protozero/pbf_writer.hpp>
#include <set>

#include "api/jaeger/structured_filter.h"
#include "base/protobuf_reader.h"
#include "net/grpc_status.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::api::jaeger {
namespace {

using protozero::pbf_writer;
using Messages = std::vector<std::string>;
using Answer = Result<Messages> (*)(const JaegerApi&, std::string_view request,
                                    const Cancelled& cancelled);

Status check(const ProtobufReader& r) {
  if (r.ok()) return {};
  return fail(Errc::kInvalidArgument, "the request is not a valid message: ", r.fault());
}

// google.protobuf.Timestamp and Duration: seconds = 1, nanos = 2. Below zero counts as zero.
uint64_t nanoseconds_of(std::string_view bytes) {
  int64_t seconds = 0, nanos = 0;
  for (ProtobufReader r(bytes); r.next();) {
    if (r.tag() == protobuf_varint(1))
      seconds = static_cast<int64_t>(r.varint());
    else if (r.tag() == protobuf_varint(2))
      nanos = static_cast<int32_t>(r.varint());
    else
      r.skip();
  }
  if (seconds < 0 || seconds > INT64_MAX / 2'000'000'000 || nanos < 0) return 0;
  return static_cast<uint64_t>(seconds) * 1'000'000'000 + static_cast<uint64_t>(nanos);
}

std::pair<std::string, std::string> tag_of(std::string_view bytes) {
  std::pair<std::string, std::string> tag;
  for (ProtobufReader r(bytes); r.next();) {
    if (r.tag() == protobuf_bytes(1))
      tag.first = r.bytes();
    else if (r.tag() == protobuf_bytes(2))
      tag.second = r.bytes();
    else
      r.skip();
  }
  return tag;
}

// TraceQueryParameters.
Status read_parameters(std::string_view bytes, TraceQuestion& question) {
  ProtobufReader r(bytes);
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): question.service = r.bytes(); break;
      case protobuf_bytes(2): question.operation = r.bytes(); break;
      case protobuf_bytes(3): question.tags.push_back(tag_of(r.bytes())); break;
      case protobuf_bytes(4): question.start = {nanoseconds_of(r.bytes())}; break;
      case protobuf_bytes(5): question.end = {nanoseconds_of(r.bytes())}; break;
      case protobuf_bytes(6):
        question.duration_min =
            std::chrono::nanoseconds(static_cast<int64_t>(nanoseconds_of(r.bytes())));
        break;
      case protobuf_bytes(7):
        if (const auto ns = static_cast<int64_t>(nanoseconds_of(r.bytes())); ns > 0)
          question.duration_max = std::chrono::nanoseconds(ns);
        break;
      case protobuf_varint(8):
        question.limit = static_cast<uint32_t>(std::max(static_cast<int32_t>(r.varint()), 0));
        break;
      case protobuf_bytes(10): {
        auto condition = filter_condition(r.bytes());
        if (!condition) return std::unexpected(std::move(condition).error());
        question.condition = std::move(*condition);
        break;
      }
      default: r.skip();
    }
  }
  const bool is_plain = question.service.empty() && question.operation.empty() &&
                        question.tags.empty() && question.duration_min.count() == 0 &&
                        !question.duration_max;
  if (r.ok() && !question.condition.empty() && !is_plain)
    return fail(Errc::kInvalidArgument,
                "filter excludes service_name, operation_name, attributes and durations");
  return check(r);
}

Result<TraceQuestion> question_of(std::string_view request) {
  TraceQuestion question;
  ProtobufReader r(request);
  while (r.next()) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    if (auto read = read_parameters(r.bytes(), question); !read)
      return std::unexpected(std::move(read).error());
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  if (question.end.value == 0) question.end = {UINT64_MAX};
  return question;
}

Result<Messages> get_trace(const JaegerApi& api, std::string_view request, const Cancelled&) {
  std::string_view text;
  ProtobufReader r(request);
  while (r.next()) {
    if (r.tag() == protobuf_bytes(1))
      text = r.bytes();
    else
      r.skip();
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  const auto id = parse_id(text);
  if (!id) return std::unexpected(id.error());
  const auto trace = find_trace(api, *id);
  if (!trace) return std::unexpected(trace.error());
  return Messages{wire::otlp::encode_traces(**trace)};
}

Result<std::vector<TracePtr>> traces_of(const JaegerApi& api, std::string_view request,
                                        const Cancelled& cancelled) {
  const auto question = question_of(request);
  if (!question) return std::unexpected(question.error());
  return find_traces(api, *question, cancelled);
}

Result<Messages> find_all(const JaegerApi& api, std::string_view request,
                          const Cancelled& cancelled) {
  const auto traces = traces_of(api, request, cancelled);
  if (!traces) return std::unexpected(traces.error());
  Messages messages;
  for (const TracePtr& trace : *traces) messages.push_back(wire::otlp::encode_traces(*trace));
  return messages;
}

std::string summary_of(const model::SpanBatch& trace) {
  struct Counts {
    int32_t spans = 0;
    int32_t errors = 0;
  };
  std::map<std::string, Counts> services;
  std::set<SpanId> ids;
  uint64_t start = UINT64_MAX, end = 0;
  const model::SpanView* root = nullptr;
  Counts all;
  for (const model::SpanView& span : trace.spans) {
    Counts& counts = services[std::string(trace.service_name(span))];
    const int32_t error = span.status == model::StatusCode::kError ? 1 : 0;
    ++counts.spans;
    counts.errors += error;
    ++all.spans;
    all.errors += error;
    ids.insert(span.span_id);
    start = std::min(start, span.start.value);
    end = std::max(end, span.end.value);
    if (!span.parent_span_id.is_valid() && (root == nullptr || span.start < root->start))
      root = &span;
  }
  const auto orphans = std::ranges::count_if(trace.spans, [&](const auto& s) {
    return s.parent_span_id.is_valid() && !ids.contains(s.parent_span_id);
  });
  std::string out;
  pbf_writer writer(out);
  writer.add_string(1, to_hex(trace.spans.front().trace_id));
  if (root != nullptr) {
    writer.add_string(2, std::string(trace.service_name(*root)));
    writer.add_string(3, std::string(root->name));
  }
  writer.add_fixed64(4, start);
  writer.add_fixed64(5, end);
  writer.add_int32(6, all.spans);
  writer.add_int32(7, all.errors);
  writer.add_int32(8, static_cast<int32_t>(orphans));
  for (const auto& [name, counts] : services) {
    std::string service;
    pbf_writer service_writer(service);
    service_writer.add_string(1, name);
    service_writer.add_int32(2, counts.spans);
    service_writer.add_int32(3, counts.errors);
    writer.add_message(9, service);
  }
  return out;
}

Result<Messages> find_summaries(const JaegerApi& api, std::string_view request,
                                const Cancelled& cancelled) {
  const auto traces = traces_of(api, request, cancelled);
  if (!traces) return std::unexpected(traces.error());
  Messages messages;
  for (const TracePtr& trace : *traces)
    pbf_writer(messages.emplace_back()).add_message(1, summary_of(*trace));
  return messages;
}

Result<Messages> get_services(const JaegerApi& api, std::string_view, const Cancelled& cancelled) {
  const auto services = find_services(api, cancelled);
  if (!services) return std::unexpected(services.error());
  Messages messages(1);
  pbf_writer writer(messages[0]);
  for (const std::string& service : *services) writer.add_string(1, service);
  return messages;
}

Result<Messages> get_operations(const JaegerApi& api, std::string_view request,
                                const Cancelled& cancelled) {
  std::string service, kind;
  ProtobufReader r(request);
  while (r.next()) {
    if (r.tag() == protobuf_bytes(1))
      service = r.bytes();
    else if (r.tag() == protobuf_bytes(2))
      kind = r.bytes();
    else
      r.skip();
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  if (service.empty()) return fail(Errc::kInvalidArgument, "service is required");
  const auto operations = find_operations(api, service, kind, cancelled);
  if (!operations) return std::unexpected(operations.error());
  Messages messages(1);
  pbf_writer writer(messages[0]);
  for (const Operation& operation : *operations) {
    std::string message;
    pbf_writer operation_writer(message);
    operation_writer.add_string(1, operation.name);
    operation_writer.add_string(2, operation.kind);
    writer.add_message(1, message);
  }
  return messages;
}

Result<Messages> get_dependencies(const JaegerApi& api, std::string_view request,
                                  const Cancelled& cancelled) {
  TimestampNs start{0}, end{0};
  ProtobufReader r(request);
  while (r.next()) {
    if (r.tag() == protobuf_bytes(1))
      start = {nanoseconds_of(r.bytes())};
    else if (r.tag() == protobuf_bytes(2))
      end = {nanoseconds_of(r.bytes())};
    else
      r.skip();
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  if (end.value == 0) end = {UINT64_MAX};
  const auto dependencies = find_dependencies(api, start, end, cancelled);
  if (!dependencies) return std::unexpected(dependencies.error());
  Messages messages(1);
  pbf_writer writer(messages[0]);
  for (const Dependency& dependency : *dependencies) {
    std::string message;
    pbf_writer dependency_writer(message);
    dependency_writer.add_string(1, dependency.parent);
    dependency_writer.add_string(2, dependency.child);
    dependency_writer.add_uint64(3, dependency.calls);
    writer.add_message(1, message);
  }
  return messages;
}

net::GrpcReply answer_call(const JaegerApi& api, Answer answer, const net::SharedBytes& request,
                           net::GrpcStreamCall& call) {
  auto messages = answer(api, *request, call.cancellation());
  if (!messages)
    return {.code = net::grpc_code_of(messages.error().code), .message = messages.error().message};
  for (std::string& message : *messages)
    if (!call.send(std::move(message)))
      return {.code = net::GrpcCode::kCancelled, .message = "cancelled"};
  return {};
}

}  // namespace

net::GrpcStreamMethods jaeger_grpc_methods(const JaegerApi& api) {
  static constexpr std::pair<const char*, Answer> kMethods[] = {
      {"GetTrace", get_trace},
      {"FindTraces", find_all},
      {"GetServices", get_services},
      {"GetOperations", get_operations},
      {"GetDependencies", get_dependencies},
      {"FindTraceSummaries", find_summaries}};
  const auto shared = std::make_shared<const JaegerApi>(api);
  net::GrpcStreamMethods methods;
  for (const auto& [name, answer] : kMethods)
    methods["/jaeger.api_v3.QueryService/" + std::string(name)] =
        [shared, answer](const net::SharedBytes& request, net::GrpcStreamCall& call) {
          return as_tenants(
              *shared, call.metadata(kOrgIdMetadata),
              [&](const JaegerApi& own) { return answer_call(own, answer, request, call); },
              [](const TenancyRefusal& refusal) -> net::GrpcReply {
                return {.code = refusal.grpc_code, .message = refusal.message};
              });
        };
  return methods;
}

}  // namespace sightline::api::jaeger
