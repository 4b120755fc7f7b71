#include "net/http_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>

#include "base/log.h"
#include "net/connection_stream.h"
#include "net/http_exchange.h"
#include "net/tls.h"

namespace sightline::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFirstReadBytes = 4u << 10;   // an idle connection holds this much
constexpr size_t kReadAheadBytes = 64u << 10;  // beyond the headers, in the read buffer
constexpr size_t kWriteStepBytes = 1u << 20;
constexpr size_t kUnwantedBodyBytesMax = 64u << 10;  // read and dropped to keep the connection
constexpr std::chrono::milliseconds kLingerSilenceMax{1000};
constexpr std::chrono::milliseconds kLingerTimeMax{10'000};
constexpr std::chrono::milliseconds kLaterPause{
    200};  // before a body is asked again for what it did not have yet

class ConnectionCancellation final : public Cancellation {
 public:
  bool cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

// Gives back what a request held of the server's room for bodies.
class BodyHold {
 public:
  explicit BodyHold(HttpServing& serving) : serving_(serving) {}
  ~BodyHold() { serving_.release_body(held_); }
  BodyHold(const BodyHold&) = delete;
  BodyHold& operator=(const BodyHold&) = delete;
  bool grow_to(size_t bytes) {
    if (bytes <= held_) return true;
    if (!serving_.hold_body(bytes - held_)) return false;
    held_ = bytes;
    return true;
  }

 private:
  HttpServing& serving_;
  size_t held_ = 0;
};

// "http://host/path" -> "/path" (RFC 9112 section 3.2.2); others as they are.
std::string_view origin_form(std::string_view target) {
  const size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const size_t slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

// A piece of a body, made on the pool while the one before it is sent.
struct Piece {
  explicit Piece(const asio::any_io_executor& executor) : made(executor) {
    made.expires_at(asio::steady_timer::time_point::max());
  }
  std::string bytes;
  BodySource::Next next = BodySource::Next::kBroken;
  bool ready = false;       // on the connection's loop only
  asio::steady_timer made;  // cancelled once ready
};

class Connection final : public HttpConnection, public std::enable_shared_from_this<Connection> {
 public:
  using Parser = http::request_parser<http::string_body>;

  Connection(asio::ip::tcp::socket socket, std::string remote, std::shared_ptr<HttpServing> serving)
      : stream_(std::move(socket), serving->tls()),
        socket_(stream_.socket()),
        timer_(socket_.get_executor()),
        buffer_(serving->options.header_bytes_max + kReadAheadBytes),
        remote_(std::move(remote)),
        serving_(std::move(serving)) {}

  asio::awaitable<void> run(Admission admission);
  void close_if_idle() override;
  void abort() override;

 private:
  asio::awaitable<bool> shake_hands();
  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> hand_over_http2();
  asio::awaitable<error_code> read_first_byte();
  asio::awaitable<bool> refuse_header(error_code fault);
  asio::awaitable<bool> read_body(Parser& parser, size_t bytes_max, BodyHold& hold);
  asio::awaitable<HttpAnswer> answer(HttpRequest& request, const HttpRouter::Match& match,
                                     HttpAnswerOptions options);
  asio::awaitable<bool> write(const HttpAnswer& answer);
  asio::awaitable<bool> write_stream(std::shared_ptr<BodyStream> stream, WorkPool& pool);
  std::shared_ptr<Piece> make_piece(std::shared_ptr<BodyStream> stream, WorkPool& pool);
  WorkPool& pool_of(const HttpRouter::Match& match) const {
    return match.options.pool != nullptr ? *match.options.pool : serving_->pool;
  }
  asio::awaitable<bool> refuse(int status, std::string text);
  asio::awaitable<void> linger();
  HttpRequest take_request(Parser::value_type&& message);
  HttpResponse unavailable(std::string text) const;
  void watch_for_disconnect();
  void arm(std::chrono::milliseconds limit);
  void disarm();
  void close();

  ConnectionStream stream_;
  asio::ip::tcp::socket& socket_;  // of stream_
  asio::steady_timer timer_;
  uint64_t timer_round_ = 0;  // arm() calls so far: a timer of an earlier round is void
  bool timed_out_ = false;    // in this round
  beast::flat_buffer buffer_;
  const std::string remote_;
  const std::shared_ptr<HttpServing> serving_;
  std::shared_ptr<ConnectionCancellation> cancellation_;  // of the request in hand
  bool idle_ = true;
  bool aborted_ = false;
};

asio::awaitable<void> Connection::run(Admission admission) {
  try {
    if (stream_.has_tls() && !co_await shake_hands()) {
      // Nothing can be said to a client that speaks something else.
    } else if (admission == Admission::kAdmitted) {
      const bool handed_over =
          serving_->options.http2 && !stream_.has_tls() && co_await hand_over_http2();
      while (!handed_over && co_await serve_one()) {
        cancellation_.reset();
        if (buffer_.size() == 0) buffer_.shrink_to_fit();
      }
    } else {
      idle_ = false;
      co_await refuse(503,
                      serving_->stopping() ? "the server is stopping\n" : "too many connections\n");
    }
  } catch (const std::exception& fault) {
    SL_LOG_ERROR("net: connection from {}: {}", remote_, fault.what());
  }
  close();
  serving_->leave(this);
}

void Connection::close_if_idle() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->idle_) self->close();
  });
}

