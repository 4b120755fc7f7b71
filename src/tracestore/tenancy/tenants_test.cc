#include <gtest/gtest.h>

#include "io/testing_directory.h"
#include "tracestore/tenancy/federation.h"
#include "tracestore/tenancy/tenant_id.h"
#include "tracestore/tenancy/tenant_stores.h"
#include "tracestore/testing_spans.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

constexpr TimestampNs kNow{1'795'000'000'000'000'000};

std::string fault(std::string_view org_id) {
  const auto ids = parse_tenant_ids(org_id);
  return ids ? "" : ids.error().message;
}

TEST(TenantId, IsADirectoryNameInThePeersWords) {
  EXPECT_EQ(*parse_tenant_id("team-a_1.x*'()!"), "team-a_1.x*'()!");
  EXPECT_EQ(*parse_tenant_ids("b|a|b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(fault(""), "no org id");
  EXPECT_EQ(fault("a|"), "no org id");
  EXPECT_EQ(fault("a||b"), "no org id");
  EXPECT_EQ(fault(".."), "tenant ID is '.' or '..'");
  EXPECT_EQ(fault("a/b"), "tenant ID 'a/b' contains unsupported character '/'");
  EXPECT_EQ(fault(std::string(151, 'a')), "tenant ID is too long: max 150 characters");
  EXPECT_EQ(fault(std::string(150, 'a')), "");
  EXPECT_EQ(parse_tenant_id("a|b").error().message,
            "tenant ID 'a|b' contains unsupported character '|'");
}

TEST(TenantId, HasAPrefixOfItsOwnAmongObjects) {
  EXPECT_EQ(tenant_object_prefix("team-a.1"), "tenants/team-a.1/");
  EXPECT_EQ(tenant_object_prefix("team_a!"), "tenants/team_5fa_21/");
}

TEST(IngestRateTest, FillsWithTimeAndSaysWhatItRefused) {
  ManualClock clock{kNow};
  IngestRate rate(clock);
  const IngestRateLimit limit{.bytes_per_second = 100, .burst_bytes = 250};
  EXPECT_TRUE(rate.take(250, limit, "a"));
  const auto refused = rate.take(60, limit, "a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kResourceExhausted);
  EXPECT_EQ(refused.error().message,
            "RATE_LIMITED: ingestion rate limit (local: 100 bytes/s, global: 0 bytes/s, burst: 250 "
            "bytes) exceeded while adding 60 bytes for user a. consider increasing the limit or "
            "reducing ingestion rate.");
  clock.advance(std::chrono::milliseconds(600));
  EXPECT_TRUE(rate.take(60, limit, "a"));
  EXPECT_FALSE(rate.take(1, limit, "a"));
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(rate.take(300, limit, "a").error().message,
            "RATE_LIMITED: batch size (300 bytes) exceeds ingestion limit (local: 100 bytes/s, "
            "global: 0 bytes/s, burst: 250 bytes) while adding 300 bytes for user a. consider "
            "reducing batch size or increasing rate limit.");
  EXPECT_TRUE(rate.take(250, limit, "a"));  // a full bucket holds no more than the burst
  EXPECT_FALSE(rate.take(1, limit, "a"));
}

struct TenantsFixture : ::testing::Test {
  TenantStoresOptions options() {
    TenantStoresOptions o;
    o.store.wal_directory = directory.path() + "/wal";
    o.store.blocks_directory = directory.path() + "/blocks";
    o.store.decode = testing::decode;
    o.store.encode = testing::encode;
    return o;
  }
  void open(TenantStoresOptions o) {
    tenants.reset();
    auto opened = TenantStores::open(*fs, clock, telemetry, std::move(o));
    ASSERT_TRUE(opened) << opened.error().message;
    tenants = std::move(*opened);
  }
  Status write(std::string_view org_id, const TraceId& id) {
    auto writer = tenants->writer(org_id);
    if (!writer) return std::unexpected(writer.error());
    return (*writer)->append(source.batch({id}, 3, kNow));
  }
  // How many spans of the trace the tenants see.
  size_t spans(std::string_view org_id, const TraceId& id) {
    const auto reader = tenants->reader(org_id);
    EXPECT_TRUE(reader) << reader.error().message;
    const auto querier = reader->traces->querier();
    const auto found = (*querier)->find(id);
    size_t scanned = 0;
    EXPECT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
      for (const TraceRows& trace : group.traces())
        if (trace.id == id) scanned += trace.count;
      return true;
    }));
    EXPECT_EQ(*found ? (*found)->spans.size() : 0, scanned);
    return scanned;
  }

  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{kNow};
  Telemetry telemetry;
  SpanSource source{1};
  std::unique_ptr<TenantStores> tenants;
};

