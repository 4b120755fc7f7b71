#include "net/grpc_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <array>
#include <atomic>
#include <exception>

#include "base/log.h"
#include "base/work_pool.h"
#include "net/compression.h"
#include "net/grpc_bytes.h"
#include "net/grpc_status.h"
#include "net/http.h"
#include "net/listen_socket.h"
#include "net/unread_calls.h"

namespace sightline::net {
namespace {

constexpr size_t kCodeCount = 17;

// What all calls of a server share.
class Serving {
 public:
  Serving(GrpcServerOptions given, Telemetry& telemetry)
      : options(std::move(given)),
        pool({.thread_count = options.handler_threads, .queue_max = options.handler_queue_max}),
        unread_calls(telemetry, options.name) {
    for (size_t code = 0; code < kCodeCount; ++code)
      answers_[code] =
          &telemetry.counter("sightline_grpc_requests_total", "gRPC calls answered.",
                             {{"listener", options.name}, {"code", std::to_string(code)}});
  }
  void count_answer(GrpcCode code) { answers_[static_cast<size_t>(code) % kCodeCount]->add(); }

  const GrpcServerOptions options;
  WorkPool pool;
  UnreadCallGuard unread_calls;

 private:
  std::array<Counter*, kCodeCount> answers_{};
};

grpc::Status status_of(const GrpcReply& reply) {
  const auto code = static_cast<grpc::StatusCode>(reply.code);
  if (!reply.retry_after) return {code, reply.message};
  return {code, reply.message, write_status_details(reply.code, reply.message, *reply.retry_after)};
}

// gRPC would unpack messages without a limit, so it is told not to. No protobuf
// message begins with gzip's first byte (wire type 7 does not exist), and none
// that happens to begin like zlib's also ends in its right checksum.
Result<std::string> unpack_message(std::string bytes, size_t bytes_max) {
  if (bytes.starts_with("\x1f\x8b")) return decompress(Compression::kGzip, bytes, bytes_max);
  if (bytes.size() >= 8 && bytes[0] == '\x78') {
    auto plain = decompress(Compression::kDeflate, bytes, bytes_max);
    if (plain || plain.error().code == Errc::kResourceExhausted) return plain;
  }
  return bytes;
}

// One call: reads its message, runs the handler on the pool, answers.
// Deletes itself when gRPC is done with it.
class Call final : public grpc::ServerGenericBidiReactor, public GrpcCaller {
 public:
  // The context lives until OnDone().
  Call(Serving& serving, const GrpcHandler& handler,
       const grpc::GenericCallbackServerContext& context)
      : serving_(serving),
        handler_(handler),
        context_(context),
        remote_(remote_of(context.peer())) {
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      serving_.unread_calls.note_unread(remote_);
      finish({.code = GrpcCode::kInvalidArgument, .message = "the call carries no message"});
      return;
    }
    serving_.unread_calls.note_read(remote_);
    const Status submitted = serving_.pool.submit(WorkPriority::kIngest, [this] { finish(run()); });
    if (submitted) return;
    const bool stopping = submitted.error().code == Errc::kUnavailable;
    finish({.code = stopping ? GrpcCode::kUnavailable : GrpcCode::kResourceExhausted,
            .message = submitted.error().message,
            .retry_after = serving_.options.retry_after});
  }
  void OnDone() override { delete this; }

  std::string_view remote() const override { return remote_; }
  std::string_view metadata(std::string_view name) const override {
    const auto& all = context_.client_metadata();
    const auto found = all.find({name.data(), name.size()});
    return found == all.end() ? std::string_view()
                              : std::string_view(found->second.data(), found->second.size());
  }

 private:
  GrpcReply run() {
    try {
      std::string bytes = gather(message_);
      message_.Clear();
      auto plain = unpack_message(std::move(bytes), serving_.options.message_bytes_max);
      if (!plain && plain.error().code == Errc::kResourceExhausted)
        return {.code = GrpcCode::kResourceExhausted, .message = std::move(plain).error().message};
      if (!plain) return {.code = GrpcCode::kInternal, .message = std::move(plain).error().message};
      return handler_(std::make_shared<const std::string>(std::move(*plain)), *this);
    } catch (const std::exception& fault) {
      SL_LOG_ERROR("net: {}: a gRPC handler threw: {}", serving_.options.name, fault.what());
    } catch (...) {
      SL_LOG_ERROR("net: {}: a gRPC handler threw", serving_.options.name);
    }
    return {.code = GrpcCode::kInternal, .message = "internal error"};
  }

  // The last thing this object does on its own behalf.
  void finish(GrpcReply reply) {
    serving_.count_answer(reply.code);
    if (reply.code != GrpcCode::kOk) {
      Finish(status_of(reply));
      return;
    }
    message_ = to_byte_buffer(std::move(reply.payload));
    StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
  }

