// What readers see of live traces, and what of them they do not read.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <thread>

#include "tracestore/testing_store.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

// Those of which a scan shows something that may meet the condition.
std::set<TraceId> shown_traces(const TraceStore& store, Condition condition) {
  ScanRequest request;
  request.conditions.push_back(std::move(condition));
  std::set<TraceId> traces;
  EXPECT_TRUE((*store.querier())->scan(request, [&](RowGroup& group) {
    for (const TraceRows& trace : group.traces()) traces.insert(trace.id);
    return true;
  }));
  return traces;
}

// What one reader was shown stays as it was, while its trace goes on.
TEST_F(StoreFixture, AShownTraceDoesNotGrowForWhoSawItFirst) {
  SpanSource source(31);
  const TraceId id = source.trace_id();
  open(options());
  ASSERT_TRUE(store->append(source.batch({id}, 4, kNow)));
  const auto rows = [&](const Querier& querier) {
    uint32_t count = 0;
    EXPECT_TRUE(querier.scan({}, [&](RowGroup& group) {
      count += group.row_count();
      return true;
    }));
    return count;
  };
  const auto first = store->querier();
  const uint32_t before = rows(**first);
  ASSERT_TRUE(store->append(source.batch({id}, 3, kNow)));
  const auto second = store->querier();
  EXPECT_EQ(rows(**first), before);
  EXPECT_GT(rows(**second), before);
  ASSERT_TRUE(store->append(source.batch({id}, 3, kNow)));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(rows(**first), before);
  EXPECT_EQ((*first)->find(id)->value().spans.size(), before);
  EXPECT_GT((*store->querier())->find(id)->value().spans.size(),
            (*second)->find(id)->value().spans.size());
}

