// HTTP/1.1 and gRPC on one port: the HTTP server hands over what begins with HTTP/2's preface.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>

#include "net/grpc_bytes.h"
#include "net/grpc_client.h"
#include "net/grpc_stream_server.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace sightline::net {
namespace {

using std::chrono::milliseconds;

// Reads a stream to its end with gRPC's own client.
class StreamReader final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamReader(grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>& stub,
               const std::string& method, std::string request) {
    context.AddMetadata("x-scope-orgid", "team");
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    stub.PrepareBidiStreamingCall(&context, method, {}, this);
    request_ = to_byte_buffer(std::move(request));
    StartWriteLast(&request_, {});
    StartRead(&message_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    messages.push_back(gather(message_));
    if (messages.size() == cancel_after) context.TryCancel();
    StartRead(&message_);
  }
  void OnDone(const grpc::Status& status) override { done.set_value(status); }

  grpc::ClientContext context;
  std::vector<std::string> messages;
  size_t cancel_after = 0;
  std::promise<grpc::Status> done;

 private:
  grpc::ByteBuffer request_, message_;
};

class GrpcStreamTest : public ::testing::Test {
 protected:
  GrpcStreamTest() {
    router_.add("GET", "/hello", [](HttpRequest&) { return HttpResponse::text(200, "hello"); });
    GrpcStreamServerOptions options;
    options.methods["/a.B/Count"] = [](const SharedBytes& request, GrpcStreamCall& call) {
      for (int i = 0; i < std::stoi(*request); ++i)
        if (!call.send("message " + std::to_string(i)))
          return GrpcReply{.code = GrpcCode::kCancelled, .message = "gone"};
      return GrpcReply{};
    };
    options.methods["/a.B/Tenant"] = [](const SharedBytes&, GrpcStreamCall& call) {
      call.send(std::string(call.metadata("x-scope-orgid")));
      return GrpcReply{};
    };
    options.methods["/a.B/Wait"] = [this](const SharedBytes&, GrpcStreamCall& call) {
      call.send("waiting");
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (!call.cancellation()->cancelled() && std::chrono::steady_clock::now() < end)
        std::this_thread::yield();
      saw_cancel_.set_value(call.cancellation()->cancelled());
      return GrpcReply{.code = GrpcCode::kCancelled, .message = "cancelled"};
    };
    options.methods["/a.B/Bad"] = [](const SharedBytes&, GrpcStreamCall&) {
      return GrpcReply{.code = GrpcCode::kInvalidArgument, .message = "bad query"};
    };
    options.methods["/a.B/Throws"] = [](const SharedBytes&, GrpcStreamCall&) -> GrpcReply {
      throw std::runtime_error("no");
    };
    grpc_ = *GrpcStreamServer::start(std::move(options), pool_, telemetry_);
    HttpServerOptions http;
    http.http2 = [this](int descriptor, std::string read) {
      grpc_->take(descriptor, std::move(read));
    };
    http_ = *HttpServer::listen(std::move(http), router_, pool_, telemetry_);
    stub_ = std::make_unique<grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>>(
        grpc::CreateChannel(http_->local_address(), grpc::InsecureChannelCredentials()));
  }
  ~GrpcStreamTest() override {
    stub_.reset();
    http_.reset();
    grpc_.reset();
  }

  WorkPool pool_{{.thread_count = 2}};
  Telemetry telemetry_;
  HttpRouter router_;
  std::promise<bool> saw_cancel_;
  std::unique_ptr<GrpcStreamServer> grpc_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>> stub_;
};

TEST_F(GrpcStreamTest, OnePortSpeaksBoth) {
  StreamReader reader(*stub_, "/a.B/Count", "3");
  EXPECT_TRUE(reader.done.get_future().get().ok());
  EXPECT_THAT(reader.messages, ::testing::ElementsAre("message 0", "message 1", "message 2"));
  HttpClient client;
  const auto answer = client.send({.url = "http://" + http_->local_address() + "/hello"});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "hello");
  StreamReader again(*stub_, "/a.B/Count", "500");
  EXPECT_TRUE(again.done.get_future().get().ok());
  EXPECT_EQ(again.messages.size(), 500u);
}

TEST_F(GrpcStreamTest, HandlersSeeMetadataAndAnswerStatuses) {
  StreamReader tenant(*stub_, "/a.B/Tenant", "");
  EXPECT_TRUE(tenant.done.get_future().get().ok());
  EXPECT_THAT(tenant.messages, ::testing::ElementsAre("team"));
  StreamReader bad(*stub_, "/a.B/Bad", "");
  const auto status = bad.done.get_future().get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "bad query");
  StreamReader throws(*stub_, "/a.B/Throws", "");
  EXPECT_EQ(throws.done.get_future().get().error_code(), grpc::StatusCode::INTERNAL);
  StreamReader unknown(*stub_, "/a.B/Nope", "");
  EXPECT_EQ(unknown.done.get_future().get().error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcStreamTest, ACancelledCallIsSeenByItsHandler) {
  StreamReader reader(*stub_, "/a.B/Wait", "");
  reader.cancel_after = 1;
  EXPECT_EQ(reader.done.get_future().get().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(saw_cancel_.get_future().get());
}

}  // namespace
}  // namespace sightline::net