  Serving& serving_;
  const GrpcHandler& handler_;
  const grpc::GenericCallbackServerContext& context_;
  const std::string remote_;
  grpc::ByteBuffer message_;  // the request, then the reply
};

class RefusedCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit RefusedCall(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

class Methods final : public grpc::CallbackGenericService {
 public:
  explicit Methods(Serving& serving) : serving_(serving) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    if (!lets_in(*context)) {
      serving_.count_answer(GrpcCode::kUnauthenticated);
      return new RefusedCall({grpc::StatusCode::UNAUTHENTICATED, "authentication failed"});
    }
    const auto found = serving_.options.methods.find(context->method());
    if (found != serving_.options.methods.end()) return new Call(serving_, found->second, *context);
    serving_.count_answer(GrpcCode::kUnimplemented);
    return new RefusedCall(
        {grpc::StatusCode::UNIMPLEMENTED, "unknown method " + context->method()});
  }

 private:
  bool lets_in(const grpc::GenericCallbackServerContext& context) const {
    if (!serving_.options.authenticator) return true;
    const auto& metadata = context.client_metadata();
    const auto found = metadata.find(serving_.options.authenticator->header);
    return found != metadata.end() &&
           serving_.options.authenticator->accepts({found->second.data(), found->second.size()});
  }

  Serving& serving_;
};

}  // namespace

namespace {

std::shared_ptr<grpc::ServerCredentials> credentials_of(const GrpcServerOptions& options) {
  if (!options.tls) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls(
      options.tls->client_ca_pem.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = options.tls->client_ca_pem;
  tls.pem_key_cert_pairs.push_back({options.tls->key_pem, options.tls->cert_pem});
  return grpc::SslServerCredentials(tls);
}

void set_keepalive(grpc::ServerBuilder& builder, const GrpcServerOptions& options) {
  const auto set = [&](const char* name, std::chrono::milliseconds value) {
    if (value.count() > 0)
      builder.AddChannelArgument(name,
                                 static_cast<int>(std::min<int64_t>(value.count(), INT32_MAX)));
  };
  set(GRPC_ARG_MAX_CONNECTION_IDLE_MS, options.max_connection_idle);
  set(GRPC_ARG_MAX_CONNECTION_AGE_MS, options.max_connection_age);
  set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, options.max_connection_age_grace);
  set(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_time);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout);
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, options.ping_interval_min);
  if (options.ping_without_stream)
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace

struct GrpcServer::State {
  State(GrpcServerOptions options, Telemetry& telemetry)
      : serving(std::move(options), telemetry), methods(serving) {}

  Serving serving;
  Methods methods;
  std::unique_ptr<grpc::Server> server;  // stops before what its calls use
  std::string address;
  int port = 0;
  bool stopped = false;
};

Result<std::unique_ptr<GrpcServer>> GrpcServer::listen(GrpcServerOptions options,
                                                       Telemetry& telemetry) {
  route_grpc_log();
  std::string address;
  {
    // gRPC does not say why it cannot listen, so ask first.
    auto socket = ListenSocket::open(options.address);
    if (!socket) return std::unexpected(std::move(socket).error());
    address = socket->address();
    // Any free port is gRPC's to choose: this one may be somebody's by then.
    if (options.address.ends_with(":0")) address.replace(address.rfind(':') + 1, address.npos, "0");
  }
  auto state = std::make_unique<State>(std::move(options), telemetry);
  const GrpcServerOptions& chosen = state->serving.options;
  grpc::ResourceQuota quota(chosen.name);
  quota.Resize(chosen.memory_bytes_max);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(chosen.message_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(chosen.streams_per_connection_max));
  builder.RegisterCallbackGenericService(&state->methods);
  set_keepalive(builder, chosen);
  if (chosen.tls)
    if (auto checked = TlsServerContext::create(*chosen.tls); !checked)
      return std::unexpected(std::move(checked).error());
  builder.AddListeningPort(address, credentials_of(chosen), &state->port);
  state->server = builder.BuildAndStart();
  if (!state->server || state->port == 0)
    return fail(Errc::kIo, "listen tcp ", address, ": gRPC could not listen");
  state->address = address.substr(0, address.rfind(':') + 1) + std::to_string(state->port);
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(state)));
}

GrpcServer::GrpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcServer::~GrpcServer() { stop(std::chrono::milliseconds(0)); }

std::string GrpcServer::local_address() const { return state_->address; }
uint16_t GrpcServer::port() const { return static_cast<uint16_t>(state_->port); }

void GrpcServer::stop(std::chrono::milliseconds deadline) {
  if (std::exchange(state_->stopped, true)) return;
  state_->server->Shutdown(std::chrono::system_clock::now() + deadline);
  state_->server->Wait();
}

}  // namespace sightline::net
