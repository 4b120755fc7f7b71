// tempopb.StreamingQuerier over a socket, on the port that also speaks HTTP/1.1; and the same messages over HTTP.
#include "api/tempo/streaming_querier.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "api/tempo/protobuf_answers.h"
#include "net/http_server.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"

namespace sightline::api::tempo {
namespace {

std::shared_ptr<const model::SpanBatch> demo_spans() {
  const std::vector<traceql::ScriptLine> lines = {
      {1, 0, "trace 1"},
      {2, 1,
       R"(a "GET /slow" start=100s duration=503ms kind=server service=demo .code=500 status=error)"},
      {3, 2, R"(b "work" service=demo duration=10ms .method="GET")"},
      {4, 0, "trace 2"},
      {5, 1, R"(c "GET /" start=200s duration=20ms kind=server service=demo .code=200)"},
  };
  return *traceql::load_spans(lines);
}

// The message as "field:text" lines, sub-messages in braces where `nested` says so.
std::string strings_of(std::string_view message, protozero::pbf_tag_type field) {
  std::string out;
  for (protozero::pbf_reader r(message.data(), message.size()); r.next();) {
    if (r.tag() != field) {
      r.skip();
      continue;
    }
    const auto view = r.get_view();
    out.append(out.empty() ? "" : ",").append(view.data(), view.size());
  }
  return out;
}
std::vector<std::string> messages_of(std::string_view message, protozero::pbf_tag_type field) {
  std::vector<std::string> out;
  for (protozero::pbf_reader r(message.data(), message.size()); r.next();) {
    if (r.tag() == field)
      out.push_back(std::string(r.get_view()));
    else
      r.skip();
  }
  return out;
}

class Call final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Call(grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>& stub,
       const std::string& method, const std::string& request) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    stub.PrepareBidiStreamingCall(&context_, "/tempopb.StreamingQuerier/" + method, {}, this);
    const grpc::Slice slice(request);
    request_ = grpc::ByteBuffer(&slice, 1);
    StartWriteLast(&request_, {});
    StartRead(&message_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    grpc::Slice slice;
    if (message_.DumpToSingleSlice(&slice).ok())
      messages.emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
    StartRead(&message_);
  }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }
  grpc::Status wait() { return done_.get_future().get(); }
  std::vector<std::string> messages;

 private:
  grpc::ClientContext context_;
  grpc::ByteBuffer request_, message_;
  std::promise<grpc::Status> done_;
};

class StreamingQuerierTest : public ::testing::Test {
 protected:
  StreamingQuerierTest() {
    add_tempo_routes(router_, api_);
    net::GrpcStreamServerOptions options;
    options.methods = streaming_querier_methods(api_);
    grpc_ = *net::GrpcStreamServer::start(std::move(options), pool_, telemetry_);
    net::HttpServerOptions http;
    http.http2 = [this](int descriptor, std::string read) {
      grpc_->take(descriptor, std::move(read));
    };
    http_ = *net::HttpServer::listen(std::move(http), router_, pool_, telemetry_);
    stub_ = std::make_unique<grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>>(
        grpc::CreateChannel(http_->local_address(), grpc::InsecureChannelCredentials()));
  }
  ~StreamingQuerierTest() override {
    stub_.reset();
    http_.reset();
    grpc_.reset();
  }
  std::vector<std::string> ask(const std::string& method, const std::string& request) {
    Call call(*stub_, method, request);
    const auto status = call.wait();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return call.messages;
  }
  net::HttpResponse get(std::string path, const std::string& query) {
    net::HttpRequest request{.method = "GET", .path = std::move(path), .query = query};
    EXPECT_TRUE(request.params.parse(query));
    request.headers.add("Accept", "application/protobuf");
    return router_.dispatch(request);
  }