TEST_F(TenantsFixture, SeeTheirOwnTracesOnlyAlsoAfterARestart) {
  open(options());
  const TraceId a = source.trace_id(), b = source.trace_id();
  ASSERT_TRUE(write("a", a));
  ASSERT_TRUE(write("b", b));
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(spans("a", a), 3u);
    EXPECT_EQ(spans("a", b), 0u);
    EXPECT_EQ(spans("b", b), 3u);
    EXPECT_EQ(spans("b|a", a), 3u);
    EXPECT_EQ(spans("a|b", b), 3u);
    EXPECT_EQ(spans("nobody", a), 0u);
    EXPECT_EQ(tenants->names(), (std::vector<std::string>{"a", "b"}));  // reading makes no tenant
    open(options());
    EXPECT_EQ(tenants->open_count(), 0u);
  }
  EXPECT_TRUE(fs->exists(directory.path() + "/blocks/tenants/a"));
}

TEST_F(TenantsFixture, WhatCameBeforeTenantsIsTheSingleTenants) {
  const TraceId id = source.trace_id();
  {
    auto store = TraceStore::open(*fs, clock, telemetry, options().store);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->append(source.batch({id}, 3, kNow)));
  }
  open(options());
  EXPECT_EQ(spans(kSingleTenant, id), 3u);
  EXPECT_EQ(spans("a", id), 0u);
  // And back: the store without tenants does not mind their directory.
  ASSERT_TRUE(write("a", source.trace_id()));
  tenants.reset();
  auto store = TraceStore::open(*fs, clock, telemetry, options().store);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE((*(*store)->querier())->find(id)->has_value());
}

TEST_F(TenantsFixture, ATraceOfSeveralTenantsIsWholeWhenTheyAreReadTogether) {
  open(options());
  const TraceId id = source.trace_id();
  ASSERT_TRUE(write("a", id));
  ASSERT_TRUE(write("b", id));
  EXPECT_EQ(spans("a", id), 3u);
  EXPECT_EQ(spans("a|b", id), 6u);
}

TEST_F(TenantsFixture, NoMoreStoresAreOpenThanMayBe) {
  auto o = options();
  o.open_max = 2;
  o.tenants_max = 4;
  open(o);
  std::vector<TraceId> ids;
  for (const char* name : {"a", "b", "c", "d"}) {
    ids.push_back(source.trace_id());
    clock.advance(std::chrono::seconds(1));
    ASSERT_TRUE(write(name, ids.back()));
    EXPECT_LE(tenants->open_count(), 2u);
  }
  EXPECT_EQ(spans("a|b", ids[0]), 3u);  // both opened again, from their logs
  const auto too_many = write("e", source.trace_id());
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, Errc::kResourceExhausted);
  // While two are held no third one opens, and what was counted is given back.
  {
    const auto held = tenants->reader("a|b");
    ASSERT_TRUE(held);
    EXPECT_EQ(tenants->reader("c").error().code, Errc::kResourceExhausted);
  }
  EXPECT_EQ(spans("c", ids[2]), 3u);
}

TEST_F(TenantsFixture, IdleStoresCloseAndClosedOnesAreVisited) {
  auto o = options();
  o.idle_after = std::chrono::minutes(1);
  open(o);
  const TraceId id = source.trace_id();
  ASSERT_TRUE(write("a", id));
  clock.advance(std::chrono::minutes(10));
  tenants->maintain();  // cuts the trace into a block
  tenants->maintain();
  EXPECT_EQ(tenants->open_count(), 0u);
  EXPECT_EQ(spans("a", id), 3u);
  EXPECT_EQ(tenants->open_count(), 1u);
  clock.advance(std::chrono::minutes(2));
  tenants->maintain();
  EXPECT_EQ(tenants->open_count(), 0u);
  clock.advance(std::chrono::hours(400));  // past retention
  tenants->maintain();                     // the visit
  EXPECT_EQ(spans("a", id), 0u);
}

