// testdata/golden/<version>/ holds a store as each version wrote it: every later
// version must read it. SIGHTLINE_WRITE_GOLDEN=<directory> writes one anew.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <filesystem>

#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Labels;
using model::make_labels;

const Labels kCounter = make_labels({{"__name__", "requests_total"}, {"job", "demo"}});
const Labels kGauge = make_labels({{"__name__", "temperature"},
                                   {"job", "demo"},
                                   {"room",
                                    "k\xc3\xbc"
                                    "che"}});
const Labels kGone = make_labels({{"__name__", "gone"}, {"job", "demo"}});  // deleted
const Labels kNative = make_labels({{"__name__", "latency"}, {"job", "demo"}});

double gauge_value(int i) {
  return i % 50 == 49 ? model::stale_marker() : 20 + i * 0.25 + (i % 7 == 0 ? 1.0 / 3 : 0);
}

model::Histogram native_value(int i) {
  return {.schema = 2,
          .count = 3.0 + i,
          .sum = 0.5,
          .positive_spans = {{0, 2}},
          .positive_buckets = {1.0 + i, 2}};
}

model::Exemplar golden_exemplar(int i) {
  model::Exemplar e = test_exemplar(kTestStart + i * kMinuteMs, i, static_cast<uint8_t>(i + 1));
  if (i % 20 == 0) e.labels = make_labels({{"service", "cart"}});
  return e;
}

constexpr int kSamples = 200;  // one a minute
constexpr int kInBlock = 150;  // the rest is in the log

void write_part(Tsdb& db, int from, int to) {
  for (int i = from; i < to; ++i) {
    auto appender = db.appender();
    const TimestampMs time{kTestStart + i * kMinuteMs};
    ASSERT_TRUE(
        appender->append(*appender->series(kCounter), time, i * 3, TimestampMs{kTestStart - 1}));
    ASSERT_TRUE(appender->append(*appender->series(kGauge), time, gauge_value(i)));
    ASSERT_TRUE(appender->append(*appender->series(kGone), time, i));
    ASSERT_TRUE(appender->append_histogram(*appender->series(kNative), time, native_value(i)));
    ASSERT_TRUE(i % 10 != 0 ||
                appender->append_exemplar(*appender->series(kCounter), golden_exemplar(i)));
    appender->set_metadata("requests_total", {model::MetricType::kCounter, "", "Requests."});
    ASSERT_TRUE(appender->commit());
  }
}

void expect_golden(TestingStore& store) {
  const SampleColumns counter = store.read(kCounter);
  const SampleColumns gauge = store.read(kGauge);
  const SampleColumns native = store.read(kNative);
  ASSERT_EQ(counter.times.size(), size_t{kSamples});
  ASSERT_EQ(gauge.times.size(), size_t{kSamples});
  ASSERT_EQ(native.histograms.size(), size_t{kSamples});
  for (int i = 0; i < kSamples; ++i) {
    const auto k = static_cast<size_t>(i);
    EXPECT_EQ(counter.times[k], kTestStart + i * kMinuteMs);
    EXPECT_EQ(counter.values[k], i * 3);
    EXPECT_EQ(counter.created[k], kTestStart - 1);
    EXPECT_EQ(std::bit_cast<uint64_t>(gauge.values[k]), std::bit_cast<uint64_t>(gauge_value(i)));
    model::Histogram histogram = *native.histograms[k];
    histogram.reset_hint = model::ResetHint::kUnknown;  // earlier versions derived none
    EXPECT_EQ(histogram, native_value(i));
  }
  EXPECT_TRUE(store.read(kGone).times.empty());
  const auto exemplars = store.exemplars(kCounter);
  ASSERT_EQ(exemplars.size(), size_t{kSamples / 10});
  for (int i = 0; i < kSamples / 10; ++i)
    EXPECT_EQ(exemplars[static_cast<size_t>(i)], golden_exemplar(i * 10));
  EXPECT_EQ((*store.db().querier())->metadata({}).at("requests_total").help, "Requests.");
}

TsdbOptions golden_options() {
  TsdbOptions options;
  options.future_max_ms = 0;
  return options;
}

TEST(Golden, WhatThisVersionWritesItReads) {
  TestingStore store(golden_options());
  write_part(store.db(), 0, kInBlock);
  ASSERT_TRUE(store.db().flush());
  write_part(store.db(), kInBlock, kSamples);
  const Matcher gone = *Matcher::create(MatchOp::kEqual, "__name__", "gone");
  ASSERT_TRUE(store.db().delete_series({&gone, 1}, {}));
  store.reopen();
  expect_golden(store);
  store.close();
  if (const char* to = std::getenv("SIGHTLINE_WRITE_GOLDEN"))
    std::filesystem::copy(store.options().directory, to, std::filesystem::copy_options::recursive);
}

TEST(Golden, EveryVersionIsRead) {
  size_t versions = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SIGHTLINE_TESTDATA "/golden")) {
    SCOPED_TRACE(entry.path().string());
    ++versions;
    TestingStore store(golden_options());
    store.close();
    std::filesystem::remove_all(store.options().directory);
    std::filesystem::copy(entry.path(), store.options().directory,
                          std::filesystem::copy_options::recursive);
    store.reopen();
    expect_golden(store);
    const auto blocks = std::count_if(
        std::filesystem::directory_iterator(entry.path()), std::filesystem::directory_iterator(),
        [](const auto& each) { return block_number(each.path().filename().string()).has_value(); });
    EXPECT_EQ(store.db().stats().blocks.size(), static_cast<size_t>(blocks));
  }
  EXPECT_GT(versions, 0u);
}

}  // namespace
}  // namespace sightline::tsdb
