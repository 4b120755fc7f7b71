#include "tsdb/codec/reset_hints.h"

#include <gtest/gtest.h>

#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Histogram;
using model::make_labels;
using model::ResetHint;

const Histogram kBase{.schema = 2,
                      .zero_threshold = 0.001,
                      .zero_count = 2,
                      .count = 12,
                      .sum = 5,
                      .positive_spans = {{0, 2}, {1, 1}},
                      .positive_buckets = {3, 0, 4},
                      .negative_spans = {{2, 1}},
                      .negative_buckets = {3}};

// What Prometheus' chunk appender decides (tsdb/chunkenc, "appendable").
TEST(ResetHints, AreDerivedAsThePeerDoes) {
  const auto derive = [](auto change) {
    Histogram h = kBase;
    change(h);
    return derive_reset_hint(&kBase, h);
  };
  EXPECT_EQ(derive_reset_hint(nullptr, kBase), ResetHint::kUnknown);
  EXPECT_EQ(derive([](auto&) {}), ResetHint::kNotReset);
  EXPECT_EQ(derive([](auto& h) { h.reset_hint = ResetHint::kNotReset, h.count = 11; }),
            ResetHint::kReset)
      << "what the sender says of no reset is checked";
  EXPECT_EQ(derive([](auto& h) { h.reset_hint = ResetHint::kReset; }), ResetHint::kReset);
  EXPECT_EQ(derive([](auto& h) { h.reset_hint = ResetHint::kGauge, h.count = 1; }),
            ResetHint::kGauge);
  EXPECT_EQ(derive([](auto& h) { h.count = 11; }), ResetHint::kReset);
  EXPECT_EQ(derive([](auto& h) { h.zero_count = 1; }), ResetHint::kReset);
  EXPECT_EQ(derive([](auto& h) { h.positive_buckets[0] = 2; }), ResetHint::kReset);
  EXPECT_EQ(derive([](auto& h) { h.negative_buckets[0] = 2; }), ResetHint::kReset);
  EXPECT_EQ(
      derive([](auto& h) { h.positive_spans = {{0, 1}, {2, 1}}, h.positive_buckets = {3, 4}; }),
      ResetHint::kNotReset)
      << "an empty bucket may go";
  EXPECT_EQ(derive([](auto& h) { h.positive_spans = {{0, 2}}, h.positive_buckets = {3, 9}; }),
            ResetHint::kReset)
      << "one that held something may not";
  EXPECT_EQ(derive([](auto& h) {
              h.positive_spans = {{-1, 6}};
              h.positive_buckets = {1, 3, 0, 1, 4, 1};
            }),
            ResetHint::kNotReset);
  EXPECT_EQ(derive([](auto& h) { h.schema = 3; }), ResetHint::kUnknown);
  EXPECT_EQ(derive([](auto& h) { h.zero_threshold = 0.1; }), ResetHint::kUnknown);
  EXPECT_EQ(derive([](auto& h) { h.sum = model::stale_marker(); }), ResetHint::kNotReset);
  Histogram stale{.sum = model::stale_marker()};
  EXPECT_EQ(derive_reset_hint(&stale, kBase), ResetHint::kUnknown);
  Histogram custom{.schema = model::kCustomBucketsSchema, .custom_values = {1, 2}};
  Histogram other = custom;
  other.custom_values = {1, 3};
  EXPECT_EQ(derive_reset_hint(&custom, other), ResetHint::kReset);
}

class StoredHints : public testing::Test {
 protected:
  StoredHints() : store_(options()) {}
  static TsdbOptions options() {
    TsdbOptions o;
    o.future_max_ms = 0;
    o.out_of_order_window_ms = kHourMs;
    return o;
  }
  void add(int64_t minute, double count, ResetHint hint = ResetHint::kUnknown) {
    const Histogram h{.reset_hint = hint,
                      .count = count,
                      .sum = 1,
                      .positive_spans = {{0, 1}},
                      .positive_buckets = {count}};
    auto appender = store_.db().appender();
    const auto id = appender->series(labels_);
    ASSERT_TRUE(appender->append_histogram(*id, {kTestStart + minute * kMinuteMs}, h,
                                           TimestampMs{kTestStart - 1}));
    ASSERT_TRUE(appender->append_histogram(*id, {kTestStart + minute * kMinuteMs}, h,
                                           TimestampMs{kTestStart - 1}))
        << "a repetition is accepted and ignored";
    ASSERT_TRUE(appender->commit());
  }
  void expect_hints(const std::vector<ResetHint>& expected, const char* when) {
    SCOPED_TRACE(when);
    const SampleColumns columns = store_.read(labels_);
    std::vector<ResetHint> found;
    for (const HistogramPtr& h : columns.histograms) found.push_back(h->reset_hint);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(columns.histogram_created, std::vector<int64_t>(expected.size(), kTestStart - 1));
  }
  void expect_everywhere(const std::vector<ResetHint>& expected) {
    expect_hints(expected, "at once");
    store_.reopen();
    expect_hints(expected, "after a restart");
    ASSERT_TRUE(store_.db().flush());
    expect_hints(expected, "in blocks");
  }

  TestingStore store_;
  const model::Labels labels_ = make_labels({{"__name__", "h"}});
};

constexpr auto kUnknown = ResetHint::kUnknown;
constexpr auto kNotReset = ResetHint::kNotReset;

TEST_F(StoredHints, AreKept) {
  add(0, 5);
  add(1, 6);
  add(2, 2);
  add(3, 2);
  add(4, 9, ResetHint::kReset);
  add(5, 1, ResetHint::kGauge);
  add(6, 4);
  expect_everywhere({kUnknown, kNotReset, ResetHint::kReset, kNotReset, ResetHint::kReset,
                     ResetHint::kGauge, kUnknown});
}

TEST_F(StoredHints, AreUnlearntWhereSomethingCameBetween) {
  add(0, 5);
  add(10, 6);
  add(20, 7);
  add(30, 8);
  add(15, 1);  // out of order
  expect_everywhere({kUnknown, kNotReset, kUnknown, kUnknown, kNotReset});
}

TEST_F(StoredHints, AreUnlearntWhereTheOneBeforeIsDeleted) {
  for (int i = 0; i < 6; ++i) add(i, i + 1);
  ASSERT_TRUE(
      store_.db().delete_series({}, {{kTestStart + kMinuteMs}, {kTestStart + 2 * kMinuteMs}}));
  expect_everywhere({kUnknown, kUnknown, kNotReset, kNotReset});
  ASSERT_TRUE(store_.db().clean_tombstones());
  expect_hints({kUnknown, kUnknown, kNotReset, kNotReset}, "cleaned");
  ASSERT_TRUE(store_.db().delete_series({}, {{kTestStart}, {kTestStart + 3 * kMinuteMs}}));
  expect_hints({kUnknown, kNotReset}, "deleted in the block");
}

}  // namespace
}  // namespace sightline::tsdb