// A search for few traces does not read all that are live.
TEST_F(StoreFixture, LiveTracesThatAreTooOldToMatterAreNotRead) {
  SpanSource source(32);
  std::atomic<int> decoded{0};
  open_cold(decoded);
  constexpr int kTraces = 200;
  for (int i = 0; i < kTraces; ++i)
    ASSERT_TRUE(store->append(
        source.batch({source.trace_id()}, 20,
                     {kNow.value + uint64_t{10'000'000'000} * static_cast<uint64_t>(i)})));
  std::vector<TimestampNs> starts;
  ScanRequest request;
  request.wanted = [&](TimestampNs newest) { return starts.size() < 3 || newest > starts[2]; };
  ASSERT_TRUE((*store->querier())->scan(request, [&](RowGroup& group) {
    for (const TraceRows& trace : group.traces()) starts.push_back(trace.start);
    std::ranges::sort(starts, std::greater<>());
    return true;
  }));
  EXPECT_LT(decoded, kTraces / 2);
  ASSERT_GE(starts.size(), 3u);
  for (size_t i = 0; i < 3; ++i)  // the newest three, whatever their spans' jitter
    EXPECT_GT(starts[i].value, kNow.value + uint64_t{10'000'000'000} * (kTraces - 5));
  open(options());
}

TEST_F(StoreFixture, LiveTracesOfOtherKindsStatusesAndDurationsAreNotRead) {
  SpanSource source(33);
  open(options());
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(store->append(source.batch({source.trace_id()}, 5, kNow)));
  const auto shown = [&](Condition condition) {
    return shown_traces(*store, std::move(condition)).size();
  };
  Condition duration{.intrinsic = Intrinsic::kDuration,
                     .op = ConditionOp::kGreater,
                     .kind = model::ValueKind::kInt,
                     .number = INT64_MAX / 2};
  EXPECT_EQ(shown(duration), 0u);
  duration.op = ConditionOp::kLess;
  EXPECT_EQ(shown(duration), 20u);
  EXPECT_EQ(shown({.intrinsic = Intrinsic::kKind,
                   .op = ConditionOp::kGreater,
                   .kind = model::ValueKind::kInt,
                   .number = 20}),
            0u);
}

// What a text cannot be in, is not decoded.
TEST_F(StoreFixture, LiveBatchesWithoutTheTextAskedForAreNotDecoded) {
  SpanSource source(35);
  std::atomic<int> decoded{0};
  open_cold(decoded);
  std::vector<TraceId> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(source.trace_id());
    ASSERT_TRUE(store->append(source.batch({ids.back()}, 5, kNow)));
  }
  const std::string name(find(ids[40])->spans.front().name);
  const auto shown = [&](Condition condition) {
    return shown_traces(*store, std::move(condition));
  };
  Condition condition{.intrinsic = Intrinsic::kName,
                      .op = ConditionOp::kEqual,
                      .kind = model::ValueKind::kString,
                      .text = "a name that nobody has"};
  decoded = 0;
  EXPECT_EQ(shown(condition).size(), 0u);
  EXPECT_EQ(decoded, 0);
  condition.text = name;
  EXPECT_TRUE(shown(condition).contains(ids[40]));
  condition = {.intrinsic = Intrinsic::kName, .op = ConditionOp::kRegex, .literal = name};
  EXPECT_TRUE(shown(condition).contains(ids[40]));
  decoded = 0;
  EXPECT_EQ(shown({.key = "a.key.that.nobody.has"}).size(), 0u);
  EXPECT_EQ(decoded, 0);
  EXPECT_EQ(shown({.key = "a.key.that.nobody.has", .op = ConditionOp::kNotEqual}).size(), 100u);
  open(options());
}

// Who lists values or keys looks at the newest.
TEST_F(StoreFixture, ListingsReadSoMuchOfLiveTracesAndNoMore) {
  SpanSource source(36);
  std::atomic<int> decoded{0};
  open_cold(decoded);
  constexpr int kTraces = 300;
  for (int i = 0; i < kTraces; ++i)
    ASSERT_TRUE(store->append(source.batch({source.trace_id()}, 20, kNow)));
  const auto decoded_of_listing = [&](uint64_t bytes_max) {
    ScanRequest request;
    request.listing = Listing{.live_bytes_max = bytes_max,
                              .intrinsic = Intrinsic::kName,
                              .value = [](const model::ValueView&) { return true; }};
    decoded = 0;
    EXPECT_TRUE((*store->querier())->scan(request, [](RowGroup&) { return true; }));
    return decoded.load();
  };
  const auto decoded_of_keys = [&](uint64_t bytes_max) {
    decoded = 0;
    const auto keys =
        (*store->querier())
            ->attribute_keys({.scopes = {AttributeScope::kSpan}, .live_bytes_max = bytes_max});
    EXPECT_TRUE(keys && !keys->front().empty());
    return decoded.load();
  };
  const int few = decoded_of_listing(1);
  EXPECT_GT(few, 0);
  EXPECT_LT(few, kTraces / 4);
  EXPECT_EQ(decoded_of_keys(1), 0);  // of those that are known since
  EXPECT_EQ(decoded_of_listing(UINT64_MAX), kTraces - few);
  // A search reads them all, whatever it would list.
  ScanRequest search;
  search.conditions.push_back({.key = "a.key.that.nobody.has", .op = ConditionOp::kNotEqual});
  search.listing = Listing{.live_bytes_max = 1, .intrinsic = Intrinsic::kName};
  size_t shown = 0;
  EXPECT_TRUE((*store->querier())->scan(search, [&](RowGroup& group) {
    shown += group.traces().size();
    return true;
  }));
  EXPECT_EQ(shown, size_t{kTraces});
  open(options());
}

TEST_F(StoreFixture, AScanEndsWhenItIsToldToWhileItRests) {
  SpanSource source(34);
  open(options());
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(store->append(source.batch({source.trace_id()}, 20, kNow)));
  for (const int allowed : {0, 1, 2, 100}) {
    ScanRequest request;
    int rests = 0;
    request.rest = [&] { return ++rests <= allowed; };
    request.wanted = [](TimestampNs) { return true; };  // a few traces at first
    int visits = 0;
    EXPECT_TRUE((*store->querier())->scan(request, [&](RowGroup&) {
      ++visits;
      return true;
    }));
    if (allowed < 100)
      EXPECT_EQ(visits, allowed);
    else
      EXPECT_GT(visits, 2);
  }
}

}  // namespace
}  // namespace sightline::tracestore
