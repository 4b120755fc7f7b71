// Native histograms to Prometheus' blocks and back.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>

#include "tsdb/block/block_tools.h"
#include "tsdb/prometheus/prometheus_bits.h"
#include "tsdb/prometheus/prometheus_block.h"
#include "tsdb/prometheus/prometheus_block_writer.h"
#include "tsdb/prometheus/prometheus_histogram_chunk.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Histogram;
using model::make_labels;
using model::ResetHint;

TEST(Varbit, KeepsEveryNumberInThePeersWidths) {
  const auto bytes_of = [](int64_t value) {
    BitsOut out;
    put_varbit_int(out, value);
    out.put(1, 1);
    const std::string bytes = out.take();
    BitsIn in(bytes);
    EXPECT_EQ(get_varbit_int(in), value);
    return bytes.size();
  };
  EXPECT_EQ(bytes_of(0), 1u);
  EXPECT_EQ(bytes_of(-3), 1u);
  EXPECT_EQ(bytes_of(4), 1u);
  EXPECT_EQ(bytes_of(-4), 2u);
  EXPECT_EQ(bytes_of(2048), 3u);
  EXPECT_EQ(bytes_of(2049), 4u);
  EXPECT_EQ(bytes_of(int64_t{1} << 55), 9u);
  EXPECT_EQ(bytes_of(INT64_MIN), 10u);
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{7}, uint64_t{8}, uint64_t{33'554'431}, UINT64_MAX}) {
    BitsOut out;
    put_varbit_uint(out, value);
    const std::string bytes = out.take();
    BitsIn in(bytes);
    EXPECT_EQ(get_varbit_uint(in), value);
  }
}

Histogram random_histogram(Random& random, bool integral, bool custom) {
  const auto count = [&] {
    const auto whole = static_cast<double>(random.below(1'000'000));
    return integral ? whole : whole + random.unit();
  };
  Histogram h{
      .reset_hint = static_cast<ResetHint>(random.below(4)),
      .schema = custom ? model::kCustomBucketsSchema : static_cast<int32_t>(random.below(13)) - 4,
      .zero_threshold = custom                 ? 0
                        : random.below(2) == 0 ? std::ldexp(1, -128)
                                               : 0.001,
      .zero_count = custom ? 0 : count(),
      .count = count(),
      .sum = random.unit() * 1e6 - 1000};
  h.positive_spans = {{static_cast<int32_t>(random.below(20)) - (custom ? 0 : 10), 2}, {3, 1}};
  for (int i = 0; i < 3; ++i) h.positive_buckets.push_back(count());
  if (!custom && random.below(2) == 0) {
    h.negative_spans = {{-5, 1}};
    h.negative_buckets = {count()};
  }
  if (custom) {
    h.positive_spans[0].offset = 0;
    for (int i = 0; i < 7; ++i)
      h.custom_values.push_back(i * 0.25 + (random.below(3) == 0 ? 1e-5 * random.unit() : 0));
  }
  return h;
}