TEST_F(TenantsFixture, PinsReachEveryStoreAlsoThoseThatOpenLater) {
  auto o = options();
  o.idle_after = std::chrono::minutes(1);
  open(o);
  const TraceId id = source.trace_id();
  ASSERT_TRUE(write("a", id));
  tenants->pin(id);
  clock.advance(std::chrono::minutes(10));
  tenants->maintain();
  tenants->maintain();
  ASSERT_EQ(tenants->open_count(), 0u);
  clock.advance(std::chrono::hours(400));
  tenants->maintain();
  EXPECT_EQ(spans("a", id), 3u);
  // Nobody wants it any more: also a store that opens after that forgets it.
  ASSERT_TRUE(tenants->replace_pins([](const auto&) { return Status(); }));
  clock.advance(std::chrono::hours(2));
  tenants->maintain();  // what was only kept for the pin goes
  tenants->maintain();
  EXPECT_EQ(spans("a", id), 0u);
}

TEST_F(TenantsFixture, PinsForStoresThatAreClosedTakeFewBytesEach) {
  constexpr uint64_t kPins = 200'000;
  open(options());
  ASSERT_TRUE(tenants->replace_pins([&](const auto& wanted) {
    for (uint64_t i = 0; i < kPins; ++i) wanted(source.trace_id());
    tenants->pin(source.trace_id());  // while it runs: stays
    return Status();
  }));
  EXPECT_EQ(tenants->open_count(), 0u);
  EXPECT_GE(tenants->stats().pin_bytes, kPins * 6);
  EXPECT_LE(tenants->stats().pin_bytes, kPins * 16);  // of which 1 MiB is there for any number
  const TraceId id = source.trace_id();
  tenants->pin(id);
  ASSERT_TRUE(write("late", id));
  auto reader = tenants->reader("late");
  ASSERT_TRUE(reader);
  EXPECT_EQ(tenants->stats().pinned_traces, kPins + 2);
}

TEST_F(TenantsFixture, EachHasItsOwnPlaceInObjectStorage) {
  auto o = options();
  o.store.objects = io::make_local_object_store(*fs, directory.path() + "/objects");
  o.idle_after = std::chrono::minutes(1);
  open(o);
  const TraceId id = source.trace_id();
  ASSERT_TRUE(write("a", id));
  ASSERT_TRUE(write("b", source.trace_id()));
  ASSERT_TRUE(tenants->archive_everything());
  EXPECT_GT(tenants->stats().archived_blocks, 1u);
  // Another machine, with nothing but the object storage.
  tenants.reset();
  o.store.wal_directory += "2";
  o.store.blocks_directory += "2";
  open(o);
  EXPECT_TRUE(tenants->names().empty());
  ASSERT_TRUE(tenants->reader("a"));
  tenants->archive();
  EXPECT_EQ(spans("a", id), 3u);
  EXPECT_EQ(spans("b", id), 0u);
  ASSERT_TRUE(tenants->reader("nobody"));
  EXPECT_EQ(tenants->names(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(TenantsFixture, LimitsAreATenantsOwnAndMayChange) {
  auto o = options();
  TenantLimits limits{.live_traces_max = 1};
  o.limits = [&](const std::string& tenant) { return tenant == "small" ? limits : TenantLimits{}; };
  open(o);
  ASSERT_TRUE(write("small", source.trace_id()));
  ASSERT_TRUE(write("large", source.trace_id()));
  ASSERT_TRUE(write("large", source.trace_id()));
  const auto refused = write("small", source.trace_id());
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().message,
      "LIVE_TRACES_EXCEEDED: max live traces exceeded for tenant small: per-user traces limit "
      "(local: 1 global: 0 actual local: 1) exceeded");
  limits.live_traces_max = 2;
  EXPECT_TRUE(write("small", source.trace_id()));
  limits.ingest_rate = {.bytes_per_second = 1, .burst_bytes = 1};
  EXPECT_EQ(write("small", source.trace_id()).error().code, Errc::kResourceExhausted);
  EXPECT_TRUE(telemetry.text().contains(
      R"(tempo_discarded_spans_total{reason="rate_limited",tenant="small"} 3)"));
}

}  // namespace
}  // namespace sightline::tracestore
