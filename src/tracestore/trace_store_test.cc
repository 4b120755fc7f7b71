#include "tracestore/trace_store.h"

#include <gtest/gtest.h>

#include "io/testing_directory.h"
#include "tracestore/testing_spans.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

constexpr TimestampNs kNow{1'700'000'000'000'000'000};

struct StoreFixture : ::testing::Test {
  TraceStoreOptions options() const {
    TraceStoreOptions o;
    o.wal_directory = directory.path() + "/wal";
    o.blocks_directory = directory.path() + "/blocks";
    o.decode = testing::decode;
    o.encode = testing::encode;
    return o;
  }
  void open(TraceStoreOptions o) {
    store.reset();
    auto opened = TraceStore::open(*fs, clock, telemetry, std::move(o));
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  std::optional<model::SpanBatch> find(const TraceId& id) {
    auto querier = store->querier();
    auto found = (*querier)->find(id);
    EXPECT_TRUE(found) << found.error().message;
    return std::move(*found);
  }

  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{kNow};
  Telemetry telemetry;
  std::unique_ptr<TraceStore> store;
};

TEST_F(StoreFixture, FindsWhatWasAppendedAlsoAfterRestart) {
  SpanSource source(1);
  const TraceId id = source.trace_id();
  const auto batch = source.batch({id}, 10, kNow);
  open(options());
  ASSERT_TRUE(store->append(batch));
  for (int restart = 0; restart < 2; ++restart) {
    const auto found = find(id);
    ASSERT_TRUE(found);
    std::vector<SpanRef> spans;
    for (uint32_t i = 0; i < batch->spans.size(); ++i) spans.push_back({batch.get(), i});
    unite_spans(spans);
    EXPECT_EQ(found->spans.size(), spans.size());
    for (size_t i = 0; i < spans.size(); ++i)
      EXPECT_EQ(testing::canonical(*found, found->spans[i]), testing::canonical(*batch, spans[i].span()));
    EXPECT_FALSE(find(source.trace_id()));
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
  const auto keys = (*querier)->attribute_keys(AttributeScope::kResource, {0}, {UINT64_MAX});
  EXPECT_TRUE(std::find(keys->begin(), keys->end(), "service.name") != keys->end());
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
  Status last;
  for (int i = 0; i < 2000 && last; ++i) last = store->append(source.batch({id}, 1, kNow));
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Errc::kInvalidArgument);
  EXPECT_EQ(telemetry.counter_total("tempo_discarded_spans_total"), 3u);
}

TEST_F(StoreFixture, ASecondStoreOnTheDirectoryIsRefused) {
  open(options());
  const auto second = TraceStore::open(*fs, clock, telemetry, options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kAlreadyExists);
}

}  // namespace
}  // namespace sightline::tracestore
