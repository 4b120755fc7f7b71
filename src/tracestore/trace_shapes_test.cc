// Traces as they should not be, yet are: huge, hours long, late, with skewed clocks, orphans, several roots and circles.
#include <gtest/gtest.h>

#include <set>

#include "io/testing_directory.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {
namespace {

using std::chrono::minutes;
using testing::SpanSource;

constexpr TimestampNs kNow{1'700'000'000'000'000'000};

struct Shapes : ::testing::Test {
  void open() {
    TraceStoreOptions o;
    o.wal_directory = directory.path() + "/wal";
    o.blocks_directory = directory.path() + "/blocks";
    o.cut_bytes_min = 1;
    o.max_block_bytes = 0;
    o.compaction_inputs_min = 2;
    o.limits.bytes_per_trace_max = 0;
    o.decode = testing::decode;
    o.encode = testing::encode;
    store.reset();
    auto opened = TraceStore::open(*fs, clock, telemetry, std::move(o));
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  std::shared_ptr<const model::SpanBatch> batch_of(std::vector<model::SpanView> spans) {
    model::SpanBatch b;
    b.resources.emplace_back();
    b.scopes.emplace_back();
    b.spans = std::move(spans);
    return *testing::decode(std::make_shared<const std::string>(testing::encode(b)));
  }
  model::SpanView span(uint64_t number, uint64_t parent, TimestampNs start, TimestampNs end) {
    model::SpanView s;
    s.trace_id = trace;
    s.span_id = id_of(number);
    if (parent != 0) s.parent_span_id = id_of(parent);
    s.name = "op";
    s.start = start;
    s.end = end;
    return s;
  }
  static SpanId id_of(uint64_t number) {
    SpanId id;
    for (size_t i = 0; i < 8; ++i) id.bytes[i] = static_cast<uint8_t>(number >> (8 * i));
    return id;
  }
  // The ids of the trace's spans, by id and by scan, which must agree.
  std::set<SpanId> ids() {
    const auto querier = store->querier();
    const auto found = (*querier)->find(trace);
    EXPECT_TRUE(found) << found.error().message;
    if (!found || !*found) return {};
    std::set<SpanId> by_id, by_scan;
    for (const auto& s : (*found)->spans) EXPECT_TRUE(by_id.insert(s.span_id).second);
    int shown = 0;
    EXPECT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
      for (const TraceRows& rows : group.traces()) {
        if (rows.id != trace) continue;
        ++shown;
        for (uint32_t i = 0; i < rows.count; ++i) by_scan.insert(group.span_id()[rows.begin + i]);
        check_tree(group, rows);
      }
      return true;
    }));
    EXPECT_EQ(shown, 1);
    EXPECT_EQ(by_id, by_scan);
    return by_id;
  }
  // Every row has a number of its own, children lie within their parents, and nothing goes in circles.
  static void check_tree(RowGroup& group, const TraceRows& rows) {
    std::set<uint32_t> numbers;
    for (uint32_t row = rows.begin; row < rows.begin + rows.count; ++row) {
      EXPECT_LT(group.nested_left()[row], group.nested_right()[row]);
      EXPECT_TRUE(numbers.insert(group.nested_left()[row]).second);
      EXPECT_TRUE(numbers.insert(group.nested_right()[row]).second);
      const uint32_t parent = group.parent_row()[row];
      if (parent == kNoRow || group.nested_left()[row] < group.nested_left()[parent]) continue;
      EXPECT_LT(group.nested_right()[row], group.nested_right()[parent]);
    }
  }

  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{kNow};
  Telemetry telemetry;
  std::unique_ptr<TraceStore> store;
  SpanSource source{11};
  const TraceId trace = source.trace_id();
};

