#include "net/grpc_stream_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <vector>

#include "base/log.h"
#include "net/grpc_bytes.h"
#include "net/unread_calls.h"

namespace sightline::net {
namespace {

constexpr size_t kCodeCount = 17;

class Serving {
 public:
  Serving(GrpcStreamServerOptions given, WorkPool& work, Telemetry& telemetry)
      : options(std::move(given)), pool(work), unread_calls(telemetry, options.name) {
    for (size_t code = 0; code < kCodeCount; ++code)
      answers_[code] =
          &telemetry.counter("sightline_grpc_requests_total", "gRPC calls answered.",
                             {{"listener", options.name}, {"code", std::to_string(code)}});
  }
  void count_answer(GrpcCode code) { answers_[static_cast<size_t>(code) % kCodeCount]->add(); }

  const GrpcStreamServerOptions options;
  WorkPool& pool;
  UnreadCallGuard unread_calls;

 private:
  std::array<Counter*, kCodeCount> answers_{};
};

class CallCancellation final : public Cancellation {
 public:
  bool cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

// One call: reads its request, runs the handler on the pool, which sends. Deletes itself when gRPC is
// done with it, which is never before finish().
class StreamCall final : public grpc::ServerGenericBidiReactor, public GrpcStreamCall {
 public:
  StreamCall(Serving& serving, const GrpcStreamHandler& handler,
             const grpc::GenericCallbackServerContext& context)
      : serving_(serving), handler_(handler), remote_(remote_of(context.peer())) {
    for (const auto& [name, value] : context.client_metadata())
      metadata_.emplace_back(std::string(name.data(), name.size()),
                             std::string(value.data(), value.size()));
    StartRead(&request_);
  }

  std::string_view metadata(std::string_view name) const override {
    for (const auto& [key, value] : metadata_)
      if (key == name) return value;
    return {};
  }
  std::shared_ptr<const Cancellation> cancellation() const override { return cancellation_; }

  bool send(std::string message) override {
    if (cancellation_->cancelled()) return false;
    {
      const std::lock_guard lock(mutex_);
      writing_ = true;
    }
    message_ = to_byte_buffer(std::move(message));
    StartWrite(&message_);
    std::unique_lock lock(mutex_);
    written_.wait(lock, [this] { return !writing_; });
    return write_ok_ && !cancellation_->cancelled();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      serving_.unread_calls.note_unread(remote_);
      return finish({.code = GrpcCode::kInvalidArgument, .message = "the call carries no message"});
    }
    serving_.unread_calls.note_read(remote_);
    const Status submitted = serving_.pool.submit(WorkPriority::kQuery, [this] { finish(run()); });
    if (submitted) return;
    const bool stopping = submitted.error().code == Errc::kUnavailable;
    finish({.code = stopping ? GrpcCode::kUnavailable : GrpcCode::kResourceExhausted,
            .message = submitted.error().message});
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    write_ok_ = ok;
    written_.notify_all();
  }
  void OnCancel() override { cancellation_->cancel(); }
  void OnDone() override { delete this; }

 private:
  GrpcReply run() {
    try {
      auto bytes = std::make_shared<const std::string>(gather(request_));
      request_.Clear();
      return handler_(bytes, *this);
    } catch (const std::exception& fault) {
      SL_LOG_ERROR("net: {}: a gRPC handler threw: {}", serving_.options.name, fault.what());
    } catch (...) {
      SL_LOG_ERROR("net: {}: a gRPC handler threw", serving_.options.name);
    }
    return {.code = GrpcCode::kInternal, .message = "internal error"};
  }

  // The last thing this object does on its own behalf.
  void finish(const GrpcReply& reply) {
    serving_.count_answer(reply.code);
    Finish(reply.code == GrpcCode::kOk
               ? grpc::Status::OK
               : grpc::Status(static_cast<grpc::StatusCode>(reply.code), reply.message));
  }

  Serving& serving_;
  const GrpcStreamHandler& handler_;
  const std::string remote_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  const std::shared_ptr<CallCancellation> cancellation_ = std::make_shared<CallCancellation>();
  grpc::ByteBuffer request_;
  grpc::ByteBuffer message_;  // being written
  std::mutex mutex_;
  std::condition_variable written_;
  bool writing_ = false;   // guarded by mutex_
  bool write_ok_ = false;  // guarded by mutex_
};

class UnknownCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit UnknownCall(const std::string& method) {
    Finish({grpc::StatusCode::UNIMPLEMENTED, "unknown method " + method});
  }
  void OnDone() override { delete this; }
};

class Methods final : public grpc::CallbackGenericService {
 public:
  explicit Methods(Serving& serving) : serving_(serving) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const auto found = serving_.options.methods.find(context->method());
    if (found != serving_.options.methods.end())
      return new StreamCall(serving_, found->second, *context);
    serving_.count_answer(GrpcCode::kUnimplemented);
    return new UnknownCall(context->method());
  }

 private:
  Serving& serving_;
};

}  // namespace

struct GrpcStreamServer::State {
  State(GrpcStreamServerOptions options, WorkPool& pool, Telemetry& telemetry)
      : serving(std::move(options), pool, telemetry), methods(serving) {}
  Serving serving;
  Methods methods;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;  // stops before what its calls use
  bool stopped = false;
};

Result<std::unique_ptr<GrpcStreamServer>> GrpcStreamServer::start(GrpcStreamServerOptions options,
                                                                  WorkPool& pool,
                                                                  Telemetry& telemetry) {
  route_grpc_log();
  auto state = std::make_unique<State>(std::move(options), pool, telemetry);
  const GrpcStreamServerOptions& chosen = state->serving.options;
  grpc::ResourceQuota quota(chosen.name);
  quota.Resize(chosen.memory_bytes_max);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(chosen.request_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(chosen.streams_per_connection_max));
  builder.RegisterCallbackGenericService(&state->methods);
  state->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  state->server = builder.BuildAndStart();
  if (!state->server) return fail(Errc::kInternal, "gRPC could not start for ", chosen.name);
  return std::unique_ptr<GrpcStreamServer>(new GrpcStreamServer(std::move(state)));
}

GrpcStreamServer::GrpcStreamServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
GrpcStreamServer::~GrpcStreamServer() { stop(std::chrono::milliseconds(0)); }

void GrpcStreamServer::take(int descriptor, std::string read) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = descriptor;
  connection.read_buffer = to_byte_buffer(std::move(read));
  state_->acceptor->HandleNewConnection(&connection);
}

void GrpcStreamServer::stop(std::chrono::milliseconds deadline) {
  if (std::exchange(state_->stopped, true)) return;
  state_->server->Shutdown(std::chrono::system_clock::now() + deadline);
  state_->server->Wait();
}

}  // namespace sightline::net