void Connection::abort() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->aborted_ = true;
    if (self->cancellation_) self->cancellation_->cancel();
    self->close();
  });
}

void Connection::close() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  disarm();
}

// From now on, what is read or written must be done within `limit`; then it is
// given up with timed_out_ set. The socket stays usable for an answer.
void Connection::arm(std::chrono::milliseconds limit) {
  timed_out_ = false;
  timer_.expires_after(limit);
  timer_.async_wait([self = shared_from_this(), round = ++timer_round_](const error_code& fault) {
    if (fault || round != self->timer_round_) return;
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void Connection::disarm() {
  ++timer_round_;
  timer_.cancel();
}

asio::awaitable<bool> Connection::shake_hands() {
  arm(serving_->options.header_timeout);
  auto [fault] = co_await stream_.async_handshake(kToken);
  disarm();
  co_return !fault;
}

asio::awaitable<error_code> Connection::read_first_byte() {
  idle_ = true;
  if (serving_->stopping()) co_return error_code(asio::error::operation_aborted);
  arm(serving_->options.idle_timeout);
  auto [fault, count] = co_await stream_.async_read_some(buffer_.prepare(kFirstReadBytes), kToken);
  idle_ = false;
  buffer_.commit(count);
  co_return fault;
}

// True when the connection began with HTTP/2's preface and is no longer ours, or ended before it said anything.
asio::awaitable<bool> Connection::hand_over_http2() {
  for (;;) {
    if ((co_await read_first_byte()).failed()) co_return true;
    const auto data = buffer_.cdata();
    const std::string_view read(static_cast<const char*>(data.data()), data.size());
    if (read.starts_with(kHttp2Preface)) break;
    if (!kHttp2Preface.starts_with(read)) co_return false;
  }
  disarm();
  const auto data = buffer_.cdata();
  std::string read(static_cast<const char*>(data.data()), data.size());
  error_code fault;
  const int descriptor = socket_.release(fault);
  if (!fault) serving_->options.http2(descriptor, std::move(read));
  co_return true;
}

// Reads and answers one request; false when the connection ends with it.
asio::awaitable<bool> Connection::serve_one() {
  if (buffer_.size() == 0 && (co_await read_first_byte()).failed()) co_return false;
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(serving_->options.header_bytes_max));
  parser.body_limit(boost::none);
  arm(serving_->options.header_timeout);
  auto [fault, count] = co_await http::async_read_header(stream_, buffer_, parser, kToken);
  if (fault) co_return co_await refuse_header(fault);

  const auto& message = parser.get();
  if (message.version() >= 11 && message.count(http::field::host) == 0)
    co_return co_await refuse(400, "missing required Host header\n");
  const std::string_view target = origin_form({message.target().data(), message.target().size()});
  const std::string_view method(message.method_string().data(), message.method_string().size());
  if (!serving_->lets_in(parser.get())) co_return co_await refuse(401, "401 Unauthorized\n");
  const HttpRouter::Match match =
      serving_->router().match(method, target.substr(0, target.find('?')));
  BodyHold hold(*serving_);
  const size_t body_max =
      match.handler == nullptr ? kUnwantedBodyBytesMax : match.options.body_bytes_max;
  if (!co_await read_body(parser, body_max, hold)) co_return false;

  const HttpAnswerOptions options{.keep_alive = serving_->options.keep_alive &&
                                                parser.get().keep_alive() && !serving_->stopping(),
                                  .http_1_0 = parser.get().version() < 11,
                                  .compress_bytes_min = serving_->options.compress_bytes_min};
  disarm();
  HttpRequest request = take_request(parser.release());
  HttpAnswer made = co_await answer(request, match, options);
  if (!co_await write(made)) co_return false;
  if (made.stream && !co_await write_stream(made.stream, pool_of(match))) co_return false;
  co_return made.keep_alive;
}

asio::awaitable<bool> Connection::refuse_header(error_code fault) {
  if (timed_out_) co_return co_await refuse(408, "request headers took too long\n");
  if (fault == http::error::header_limit || fault == http::error::buffer_overflow)
    co_return co_await refuse(431, "request headers are larger than " +
                                       std::to_string(serving_->options.header_bytes_max) +
                                       " bytes\n");
  if (fault == http::error::end_of_stream || fault == http::error::partial_message) co_return false;
  if (fault.category() == make_error_code(http::error::bad_method).category())
    co_return co_await refuse(400, "malformed HTTP request: " + fault.message() + "\n");
  co_return false;
}

// True when the whole body is in `parser`; otherwise it has answered already.
asio::awaitable<bool> Connection::read_body(Parser& parser, size_t bytes_max, BodyHold& hold) {
  const std::string too_large =
      "request body is larger than " + std::to_string(bytes_max) + " bytes\n";
  if (parser.content_length().value_or(0) > bytes_max) co_return co_await refuse(413, too_large);
  const auto expect = parser.get().find(http::field::expect);
  if (expect != parser.get().end() && parser.get().version() >= 11 && !parser.is_done()) {
    if (!beast::iequals(expect->value(), "100-continue"))
      co_return co_await refuse(417, "the only expectation supported is 100-continue\n");
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    arm(serving_->options.write_timeout);
    auto [fault, count] = co_await asio::async_write(stream_, asio::buffer(kContinue), kToken);
    if (fault) co_return false;
  }
  parser.body_limit(bytes_max);
  arm(serving_->options.body_timeout);
  while (!parser.is_done()) {
    auto [fault, count] = co_await http::async_read_some(stream_, buffer_, parser, kToken);
    if (timed_out_) co_return co_await refuse(408, "request body took too long\n");
    if (fault == http::error::body_limit) co_return co_await refuse(413, too_large);
    if (fault == http::error::end_of_stream || fault == http::error::partial_message)
      co_return false;
    if (fault.category() == make_error_code(http::error::bad_method).category())
      co_return co_await refuse(400, "malformed request body: " + fault.message() + "\n");
    if (fault) co_return false;
    if (!hold.grow_to(parser.get().body().size()))
      co_return co_await refuse(503, "too many request bodies at once\n");
  }
  co_return true;
}

HttpRequest Connection::take_request(Parser::value_type&& message) {
  HttpRequest request;
  request.method = std::string_view(message.method_string().data(), message.method_string().size());
  const std::string_view target = origin_form({message.target().data(), message.target().size()});
  const size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  request.query = target.substr(std::min(question + 1, target.size()));
  for (const auto& field : message)
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  request.body = std::move(message.body());
  request.remote = remote_;
  cancellation_ = std::make_shared<ConnectionCancellation>();
  if (aborted_) cancellation_->cancel();
  request.cancellation = cancellation_;
  return request;
}

asio::awaitable<HttpAnswer> Connection::answer(HttpRequest& request, const HttpRouter::Match& match,
                                               HttpAnswerOptions options) {
  HttpAnswer made;
  if (match.handler == nullptr || match.options.run_on == RunOn::kSocketThread) {
    made = answer_request(request, match, options);
    serving_->count_answer(made.status);
    co_return made;
  }
  watch_for_disconnect();
  Status submitted;
  asio::steady_timer patience(socket_.get_executor());
  // Resumes this coroutine from the pool. `request`, `match` and `made` live in
  // frames that stay suspended until then.
  auto start = [&](auto handler) {
    auto resume = std::make_shared<decltype(handler)>(std::move(handler));
    // By the pool, or by the timer when the pool has no thread in time: whichever comes first.
    auto begun = std::make_shared<std::atomic<bool>>(false);
    auto task = [&request, &match, &made, options, resume, begun, serving = serving_,
                 executor = socket_.get_executor(), asked = std::chrono::steady_clock::now()] {
      if (begun->exchange(true)) return;
      request.queued = std::chrono::steady_clock::now() - asked;
      made = answer_request(request, match, options);
      asio::post(executor, std::move(*resume));
      serving->end_task();
    };
    if (match.options.patience) {
      patience.expires_after(match.options.patience(request));
      patience.async_wait([task](const error_code& fault) {
        if (!fault) task();
      });
    }
    serving_->begin_task();
    submitted = pool_of(match).submit(WorkPriority::kQuery, task);
    if (submitted || begun->exchange(true)) return;
    asio::post(socket_.get_executor(), std::move(*resume));
    serving_->end_task();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
  error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);  // the watch
  if (!submitted)
    made = pack_answer(request, unavailable(submitted.error().message + "\n"), options);
  serving_->count_answer(made.status);
  co_return made;
}

HttpResponse Connection::unavailable(std::string text) const {
  HttpResponse response = HttpResponse::text(503, std::move(text));
  response.headers.set("Retry-After", std::to_string(serving_->options.retry_after.count()));
  return response;
}

// Cancels the request in hand when the client closes while it is worked on. A
// client that sends its next request already is simply no longer watched.
void Connection::watch_for_disconnect() {
  socket_.async_wait(
      asio::ip::tcp::socket::wait_read,
      [self = shared_from_this(), cancellation = cancellation_](const error_code& fault) {
        if (fault || !self->socket_.is_open()) return;
        char byte = 0;
        const ssize_t count =
            recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN)) cancellation->cancel();
      });
}

