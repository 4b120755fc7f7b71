#include "tracestore/trace_store.h"

#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <set>
#include <thread>

#include "tracestore/testing_store.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

TEST_F(StoreFixture, FindsWhatWasAppendedAlsoAfterRestart) {
  SpanSource source(1);
  const TraceId id = source.trace_id();
  const auto batch = source.batch({id}, 10, kNow);
  open(options());
  ASSERT_TRUE(store->append(batch));
  for (int restart = 0; restart < 2; ++restart) {
    // What a store hands out must not outlive it, so it is gone before the next one opens.
    auto found = find(id);
    ASSERT_TRUE(found);
    std::vector<SpanRef> spans;
    for (uint32_t i = 0; i < batch->spans.size(); ++i) spans.push_back({batch.get(), i});
    unite_spans(spans);
    EXPECT_EQ(found->spans.size(), spans.size());
    for (size_t i = 0; i < spans.size(); ++i)
      EXPECT_EQ(testing::canonical(*found, found->spans[i]),
                testing::canonical(*batch, spans[i].span()));
    EXPECT_FALSE(find(source.trace_id()));
    found.reset();
    open(options());
  }
}

TEST_F(StoreFixture, ASnapshotDoesNotSeeWhatComesLater) {
  SpanSource source(2);
  const TraceId id = source.trace_id();
  open(options());
  const auto before = store->querier();
  ASSERT_TRUE(store->append(source.batch({id}, 3, kNow)));
  EXPECT_FALSE((*before)->find(id)->has_value());
  EXPECT_TRUE(find(id));
}

TEST_F(StoreFixture, ScanShowsEveryLiveTraceOnceWithItsColumns) {
  SpanSource source(3);
  std::vector<TraceId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(source.trace_id());
  open(options());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(store->append(source.batch(ids, 20, kNow)));
  std::map<TraceId, int> seen;
  auto querier = store->querier();
  ASSERT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
    for (const TraceRows& trace : group.traces()) {
      ++seen[trace.id];
      const auto whole = (*querier)->find(trace.id);
      EXPECT_EQ((*whole)->spans.size(), trace.count);
      for (uint32_t i = 0; i < trace.count; ++i) {
        const model::SpanView& span = (*whole)->spans[i];
        EXPECT_EQ(group.span_id()[trace.begin + i], span.span_id);
        EXPECT_EQ(group.name().at(trace.begin + i).bytes, span.name);
        EXPECT_EQ(group.service_name().at(trace.begin + i).bytes, (*whole)->service_name(span));
        EXPECT_LT(group.nested_left()[trace.begin + i], group.nested_right()[trace.begin + i]);
      }
    }
    return true;
  }));
  EXPECT_EQ(seen.size(), ids.size());
  for (const auto& [id, times] : seen) EXPECT_EQ(times, 1);
  const auto keys = (*querier)->attribute_keys({{AttributeScope::kResource}});
  EXPECT_NE(std::ranges::find(keys->front(), "service.name"), keys->front().end());
}

TEST_F(StoreFixture, LimitsAreSaidAndCounted) {
  SpanSource source(4);
  auto o = options();
  o.limits.live_traces_max = 1;
  o.limits.bytes_per_trace_max = 100'000;
  open(o);
  const TraceId id = source.trace_id();
  ASSERT_TRUE(store->append(source.batch({id}, 2, kNow)));
  const auto refused = store->append(source.batch({source.trace_id()}, 2, kNow));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kResourceExhausted);
  EXPECT_EQ(refused.error().message,
            "LIVE_TRACES_EXCEEDED: max live traces exceeded for tenant single-tenant: per-user "
            "traces limit (local: 1 global: 0 actual local: 1) exceeded");
  Status last;
  for (int i = 0; i < 2000 && last; ++i) last = store->append(source.batch({id}, 1, kNow));
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(last.error().message.starts_with(
      "TRACE_TOO_LARGE: max size of trace (100000) exceeded while adding "))
      << last.error().message;
  EXPECT_TRUE(
      last.error().message.ends_with(" bytes to trace " + to_hex(id) + " for tenant single-tenant"))
      << last.error().message;
  EXPECT_EQ(telemetry.counter_total("tempo_discarded_spans_total"), 3u);
}

