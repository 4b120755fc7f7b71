#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "net/compression.h"
#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "net/grpc_status.h"
#include "net/listen_socket.h"

namespace sightline::net {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr milliseconds kDeadline{10'000};

class GrpcTest : public ::testing::Test {
 protected:
  GrpcTest() {
    server_options_.methods["/a.Echo/Echo"] = [](const SharedBytes& request, const GrpcCaller&) {
      return GrpcReply{.payload = *request};
    };
    server_options_.methods["/a.Echo/Size"] = [](const SharedBytes& request,
                                                 const GrpcCaller& caller) {
      EXPECT_THAT(std::string(caller.remote()), StartsWith("127.0.0.1:"));
      EXPECT_EQ(caller.metadata("absent"), "");
      return GrpcReply{.payload = std::to_string(request->size())};
    };
    server_options_.methods["/a.Echo/Busy"] = [](const SharedBytes&, const GrpcCaller&) {
      return GrpcReply{
          .code = GrpcCode::kUnavailable, .message = "later", .retry_after = milliseconds(2500)};
    };
    server_options_.methods["/a.Echo/Throws"] =
        [](const SharedBytes&, const GrpcCaller&) -> GrpcReply { throw std::runtime_error("no"); };
  }
  void start() {
    auto server = GrpcServer::listen(server_options_, telemetry_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    client_options_.target = server_->local_address();
    client_ = connect();
  }
  std::unique_ptr<GrpcClient> connect() {
    auto client = GrpcClient::create(client_options_);
    EXPECT_TRUE(client);
    return std::move(*client);
  }

  Telemetry telemetry_;
  GrpcServerOptions server_options_;
  GrpcClientOptions client_options_;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<GrpcClient> client_;
};

TEST_F(GrpcTest, BytesGoThereAndBack) {
  start();
  for (const size_t bytes : {0, 1, 5000, 3'000'000}) {
    const std::string payload(bytes, 'a');
    const GrpcReply reply = client_->call("/a.Echo/Echo", payload, kDeadline);
    EXPECT_EQ(reply.code, GrpcCode::kOk) << reply.message;
    EXPECT_TRUE(reply.payload == payload);
  }
  EXPECT_EQ(telemetry_.counter_total("sightline_grpc_requests_total"), 4u);
}

TEST_F(GrpcTest, UnknownMethodsAreUnimplemented) {
  start();
  const GrpcReply reply = client_->call("/a.Echo/Other", "x", kDeadline);
  EXPECT_EQ(reply.code, GrpcCode::kUnimplemented);
  EXPECT_EQ(reply.message, "unknown method /a.Echo/Other");
}

TEST_F(GrpcTest, RetryInfoArrives) {
  start();
  const GrpcReply reply = client_->call("/a.Echo/Busy", "x", kDeadline);
  EXPECT_EQ(reply.code, GrpcCode::kUnavailable);
  EXPECT_EQ(reply.message, "later");
  EXPECT_EQ(reply.retry_after, milliseconds(2500));
}

TEST_F(GrpcTest, OversizedMessagesAreRefused) {
  server_options_.message_bytes_max = 10'000;
  start();
  EXPECT_EQ(client_->call("/a.Echo/Size", std::string(10'000, 'a'), kDeadline).payload, "10000");
  const GrpcReply reply = client_->call("/a.Echo/Size", std::string(10'001, 'a'), kDeadline);
  EXPECT_EQ(reply.code, GrpcCode::kResourceExhausted) << reply.message;
}

TEST_F(GrpcTest, PackedMessagesAreUnpackedWithinTheLimit) {
  server_options_.message_bytes_max = 100'000;
  client_options_.gzip = true;
  start();
  EXPECT_EQ(client_->call("/a.Echo/Size", std::string(90'000, 'a'), kDeadline).payload, "90000");
  const GrpcReply bomb = client_->call("/a.Echo/Size", std::string(20'000'000, 'a'), kDeadline);
  EXPECT_EQ(bomb.code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(bomb.message, "gzip body unpacks to more than 100000 bytes");
}

TEST_F(GrpcTest, DamagedPackedMessagesAreSaidToBe) {
  start();
  const std::string packed = compress(Compression::kGzip, "text that is packed");
  const GrpcReply reply = client_->call("/a.Echo/Echo", packed.substr(0, 15), kDeadline);
  EXPECT_EQ(reply.code, GrpcCode::kInternal);
  EXPECT_THAT(reply.message, HasSubstr("gzip body is cut short"));
  const std::string deflated = compress(Compression::kDeflate, "text that is packed");
  EXPECT_EQ(client_->call("/a.Echo/Echo", deflated, kDeadline).payload, "text that is packed");
  EXPECT_EQ(client_->call("/a.Echo/Echo", "\x78\x01 and so on", kDeadline).payload,
            "\x78\x01 and so on");
}

TEST_F(GrpcTest, AHandlerThatThrowsIsInternal) {
  start();
  EXPECT_EQ(client_->call("/a.Echo/Throws", "x", kDeadline).code, GrpcCode::kInternal);
  EXPECT_EQ(client_->call("/a.Echo/Echo", "x", kDeadline).payload, "x");
}

TEST_F(GrpcTest, HandlersThatWaitDoNotHoldUpOthers) {
  std::latch all(4);  // passes only when four handlers run at once
  server_options_.methods["/a.Echo/Wait"] = [&](const SharedBytes&, const GrpcCaller&) {
    all.arrive_and_wait();
    return GrpcReply{.payload = "together"};
  };
  start();
  std::vector<std::future<GrpcReply>> replies;
  for (int i = 0; i < 4; ++i)
    replies.push_back(std::async(std::launch::async,
                                 [&] { return client_->call("/a.Echo/Wait", "", kDeadline); }));
  for (auto& reply : replies) EXPECT_EQ(reply.get().payload, "together");
}

TEST_F(GrpcTest, AFullQueueSaysWhenToComeBack) {
  server_options_.handler_threads = 1;
  server_options_.handler_queue_max = 0;
  server_options_.retry_after = milliseconds(700);
  start();
  const GrpcReply reply = client_->call("/a.Echo/Echo", "x", kDeadline);
  EXPECT_EQ(reply.code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(reply.retry_after, milliseconds(700));
}

TEST_F(GrpcTest, StopDrainsWhatHasBegun) {
  std::latch begun(1);
  std::promise<void> finish;
  server_options_.methods["/a.Echo/Wait"] = [&](const SharedBytes&, const GrpcCaller&) {
    begun.count_down();
    finish.get_future().wait();
    return GrpcReply{.payload = "drained"};
  };
  start();
  auto reply =
      std::async(std::launch::async, [&] { return client_->call("/a.Echo/Wait", "", kDeadline); });
  begun.wait();
  auto stopped = std::async(std::launch::async, [&] { server_->stop(kDeadline); });
  finish.set_value();
  EXPECT_EQ(reply.get().payload, "drained");
  stopped.get();
  EXPECT_EQ(client_->call("/a.Echo/Echo", "x", kDeadline).code, GrpcCode::kUnavailable);
}

TEST_F(GrpcTest, StopDoesNotWaitForeverForIdleClients) {
  start();
  client_->call("/a.Echo/Echo", "x", kDeadline);
  server_->stop(kDeadline);
}

TEST_F(GrpcTest, ClientsGiveUp) {
  std::latch begun(1);
  std::promise<void> finish;
  auto finished = finish.get_future().share();
  server_options_.methods["/a.Echo/Wait"] = [finished](const SharedBytes&, const GrpcCaller&) {
    finished.wait();
    return GrpcReply{};
  };
  server_options_.methods["/a.Echo/Begun"] = [&begun, finished](const SharedBytes&,
                                                                const GrpcCaller&) {
    begun.count_down();
    finished.wait();
    return GrpcReply{};
  };
  start();
  EXPECT_EQ(client_->call("/a.Echo/Wait", "", milliseconds(50)).code, GrpcCode::kDeadlineExceeded);
  auto reply =
      std::async(std::launch::async, [&] { return client_->call("/a.Echo/Begun", "", kDeadline); });
  begun.wait();
  client_->stop();
  EXPECT_EQ(reply.get().code, GrpcCode::kCancelled);
  EXPECT_EQ(client_->call("/a.Echo/Echo", "", kDeadline).code, GrpcCode::kUnavailable);
  finish.set_value();
  server_.reset();  // its handlers use what is above
}

TEST_F(GrpcTest, AbsentServersAreUnavailable) {
  std::string address;
  {
    auto socket = ListenSocket::open("127.0.0.1:0");
    ASSERT_TRUE(socket);
    address = socket->address();
  }
  client_options_.target = "http://" + address;
  EXPECT_EQ(connect()->call("/a.Echo/Echo", "x", kDeadline).code, GrpcCode::kUnavailable);
  client_options_.target = "localhost";
  EXPECT_FALSE(GrpcClient::create(client_options_));
}

TEST_F(GrpcTest, CallsWaitForTheirServerWhenTold) {
  std::string address;
  {
    auto socket = ListenSocket::open("127.0.0.1:0");
    ASSERT_TRUE(socket);
    address = socket->address();
  }
  client_options_.target = address;
  client_options_.wait_for_ready = true;
  client_options_.balancer = "round_robin";
  client_options_.keepalive = {.time = milliseconds(10'000), .timeout = milliseconds(1000)};
  client_ = connect();
  auto reply =
      std::async(std::launch::async, [&] { return client_->call("/a.Echo/Echo", "x", kDeadline); });
  EXPECT_EQ(reply.wait_for(milliseconds(100)),
            std::future_status::timeout);  // it fails at once else
  server_options_.address = address;
  auto server = GrpcServer::listen(server_options_, telemetry_);
  ASSERT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
  const GrpcReply answer = reply.get();
  EXPECT_EQ(answer.code, GrpcCode::kOk) << answer.message;
  EXPECT_EQ(answer.payload, "x");
}

TEST_F(GrpcTest, ClientsNameThemselvesAndWhomTheyMean) {
  server_options_.methods["/a.Echo/Who"] = [](const SharedBytes&, const GrpcCaller& caller) {
    return GrpcReply{.payload = std::string(caller.metadata("user-agent"))};
  };
  client_options_.user_agent = "shop/1";
  client_options_.authority = "collector.example";
  start();
  const GrpcReply reply = client_->call("/a.Echo/Who", "", kDeadline);
  EXPECT_EQ(reply.code, GrpcCode::kOk) << reply.message;
  EXPECT_THAT(reply.payload, StartsWith("shop/1 grpc-c++/"));
}

TEST_F(GrpcTest, ATakenPortIsSaidToBe) {
  start();
  server_options_.address = server_->local_address();
  auto again = GrpcServer::listen(server_options_, telemetry_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message,
            "listen tcp " + server_options_.address + ": address already in use");
  server_options_.address = ":0";
  EXPECT_TRUE(GrpcServer::listen(server_options_, telemetry_));
}

TEST(GrpcStatusTest, RetryInfoIsReadBack) {
  for (const int64_t delay : {0, 1, 999, 1000, 61'001})
    EXPECT_EQ(
        parse_retry_after(write_status_details(GrpcCode::kUnavailable, "m", milliseconds(delay))),
        milliseconds(delay));
  EXPECT_EQ(parse_retry_after(""), std::nullopt);
  EXPECT_EQ(parse_retry_after("\x1a\xff"), std::nullopt);
}

}  // namespace
}  // namespace sightline::net
