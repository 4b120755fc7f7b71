// TraceQL over a store on disk, everything in blocks: the searches and metrics people and dashboards ask for.
//   SIGHTLINE_BENCH_SPANS      how many spans (default 1,000,000)
//   SIGHTLINE_BENCH_DIRECTORY  where they stay between runs; default: a temporary directory
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "base/work_pool.h"
#include "io/testing_directory.h"
#include "traceql/engine.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::traceql {
namespace {

constexpr TimestampNs kStart{1'700'000'000'000'000'000};
constexpr std::chrono::nanoseconds kBetweenBatches = std::chrono::milliseconds(100);
constexpr int kTracesPerBatch = 40;

// A shop of eight services. A trace is a request of one to twenty spans: a server span in the frontend, client and
// server spans of calls below it, database spans at the leaves; one request in fifty fails.
class Shop {
 public:
  explicit Shop(uint64_t seed) : random_(seed) {}

  std::shared_ptr<const model::SpanBatch> batch(TimestampNs at) {
    model::SpanBatch b;
    texts_.clear();
    static constexpr std::string_view kServices[] = {"frontend", "cart",          "catalogue",
                                                     "checkout", "payment",       "shipping",
                                                     "currency", "recommendation"};
    for (const std::string_view service : kServices) {
      model::ResourceView resource;
      resource.attributes.begin = static_cast<uint32_t>(b.attributes.size());
      add(b, resource.attributes, "service.name", model::ValueView::of_string(service));
      add(b, resource.attributes, "service.namespace", model::ValueView::of_string("shop"));
      add(b, resource.attributes, "k8s.pod.name",
          text(std::string(service) + "-" + std::to_string(random_.below(4))));
      b.resources.push_back(resource);
      b.scopes.push_back({.resource = static_cast<uint32_t>(b.resources.size() - 1),
                          .name = "otelhttp",
                          .version = "0.49.0"});
    }
    for (int t = 0; t < kTracesPerBatch; ++t)
      trace(b, at.value + random_.below(static_cast<uint64_t>(kBetweenBatches.count())));
    return *tracestore::testing::decode(
        std::make_shared<const std::string>(tracestore::testing::encode(b)));
  }

 private:
  model::ValueView text(std::string value) {
    return model::ValueView::of_string(texts_.emplace_back(std::move(value)));
  }
  static void add(model::SpanBatch& b, model::Run& run, std::string_view key,
                  model::ValueView value) {
    b.attributes.push_back({key, value});
    ++run.count;
  }