asio::awaitable<bool> Connection::write(const HttpAnswer& answer) {
  const asio::const_buffer head = asio::buffer(answer.head);
  size_t sent = std::min(answer.body.size(), kWriteStepBytes);
  const std::array<asio::const_buffer, 2> first{head, asio::buffer(answer.body.data(), sent)};
  arm(serving_->options.write_timeout);
  auto [fault, count] = co_await asio::async_write(stream_, first, kToken);
  while (!fault && sent < answer.body.size()) {
    const size_t step = std::min(answer.body.size() - sent, kWriteStepBytes);
    arm(serving_->options.write_timeout);
    auto [later, more] =
        co_await asio::async_write(stream_, asio::buffer(answer.body.data() + sent, step), kToken);
    fault = later;
    sent += step;
  }
  co_return !fault;
}

std::shared_ptr<Piece> Connection::make_piece(std::shared_ptr<BodyStream> stream, WorkPool& pool) {
  auto piece = std::make_shared<Piece>(socket_.get_executor());
  const auto done = [piece] {
    piece->ready = true;
    piece->made.cancel();
  };
  serving_->begin_task();
  const Status submitted =
      pool.submit(WorkPriority::kQuery,
                  [piece, done, stream, serving = serving_, executor = socket_.get_executor()] {
                    try {
                      piece->next = stream->next(piece->bytes);
                    } catch (const std::exception& fault) {
                      SL_LOG_ERROR("net: a body that was being made threw: {}", fault.what());
                    }
                    asio::post(executor, done);
                    serving->end_task();
                  });
  if (!submitted) {
    serving_->end_task();
    done();
  }
  return piece;
}