TEST_F(StoreFixture, OverTheMemoryOfLiveBatchesNothingIsTakenUntilABlockIsWritten) {
  SpanSource source(20);
  auto o = options();
  o.limits.live_bytes_max = 200'000;
  open(o);
  std::vector<TraceId> ids;
  Status last;
  while (last && ids.size() < 1'000) {
    ids.push_back(source.trace_id());
    last = store->append(source.batch({ids.back()}, 20, kNow));
  }
  ASSERT_FALSE(last);
  ids.pop_back();
  EXPECT_EQ(last.error().code, Errc::kResourceExhausted);
  EXPECT_TRUE(last.error().message.ends_with("; blocks cannot be written fast enough"));
  EXPECT_EQ(telemetry.counter_total("tempo_discarded_spans_total"), 20u);
  ASSERT_TRUE(store->flush());
  ids.push_back(source.trace_id());
  EXPECT_TRUE(store->append(source.batch({ids.back()}, 20, kNow)));
  for (const TraceId& id : ids) EXPECT_TRUE(find(id));
}

TEST_F(StoreFixture, ARequestThatIsTooLargeForTheLogIsRefused) {
  SpanSource source(21);
  auto o = options();
  o.limits.record_bytes_max = 20'000;
  open(o);
  const TraceId small = source.trace_id(), large = source.trace_id();
  ASSERT_TRUE(store->append(source.batch({small}, 2, kNow)));
  const auto refused = store->append(source.batch({large}, 500, kNow));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.ends_with("is over the limit of 20000"))
      << refused.error().message;
  EXPECT_FALSE(find(large));
  open(o);
  EXPECT_TRUE(find(small));
  EXPECT_FALSE(find(large));
}

TEST_F(StoreFixture, ASecondStoreOnTheDirectoryIsRefused) {
  open(options());
  const auto second = TraceStore::open(*fs, clock, telemetry, options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kAlreadyExists);
}

TEST_F(StoreFixture, IdleTracesMoveToABlockAndLeaveTheWal) {
  SpanSource source(5);
  auto o = options();
  o.cut_bytes_min = 1;
  open(o);
  const TraceId id = source.trace_id();
  ASSERT_TRUE(store->append(source.batch({id}, 20, kNow)));
  clock.advance(std::chrono::seconds(9));
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(store->stats().block_count, 0u);
  clock.advance(std::chrono::seconds(1));
  const uint64_t wal_before = store->stats().wal_bytes;
  ASSERT_TRUE(store->maintain());
  const TraceStoreStats stats = store->stats();
  EXPECT_EQ(stats.live_traces, 0u);
  EXPECT_EQ(stats.block_traces, 1u);
  EXPECT_LT(stats.wal_bytes, wal_before);
  EXPECT_GE(*stats.oldest, kNow);
  EXPECT_TRUE(find(id));
}

TEST_F(StoreFixture, ATraceThatIsNeverIdleIsCutByItsDuration) {
  SpanSource source(15);
  auto o = options();
  o.max_block_duration = std::chrono::minutes(1);
  open(o);
  const TraceId busy = source.trace_id();
  for (int second = 0; second < 59; second += 5) {
    ASSERT_TRUE(store->append(source.batch({busy}, 1, clock.now())));
    clock.advance(std::chrono::seconds(5));
    if (second < 54) {
      ASSERT_TRUE(store->maintain());
      EXPECT_EQ(store->stats().block_count, 0u) << second;
    }
  }
  ASSERT_TRUE(store->maintain());  // a minute after its first span, though little came
  EXPECT_EQ(store->stats().live_traces, 0u);
  EXPECT_EQ(store->stats().block_count, 1u);
  EXPECT_EQ(find(busy)->spans.size(), 12u);
}

