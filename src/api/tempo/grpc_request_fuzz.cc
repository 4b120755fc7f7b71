// Foreign bytes as requests of every streaming method, over an empty store.
#include "api/tempo/streaming_querier.h"
#include "net/testing_stream_call.h"
#include "traceql/testing/testing_store.h"

using namespace sightline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const traceql::testing::MemoryStore store(std::make_shared<model::SpanBatch>());
  static ManualClock clock{TimestampNs{1'700'000'000'000'000'000}};
  static const net::GrpcStreamMethods methods =
      api::tempo::streaming_querier_methods({.traces = store, .clock = clock});
  const auto request =
      std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  for (const auto& [name, handler] : methods) {
    net::testing::StreamCall call;
    handler(request, call);
  }
  return 0;
}