// One piece is on its way to the client while the next is made.
asio::awaitable<bool> Connection::write_stream(std::shared_ptr<BodyStream> stream, WorkPool& pool) {
  watch_for_disconnect();
  auto piece = make_piece(stream, pool);
  for (;;) {
    while (!piece->ready) co_await piece->made.async_wait(kToken);
    const BodySource::Next next = piece->next;
    if (next == BodySource::Next::kBroken) co_return false;
    const std::string bytes = std::move(piece->bytes);
    if (next == BodySource::Next::kMore) piece = make_piece(stream, pool);
    for (size_t sent = 0; sent < bytes.size();) {
      const size_t step = std::min(bytes.size() - sent, kWriteStepBytes);
      arm(serving_->options.write_timeout);
      auto [fault, count] =
          co_await asio::async_write(socket_, asio::buffer(bytes.data() + sent, step), kToken);
      disarm();
      if (fault) {
        if (cancellation_) cancellation_->cancel();
        co_return false;
      }
      sent += step;
    }
    if (next == BodySource::Next::kEnd) break;
    if (next != BodySource::Next::kLater) continue;
    asio::steady_timer pause(socket_.get_executor(), kLaterPause);
    co_await pause.async_wait(kToken);
    if (aborted_ || serving_->stopping() || (cancellation_ && cancellation_->cancelled()))
      co_return false;
    piece = make_piece(stream, pool);
  }
  error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);  // the watch
  co_return true;
}

