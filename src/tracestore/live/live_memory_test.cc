// What queries hold of live traces, and for how long.
#include <gtest/gtest.h>
#include <malloc.h>

#include <functional>

#include "tracestore/live/live_batch_cache.h"
#include "tracestore/testing_store.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

constexpr int kBatches = 300;
constexpr int kTracesPerBatch = 40;

struct LiveMemoryTest : StoreFixture {
  SpanSource source{41};

  // Of 300 spans each; nothing of them stays decoded.
  void fill(const std::shared_ptr<LiveBatchCache>& cache) {
    auto o = options();
    o.hot_bytes_max = 1;
    o.live_batches = cache;
    open(o);
    for (int i = 0; i < kBatches; ++i) append(kNow);
  }
  void append(TimestampNs around) {
    std::vector<TraceId> ids;
    for (int t = 0; t < kTracesPerBatch; ++t) ids.push_back(source.trace_id());
    ASSERT_TRUE(store->append(source.batch(ids, 300, around)));
  }
  double live_bytes() {
    EXPECT_TRUE(store->maintain());
    return telemetry.gauge("tempo_ingester_live_trace_bytes", "").value();
  }
  static uint64_t rows(const Querier& querier) {
    uint64_t rows = 0;
    EXPECT_TRUE(querier.scan({}, [&](RowGroup& group) {
      rows += group.row_count();
      return true;
    }));
    return rows;
  }
};

// Each is in the middle of everything when the next one begins.
TEST_F(LiveMemoryTest, ManyReadersOfEverythingShareOneBudget) {
  if (mallinfo2().uordblks == 0) GTEST_SKIP() << "the allocator does not say what is in use";
  const auto cache = std::make_shared<LiveBatchCache>(LiveBatchCache::Limits{
      .kept_bytes_max = 2u << 20, .work_bytes_max = 2u << 20, .work_bytes_least = 256u << 10});
  fill(cache);
  const auto in_use = [] {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  constexpr int kReaders = 8;
  const size_t before = in_use();
  size_t most = 0;
  uint64_t read = 0;
  const std::function<void(int)> begin = [&](int others) {
    const auto querier = store->querier();
    uint64_t rows = 0;
    ASSERT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
      const bool is_half = rows < kBatches * 150 && rows + group.row_count() >= kBatches * 150;
      rows += group.row_count();
      (void)group.name();
      most = std::max(most, in_use() - before);
      if (is_half && others > 0) begin(others - 1);
      return true;
    }));
    EXPECT_GT(rows, uint64_t{kBatches} * 280);  // some spans repeat others
    read += rows;
  };
  begin(kReaders - 1);
  EXPECT_GT(read, uint64_t{kReaders} * kBatches * 280);
  EXPECT_LE(cache->bytes(), 2u << 20);
  // What is kept, what they work on with columns made of it, and next to nothing for each batch.
  EXPECT_LT(most, 10u << 20);
}

TEST_F(LiveMemoryTest, ReadersOfOneNeighbourhoodReadEachBatchOnce) {
  std::atomic<int> decoded{0};
  open_cold(decoded);
  for (int i = 0; i < 10; ++i) append(kNow);
  decoded = 0;
  EXPECT_GT(rows(**store->querier()), 0u);
  EXPECT_EQ(decoded, 10);
  EXPECT_GT(rows(**store->querier()), 0u);
  EXPECT_EQ(decoded, 10);
  open(options());
}

// A reader that takes its time does not hold what came after it, once that is in a block.
TEST_F(LiveMemoryTest, OnlyWhatAReaderSeesIsKeptForIt) {
  open(options());
  append(kNow);
  const auto early = store->querier();
  const uint64_t seen = rows(**early);
  const double one = live_bytes();
  for (int i = 0; i < 10; ++i) append(kNow);
  ASSERT_TRUE(store->flush());
  EXPECT_LE(live_bytes(), one);
  EXPECT_GT(live_bytes(), 0);
  EXPECT_EQ(rows(**early), seen);
  EXPECT_GT(rows(**store->querier()), seen * 8);
}

// A late part of a trace that is stored, too old to be asked for: the stored part is not shown as if it were all.
TEST_F(LiveMemoryTest, AStoredTraceWithAnOldLivePartIsNotShownInPart) {
  const auto at = [](uint64_t seconds) {
    return TimestampNs{kNow.value + seconds * 1'000'000'000};
  };
  open(options());
  const TraceId id = source.trace_id();
  ASSERT_TRUE(store->append(source.batch({id}, 5, at(100))));
  ASSERT_TRUE(store->flush());
  ASSERT_TRUE(store->append(source.batch({id}, 5, at(50))));
  // Two groups of rows, 512 and 1,024 at least: the late part would come with the third.
  for (int i = 0; i < 6; ++i) append(at(1000));
  const auto shown = [&](TimestampNs newer_than) {
    ScanRequest request;
    request.wanted = [&](TimestampNs newest) { return newest > newer_than; };
    uint32_t rows = 0;
    EXPECT_TRUE((*store->querier())->scan(request, [&](RowGroup& group) {
      for (const TraceRows& trace : group.traces())
        if (trace.id == id) rows += trace.count;
      return true;
    }));
    return rows;
  };
  EXPECT_EQ(shown(at(80)), 0u);
  EXPECT_EQ(shown(at(10)), find(id)->spans.size());
}

}  // namespace
}  // namespace sightline::tracestore