  void trace(model::SpanBatch& b, uint64_t start) {
    TraceId id;
    for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random_.next());
    std::vector<SpanId> ids;
    const bool failed = random_.below(50) == 0;
    const uint64_t route = random_.below(60);
    const uint64_t count = 1 + random_.below(20);
    for (uint64_t i = 0; i < count; ++i) {
      model::SpanView s{.trace_id = id};
      for (uint8_t& byte : s.span_id.bytes) byte = static_cast<uint8_t>(random_.next());
      if (!ids.empty()) s.parent_span_id = ids[random_.below(ids.size())];
      ids.push_back(s.span_id);
      const uint64_t operation = i == 0 ? route : 60 + random_.below(130);
      s.scope = static_cast<uint32_t>(i == 0 ? 0 : operation % 8);
      s.kind = i == 0 ? model::SpanKind::kServer : static_cast<model::SpanKind>(1 + operation % 4);
      s.name = texts_.emplace_back((i == 0 ? "GET /products/" : "shop.Service/Operation") +
                                   std::to_string(operation));
      start += random_.below(300'000);
      s.start = {start};
      s.end = {start + 50'000 + random_.below(uint64_t{1} << (15 + operation % 14))};
      s.attributes.begin = static_cast<uint32_t>(b.attributes.size());
      if (i == 0 || operation % 3 == 0) {
        add(b, s.attributes, "http.request.method",
            model::ValueView::of_string(operation % 4 == 0 ? "POST" : "GET"));
        add(b, s.attributes, "http.response.status_code",
            model::ValueView::of_int(failed && i < 3 ? 500 : 200));
        add(b, s.attributes, "http.route", text("/products/" + std::to_string(operation)));
      } else {
        add(b, s.attributes, "db.system", model::ValueView::of_string("postgresql"));
        add(b, s.attributes, "db.statement",
            text("SELECT * FROM orders WHERE id = " + std::to_string(random_.below(1'000'000))));
      }
      add(b, s.attributes, "network.peer.port",
          model::ValueView::of_int(static_cast<int64_t>(30'000 + random_.below(30'000))));
      if (i == 0)
        add(b, s.attributes, "user.id", text("user-" + std::to_string(random_.below(100'000))));
      if (failed && i < 3) {
        s.status = model::StatusCode::kError;
        s.status_message = "payment declined";
      }
      b.spans.push_back(s);
    }
  }

  Random random_;
  std::deque<std::string> texts_;
};

struct Rig {
  Rig() {
    spdlog::set_level(spdlog::level::warn);
    const char* spans = std::getenv("SIGHTLINE_BENCH_SPANS");
    const char* directory = std::getenv("SIGHTLINE_BENCH_DIRECTORY");
    const uint64_t wanted = spans != nullptr ? std::strtoull(spans, nullptr, 10) : 1'000'000;
    const std::string path = directory != nullptr
                                 ? std::string(directory) + "/" + std::to_string(wanted)
                                 : temporary.path();
    tracestore::TraceStoreOptions o;
    o.wal_directory = path + "/wal";
    o.blocks_directory = path + "/blocks";
    o.block_retention = std::chrono::nanoseconds(0);
    o.limits.live_bytes_max = 0;
    o.limits.live_traces_max = 0;
    o.decode = tracestore::testing::decode;
    o.encode = tracestore::testing::encode;
    store = *tracestore::TraceStore::open(*fs, clock, telemetry, o);
    const auto has_enough = [&] {
      const auto stats = store->stats();
      return stats.live_spans + stats.block_spans >= wanted;
    };
    Shop shop(1);
    for (uint64_t batches = 1; !has_enough(); ++batches) {
      (void)store->append(shop.batch(clock.now()));
      clock.advance(kBetweenBatches);
      if (batches % 500 == 0) (void)store->flush();
    }
    (void)store->flush();
    const auto stats = store->stats();
    oldest = stats.oldest.value_or(kStart);
    newest = stats.newest.value_or(kStart);
  }
  io::TestingDirectory temporary;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{kStart};
  Telemetry telemetry;
  std::unique_ptr<tracestore::TraceStore> store;
  TimestampNs oldest, newest;
  WorkPool pool{{.thread_count = std::max(2u, std::thread::hardware_concurrency())}};
};

Rig& rig() {
  static Rig made;
  return made;
}

void search(benchmark::State& state, const char* query, uint32_t limit) {
  const Engine engine(*rig().store, rig().clock, {.pool = &rig().pool});
  SearchOptions options;
  options.limit = limit;
  size_t traces = 0;
  for (auto _ : state) {
    const auto result = engine.search(query, options);
    if (!result) return state.SkipWithError(result.error().message.c_str());
    traces = result->traces.size();
  }
  state.counters["traces"] = static_cast<double>(traces);
}

void metrics(benchmark::State& state, const char* query) {
  const Engine engine(*rig().store, rig().clock, {.pool = &rig().pool});
  MetricsOptions options;
  options.start = rig().oldest;
  options.end = rig().newest;
  options.step = std::chrono::seconds(60);
  size_t series = 0;
  for (auto _ : state) {
    const auto result = engine.metrics_range(query, options);
    if (!result) return state.SkipWithError(result.error().message.c_str());
    series = result->series.size();
  }
  state.counters["series"] = static_cast<double>(series);
}

void values(benchmark::State& state, const char* tag) {
  const Engine engine(*rig().store, rig().clock, {.pool = &rig().pool});
  size_t count = 0;
  for (auto _ : state) {
    const auto result = engine.tag_values(*parse_attribute(tag), {});
    count = result ? result->values.size() : 0;
  }
  state.counters["values"] = static_cast<double>(count);
}

void tags(benchmark::State& state) {
  const Engine engine(*rig().store, rig().clock, {.pool = &rig().pool});
  for (auto _ : state)
    benchmark::DoNotOptimize(engine.tag_names(
        {tracestore::AttributeScope::kSpan, tracestore::AttributeScope::kResource}, {}));
}

constexpr uint32_t kAll = 10'000'000;
#define SEARCH(name, query, limit)              \
  BENCHMARK_CAPTURE(search, name, query, limit) \
      ->Unit(benchmark::kMillisecond)           \
      ->MeasureProcessCPUTime()                 \
      ->UseRealTime()
#define METRICS(name, query)              \
  BENCHMARK_CAPTURE(metrics, name, query) \
      ->Unit(benchmark::kMillisecond)     \
      ->MeasureProcessCPUTime()           \
      ->UseRealTime()
SEARCH(attribute_no_hit, "{ span.user.id = \"nobody\" }", 20);
SEARCH(attribute_few_hits, "{ span.user.id = \"user-77\" }", 20);
SEARCH(attribute_newest_20, "{ span.http.response.status_code = 500 }", 20);
SEARCH(structural_newest_20, "{ resource.service.name = \"frontend\" } >> { status = error }", 20);
SEARCH(aggregate_newest_20, "{ kind = server } | by(resource.service.name) | count() > 3", 20);
SEARCH(structural_exhaustive,
       "{ resource.service.name = \"frontend\" } >> { status = error && duration > 100s }", kAll);
SEARCH(aggregate_exhaustive, "{ kind = server } | by(resource.service.name) | count() > 300", kAll);
SEARCH(name_regex_no_hit, "{ name =~ \"nothing.*like this\" }", 20);
SEARCH(statement_regex_no_hit, "{ span.db.statement =~ \".*WHERE id = 99999999\" }", 20);
METRICS(rate_by_service, "{ } | rate() by(resource.service.name)");
METRICS(rate_by_name, "{ } | rate() by(name)");
METRICS(quantile_by_name, "{ } | quantile_over_time(duration, 0.5, 0.99) by(name)");
METRICS(error_ratio, "({ status = error } | rate()) / ({ } | rate())");
BENCHMARK_CAPTURE(values, service, "resource.service.name")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(values, method, "span.http.request.method")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(values, user, "span.user.id")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK(tags)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
}  // namespace sightline::traceql
