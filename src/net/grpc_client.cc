#include "net/grpc_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>

#include "net/grpc_bytes.h"
#include "net/grpc_status.h"

namespace sightline::net {
namespace {

bool is_loopback(std::string_view target) {
  return target.starts_with("127.") || target.starts_with("localhost:") ||
         target.starts_with("[::1]:");
}

// TLS that asks the server for no name and no signature.
std::shared_ptr<grpc::ChannelCredentials> trusting_credentials(const GrpcClientOptions& options) {
  namespace tls = grpc::experimental;
  tls::TlsChannelCredentialsOptions trusting;
  trusting.set_verify_server_certs(false);
  trusting.set_check_call_host(false);
  trusting.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
  if (!options.cert_pem.empty()) {
    trusting.set_certificate_provider(std::make_shared<tls::StaticDataCertificateProvider>(
        std::vector<tls::IdentityKeyCertPair>{{options.key_pem, options.cert_pem}}));
    trusting.watch_identity_key_cert_pairs();
  }
  return tls::TlsCredentials(trusting);
}

std::shared_ptr<grpc::ChannelCredentials> credentials_for(const GrpcClientOptions& options) {
  if (!options.tls) return grpc::InsecureChannelCredentials();
  if (!options.verify_peer) return trusting_credentials(options);
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.ca_pem;
  tls.pem_cert_chain = options.cert_pem;
  tls.pem_private_key = options.key_pem;
  return grpc::SslCredentials(tls);
}

grpc::ChannelArguments arguments_of(const GrpcClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.reply_bytes_max));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (is_loopback(options.target)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.server_name.empty()) arguments.SetSslTargetNameOverride(options.server_name);
  if (!options.authority.empty())
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, options.authority);
  if (!options.balancer.empty()) arguments.SetLoadBalancingPolicyName(options.balancer);
  if (!options.user_agent.empty()) arguments.SetUserAgentPrefix(options.user_agent);
  if (options.gzip) arguments.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  if (const auto& keepalive = options.keepalive) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(keepalive->time.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(keepalive->timeout.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, keepalive->without_calls ? 1 : 0);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no other bound than the time
  }
  return arguments;
}

// Of one call; shared, because who tells it may still be at it when the caller has gone on.
struct Ended {
  grpc::Status status;  // is_known
  std::atomic<bool> is_known{false};
};

}  // namespace

struct GrpcClient::State {
  explicit State(GrpcClientOptions given) : options(std::move(given)) {}

  // False once stopped.
  bool enter(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex);
    if (!stopped) calls.insert(context);
    return !stopped;
  }
  void leave(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex);
    calls.erase(context);
  }

  const GrpcClientOptions options;
  std::unique_ptr<grpc::GenericStub> stub;
  std::mutex mutex;
  bool stopped = false;                  // guarded by mutex
  std::set<grpc::ClientContext*> calls;  // guarded by mutex
};

Result<std::unique_ptr<GrpcClient>> GrpcClient::create(GrpcClientOptions options) {
  route_grpc_log();
  std::string& target = options.target;
  if (target.starts_with("https://")) options.tls = true;
  if (const size_t scheme = target.find("://");
      scheme != std::string::npos && target.starts_with("http"))
    target.erase(0, scheme + 3);
  while (target.ends_with('/')) target.pop_back();
  if (target.empty() || !target.contains(':'))
    return fail(Errc::kInvalidArgument, "gRPC target \"", target,
                "\" has no port; write host:port");
  for (const auto& [name, value] : options.metadata)
    if (std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }))
      return fail(Errc::kInvalidArgument, "gRPC metadata name \"", name, "\" must be lower case");

  auto channel = grpc::CreateCustomChannel(target, credentials_for(options), arguments_of(options));
  auto state = std::make_unique<State>(std::move(options));
  state->stub = std::make_unique<grpc::GenericStub>(std::move(channel));
  return std::unique_ptr<GrpcClient>(new GrpcClient(std::move(state)));
}

GrpcClient::GrpcClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcClient::~GrpcClient() { stop(); }

GrpcReply GrpcClient::call(const std::string& method, OwnedBytes payload,
                           std::chrono::milliseconds deadline) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  context.set_wait_for_ready(state_->options.wait_for_ready);
  for (const auto& [name, value] : state_->options.metadata) context.AddMetadata(name, value);
  if (!state_->enter(&context))
    return {.code = GrpcCode::kUnavailable, .message = "the client is stopped"};
  const grpc::ByteBuffer request = to_byte_buffer(payload.bytes, std::move(payload.owner));
  grpc::ByteBuffer response;
  const auto ended = std::make_shared<Ended>();
  state_->stub->UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                          [ended](grpc::Status given) {
                            ended->status = std::move(given);
                            ended->is_known.store(true, std::memory_order_release);
                            ended->is_known.notify_one();
                          });
  ended->is_known.wait(false, std::memory_order_acquire);
  state_->leave(&context);
  const grpc::Status& status = ended->status;
  GrpcReply reply;
  const int code = status.error_code();
  reply.code = code < 0 || code > 16 ? GrpcCode::kUnknown : static_cast<GrpcCode>(code);
  reply.message = status.error_message();
  reply.retry_after = parse_retry_after(status.error_details());
  if (status.ok()) reply.payload = gather(response);
  return reply;
}

void GrpcClient::stop() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  for (grpc::ClientContext* context : state_->calls) context->TryCancel();
}

}  // namespace sightline::net
