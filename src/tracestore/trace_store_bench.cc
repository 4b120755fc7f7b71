// Appending, finding, scanning, and bytes on disk, over spans of a small shop.
#include <benchmark/benchmark.h>

#include "base/log.h"
#include "io/testing_directory.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {
namespace {

constexpr TimestampNs kStart{1'700'000'000'000'000'000};

// Traces of 21 spans over 20 services with attributes as an HTTP and a database library write them;
// batches of 400 spans.
class Shop {
 public:
  explicit Shop(uint64_t seed) : source_(seed) {}

  std::shared_ptr<const model::SpanBatch> batch(TimestampNs at) {
    model::SpanBatch b;
    std::deque<std::string> texts;
    const auto text = [&](std::string s) {
      return std::string_view(texts.emplace_back(std::move(s)));
    };
    const auto string = [&](std::string s) {
      return model::ValueView::of_string(text(std::move(s)));
    };
    const auto attribute = [&](model::Run& run, std::string_view key, model::ValueView value) {
      b.attributes.push_back({key, value});
      ++run.count;
    };
    Random& random = source_.random();
    for (int service = 0; service < 20; ++service) {
      model::ResourceView r;
      r.attributes.begin = static_cast<uint32_t>(b.attributes.size());
      attribute(r.attributes, "service.name", string("service-" + std::to_string(service)));
      attribute(r.attributes, "k8s.pod.name",
                string("pod-" + std::to_string(service) + "-" + std::to_string(random.below(3))));
      attribute(r.attributes, "telemetry.sdk.language", string("go"));
      b.resources.push_back(r);
      model::ScopeView scope;
      scope.resource = static_cast<uint32_t>(service);
      scope.name = "otelhttp";
      scope.version = "0.49.0";
      b.scopes.push_back(scope);
    }
    for (int t = 0; t < 19; ++t) {
      const TraceId id = source_.trace_id();
      std::vector<SpanId> spans;
      uint64_t start = at.value + random.below(10'000'000);
      for (int i = 0; i < 21; ++i) {
        model::SpanView s{.trace_id = id, .span_id = source_.span_id()};
        if (!spans.empty()) s.parent_span_id = spans[random.below(spans.size())];
        spans.push_back(s.span_id);
        const uint64_t operation = random.below(190);
        s.scope = static_cast<uint32_t>(operation % 20);
        s.kind = static_cast<model::SpanKind>(1 + operation % 5);
        s.flags = 0x101;
        s.name = text("GET /api/v1/thing-" + std::to_string(operation));
        start += random.below(300'000);
        s.start = {start};
        s.end = {start + 200'000 + random.below(uint64_t{1} << (14 + operation % 12))};
        s.attributes.begin = static_cast<uint32_t>(b.attributes.size());
        attribute(s.attributes, "http.request.method", string("GET"));
        attribute(s.attributes, "http.route", string("/api/v1/thing-" + std::to_string(operation)));
        attribute(s.attributes, "http.response.status_code",
                  model::ValueView::of_int(random.below(50) == 0 ? 500 : 200));
        attribute(s.attributes, "server.port",
                  model::ValueView::of_int(static_cast<int64_t>(8000 + operation)));
        attribute(s.attributes, "client.port",
                  model::ValueView::of_int(static_cast<int64_t>(30000 + random.below(30000))));
        if (operation % 3 == 0)
          attribute(
              s.attributes, "db.statement",
              string("SELECT * FROM orders WHERE id = " + std::to_string(random.below(1'000'000))));
        if (operation % 5 == 0)
          attribute(s.attributes, "user.id",
                    string("user-" + std::to_string(random.below(100'000))));
        b.spans.push_back(s);
      }
    }
    return *testing::decode(std::make_shared<const std::string>(testing::encode(b)));
  }

 private:
  testing::SpanSource source_;
};

struct Rig {
  explicit Rig(uint32_t row_group_rows = 65'536) {
    spdlog::set_level(spdlog::level::warn);
    TraceStoreOptions o;
    o.wal_directory = directory.path() + "/wal";
    o.blocks_directory = directory.path() + "/blocks";
    o.row_group_rows = row_group_rows;
    o.max_block_bytes = 0;
    o.limits.live_bytes_max = 0;
    o.decode = testing::decode;
    o.encode = testing::encode;
    store = *TraceStore::open(*fs, clock, telemetry, o);
  }
  std::vector<TraceId> fill(size_t span_count) {
    Shop shop(1);
    std::vector<TraceId> ids;
    for (size_t spans = 0; spans < span_count;) {
      const auto batch = shop.batch(clock.now());
      spans += batch->spans.size();
      ids.push_back(batch->spans[0].trace_id);
      (void)store->append(batch);
      clock.advance(std::chrono::milliseconds(10));
    }
    return ids;
  }
  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{kStart};
  Telemetry telemetry;
  std::unique_ptr<TraceStore> store;
};

void append_spans(benchmark::State& state) {
  Rig rig;
  Shop shop(1);
  std::vector<std::shared_ptr<const model::SpanBatch>> batches;
  for (int i = 0; i < 200; ++i) batches.push_back(shop.batch(rig.clock.now()));
  size_t next = 0;
  for (auto _ : state) {
    if (next == batches.size()) {
      state.PauseTiming();
      (void)rig.store->flush();
      next = 0;
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(rig.store->append(batches[next++]));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batches[0]->spans.size()));
}
BENCHMARK(append_spans);

void cut_block(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    Rig rig(static_cast<uint32_t>(state.range(0)));
    rig.fill(200'000);
    state.ResumeTiming();
    (void)rig.store->flush();
    state.PauseTiming();
    const auto stats = rig.store->stats();
    state.counters["bytes_per_span"] =
        static_cast<double>(stats.block_bytes) / static_cast<double>(stats.block_spans);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * 200'000);
}
BENCHMARK(cut_block)->Arg(65'536)->Arg(16'384)->Unit(benchmark::kMillisecond);

void find_stored_trace(benchmark::State& state) {
  Rig rig(static_cast<uint32_t>(state.range(0)));
  const auto ids = rig.fill(200'000);
  (void)rig.store->flush();
  size_t next = 0;
  for (auto _ : state) {
    const auto querier = rig.store->querier();
    benchmark::DoNotOptimize((*querier)->find(ids[next++ * 7919 % ids.size()]));
  }
}
BENCHMARK(find_stored_trace)->Arg(65'536)->Arg(16'384)->Arg(4'096)->Unit(benchmark::kMicrosecond);

void find_live_trace(benchmark::State& state) {
  Rig rig;
  const auto ids = rig.fill(50'000);
  size_t next = 0;
  for (auto _ : state) {
    const auto querier = rig.store->querier();
    benchmark::DoNotOptimize((*querier)->find(ids[next++ * 7919 % ids.size()]));
  }
}
BENCHMARK(find_live_trace)->Unit(benchmark::kMicrosecond);

void scan_one_attribute(benchmark::State& state) {
  Rig rig;
  rig.fill(200'000);
  (void)rig.store->flush();
  for (auto _ : state) {
    const auto querier = rig.store->querier();
    uint64_t matches = 0;
    (void)(*querier)->scan({}, [&](RowGroup& group) {
      const DictionaryColumn column =
          group.attribute(AttributeScope::kSpan, "http.response.status_code");
      for (uint32_t row = 0; row < group.row_count(); ++row)
        matches += column.at(row).int_value == 500 ? 1 : 0;
      return true;
    });
    benchmark::DoNotOptimize(matches);
  }
  state.SetItemsProcessed(state.iterations() * 200'000);
}
BENCHMARK(scan_one_attribute)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sightline::tracestore
