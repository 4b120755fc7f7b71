#include "net/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <latch>

#include "net/compression.h"
#include "net/descriptor_limit.h"
#include "net/http_client.h"

namespace sightline::net {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A client that sends exact bytes.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    const timeval patience{10, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawClient() { close_now(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the server closed before all was sent.
  bool send_text(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  // Until the server closes.
  std::string read_all() {
    std::string all;
    while (read_some(all)) {
    }
    return all;
  }
  // Until `end` has arrived.
  std::string read_until(std::string_view end) {
    std::string all;
    while (!all.contains(end) && read_some(all)) {
    }
    return all;
  }
  void close_now() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

 private:
  bool read_some(std::string& all) {
    char bytes[4096];
    const ssize_t count = recv(descriptor_, bytes, sizeof bytes, 0);
    if (count > 0) all.append(bytes, static_cast<size_t>(count));
    return count > 0;
  }
  int descriptor_;
};

// Numbered pieces of `piece_bytes`, a pause before the second, and what happens at the end.
class Pieces final : public BodySource {
 public:
  Pieces(int count, size_t piece_bytes, Next last)
      : count_(count), piece_bytes_(piece_bytes), last_(last) {}
  Next next(std::string& out) override {
    if (at_ == 1 && !std::exchange(paused_, true)) return Next::kLater;
    if (at_ == count_) return last_;
    out.append(piece_bytes_, static_cast<char>('0' + at_++));
    return Next::kMore;
  }

 private:
  const int count_;
  const size_t piece_bytes_;
  const Next last_;
  int at_ = 0;
  bool paused_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    const auto echo = [](HttpRequest& request) {
      std::string text = request.method + " " + request.path + " [" + request.body + "]";
      for (const auto& [name, value] : request.params.fields()) text += " " + name + "=" + value;
      return HttpResponse::text(200, text + "\n");
    };
    router_.add("GET,HEAD,POST", "/echo", echo);
    router_.add("GET,POST", "/quick", echo, {.run_on = RunOn::kSocketThread});
    router_.add("POST", "/small", echo, {.body_bytes_max = 1000});
    router_.add("POST", "/raw", echo, {.raw_body = true});
    router_.add("GET", "/large",
                [](HttpRequest&) { return HttpResponse::json(std::string(5u << 20, 'j')); });
    router_.add("GET", "/throws",
                [](HttpRequest&) -> HttpResponse { throw std::runtime_error("no"); });
  }
  void add_streams() {
    const auto stream = [this](std::string pattern, int count, size_t bytes,
                               BodySource::Next last) {
      router_.add("GET,HEAD", pattern, [=](HttpRequest&) {
        HttpResponse response = HttpResponse::text(200, "first ");
        response.rest = std::make_shared<Pieces>(count, bytes, last);
        return response;
      });
    };
    stream("/pieces", 3, 2, BodySource::Next::kEnd);
    stream("/many", 10, 1u << 20, BodySource::Next::kEnd);
    stream("/broken", 2, 2, BodySource::Next::kBroken);
  }
  void start() {
    auto server = HttpServer::listen(options_, router_, pool_, telemetry_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  std::string exchange(std::string_view text) {
    RawClient client(server_->port());
    client.send_text(text);
    return client.read_all();
  }

  HttpServerOptions options_;
  HttpRouter router_;
  WorkPool pool_{{.thread_count = 2}};
  Telemetry telemetry_;
  std::unique_ptr<HttpServer> server_;
};

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
}
std::string post(std::string_view path, std::string_view headers, std::string_view body) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" +
         std::string(headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST_F(HttpServerTest, AnswersOnThePoolAndOnTheSocketThread) {
  start();
  EXPECT_THAT(exchange(get("/echo?a=1")), EndsWith("\r\n\r\nGET /echo [] a=1\n"));
  EXPECT_THAT(exchange(get("/quick?a=1")), EndsWith("\r\n\r\nGET /quick [] a=1\n"));
  const std::string answer = exchange(get("http://other/echo?a=1"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nDate: "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(telemetry_.counter_total("sightline_http_requests_total"), 3u);
}

TEST_F(HttpServerTest, KeepsConnectionsAndAnswersPipelinedRequestsInOrder) {
  start();
  RawClient client(server_->port());
  client.send_text("GET /echo?n=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_until("n=1\n"), Not(HasSubstr("Connection: close")));
  std::string many;
  for (int i = 0; i < 50; ++i)
    many += "POST " + std::string(i % 2 ? "/echo" : "/quick") + "?n=" + std::to_string(i) +
            " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  client.send_text(many + get("/echo?n=last"));
  const std::string answers = client.read_all();
  size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find("[abc] n=" + std::to_string(i) + "\n", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_THAT(answers, EndsWith("n=last\n"));
}

TEST_F(HttpServerTest, ReadsFormsChunksAndCompressedBodies) {
  start();
  const std::string form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";
  EXPECT_THAT(exchange(post("/echo?a=1", form, "a=2&b=x+y")), EndsWith(" a=2 b=x y a=1\n"));
  EXPECT_THAT(exchange("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n"
                       "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
              EndsWith("[abcde]\n"));
  for (const Compression how : {Compression::kGzip, Compression::kDeflate, Compression::kZstd}) {
    const std::string header = "Content-Encoding: " + std::string(compression_name(how)) + "\r\n";
    EXPECT_THAT(exchange(post("/echo", header, compress(how, "packed"))), EndsWith("[packed]\n"));
  }
  EXPECT_THAT(exchange(post("/raw", "Content-Encoding: snappy\r\n", "as is")),
              EndsWith("[as is]\n"));
}

TEST_F(HttpServerTest, ContinuesWhenAsked) {
  start();
  RawClient client(server_->port());
  client.send_text(
      "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: "
      "100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send_text("ok");
  EXPECT_THAT(client.read_all(), EndsWith("[ok]\n"));
  EXPECT_THAT(exchange("POST /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
                       "5000\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, HeadHasTheLengthAndNoBody) {
  start();
  const std::string answer =
      exchange("HEAD /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 14\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, OldClientsCloseUnlessTheyAsk) {
  start();
  EXPECT_THAT(exchange("GET /echo HTTP/1.0\r\n\r\n"), EndsWith("GET /echo []\n"));
  RawClient client(server_->port());
  client.send_text("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.read_until("[]\n"), HasSubstr("Connection: keep-alive\r\n"));
}

TEST_F(HttpServerTest, UnknownPathsAndMethods) {
  start();
  EXPECT_THAT(exchange(get("/nothing")), StartsWith("HTTP/1.1 404 "));
  const std::string answer = exchange(post("/large", "", "x"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: GET\r\n"));
}

TEST_F(HttpServerTest, MalformedRequestsAreSaidToBe) {
  start();
  for (const std::string text :
       {"nonsense\r\n\r\n", "GET /echo\r\n\r\n", "GET /echo HTTP/9.9\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n", "GET /echo HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
        "3\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /echo?a=%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"})
    EXPECT_THAT(exchange(text), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << text;
}

TEST_F(HttpServerTest, BodiesHaveALimitPackedAndUnpacked) {
  start();
  EXPECT_THAT(exchange(post("/small", "", std::string(1000, 'x'))), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(exchange(post("/small", "", std::string(1001, 'x'))), StartsWith("HTTP/1.1 413 "));
  std::string chunked = "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) chunked += "64\r\n" + std::string(100, 'x') + "\r\n";
  EXPECT_THAT(exchange(chunked + "0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  for (const Compression how : {Compression::kGzip, Compression::kDeflate, Compression::kZstd}) {
    const std::string header = "Content-Encoding: " + std::string(compression_name(how)) + "\r\n";
    const std::string answer =
        exchange(post("/small", header, compress(how, std::string(100'000, 'x'))));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer, EndsWith(" body unpacks to more than 1000 bytes\n"));
  }
}

// Many clients read no answer before they have sent everything.
TEST_F(HttpServerTest, AClientMaySendAllOfABodyThatIsRefused) {
  start();
  RawClient client(server_->port());
  EXPECT_TRUE(client.send_text(post("/small", "", std::string(64u << 20, 'x'))));
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, DamagedAndUnknownEncodings) {
  start();
  const std::string packed = compress(Compression::kGzip, "some text that is packed");
  const std::string cut =
      exchange(post("/echo", "Content-Encoding: gzip\r\n", packed.substr(0, 12)));
  EXPECT_THAT(cut, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(cut, EndsWith("gzip body is cut short at offset 12\n"));
  EXPECT_THAT(exchange(post("/echo", "Content-Encoding: br\r\n", "x")),
              StartsWith("HTTP/1.1 415 "));
}

TEST_F(HttpServerTest, HeadersHaveALimit) {
  options_.header_bytes_max = 4096;
  start();
  EXPECT_THAT(
      exchange("GET /echo HTTP/1.1\r\nHost: a\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n"),
      StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(exchange("GET /" + std::string(200'000, 'x')), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, SlowClientsAreToldAndClosed) {
  options_.header_timeout = milliseconds(50);
  options_.body_timeout = milliseconds(50);
  options_.idle_timeout = milliseconds(50);
  start();
  EXPECT_EQ(exchange(""), "");
  EXPECT_THAT(exchange("GET /echo HTTP/1.1\r\nHo"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(exchange("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"),
              StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, ConnectionsHaveALimit) {
  options_.connections_max = 1;
  start();
  RawClient first(server_->port());
  first.send_text("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(first.read_until("[]\n"), StartsWith("HTTP/1.1 200 "));
  const std::string answer = exchange(get("/echo"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(telemetry_.counter_total("sightline_http_connections_refused_total"), 1u);
}

TEST_F(HttpServerTest, ConnectionsLeaveDescriptorsForFiles) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 100, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(connections_allowed(1000), 75u);
  EXPECT_EQ(connections_allowed(10), 10u);
  EXPECT_EQ(descriptor_advice(75), "");
  EXPECT_THAT(descriptor_advice(300),
              testing::AllOf(HasSubstr("may open 100 files"), HasSubstr("75 clients at most"),
                             HasSubstr("ulimit -n 401")));
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
  EXPECT_EQ(connections_allowed(75), 75u);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(HttpServerTest, BodiesBeingReadHaveALimitTogether) {
  options_.body_bytes_buffered_max = 10'000;
  start();
  EXPECT_THAT(exchange(post("/echo", "", std::string(9000, 'x'))), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(exchange(post("/echo", "", std::string(11'000, 'x'))), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(exchange(post("/echo", "", std::string(9000, 'x'))), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AFullPoolAnswers503) {
  WorkPool refusing({.thread_count = 0, .queue_max = 0});
  auto server = HttpServer::listen(options_, router_, refusing, telemetry_);
  ASSERT_TRUE(server);
  RawClient client((*server)->port());
  client.send_text(get("/echo"));
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
}

TEST_F(HttpServerTest, LargeAnswersArriveWhole) {
  start();
  const std::string plain = exchange(get("/large"));
  EXPECT_THAT(plain, HasSubstr("Content-Length: 5242880\r\n"));
  EXPECT_EQ(plain.size() - plain.find("\r\n\r\n") - 4, 5u << 20);
  const std::string packed = exchange(
      "GET /large HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\nConnection: close\r\n\r\n");
  const auto body =
      decompress(Compression::kZstd, packed.substr(packed.find("\r\n\r\n") + 4), 6u << 20);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->size(), 5u << 20);
}

TEST_F(HttpServerTest, ABodyIsSentWhileItIsMade) {
  add_streams();
  start();
  RawClient client(server_->port());
  client.send_text("GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answer = client.read_until("0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer,
              EndsWith("\r\n\r\n6\r\nfirst \r\n2\r\n00\r\n2\r\n11\r\n2\r\n22\r\n0\r\n\r\n"));
  client.send_text("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), HasSubstr("GET /echo"));  // the connection goes on
  EXPECT_THAT(exchange("GET /pieces HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\nfirst 001122"));
  EXPECT_THAT(exchange("HEAD /pieces HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, AStreamedBodyIsCompressedPieceByPiece) {
  add_streams();
  start();
  for (const auto how : {Compression::kGzip, Compression::kDeflate, Compression::kZstd}) {
    const std::string name(compression_name(how));
    const std::string answer =
        exchange("GET /many HTTP/1.0\r\nAccept-Encoding: " + name + "\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("Content-Encoding: " + name));
    const auto plain = decompress(how, answer.substr(answer.find("\r\n\r\n") + 4), 64u << 20);
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(plain->size(), 6 + (10u << 20));
    EXPECT_EQ(plain->back(), '9');
  }
}

TEST_F(HttpServerTest, ABodyThatBreaksOffIsNotTakenForWhole) {
  add_streams();
  start();
  const std::string answer = exchange("GET /broken HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("2\r\n11\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("\r\n0\r\n")));
}

TEST_F(HttpServerTest, ARouteMayNameAPoolAndARouterMayBeExchanged) {
  WorkPool own({.thread_count = 1});
  HttpRouter later;
  later.add("GET", "/who",
            [](HttpRequest& request) {
              return HttpResponse::text(200, request.queued.count() > 0 ? "later" : "not queued");
            },
            {.pool = &own});
  start();
  EXPECT_THAT(exchange("GET /who HTTP/1.0\r\n\r\n"), HasSubstr("404"));
  server_->set_router(later);
  EXPECT_THAT(exchange("GET /who HTTP/1.0\r\n\r\n"), EndsWith("later"));
  server_->stop(milliseconds(1000));
}

TEST_F(HttpServerTest, ARequestThatWaitedLongEnoughIsAnsweredWithoutAThread) {
  WorkPool own({.thread_count = 1});
  std::promise<void> may_end;
  std::latch busy(1);
  router_.add("GET", "/slow",
              [&](HttpRequest&) {
                busy.count_down();
                may_end.get_future().wait();
                return HttpResponse::text(200, "slow");
              },
              {.pool = &own});
  router_.add("GET", "/hasty",
              [](HttpRequest& request) {
                return HttpResponse::text(request.queued >= milliseconds(20) ? 503 : 200, "hasty");
              },
              {.pool = &own, .patience = [](const HttpRequest&) {
                 return std::chrono::nanoseconds(20'000'000);
               }});
  start();
  RawClient slow(server_->port());
  slow.send_text("GET /slow HTTP/1.0\r\n\r\n");
  busy.wait();
  EXPECT_THAT(exchange("GET /hasty HTTP/1.0\r\n\r\n"), HasSubstr(" 503 "));
  EXPECT_THAT(exchange("GET /hasty HTTP/1.0\r\n\r\n"), HasSubstr(" 503 "));
  may_end.set_value();
  EXPECT_THAT(slow.read_all(), EndsWith("slow"));
  EXPECT_THAT(exchange("GET /hasty HTTP/1.0\r\n\r\n"), HasSubstr(" 200 "));
  server_->stop(milliseconds(1000));
}

TEST_F(HttpServerTest, AHandlerThatThrowsDoesNotEndTheConnection) {
  start();
  RawClient client(server_->port());
  client.send_text("GET /throws HTTP/1.1\r\nHost: a\r\n\r\n" + get("/echo"));
  const std::string answers = client.read_all();
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answers, EndsWith("GET /echo []\n"));
}

TEST_F(HttpServerTest, AClientThatLeavesCancelsItsRequest) {
  std::promise<bool> seen;
  std::latch begun(1);
  router_.add("GET", "/wait", [&](HttpRequest& request) {
    begun.count_down();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!request.cancellation->cancelled() && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    seen.set_value(request.cancellation->cancelled());
    return HttpResponse::text(499, "");
  });
  start();
  RawClient client(server_->port());
  client.send_text("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  begun.wait();
  client.close_now();
  EXPECT_TRUE(seen.get_future().get());
}

TEST_F(HttpServerTest, StopDrainsWhatHasBegun) {
  std::latch begun(1);
  std::promise<void> finish;
  router_.add("GET", "/wait", [&](HttpRequest&) {
    begun.count_down();
    finish.get_future().wait();
    return HttpResponse::text(200, "drained\n");
  });
  start();
  RawClient idle(server_->port());
  idle.send_text("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  idle.read_until("[]\n");
  RawClient busy(server_->port());
  busy.send_text("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  begun.wait();
  auto stopped = std::async([&] { server_->stop(milliseconds(10'000)); });
  EXPECT_EQ(idle.read_all(), "");  // closed at once
  finish.set_value();
  EXPECT_THAT(busy.read_all(), EndsWith("drained\n"));
  stopped.get();
}

TEST_F(HttpServerTest, StopCancelsAtTheDeadline) {
  std::latch begun(1);
  router_.add("GET", "/wait", [&](HttpRequest& request) {
    begun.count_down();
    while (!request.cancellation->cancelled()) std::this_thread::yield();
    return HttpResponse::text(503, "");
  });
  start();
  RawClient busy(server_->port());
  busy.send_text("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  begun.wait();
  server_->stop(milliseconds(20));
  EXPECT_EQ(busy.read_all(), "");
}

TEST_F(HttpServerTest, ListensOnWhatItIsTold) {
  start();
  options_.address = server_->local_address();
  auto again = HttpServer::listen(options_, router_, pool_, telemetry_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "listen tcp " + options_.address + ": address already in use");
  for (const std::string address : {"localhost:0", ":0", "0.0.0.0:0"}) {
    options_.address = address;
    auto server = HttpServer::listen(options_, router_, pool_, telemetry_);
    ASSERT_TRUE(server) << server.error().message;
    RawClient client((*server)->port());
    client.send_text(get("/echo"));
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 200 "));
  }
  for (const std::string address :
       {"localhost", "127.0.0.1:", "127.0.0.1:70000", "::1:80", "127.0.0.1:http"}) {
    options_.address = address;
    EXPECT_FALSE(HttpServer::listen(options_, router_, pool_, telemetry_)) << address;
  }
}

TEST_F(HttpServerTest, ServersShareThreads) {
  auto threads = std::make_shared<IoThreads>(2);
  auto a = HttpServer::listen(options_, router_, pool_, telemetry_, threads);
  auto b = HttpServer::listen(options_, router_, pool_, telemetry_, threads);
  ASSERT_TRUE(a && b);
  for (const auto& server : {&*a, &*b}) {
    RawClient client((*server)->port());
    client.send_text(get("/echo"));
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(HttpServerTest, OnlyTheEncodingsOfTheRouteAreTaken) {
  static const std::vector<std::string> kEncodings = {"", "snappy"};
  router_.add("POST", "/some",
              [](HttpRequest& request) { return HttpResponse::text(200, request.body); },
              {.content_encodings = &kEncodings});
  start();
  const auto post = [&](Compression compression) {
    return HttpClient()
        .send({.method = "POST",
               .url = "http://" + server_->local_address() + "/some",
               .body = "hello",
               .compression = compression})
        .value();
  };
  EXPECT_EQ(post(Compression::kIdentity).body, "hello");
  EXPECT_EQ(post(Compression::kSnappy).body, "hello");
  const auto refused = post(Compression::kGzip);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body, "unsupported Content-Encoding: gzip\n");
}

TEST_F(HttpServerTest, WithoutKeepAliveEveryAnswerEndsItsConnection) {
  options_.keep_alive = false;
  start();
  const auto answer =
      HttpClient().send({.url = "http://" + server_->local_address() + "/echo"}).value();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Connection"), "close");
}

}  // namespace
}  // namespace sightline::net
