// Foreign bytes as requests of every gRPC method and as the tags of an HTTP request, over an empty store.
#include "api/jaeger/jaeger_grpc.h"
#include "api/jaeger/jaeger_routes.h"
#include "net/testing_stream_call.h"
#include "traceql/testing/testing_store.h"

using namespace sightline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const traceql::testing::MemoryStore store(std::make_shared<model::SpanBatch>());
  static ManualClock clock{TimestampNs{1'700'000'000'000'000'000}};
  static const net::GrpcStreamMethods methods =
      api::jaeger::jaeger_grpc_methods({.traces = store, .clock = clock});
  const auto request =
      std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  for (const auto& [name, handler] : methods) {
    net::testing::StreamCall call;
    handler(request, call);
  }
  net::Params params;
  params.add("tags", *request);
  params.add("tag", *request);
  if (const auto tags = api::jaeger::parse_tags(params)) {
    api::jaeger::TraceQuestion question{.service = *request, .tags = *tags};
    (void)api::jaeger::find_traces({.traces = store, .clock = clock}, question, nullptr);
  }
  return 0;
}