TEST_F(StoreFixture, DueTracesWaitUntilTheyAreWorthABlock) {
  SpanSource source(16);
  auto o = options();
  o.cut_bytes_min = 60'000;
  open(o);
  uint64_t written = 0;
  while (store->stats().block_count == 0 && written < 1'000) {
    ASSERT_TRUE(store->append(source.batch({source.trace_id()}, 5, clock.now())));
    ++written;
    clock.advance(o.trace_idle_period);
    ASSERT_TRUE(store->maintain());
  }
  EXPECT_GT(written, 5u);
  EXPECT_LT(written, 1'000u);
  EXPECT_EQ(store->stats().block_traces, written);
}

TEST_F(StoreFixture, OverTheBytesOfABlockEverythingIsDue) {
  SpanSource source(17);
  auto o = options();
  o.max_block_bytes = 200'000;
  open(o);
  uint64_t traces = 0;
  for (; store->stats().block_count == 0 && traces < 1'000; ++traces) {
    ASSERT_TRUE(store->append(source.batch({source.trace_id()}, 20, clock.now())));
    ASSERT_TRUE(store->maintain());  // at the same moment: nothing is idle
  }
  EXPECT_GT(traces, 1u);
  EXPECT_LT(traces, 1'000u);
  EXPECT_EQ(store->stats().block_traces, traces);
  EXPECT_EQ(store->stats().live_spans, 0u);
}

TEST_F(StoreFixture, OverTheRetentionBytesTheOldestGoAndPinnedTracesStay) {
  SpanSource source(18);
  auto o = options();
  o.compaction_inputs_min = 1'000;
  o.retention_bytes = 300'000;
  open(o);
  std::vector<TraceId> ids;
  const TraceId pinned = source.trace_id();
  store->pin(pinned);
  for (int block = 0; block < 40; ++block) {
    ids.push_back(block == 1 ? pinned : source.trace_id());
    ASSERT_TRUE(store->append(source.batch({ids.back()}, 200, clock.now())));
    ASSERT_TRUE(store->flush());
    clock.advance(std::chrono::seconds(1));
    ASSERT_TRUE(store->maintain());
    EXPECT_LE(store->stats().block_bytes, o.retention_bytes + 100'000) << block;
  }
  EXPECT_GT(telemetry.counter_total("tempodb_retention_deleted_total"), 5u);
  EXPECT_FALSE(find(ids[0]));
  EXPECT_TRUE(find(pinned));
  bool kept = false;  // what is kept is the newest
  for (const TraceId& id : ids) {
    if (id == pinned) continue;
    EXPECT_TRUE(!kept || find(id)) << to_hex(id);
    kept |= find(id).has_value();
  }
  EXPECT_TRUE(kept);
}

TEST_F(StoreFixture, MergedBlocksHoldNoMoreTracesThanTheyMay) {
  SpanSource source(19);
  auto o = options();
  o.compaction_inputs_min = 2;
  o.compacted_traces_max = 10;
  open(o);
  std::vector<TraceId> ids;
  for (int block = 0; block < 12; ++block) {
    std::vector<TraceId> of_block;
    for (int i = 0; i < 3; ++i) of_block.push_back(source.trace_id());
    ids.insert(ids.end(), of_block.begin(), of_block.end());
    ASSERT_TRUE(store->append(source.batch(of_block, 30, clock.now())));
    ASSERT_TRUE(store->flush());
    ASSERT_TRUE(store->maintain());
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(store->maintain());
  EXPECT_GE(store->stats().block_count, 4u);
  EXPECT_LT(store->stats().block_count, 12u);
  for (const TraceId& id : ids) EXPECT_TRUE(find(id));
}

TEST_F(StoreFixture, LateSpansJoinTheirTraceInOneRowGroup) {
  SpanSource source(6);
  open(options());
  const TraceId id = source.trace_id(), other = source.trace_id();
  for (int part = 0; part < 3; ++part) {  // two parts in blocks, the third live
    ASSERT_TRUE(store->append(source.batch({id, other}, 20, kNow)));
    if (part < 2) {
      ASSERT_TRUE(store->flush()) << "part " << part;
    }
  }
  const auto querier = store->querier();
  const auto whole = (*querier)->find(id);
  int shown = 0;
  ASSERT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
    for (const TraceRows& trace : group.traces()) {
      if (trace.id != id) continue;
      ++shown;
      EXPECT_EQ(trace.count, (*whole)->spans.size());
    }
    return true;
  }));
  EXPECT_EQ(shown, 1);
}

TEST_F(StoreFixture, ScansPassByRowGroupsThatCannotMatch) {
  SpanSource source(8);
  auto o = options();
  o.row_group_rows = 50;
  open(o);
  std::vector<TraceId> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(source.trace_id());
  ASSERT_TRUE(store->append(source.batch(ids, 1000, kNow)));
  ASSERT_TRUE(store->flush());
  const auto rows_shown = [&](const ScanRequest& request) {
    uint64_t rows = 0;
    auto querier = store->querier();
    EXPECT_TRUE((*querier)->scan(request, [&](RowGroup& group) {
      rows += group.row_count();
      return true;
    }));
    return rows;
  };
  const uint64_t all = rows_shown({});
  EXPECT_EQ(all, store->stats().block_spans);
  const Condition nobody{.intrinsic = Intrinsic::kName,
                         .op = ConditionOp::kEqual,
                         .kind = model::ValueKind::kString,
                         .text = "nobody has this"};
  const Condition somebody{.intrinsic = Intrinsic::kName,
                           .op = ConditionOp::kEqual,
                           .kind = model::ValueKind::kString,
                           .text = "GET /3"};
  const Condition slow{
      .intrinsic = Intrinsic::kDuration, .op = ConditionOp::kGreater, .number = 10'000'000'000};
  const Condition no_key{
      .scope = AttributeScope::kSpan, .key = "no.such.key", .op = ConditionOp::kExists};
  EXPECT_EQ(rows_shown({.conditions = {nobody}}), 0u);
  EXPECT_EQ(rows_shown({.conditions = {slow}}), 0u);
  EXPECT_EQ(rows_shown({.conditions = {no_key}}), 0u);
  EXPECT_GT(rows_shown({.conditions = {somebody}}), 0u);
  EXPECT_EQ(rows_shown({.conditions = {somebody, nobody}}), 0u);
  EXPECT_EQ(rows_shown({.conditions = {somebody, nobody}, .all_conditions = false}),
            rows_shown({.conditions = {somebody}}));
  EXPECT_EQ(rows_shown({.max = {kNow.value - 1'000'000'000}}), 0u);
}

// What is cut at once fills row groups evenly: none of a few rows is left at the end.
TEST_F(StoreFixture, ACutIsDividedEvenly) {
  SpanSource source(31);
  auto o = options();
  o.row_group_rows = 100;
  open(o);
  for (const auto& [traces, row_groups] : {std::pair(14, 1), std::pair(22, 3)}) {
    std::vector<TraceId> ids;
    for (int i = 0; i < traces; ++i) {
      ids.push_back(source.trace_id());
      ASSERT_TRUE(store->append(source.batch({ids.back()}, 10, kNow)));
    }
    ASSERT_TRUE(store->flush());
    int shown = 0;
    auto querier = store->querier();
    ASSERT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
      EXPECT_GE(group.row_count(), 60u);
      ++shown;
      return true;
    }));
    EXPECT_EQ(shown, row_groups);  // of both cuts
  }
}

// A cut asks for the spans it needs of a batch in the log, and gets them also when the others are left empty.
TEST_F(StoreFixture, ACutReadsTheSpansItNeeds) {
  SpanSource source(32);
  auto o = options();
  o.hot_bytes_max = 1;
  o.cut_bytes_min = 1;
  int64_t asked = 0;
  o.decode_some =
      [&](std::shared_ptr<const std::string> bytes,
          std::span<const uint32_t> wanted) -> Result<std::shared_ptr<const model::SpanBatch>> {
    auto whole = testing::decode(std::move(bytes));
    if (!whole) return whole;
    auto some = std::make_shared<model::SpanBatch>(**whole);
    some->owner = *whole;
    for (uint32_t i = 0; i < some->spans.size(); ++i)
      if (std::ranges::find(wanted, i) == wanted.end()) some->spans[i] = {};
    asked += std::ssize(wanted);
    return some;
  };
  open(o);
  const TraceId early = source.trace_id(), late = source.trace_id();
  const auto both = source.batch({early, late}, 20, kNow);
  ASSERT_TRUE(store->append(both));
  clock.advance(o.trace_idle_period / 2);
  ASSERT_TRUE(store->append(source.batch({late}, 5, kNow)));  // and the one before cools
  const size_t of_early = find(early)->spans.size(), of_late = find(late)->spans.size();
  clock.advance(o.trace_idle_period / 2);
  ASSERT_TRUE(store->maintain());
  ASSERT_EQ(store->stats().block_traces, 1u);
  EXPECT_EQ(asked, std::ranges::count(both->spans, early, &model::SpanView::trace_id));
  clock.advance(o.trace_idle_period);
  ASSERT_TRUE(store->maintain());
  ASSERT_EQ(store->stats().block_traces, 2u);
  EXPECT_EQ(find(early)->spans.size(), of_early);
  EXPECT_EQ(find(late)->spans.size(), of_late);
  const auto found = find(late);  // named: it must outlive the loop
  for (const model::SpanView& span : found->spans) EXPECT_FALSE(span.name.empty());
  open(options());  // the decoder above goes
}

// While a block is written (here: held up in reading what goes into it), spans come in, and all can be found.
TEST_F(StoreFixture, WritingABlockHoldsUpNobody) {
  SpanSource source(22);
  auto o = options();
  o.hot_bytes_max = 1;  // batches are read from the log again
  std::atomic<std::thread::id> maintaining{};
  std::latch reached(1), go_on(1);
  std::atomic<bool> first{true};
  o.decode = [&](std::shared_ptr<const std::string> bytes) {
    if (std::this_thread::get_id() == maintaining.load() && first.exchange(false)) {
      reached.count_down();
      go_on.wait();
    }
    return testing::decode(std::move(bytes));
  };
  open(o);
  std::vector<TraceId> ids{source.trace_id()};
  ASSERT_TRUE(store->append(source.batch(ids, 10, kNow)));
  ids.push_back(source.trace_id());
  ASSERT_TRUE(store->append(source.batch({ids.back()}, 10, kNow)));  // the one before cools
  std::thread maintenance([&] {
    maintaining = std::this_thread::get_id();
    EXPECT_TRUE(store->flush());
  });
  reached.wait();
  for (int i = 0; i < 20; ++i) {
    ids.push_back(source.trace_id());
    EXPECT_TRUE(store->append(source.batch({ids.back()}, 10, kNow)));
  }
  for (const TraceId& id : ids) EXPECT_TRUE(find(id));
  EXPECT_EQ(store->stats().block_count, 0u);
  go_on.count_down();
  maintenance.join();
  EXPECT_EQ(store->stats().block_traces, 2u);
  for (const TraceId& id : ids) EXPECT_TRUE(find(id));
  open(options());  // the decoder above goes
}

TEST_F(StoreFixture, AppendsMaintenanceAndReadersRunTogether) {
  auto o = options();
  o.cut_bytes_min = 1;
  o.trace_idle_period = std::chrono::nanoseconds(0);  // everything is due at once
  o.compaction_inputs_min = 2;
  open(o);
  std::atomic<int> running{3};
  std::vector<std::vector<TraceId>> ids(3);
  std::vector<std::thread> writers;
  for (size_t w = 0; w < ids.size(); ++w) {
    writers.emplace_back([&, w] {
      SpanSource source(100 + w);
      for (int i = 0; i < 60; ++i) {
        ids[w].push_back(source.trace_id());
        EXPECT_TRUE(store->append(source.batch({ids[w].back()}, 5, kNow)));
        const auto querier = store->querier();
        EXPECT_TRUE((*querier)->find(ids[w].back())->has_value());
      }
      --running;
    });
  }
  while (running > 0) {
    EXPECT_TRUE(store->maintain());
    std::map<TraceId, int> shown;
    const auto querier = store->querier();
    EXPECT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
      for (const TraceRows& trace : group.traces()) EXPECT_EQ(++shown[trace.id], 1);
      return true;
    }));
  }
  for (auto& writer : writers) writer.join();
  open(o);
  for (const auto& written : ids)
    for (const TraceId& id : written) EXPECT_TRUE(find(id)) << to_hex(id);
}

}  // namespace
}  // namespace sightline::tracestore