TEST_F(Shapes, AHundredThousandSpans) {
  open();
  uint64_t next = 1;
  for (int part = 0; part < 4; ++part) {
    for (int request = 0; request < 25; ++request) {
      std::vector<model::SpanView> spans;
      for (int i = 0; i < 1000; ++i, ++next) {
        const TimestampNs start{kNow.value + next * 1000};
        spans.push_back(span(next, next / 3, start, {start.value + 5000}));
      }
      ASSERT_TRUE(store->append(batch_of(std::move(spans))));
    }
    ASSERT_TRUE(store->flush());
  }
  EXPECT_EQ(ids().size(), 100'000u);
  while (store->stats().block_count > 1) ASSERT_TRUE(store->maintain());
  EXPECT_EQ(ids().size(), 100'000u);
  open();
  EXPECT_EQ(ids().size(), 100'000u);
  EXPECT_EQ(telemetry.counter_total("tempo_discarded_spans_total"), 0u);
}

TEST_F(Shapes, ATraceThatLastsHoursIsWholeAtAnyTime) {
  open();
  std::set<SpanId> sent;
  for (uint64_t n = 1; n <= 16; ++n) {
    ASSERT_TRUE(store->append(batch_of({span(n, n - 1, clock.now(), clock.now())})));
    sent.insert(id_of(n));
    EXPECT_EQ(ids(), sent);
    clock.advance(minutes(30));  // idle for long: it is cut
    ASSERT_TRUE(store->maintain());
    EXPECT_EQ(ids(), sent);
    if (n % 5 == 0) open();
  }
  EXPECT_EQ(store->stats().live_spans, 0u);
  EXPECT_GT(telemetry.counter_total("tempodb_compaction_blocks_total"), 0u);
  EXPECT_LT(store->stats().block_count, 16u);
}

TEST_F(Shapes, LateSpansCompleteTheTreeThatWaitedForThem) {
  open();
  // Children first, their parent an hour later, the root last.
  ASSERT_TRUE(store->append(batch_of({span(3, 2, kNow, kNow), span(4, 2, kNow, kNow)})));
  ASSERT_TRUE(store->flush());
  clock.advance(minutes(60));
  ASSERT_TRUE(store->append(batch_of({span(2, 1, kNow, kNow)})));
  ASSERT_TRUE(store->flush());
  ASSERT_TRUE(store->append(batch_of({span(1, 0, kNow, kNow)})));
  const auto depth_of_leaf = [&] {
    uint32_t depth = 0;
    const auto querier = store->querier();
    EXPECT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
      for (uint32_t row = 0; row < group.row_count(); ++row)
        if (group.span_id()[row] == id_of(3))
          for (uint32_t at = row; at != kNoRow; at = group.parent_row()[at]) ++depth;
      return true;
    }));
    return depth;
  };
  EXPECT_EQ(depth_of_leaf(), 3u);
  ASSERT_TRUE(store->flush());
  while (store->stats().block_count > 1) ASSERT_TRUE(store->maintain());
  EXPECT_EQ(depth_of_leaf(), 3u);
  EXPECT_EQ(ids().size(), 4u);
}

TEST_F(Shapes, OrphansSeveralRootsCirclesAndSkewedClocks) {
  open();
  const TimestampNs late{kNow.value + 1'000'000'000}, never{0}, end_of_time{UINT64_MAX};
  const std::vector<model::SpanView> spans{
      span(1, 0, late, kNow),          // ends before it starts
      span(2, 1, kNow, late),          // starts before its parent
      span(3, 0, kNow, kNow),          // another root
      span(4, 99, kNow, late),         // its parent never comes
      span(5, 6, kNow, late),          // 5 and 6 are each other's parents
      span(6, 5, kNow, late),          //
      span(7, 7, kNow, late),          // its own parent
      span(8, 3, never, never),        // no times
      span(9, 3, end_of_time, never),  //
      span(10, 3, kNow, end_of_time)};
  ASSERT_TRUE(store->append(batch_of(spans)));
  EXPECT_EQ(ids().size(), spans.size());
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(ids().size(), spans.size());
  open();
  const auto found = (*store->querier())->find(trace);
  for (const auto& s : (*found)->spans) {
    const auto sent = std::find_if(spans.begin(), spans.end(),
                                   [&](const auto& each) { return each.span_id == s.span_id; });
    ASSERT_NE(sent, spans.end());
    EXPECT_EQ(s.start, sent->start);
    EXPECT_EQ(s.end, sent->end);
    EXPECT_EQ(s.parent_span_id, sent->parent_span_id);
  }
}

}  // namespace
}  // namespace sightline::tracestore
