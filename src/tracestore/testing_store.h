#pragma once
// For tests: a trace store in a temporary directory, with a clock that stands still, that can be closed and opened again.
#include <gtest/gtest.h>

#include <atomic>

#include "io/testing_directory.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {

inline constexpr TimestampNs kNow{1'700'000'000'000'000'000};

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
  // Keeps next to nothing decoded, and counts into `decoded` what must be decoded again.
  void open_cold(std::atomic<int>& decoded) {
    auto o = options();
    o.hot_bytes_max = 1;
    o.decode = [&](std::shared_ptr<const std::string> bytes) {
      ++decoded;
      return testing::decode(std::move(bytes));
    };
    open(o);
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

}  // namespace sightline::tracestore
