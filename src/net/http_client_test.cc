#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <set>

#include "net/http_server.h"
#include "net/listen_socket.h"

namespace sightline::net {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class Flag final : public Cancellation {
 public:
  bool cancelled() const override { return set_.load(); }
  void set() { set_.store(true); }

 private:
  std::atomic<bool> set_{false};
};

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    router_.add("GET,POST,PUT,DELETE", "/echo", [this](HttpRequest& request) {
      const std::lock_guard lock(mutex_);
      remotes_.push_back(request.remote);
      HttpResponse response = HttpResponse::text(200, request.method + " [" + request.body + "] " +
                                                          std::string(request.headers.get("X-A")));
      response.headers.add("X-Encoding", std::string(request.headers.get("Content-Encoding")) +
                                             ";" +
                                             std::string(request.headers.get("Content-Type")));
      return response;
    });
    router_.add("GET", "/large",
                [](HttpRequest&) { return HttpResponse::text(200, std::string(100'000, 'l')); });
    router_.add("GET", "/busy", [](HttpRequest&) {
      HttpResponse response = HttpResponse::text(503, "later");
      response.headers.set("Retry-After", "7");
      return response;
    });
    router_.add("GET", "/moved", [](HttpRequest&) {
      HttpResponse response = HttpResponse::text(302, "");
      response.headers.set("Location", "/busy");
      return response;
    });
    router_.add("GET", "/wait", [this](HttpRequest& request) {
      waiting_.count_down();
      while (!request.cancellation->cancelled()) std::this_thread::yield();
      return HttpResponse::text(499, "");
    });
    auto server = HttpServer::listen({}, router_, pool_, telemetry_);
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }
  HttpClientRequest to(std::string_view path) const {
    return {.url = "http://" + server_->local_address() + std::string(path)};
  }

  HttpRouter router_;
  WorkPool pool_{{.thread_count = 2}};
  Telemetry telemetry_;
  std::mutex mutex_;
  std::vector<std::string> remotes_;  // guarded by mutex_
  std::latch waiting_{1};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpClientTest, SendsAndKeepsTheConnection) {
  HttpClient client;
  for (const std::string method : {"GET", "POST", "PUT", "DELETE", "GET"}) {
    HttpClientRequest request = to("/echo");
    request.method = method;
    request.headers.add("X-A", "a");
    if (method == "POST") request.body = "text";
    const auto response = client.send(request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, method + (method == "POST" ? " [text] a" : " [] a"));
    EXPECT_EQ(response->headers.get("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(response->headers.get("X-Encoding"), ";");
  }
  EXPECT_THAT(remotes_, ::testing::Each(remotes_[0]));
}

TEST_F(HttpClientTest, PacksAndUnpacks) {
  HttpClient client;
  HttpClientRequest request = to("/echo");
  request.method = "POST";
  request.headers.add("Content-Type", "application/x-protobuf");
  for (const Compression how : {Compression::kGzip, Compression::kZstd}) {
    request.compression = how;
    request.body.assign(5000, 'x');
    const auto response = client.send(request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->headers.get("X-Encoding"),
              std::string(compression_name(how)) + ";application/x-protobuf");
    EXPECT_EQ(response->body, "POST [" + request.body + "] ");
    EXPECT_LT(response->received_bytes, 1000u);
  }
}

TEST_F(HttpClientTest, GoesThroughAProxyThatItIsTold) {
  HttpClient client({.proxy_url = "http://" + server_->local_address()});
  // Also for loopback, where a proxy of the environment does not count.
  for (const std::string url : {"http://nowhere.invalid/echo", "http://127.0.0.1:1/echo"}) {
    const auto response = client.send({.url = url});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "GET [] ");
  }
}

TEST_F(HttpClientTest, ConnectionsAreKeptAsLongAsItIsTold) {
  const auto distinct = [&](HttpClientOptions options) {
    remotes_.clear();
    HttpClient client(std::move(options));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.send(to("/echo")));
    return std::set<std::string>(remotes_.begin(), remotes_.end()).size();
  };
  EXPECT_EQ(distinct({}), 1u);
  EXPECT_EQ(distinct({.keep_connections = false}), 3u);
}

TEST_F(HttpClientTest, PacksAsMuchAsItIsTold) {
  HttpClientRequest request = to("/echo");
  request.method = "POST";
  for (int i = 0; i < 2000; ++i) request.body += std::to_string(i * 7919 % 1000);
  const auto bytes = [&](Compression how, std::optional<int> level) {
    return compress(how, request.body, level).size();
  };
  EXPECT_LT(bytes(Compression::kGzip, 9), bytes(Compression::kGzip, std::nullopt));
  EXPECT_LT(bytes(Compression::kGzip, std::nullopt), bytes(Compression::kGzip, -2));
  EXPECT_LT(bytes(Compression::kDeflate, 9), bytes(Compression::kDeflate, 1));
  EXPECT_NE(bytes(Compression::kZstd, 19), bytes(Compression::kZstd, std::nullopt));
  for (const int level : {-2, -1, 1, 9}) {
    request.compression = Compression::kGzip;
    request.compression_level = level;
    const auto response = HttpClient().send(request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "POST [" + request.body + "] ") << level;
  }
}

TEST_F(HttpClientTest, AStatusIsAnAnswer) {
  HttpClient client;
  const auto response = client.send(to("/moved"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(retry_after_of(*response), std::chrono::seconds(7));
  HttpClient stays({.follow_redirects = false});
  EXPECT_EQ(stays.send(to("/moved"))->status, 302);
}

TEST_F(HttpClientTest, AnswersHaveALimitAfterUnpacking) {
  HttpClient client;
  HttpClientRequest request = to("/large");
  request.response_bytes_max = 100'000;
  EXPECT_TRUE(client.send(request));
  request.response_bytes_max = 99'999;
  const auto response = client.send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kResourceExhausted);
  EXPECT_THAT(response.error().message, HasSubstr("answer is larger than 99999 bytes"));
}

TEST_F(HttpClientTest, TimesOut) {
  HttpClient client;
  HttpClientRequest request = to("/wait");
  request.timeout = milliseconds(50);
  EXPECT_EQ(client.send(request).error().code, Errc::kDeadlineExceeded);
}

TEST_F(HttpClientTest, IsCancelled) {
  HttpClient client;
  HttpClientRequest request = to("/wait");
  const auto flag = std::make_shared<Flag>();
  request.cancellation = flag;
  auto response = std::async(std::launch::async, [&] { return client.send(request); });
  waiting_.wait();
  flag->set();
  EXPECT_EQ(response.get().error().code, Errc::kCancelled);
}

TEST_F(HttpClientTest, AbsentPeersAreUnavailableAndBadUrlsInvalid) {
  HttpClient client;
  std::string address;
  {
    auto socket = ListenSocket::open("127.0.0.1:0");
    ASSERT_TRUE(socket);
    address = socket->address();
  }
  const auto absent = client.send({.url = "http://" + address + "/"});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Errc::kUnavailable);
  EXPECT_THAT(absent.error().message, HasSubstr("GET http://" + address + "/: "));
  for (const std::string url :
       {"", "http://", "ftp://127.0.0.1/", "http://a b/", "http://127.0.0.1:99999/"})
    EXPECT_EQ(client.send({.url = url}).error().code, Errc::kInvalidArgument) << url;
}

}  // namespace
}  // namespace sightline::net