// Answers and ends the connection: what follows in the stream is not a request.
asio::awaitable<bool> Connection::refuse(int status, std::string text) {
  HttpResponse response =
      status == 503 ? unavailable(std::move(text)) : HttpResponse::text(status, std::move(text));
  if (status == 401)
    response.headers.set("WWW-Authenticate", serving_->options.authenticator->challenge);
  const HttpAnswer made = pack_answer(HttpRequest{}, std::move(response), {});
  serving_->count_answer(made.status);
  if (co_await write(made)) co_await linger();
  co_return false;
}

// Closing at once would reset the connection and destroy the answer on its way
// while the client still sends; so what it sends is dropped for a while, however
// much that is (RFC 9112 section 9.6).
asio::awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  buffer_.clear();
  const auto end = std::chrono::steady_clock::now() + kLingerTimeMax;
  while (!serving_->stopping()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    arm(std::min(left, kLingerSilenceMax));
    auto [fault, count] =
        co_await stream_.async_read_some(buffer_.prepare(kReadAheadBytes), kToken);
    if (fault) break;
  }
}

}  // namespace

void start_http_connection(asio::io_context& loop, int descriptor, std::string remote,
                           std::shared_ptr<HttpServing> serving) {
  asio::ip::tcp::socket socket(loop);
  error_code fault;
  socket.assign(asio::ip::tcp::v4(), descriptor, fault);  // the family is not looked at again
  if (fault) {
    ::close(descriptor);
    return;
  }
  auto connection = std::make_shared<Connection>(std::move(socket), std::move(remote), serving);
  const Admission admission = serving->enter(connection.get(), connection);
  if (admission == Admission::kDropped) return;
  // The lambda, and with it the connection, lives until run() has returned.
  asio::co_spawn(
      loop, [connection, admission] { return connection->run(admission); }, asio::detached);
}

}  // namespace sightline::net
