// A client that goes away during a long scan frees what works for it, over HTTP and over gRPC.
#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <protozero/pbf_writer.hpp>

#include "api/tempo/streaming_querier.h"
#include "api/tempo/tempo_routes.h"
#include "net/http_server.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"

namespace sightline::api::tempo {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kGoal(50);
constexpr int kTries = 10;  // on a busy machine a thread may wait for longer than that for its turn

// A store that never ends: its row group comes again and again for as long as it is wanted.
class EndlessStore final : public tracestore::Queryable {
 public:
  struct Scan {
    std::promise<void> began;
    std::promise<steady_clock::time_point> ended;
  };
  mutable Scan scan;

  Result<std::unique_ptr<tracestore::Querier>> querier() const override {
    auto inner = inner_.querier();
    if (!inner) return inner;
    return std::make_unique<View>(*this, std::move(*inner));
  }

 private:
  struct View final : tracestore::Querier {
    View(const EndlessStore& s, std::unique_ptr<tracestore::Querier> i)
        : store(s), inner(std::move(i)) {}
    Result<std::optional<model::SpanBatch>> find(const TraceId& id) const override {
      return inner->find(id);
    }
    Status scan(const tracestore::ScanRequest& request,
                const std::function<bool(tracestore::RowGroup&)>& visit) const override {
      store.scan.began.set_value();
      Status done;
      for (bool more = true; more && done;)
        done =
            inner->scan(request, [&](tracestore::RowGroup& group) { return more = visit(group); });
      store.scan.ended.set_value(steady_clock::now());
      return done;
    }
    Result<std::vector<std::vector<std::string>>> attribute_keys(
        const tracestore::KeysRequest& request) const override {
      return inner->attribute_keys(request);
    }
    uint64_t inspected_bytes() const override { return 0; }
    const EndlessStore& store;
    const std::unique_ptr<tracestore::Querier> inner;
  };
  const traceql::testing::MemoryStore inner_{*traceql::load_spans(
      {{1, 0, "trace 1"}, {2, 1, "a \"GET /\" start=100s duration=5ms service=web"}})};
};

struct CancellationTest : ::testing::Test {
  CancellationTest() {
    add_tempo_routes(router, api);
    net::GrpcStreamServerOptions options;
    options.methods = streaming_querier_methods(api);
    grpc = *net::GrpcStreamServer::start(std::move(options), pool, telemetry);
    net::HttpServerOptions http_options;
    http_options.http2 = [this](int descriptor, std::string read) {
      grpc->take(descriptor, std::move(read));
    };
    http = *net::HttpServer::listen(std::move(http_options), router, pool, telemetry);
  }
  ~CancellationTest() override {
    http.reset();
    grpc.reset();
  }
  // How long a scan goes on after `leave`, at best.
  template <typename Leave>
  milliseconds until_free(const std::function<Leave()>& begin) {
    milliseconds best(1'000'000);
    for (int i = 0; i < kTries && best > kGoal; ++i) {
      store.scan = {};
      auto began = store.scan.began.get_future();
      auto ended = store.scan.ended.get_future();
      Leave leave = begin();
      EXPECT_EQ(began.wait_for(std::chrono::seconds(30)), std::future_status::ready);
      const auto left = steady_clock::now();
      leave();
      if (ended.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
        ADD_FAILURE() << "the scan goes on";
        break;
      }
      best = std::min(best, std::chrono::duration_cast<milliseconds>(ended.get() - left));
    }
    return best;
  }

  EndlessStore store;
  SystemClock clock;
  Telemetry telemetry;
  WorkPool pool{{.thread_count = 2}};
  TempoApi api{.traces = store, .clock = clock};
  net::HttpRouter router;
  std::unique_ptr<net::GrpcStreamServer> grpc;
  std::unique_ptr<net::HttpServer> http;
};

TEST_F(CancellationTest, AnHttpConnectionThatCloses) {
  for (const std::string path :
       {"/api/search?q=%7B%7D", "/api/v2/search/tag/name/values",
        "/api/metrics/query_range?q=%7B%7D%7Crate()&start=100&end=200&step=10"}) {
    const std::function<std::function<void()>()> begin = [&] {
      const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(http->port());
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
      EXPECT_EQ(::send(socket, request.data(), request.size(), 0),
                static_cast<ssize_t>(request.size()));
      return [socket] { ::close(socket); };
    };
    EXPECT_LE(until_free(begin), kGoal) << path;
  }
}

// A call whose caller gives up.
class Call final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Call(grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>& stub,
       const std::string& method, const std::string& request) {
    stub.PrepareBidiStreamingCall(&context_, method, {}, this);
    const grpc::Slice slice(request);
    request_ = grpc::ByteBuffer(&slice, 1);
    StartWriteLast(&request_, {});
    StartCall();
  }
  void OnDone(const grpc::Status& status) override { done_.set_value(status.error_code()); }
  void cancel() { context_.TryCancel(); }
  grpc::StatusCode wait() { return done_.get_future().get(); }

 private:
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  std::promise<grpc::StatusCode> done_;
};

TEST_F(CancellationTest, AGrpcCallThatIsCancelled) {
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(
      grpc::CreateChannel(http->local_address(), grpc::InsecureChannelCredentials()));
  std::string search, metrics;
  protozero::pbf_writer(search).add_string(8, "{ }");
  protozero::pbf_writer writer(metrics);
  writer.add_string(1, "{ } | rate()");
  writer.add_uint64(2, 100'000'000'000);
  writer.add_uint64(3, 200'000'000'000);
  writer.add_uint64(4, 10'000'000'000);
  for (const auto& [name, request] :
       {std::pair("Search", search), std::pair("MetricsQueryRange", metrics)}) {
    std::vector<std::unique_ptr<Call>> calls;
    const std::function<std::function<void()>()> begin = [&] {
      calls.push_back(
          std::make_unique<Call>(stub, "/tempopb.StreamingQuerier/" + std::string(name), request));
      return [call = calls.back().get()] { call->cancel(); };
    };
    EXPECT_LE(until_free(begin), kGoal) << name;
    for (const auto& call : calls) EXPECT_EQ(call->wait(), grpc::StatusCode::CANCELLED);
  }
}

}  // namespace
}  // namespace sightline::api::tempo