TEST(PrometheusHistogramChunk, KeepsEveryBit) {
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    const bool integral = random.below(2) == 0;
    const bool custom = random.below(3) == 0;
    const bool gauge = random.below(4) == 0;
    std::vector<int64_t> times;
    std::vector<HistogramPtr> histograms;
    int64_t time = static_cast<int64_t>(random.below(1'000'000'000)) - 1000;
    Histogram h = random_histogram(random, integral, custom);
    for (uint64_t n = random.below(200) + 1; n > 0; --n) {
      time += 1 + static_cast<int64_t>(random.below(3) == 0 ? random.below(100'000) : 15'000);
      if (random.below(20) == 0) h = random_histogram(random, integral, custom);
      for (double& bucket : h.positive_buckets)
        bucket += integral ? static_cast<double>(random.below(50)) : random.unit();
      h.count += 3;
      h.sum += random.unit();
      h.reset_hint = gauge                   ? ResetHint::kGauge
                     : random.below(10) == 0 ? ResetHint::kReset
                     : histograms.empty()    ? ResetHint::kUnknown
                                             : ResetHint::kNotReset;
      Histogram next = h;
      if (random.below(30) == 0) next = {.reset_hint = h.reset_hint, .sum = model::stale_marker()};
      times.push_back(time);
      histograms.push_back(std::make_shared<const Histogram>(std::move(next)));
    }
    SampleColumns out;
    for (size_t at = 0; at < times.size();) {
      const auto chunk =
          encode_histogram_chunk(std::span(times).subspan(at), std::span(histograms).subspan(at));
      ASSERT_TRUE(decode_histogram_chunk(chunk.encoding, chunk.data, out));
      SampleColumns cut;
      ASSERT_FALSE(decode_histogram_chunk(
          chunk.encoding, std::string_view(chunk.data).substr(0, chunk.data.size() - 1), cut));
      at += chunk.samples;
    }
    ASSERT_EQ(out.histogram_times, times);
    for (size_t i = 0; i < times.size(); ++i) {
      Histogram expected = *histograms[i];
      Histogram found = *out.histograms[i];
      ASSERT_EQ(std::bit_cast<uint64_t>(expected.sum), std::bit_cast<uint64_t>(found.sum));
      if (model::is_stale_marker(found.sum)) continue;
      ASSERT_EQ(found, expected) << round << " " << i;
    }
  }
}

TEST(PrometheusHistogramBlock, WhatIsExportedIsImported) {
  TestingStore store({.future_max_ms = 0});
  const auto native = make_labels({{"__name__", "native"}});
  const auto mixed = make_labels({{"__name__", "mixed"}});
  const auto custom = make_labels({{"__name__", "custom"}});
  Random random(3);
  Histogram steady = random_histogram(random, true, false);
  steady.reset_hint = ResetHint::kUnknown;
  Histogram buckets = random_histogram(random, false, true);
  buckets.reset_hint = ResetHint::kGauge;
  for (int i = 0; i < 500; ++i) {
    auto appender = store.db().appender();
    const TimestampMs time{kTestStart + i * 15'000};
    steady.count += 2;
    steady.positive_buckets[1] += 2;
    if (i == 250) steady.count = steady.zero_count = 1;
    ASSERT_TRUE(appender->append_histogram(*appender->series(native), time, steady));
    ASSERT_TRUE(appender->append_histogram(*appender->series(custom), time, buckets));
    const auto id = *appender->series(mixed);
    ASSERT_TRUE(i % 7 < 3 ? appender->append(id, time, i)
                          : appender->append_histogram(id, time, steady));
    ASSERT_TRUE(appender->commit());
  }
  ASSERT_TRUE(store.db().flush());
  ASSERT_TRUE(
      store.db().delete_series({}, {{kTestStart + 100 * 15'000}, {kTestStart + 119 * 15'000}}));
  const io::TestingDirectory out;
  std::filesystem::create_directories(out.path());
  const io::TestingDirectory fresh;
  TsdbOptions options{.directory = fresh.path() + "/db", .future_max_ms = 0};
  Random chance(1);
  {
    auto closed = ClosedStore::open(store.fs(), options.directory);
    ASSERT_TRUE(closed);
    for (const BlockMeta& meta : store.db().stats().blocks) {
      auto block = Block::open(store.fs(), store.path(meta.directory_name()));
      ASSERT_TRUE(block);
      auto exported = export_prometheus_block(store.fs(), **block, out.path(), chance);
      ASSERT_TRUE(exported) << exported.error().message;
      EXPECT_GT(exported->histograms, 0u);
      auto back = PrometheusBlock::open(store.fs(), out.path() + "/" + exported->directory);
      ASSERT_TRUE(back);
      auto added = (*closed)->add(**back, kTestStart + kDayMs);
      ASSERT_TRUE(added) << added.error().message;
    }
  }
  ManualClock clock{TimestampNs{0}};
  Telemetry telemetry;
  auto db = Tsdb::open(store.fs(), clock, telemetry, options);
  ASSERT_TRUE(db);
  auto set = (*(*db)->querier())->select({}, {});
  ASSERT_EQ((*set)->size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    SampleColumns imported;
    ASSERT_TRUE((*set)->read(i, {}, imported));
    const SampleColumns original = store.read((*set)->labels(i));
    EXPECT_EQ(imported.times, original.times);
    EXPECT_EQ(imported.values, original.values);
    ASSERT_EQ(imported.histogram_times, original.histogram_times);
    EXPECT_EQ(imported.times.size() + imported.histogram_times.size(), 480u);
    for (size_t k = 0; k < imported.histograms.size(); ++k)
      ASSERT_EQ(*imported.histograms[k], *original.histograms[k]) << k;
  }
}

}  // namespace
}  // namespace sightline::tsdb
