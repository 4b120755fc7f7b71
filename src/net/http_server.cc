#include "net/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/log.h"
#include "net/descriptor_limit.h"
#include "net/http_connection.h"
#include "net/listen_socket.h"
#include "net/socket_text.h"

namespace sightline::net {
namespace {

namespace asio = boost::asio;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kNoDescriptorPause{100};

// Accepts on one loop and hands the connections round.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(int descriptor, IoThreads& threads, std::shared_ptr<HttpServing> serving)
      : threads_(threads),
        serving_(std::move(serving)),
        loop_(threads_.next()),
        listening_(loop_, descriptor),
        pause_(loop_) {}

  void start() {
    serving_->begin_task();
    asio::co_spawn(
        loop_, [self = shared_from_this()] { return self->run(); },
        [serving = serving_](const std::exception_ptr&) { serving->end_task(); });
  }
  void stop() {
    asio::post(loop_, [self = shared_from_this()] {
      self->stopped_ = true;
      self->listening_.close();
      self->pause_.cancel();
    });
  }

 private:
  asio::awaitable<void> run() {
    while (!stopped_) {
      auto [fault] =
          co_await listening_.async_wait(asio::posix::stream_descriptor::wait_read, kToken);
      if (fault || stopped_) co_return;
      if (accept_waiting()) continue;
      SL_LOG_WARN(
          "net: {}: cannot accept: too many open files, this process may open {}; see ulimit -n",
          serving_->options.name, descriptor_limit());
      pause_.expires_after(kNoDescriptorPause);
      co_await pause_.async_wait(kToken);
    }
  }

  // False when the process has no descriptor left.
  bool accept_waiting() {
    for (;;) {
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      const int descriptor = accept4(listening_.native_handle(), reinterpret_cast<sockaddr*>(&peer),
                                     &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;
      if (descriptor < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
      const int on = 1;
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      start_http_connection(threads_.next(), descriptor, socket_address_text(peer), serving_);
    }
  }

  IoThreads& threads_;
  const std::shared_ptr<HttpServing> serving_;
  asio::io_context& loop_;
  asio::posix::stream_descriptor listening_;
  asio::steady_timer pause_;
  bool stopped_ = false;  // touched on loop_ only
};

}  // namespace

struct HttpServer::State {
  std::shared_ptr<IoThreads> threads;
  std::shared_ptr<HttpServing> serving;
  std::shared_ptr<Acceptor> acceptor;
  std::string address;
  uint16_t port = 0;
  bool stopped = false;
};

Result<std::unique_ptr<HttpServer>> HttpServer::listen(HttpServerOptions options,
                                                       const HttpRouter& router, WorkPool& pool,
                                                       Telemetry& telemetry,
                                                       std::shared_ptr<IoThreads> threads) {
  auto socket = ListenSocket::open(options.address);
  if (!socket) return std::unexpected(std::move(socket).error());
  options.connections_max = connections_allowed(options.connections_max);
  auto state = std::make_unique<State>();
  state->threads = threads ? std::move(threads) : std::make_shared<IoThreads>(1);
  state->serving = std::make_shared<HttpServing>(std::move(options), router, pool, telemetry);
  state->address = socket->address();
  state->port = socket->port();
  state->acceptor = std::make_shared<Acceptor>(socket->release(), *state->threads, state->serving);
  state->acceptor->start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() { stop(std::chrono::milliseconds(0)); }

void HttpServer::set_router(const HttpRouter& router) { state_->serving->set_router(router); }

std::string HttpServer::local_address() const { return state_->address; }
uint16_t HttpServer::port() const { return state_->port; }

void HttpServer::stop(std::chrono::milliseconds deadline) {
  if (std::exchange(state_->stopped, true)) return;
  HttpServing& serving = *state_->serving;
  serving.stop_entering();
  state_->acceptor->stop();
  for (const auto& connection : serving.connections()) connection->close_if_idle();
  if (serving.wait_empty(deadline)) return;
  for (const auto& connection : serving.connections()) connection->abort();
  serving.wait_empty();
}

}  // namespace sightline::net