  traceql::testing::MemoryStore store_{demo_spans()};
  ManualClock clock_{TimestampNs{300'000'000'000}};
  TempoApi api_{.traces = store_, .clock = clock_};
  WorkPool pool_{{.thread_count = 2}};
  Telemetry telemetry_;
  net::HttpRouter router_;
  std::unique_ptr<net::GrpcStreamServer> grpc_;
  std::unique_ptr<net::HttpServer> http_;
  std::unique_ptr<grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>> stub_;
};

TEST_F(StreamingQuerierTest, SearchStreamsTraces) {
  std::string request;
  protozero::pbf_writer writer(request);
  writer.add_string(8, "{ name = \"GET /slow\" }");
  writer.add_uint32(4, 10);
  writer.add_uint32(9, 1);
  const auto messages = ask("Search", request);
  ASSERT_EQ(messages.size(), 1u);
  const auto traces = messages_of(messages[0], 1);
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(strings_of(traces[0], 1), "00000000000000000000000000000031");
  EXPECT_EQ(strings_of(traces[0], 2), "demo");
  EXPECT_EQ(strings_of(traces[0], 3), "GET /slow");
  const auto spansets = messages_of(traces[0], 7);
  ASSERT_EQ(spansets.size(), 1u);
  EXPECT_EQ(strings_of(messages_of(spansets[0], 1)[0], 1), "0000000000000061");
  // The same over HTTP, byte for byte.
  EXPECT_EQ(get("/api/search", "q=%7Bname%3D%22GET%20%2Fslow%22%7D&limit=10&spss=1").body,
            messages[0]);
}

TEST_F(StreamingQuerierTest, SearchByTags) {
  std::string entry;
  protozero::pbf_writer(entry).add_string(1, "method");
  protozero::pbf_writer(entry).add_string(2, "GET");
  std::string request;
  protozero::pbf_writer(request).add_message(1, entry);
  const auto messages = ask("Search", request);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages_of(messages[0], 1).size(), 1u);
  EXPECT_TRUE(messages_of(messages_of(messages[0], 1)[0], 7).empty());
}

TEST_F(StreamingQuerierTest, TagsAndValues) {
  std::string request;
  protozero::pbf_writer(request).add_string(1, "span");
  EXPECT_EQ(strings_of(ask("SearchTags", request).at(0), 1), "code,method");
  const auto scopes = messages_of(ask("SearchTagsV2", request).at(0), 1);
  ASSERT_EQ(scopes.size(), 1u);
  EXPECT_EQ(strings_of(scopes[0], 1), "span");
  EXPECT_EQ(strings_of(scopes[0], 2), "code,method");
  std::string tag;
  protozero::pbf_writer(tag).add_string(1, "code");
  EXPECT_EQ(strings_of(ask("SearchTagValues", tag).at(0), 1), "200,500");
  std::string scoped;
  protozero::pbf_writer(scoped).add_string(1, "span.code");
  protozero::pbf_writer(scoped).add_string(2, "{ status = error }");
  const auto values = messages_of(ask("SearchTagValuesV2", scoped).at(0), 1);
  ASSERT_EQ(values.size(), 1u);
  EXPECT_EQ(strings_of(values[0], 1), "int");
  EXPECT_EQ(strings_of(values[0], 2), "500");
  EXPECT_EQ(get("/api/v2/search/tag/span.code/values", "q=%7Bstatus%3Derror%7D")
                .headers.get("Content-Type"),
            "application/protobuf");
}

TEST_F(StreamingQuerierTest, MetricsOverARangeAndAtOnce) {
  std::string request;
  protozero::pbf_writer writer(request);
  writer.add_string(1, "{ } | count_over_time() by(name)");
  writer.add_uint64(2, 100'000'000'000);
  writer.add_uint64(3, 200'000'000'000);
  const size_t without_step = request.size();
  writer.add_uint64(4, 100'000'000'000);
  const auto messages = ask("MetricsQueryRange", request);
  ASSERT_EQ(messages.size(), 1u);
  const auto series = messages_of(messages[0], 1);
  ASSERT_EQ(series.size(), 3u);
  EXPECT_EQ(strings_of(messages_of(series[0], 1).at(0), 1), "name");
  EXPECT_EQ(messages_of(series[0], 2).size(), 2u);
  EXPECT_FALSE(messages_of(series[0], 4).empty());
  request.resize(without_step);
  EXPECT_EQ(messages_of(ask("MetricsQueryInstant", request).at(0), 1).size(),
            1u);  // (100 s, 200 s] holds the second trace
}

TEST_F(StreamingQuerierTest, ErrorsAreStatuses) {
  std::string request;
  protozero::pbf_writer(request).add_string(8, "{foo");
  Call bad(*stub_, "Search", request);
  const auto status = bad.wait();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "invalid TraceQL query: parse error at line 1, col 2: unknown identifier: foo");
  Call garbage(*stub_, "Search", "\xff\xff\xff");
  EXPECT_EQ(garbage.wait().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  std::string search;
  protozero::pbf_writer(search).add_string(1, "{ }");
  Call not_metrics(*stub_, "MetricsQueryRange", search);
  EXPECT_EQ(not_metrics.wait().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(Messages, KeepToTheirSize) {
  traceql::SearchResult result;
  for (int i = 0; i < 100; ++i) {
    traceql::FoundTrace trace;
    trace.root_service = std::string(100, 'x');
    result.traces.push_back(trace);
  }
  const auto messages = search_messages(result, true, 1000, {});
  EXPECT_GT(messages.size(), 10u);
  size_t traces = 0;
  for (const std::string& message : messages) {
    EXPECT_LT(message.size(), 1100u);
    traces += messages_of(message, 1).size();
  }
  EXPECT_EQ(traces, 100u);
  EXPECT_EQ(search_messages({}, true, 1000, {}).size(), 1u);
}

}  // namespace
}  // namespace sightline::api::tempo
