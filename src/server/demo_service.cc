#include "server/demo_service.h"

#include <cstdio>
#include <protozero/pbf_writer.hpp>

#include "base/log.h"
#include "base/number_text.h"
#include "base/text_codec.h"

namespace sightline::server {
namespace {

constexpr size_t kSpansWaitingMax = 10'000;
constexpr size_t kSpansPerExport = 512;
constexpr std::chrono::milliseconds kExportDelay(100);
constexpr std::chrono::seconds kExportDeadline(5);
constexpr size_t kServingThreads = 16;
constexpr std::string_view kExportMethod =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

void add_text(protozero::pbf_writer& out, protozero::pbf_tag_type field, std::string_view text) {
  out.add_bytes(field, text.data(), text.size());
}

void add_attribute(protozero::pbf_writer& out, protozero::pbf_tag_type field, std::string_view key,
                   std::string_view value) {
  protozero::pbf_writer pair(out, field);
  add_text(pair, 1, key);
  protozero::pbf_writer any(pair, 2);
  add_text(any, 1, value);
}

void add_attribute(protozero::pbf_writer& out, protozero::pbf_tag_type field, std::string_view key,
                   int64_t value) {
  protozero::pbf_writer pair(out, field);
  add_text(pair, 1, key);
  protozero::pbf_writer any(pair, 2);
  any.add_int64(3, value);
}

template <typename Id>
void add_id(protozero::pbf_writer& out, protozero::pbf_tag_type field, const Id& id) {
  if (id.is_valid())
    add_text(out, field, {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

// Field numbers: opentelemetry/proto/trace/v1/trace.proto, message Span.
void add_span(protozero::pbf_writer& scope_spans, const DemoSpan& span) {
  protozero::pbf_writer out(scope_spans, 2);
  add_id(out, 1, span.trace_id);
  add_id(out, 2, span.span_id);
  add_id(out, 4, span.parent_id);
  add_text(out, 5, span.name);
  out.add_enum(6, span.server ? 2 : 1);
  out.add_fixed64(7, span.start.value);
  out.add_fixed64(8, span.end.value);
  for (const auto& [key, value] : span.text_attributes) add_attribute(out, 9, key, value);
  for (const auto& [key, value] : span.int_attributes) add_attribute(out, 9, key, value);
  protozero::pbf_writer status(out, 15);
  if (span.error) status.add_enum(3, 2);
}

void add_scope(protozero::pbf_writer& resource_spans, std::string_view name,
               const std::vector<DemoSpan>& spans, bool server) {
  protozero::pbf_writer out(resource_spans, 2);
  {
    protozero::pbf_writer scope(out, 1);
    add_text(scope, 1, name);
    add_text(scope, 2, kVersion);
  }
  for (const DemoSpan& span : spans)
    if (span.server == server) add_span(out, span);
}

void add_resource(protozero::pbf_writer& resource_spans, std::string_view instance_id) {
  protozero::pbf_writer resource(resource_spans, 1);
  add_attribute(resource, 1, "service.instance.id", instance_id);
  add_attribute(resource, 1, "telemetry.sdk.language", "cpp");
  add_attribute(resource, 1, "telemetry.sdk.name", "sightline-demo");
  add_attribute(resource, 1, "telemetry.sdk.version", kVersion);
  add_attribute(resource, 1, "service.name", "demo-service");
}

void print_span(const DemoSpan& span, std::string_view instance_id) {
  std::string out = "{\"name\":\"";
  append_json_escaped(out, span.name);
  out += "\",\"trace_id\":\"" + to_hex(span.trace_id) + "\",\"span_id\":\"" + to_hex(span.span_id) +
         "\",\"parent_id\":";
  out += span.parent_id.is_valid() ? "\"" + to_hex(span.parent_id) + "\"" : "null";
  out += ",\"start_time\":\"" + format_rfc3339(span.start.value) + "\",\"end_time\":\"" +
         format_rfc3339(span.end.value) + "\",\"service.instance.id\":\"" +
         std::string(instance_id) + "\"}\n";
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view header) {
  // version(2)-trace(32)-parent(16)-flags(2); longer for versions above 00.
  constexpr size_t kLength = 55;
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-')
    return std::nullopt;
  const auto version = hex_decode(header.substr(0, 2));
  const auto flags = hex_decode(header.substr(53, 2));
  const auto trace_id = parse_trace_id(header.substr(3, 32));
  const auto parent_id = parse_span_id(header.substr(36, 16));
  if (!version || !flags || !trace_id || !parent_id) return std::nullopt;
  if ((*version)[0] == '\xff' || ((*version)[0] == '\0' && header.size() != kLength))
    return std::nullopt;
  if (!trace_id->is_valid() || !parent_id->is_valid()) return std::nullopt;
  return TraceParent{*trace_id, *parent_id, ((*flags)[0] & 1) != 0};
}

std::string encode_demo_spans(const std::vector<DemoSpan>& spans, std::string_view instance_id) {
  std::string out;
  {
    protozero::pbf_writer request(out);
    protozero::pbf_writer resource_spans(request, 1);
    add_resource(resource_spans, instance_id);
    add_scope(resource_spans, "sightline.demo", spans, false);
    add_scope(resource_spans, "sightline.demo.http", spans, true);
  }
  return out;
}

DemoService::DemoService(const DemoCommand& command, const Clock& clock)
    : command_(command),
      clock_(clock),
      instance_id_(Random(Random::entropy_seed()).uuid()),
      random_(Random::entropy_seed()) {}

Result<std::unique_ptr<DemoService>> DemoService::start(const DemoCommand& command,
                                                        const Clock& clock, Telemetry& telemetry) {
  std::unique_ptr<DemoService> demo(new DemoService(command, clock));
  for (const std::string& endpoint : command.otlp_endpoints) {
    auto client = net::GrpcClient::create({.target = endpoint});
    if (!client) return std::unexpected(std::move(client).error());
    demo->receivers_.push_back({endpoint, std::move(*client)});
  }
  DemoService* self = demo.get();
  const auto serve_page = [self](Page page) {
    return [self, page](net::HttpRequest& request) { return self->serve(page, request); };
  };
  demo->router_.add("GET", "/",
                    serve_page({.route = "/", .child = "index-span", .body = "Hello, OTLP!"}));
  demo->router_.add("GET", "/slow",
                    serve_page({.route = "/slow",
                                .child = "slow-span",
                                .body = "Slept 0.5s",
                                .work = std::chrono::milliseconds(500)}));
  demo->router_.set_fallback(serve_page({}));
  demo->pool_ = std::make_unique<WorkPool>(WorkPoolOptions{.thread_count = kServingThreads});
  auto server = net::HttpServer::listen({.address = command.listen_address, .name = "demo"},
                                        demo->router_, *demo->pool_, telemetry);
  if (!server) return std::unexpected(std::move(server).error());
  demo->server_ = std::move(*server);
  demo->exporter_ = std::thread([self] { self->export_spans(); });
  return demo;
}

DemoService::~DemoService() {
  if (server_) server_->stop(std::chrono::seconds(2));
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (exporter_.joinable()) exporter_.join();
}

SpanId DemoService::new_span_id() {
  const std::lock_guard lock(mutex_);
  const uint64_t bits = random_.next() | 1;
  SpanId id;
  std::memcpy(id.bytes.data(), &bits, id.bytes.size());
  return id;
}

TraceId DemoService::new_trace_id() {
  const std::lock_guard lock(mutex_);
  const uint64_t bits[2] = {random_.next() | 1, random_.next()};
  TraceId id;
  std::memcpy(id.bytes.data(), bits, id.bytes.size());
  return id;
}

net::HttpResponse DemoService::serve(const Page& page, const net::HttpRequest& request) {
  const auto parent = parse_traceparent(request.headers.get("traceparent"));
  const std::string host(request.headers.get("Host"));
  const size_t colon = request.remote.rfind(':');
  DemoSpan span{
      .trace_id = parent ? parent->trace_id : new_trace_id(),
      .span_id = new_span_id(),
      .server = true,
      .name = request.method + " " + (page.route.empty() ? request.path : std::string(page.route)),
      .start = clock_.now()};
  if (parent) span.parent_id = parent->parent_id;
  const int status = page.route.empty() ? 404 : 200;

  std::optional<DemoSpan> child;
  if (!page.child.empty()) {
    child = DemoSpan{.trace_id = span.trace_id,
                     .span_id = new_span_id(),
                     .parent_id = span.span_id,
                     .name = std::string(page.child),
                     .start = clock_.now()};
    if (page.work.count() > 0) std::this_thread::sleep_for(page.work);
    child->end = clock_.now();
  }
  std::string target = request.path;
  if (!request.query.empty()) target += "?" + request.query;
  span.text_attributes = {
      {"http.server_name", command_.listen_address.substr(0, command_.listen_address.rfind(':'))},
      {"http.scheme", "http"},
      {"net.host.name", host},
      {"http.host", host},
      {"http.target", target},
      {"net.peer.ip", request.remote.substr(0, colon)},
      {"http.user_agent", std::string(request.headers.get("User-Agent"))},
      {"http.flavor", "1.1"},
      {"http.method", request.method}};
  if (!page.route.empty()) span.text_attributes.emplace_back("http.route", page.route);
  span.int_attributes = {
      {"net.host.port", server_->port()},
      {"net.peer.port", parse_int(std::string_view(request.remote).substr(colon + 1)).value_or(0)},
      {"http.status_code", status}};
  span.end = clock_.now();

  if (!parent || parent->sampled) {
    {
      const std::lock_guard lock(mutex_);
      if (child) waiting_.push_back(std::move(*child));
      waiting_.push_back(std::move(span));
      for (; waiting_.size() > kSpansWaitingMax; ++dropped_) waiting_.pop_front();
    }
    changed_.notify_one();
  }
  if (status == 404) return net::HttpResponse::text(404, "404: try / or /slow\n");
  return net::HttpResponse::text(200, std::string(page.body));
}

void DemoService::export_spans() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    // Let a request's spans gather, so that they leave together.
    if (!stopping_)
      changed_.wait_for(lock, kExportDelay,
                        [&] { return stopping_ || waiting_.size() >= kSpansPerExport; });
    std::vector<DemoSpan> spans;
    while (!waiting_.empty() && spans.size() < kSpansPerExport) {
      spans.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (const uint64_t dropped = std::exchange(dropped_, 0); dropped > 0)
      SL_LOG_WARN("demo: {} spans dropped: the receiver is slower than the traffic", dropped);
    lock.unlock();
    send(std::move(spans));
    lock.lock();
  }
}

void DemoService::send(std::vector<DemoSpan> spans) {
  if (command_.console)
    for (const DemoSpan& span : spans) print_span(span, instance_id_);
  const std::string request = encode_demo_spans(spans, instance_id_);
  net::GrpcReply reply;
  for (size_t tries = 0; tries < receivers_.size(); ++tries) {
    reply =
        receivers_[receiver_].client->call(std::string(kExportMethod), request, kExportDeadline);
    if (reply.code == net::GrpcCode::kOk) return;
    if (reply.code != net::GrpcCode::kUnavailable) break;
    receiver_ = (receiver_ + 1) % receivers_.size();
  }
  const bool retryable =
      reply.code == net::GrpcCode::kUnavailable || reply.code == net::GrpcCode::kResourceExhausted;
  std::unique_lock lock(mutex_);
  SL_LOG_WARN("demo: export to {} failed: {}{}", receivers_[receiver_].endpoint, reply.message,
              retryable && !stopping_ ? "; trying again in a second" : "");
  if (!retryable || stopping_) return;
  for (auto span = spans.rbegin(); span != spans.rend() && waiting_.size() < kSpansWaitingMax;
       ++span)
    waiting_.push_front(std::move(*span));
  changed_.wait_for(lock, std::chrono::seconds(1), [&] { return stopping_; });
}

}  // namespace sightline::server
