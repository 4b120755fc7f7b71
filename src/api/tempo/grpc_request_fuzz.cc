// Foreign bytes as requests of every streaming method, over an empty store.
#include "api/tempo/streaming_querier.h"
#include "traceql/testing_store.h"

namespace {

using namespace sightline;

struct NeverCancelled final : net::Cancellation {
  bool cancelled() const override { return false; }
};
struct Call final : net::GrpcStreamCall {
  std::string_view metadata(std::string_view) const override { return {}; }
  std::shared_ptr<const net::Cancellation> cancellation() const override {
    return std::make_shared<NeverCancelled>();
  }
  bool send(std::string) override { return true; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const traceql::testing::MemoryStore store(std::make_shared<model::SpanBatch>());
  static ManualClock clock{TimestampNs{1'700'000'000'000'000'000}};
  static const net::GrpcStreamMethods methods =
      api::tempo::streaming_querier_methods({.traces = store, .clock = clock});
  const auto request =
      std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  Call call;
  for (const auto& [name, handler] : methods) handler(request, call);
  return 0;
}
