// Random queries over random traces: the engine, over live spans, over stored blocks and over a mix of both,
// against the plain evaluator. A failure prints its seed; SIGHTLINE_SEED replays it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.h"
#include "io/testing_directory.h"
#include "traceql/engine.h"
#include "traceql/testing/reference_evaluator.h"
#include "traceql/testing/reference_metrics.h"
#include "traceql/testing/testing_random.h"
#include "traceql/testing/testing_store.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::traceql {
namespace {

using testing::ReferenceSpanset;
using testing::ReferenceTraces;

uint64_t seed_of_run() {
  const char* given = std::getenv("SIGHTLINE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 0;
}

// A store on disk: half of the spans in blocks, half live; traces that lie in both.
struct StoredHalf {
  explicit StoredHalf(const std::shared_ptr<const model::SpanBatch>& batch, Random& random) {
    spdlog::set_level(spdlog::level::warn);
    tracestore::TraceStoreOptions o;
    o.wal_directory = directory.path() + "/wal";
    o.blocks_directory = directory.path() + "/blocks";
    o.row_group_rows = 16;
    o.block_retention = std::chrono::nanoseconds(0);
    o.decode = tracestore::testing::decode;
    o.encode = tracestore::testing::encode;
    store = *tracestore::TraceStore::open(*fs, clock, telemetry, o);
    tracestore::SpanGatherer early, late;
    const uint64_t in_blocks = random.below(3);  // 0: all live, 1: some, 2: all
    bool any_late = false;
    for (uint32_t i = 0; i < batch->spans.size(); ++i) {
      const bool is_late = in_blocks == 0 || (in_blocks == 1 && random.below(2) == 0);
      (is_late ? late : early).add({batch.get(), i});
      any_late = any_late || is_late;
    }
    append(std::move(early).finish({batch}));
    EXPECT_TRUE(store->flush());
    if (any_late) append(std::move(late).finish({batch}));
  }
  void append(const model::SpanBatch& part) {
    if (part.spans.empty()) return;
    const auto decoded = tracestore::testing::decode(
        std::make_shared<const std::string>(tracestore::testing::encode(part)));
    ASSERT_TRUE(decoded);
    const auto done = store->append(*decoded);
    ASSERT_TRUE(done) << done.error().message;
  }
  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{TimestampNs{testing::kRandomStartNs}};
  Telemetry telemetry;
  std::unique_ptr<tracestore::TraceStore> store;
};

Result<ReferenceTraces> engine_search(const tracestore::Queryable& store, const Clock& clock,
                                      const std::string& query) {
  SearchOptions options;
  options.limit = 100'000;
  options.spans_per_spanset = 100'000;
  const auto result = Engine(store, clock).search(query, options);
  if (!result) return std::unexpected(result.error());
  ReferenceTraces traces;
  for (const FoundTrace& trace : result->traces)
    for (const FoundSpanset& found : trace.spansets) {
      ReferenceSpanset spanset;
      for (const FoundSpan& span : found.spans) spanset.spans.push_back(span.id);
      for (const auto& [key, value] : found.attributes)
        spanset.attributes.push_back(key + "=" + display_text(value.view()));
      traces[trace.id].push_back(std::move(spanset));
    }
  return traces;
}

std::string text_of(const Result<ReferenceTraces>& traces) {
  if (!traces) return "error: " + traces.error().message;
  std::string out;
  for (const auto& [id, spansets] : *traces) {
    out += to_hex(id) + ":";
    for (const ReferenceSpanset& s : spansets) {
      for (const SpanId& span : s.spans) out += " " + to_hex(span);
      for (const std::string& attribute : s.attributes) out += " " + attribute;
      out += " |";
    }
    out += "\n";
  }
  return out;
}

Result<testing::ReferenceSeries> engine_metrics(const tracestore::Queryable& store,
                                                const Clock& clock, const std::string& query,
                                                const testing::ReferenceGrid& grid) {
  MetricsOptions options;
  options.start = {static_cast<uint64_t>(grid.first_end_ns)};
  options.end = {static_cast<uint64_t>(grid.first_end_ns +
                                       static_cast<int64_t>(grid.count - 1) * grid.step_ns)};
  options.step = std::chrono::nanoseconds(grid.step_ns);
  options.series_max = 100'000;
  const auto result = Engine(store, clock).metrics_range(query, options);
  if (!result) return std::unexpected(result.error());
  testing::ReferenceSeries series;
  for (const MetricsSeries& s : result->series) {
    testing::ReferenceLabels labels;
    for (const auto& [key, value] : s.labels)
      if (key != "__name__") labels.push_back({key, display_text(value.view()), value.type});
    series[labels] = s.values;
  }
  return series;
}

std::string text_of(const Result<testing::ReferenceSeries>& series) {
  if (!series) return "error: " + series.error().message;
  std::string out;
  for (const auto& [labels, values] : *series) {
    for (const auto& [key, text, type] : labels)
      out.append(key)
          .append("=")
          .append(text)
          .append("#")
          .append(std::to_string(static_cast<int>(type)))
          .append(";");
    for (const double v : values)
      out += " " + (std::isnan(v) ? std::string("_") : std::to_string(v));
    out += "\n";
  }
  return out;
}

TEST(Reference, SearchesAgree) {
  const uint64_t first = seed_of_run();
  uint32_t compared = 0, found = 0;
  for (uint64_t seed = first != 0 ? first : 1; seed <= (first != 0 ? first : 40) && !HasFailure();
       ++seed) {
    Random random(seed);
    const auto batch = testing::RandomTraces(random).make(1 + random.below(12));
    const testing::MemoryStore together(batch), apart(batch, 1);
    const StoredHalf stored(batch, random);
    testing::RandomQueries queries(random);
    for (int i = 0; i < 60; ++i) {
      const std::string text = queries.search();
      const auto query = parse(text);
      if (!query) continue;
      const std::string expected = text_of(testing::reference_search(*query, *batch));
      ++compared;
      found += expected.empty() ? 0 : 1;
      for (const tracestore::Queryable* store :
           {static_cast<const tracestore::Queryable*>(&together),
            static_cast<const tracestore::Queryable*>(&apart),
            static_cast<const tracestore::Queryable*>(stored.store.get())})
        EXPECT_EQ(text_of(engine_search(*store, stored.clock, text)), expected)
            << "SIGHTLINE_SEED=" << seed << " " << text
            << (store == stored.store.get() ? " (stored)"
                : store == &apart           ? " (apart)"
                                            : "");
    }
  }
  if (first == 0) {
    EXPECT_GT(compared, 1200u);
    EXPECT_GT(found, 600u);
  }
}

// Whatever lies where, a limit keeps the newest.
TEST(Reference, ALimitKeepsTheNewest) {
  const uint64_t first = seed_of_run();
  for (uint64_t seed = first != 0 ? first : 1; seed <= (first != 0 ? first : 40) && !HasFailure();
       ++seed) {
    Random random(seed + 2'000'000);
    const auto batch = testing::RandomTraces(random).make(5 + random.below(25));
    const StoredHalf stored(batch, random);
    std::map<TraceId, TimestampNs> starts;
    for (const auto& span : batch->spans) {
      auto& start = starts.try_emplace(span.trace_id, span.start).first->second;
      start = std::min(start, span.start);
    }
    for (const char* text : {"{ }", "{ .x = 1 }", "{ status = error } | count() > 0",
                             "{ kind = server } || { name = \"a\" }"}) {
      const auto expected = testing::reference_search(*parse(text), *batch);
      ASSERT_TRUE(expected);
      std::vector<std::pair<TimestampNs, TraceId>> order;
      for (const auto& [id, spansets] : *expected) order.emplace_back(starts[id], id);
      std::ranges::sort(order, std::greater<>());
      SearchOptions options;
      options.limit = 1 + static_cast<uint32_t>(random.below(5));
      if (order.size() > options.limit) order.resize(options.limit);
      const auto found = Engine(*stored.store, stored.clock).search(text, options);
      ASSERT_TRUE(found);
      std::vector<std::pair<TimestampNs, TraceId>> actual;
      for (const FoundTrace& trace : found->traces) actual.emplace_back(trace.start, trace.id);
      EXPECT_EQ(actual, order) << "SIGHTLINE_SEED=" << seed << " " << text << " limit "
                               << options.limit;
    }
  }
}

// What compare() compares: every key of spans and resources.
std::vector<Attribute> keys_of(const testing::MemoryStore& store) {
  std::vector<Attribute> keys;
  const auto querier = store.querier();
  for (const auto& [from, scope] :
       {std::pair(tracestore::AttributeScope::kSpan, Scope::kSpan),
        std::pair(tracestore::AttributeScope::kResource, Scope::kResource)}) {
    const auto found = (*querier)->attribute_keys({{from}});
    for (const std::string& key : found->front()) keys.push_back({.scope = scope, .name = key});
  }
  return keys;
}

TEST(Reference, MetricsAgree) {
  const uint64_t first = seed_of_run();
  uint32_t compared = 0, found = 0;
  const testing::ReferenceGrid grid{static_cast<int64_t>(testing::kRandomStartNs), 2'000'000'000,
                                    6};
  for (uint64_t seed = first != 0 ? first : 1; seed <= (first != 0 ? first : 40) && !HasFailure();
       ++seed) {
    Random random(seed + 1'000'000);
    const auto batch = testing::RandomTraces(random).make(1 + random.below(12));
    const testing::MemoryStore together(batch), apart(batch, 1);
    const StoredHalf stored(batch, random);
    const std::vector<Attribute> keys = keys_of(together);
    testing::RandomQueries queries(random);
    for (int i = 0; i < 40; ++i) {
      const std::string text = queries.metrics();
      const auto query = parse(text);
      if (!query) continue;
      ++compared;
      const std::string expected =
          text_of(testing::reference_metrics(*query->metrics, *batch, grid, keys));
      found += expected.empty() ? 0 : 1;
      for (const tracestore::Queryable* store :
           {static_cast<const tracestore::Queryable*>(&together),
            static_cast<const tracestore::Queryable*>(&apart),
            static_cast<const tracestore::Queryable*>(stored.store.get())})
        EXPECT_EQ(text_of(engine_metrics(*store, stored.clock, text, grid)), expected)
            << "SIGHTLINE_SEED=" << seed << " " << text;
    }
  }
  if (first == 0) {
    EXPECT_GT(compared, 1000u);
    EXPECT_GT(found, 400u);
  }
}

}  // namespace
}  // namespace sightline::traceql
