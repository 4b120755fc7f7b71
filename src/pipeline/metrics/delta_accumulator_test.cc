#include "pipeline/metrics/delta_accumulator.h"

#include <gtest/gtest.h>

namespace sightline::pipeline {
namespace {

using model::DataPoint;

// What the stream has come to after the point; 0: it was refused.
double add(DeltaAccumulator& sums, uint64_t start, uint64_t end, double value = 2,
           const std::string& key = "s") {
  DataPoint point{.start_ns = start, .time_ns = end, .value = value};
  if (!sums.add(key, point)) return 0;
  sums.keep();
  return point.value;
}

TEST(DeltaAccumulator, APointFollowsTheLastOfItsStream) {
  DeltaAccumulator sums;
  EXPECT_EQ(add(sums, 1, 5), 2);
  EXPECT_EQ(add(sums, 1, 5), 0);  // the same again
  EXPECT_EQ(add(sums, 5, 5), 4);  // of another resource, at the same time
  EXPECT_EQ(add(sums, 4, 4), 0);
  EXPECT_EQ(add(sums, 5, 9), 6);
}

TEST(DeltaAccumulator, AGapAndAProducerThatBeganAnewAddOn) {
  DeltaAccumulator sums;
  DataPoint point{.start_ns = 10, .time_ns = 20, .value = 2};
  ASSERT_TRUE(sums.add("s", point));
  sums.keep();
  EXPECT_EQ(add(sums, 50, 60, 3), 5);  // nothing was told of (20, 50]
  point = {.start_ns = 61, .time_ns = 70, .value = 1};
  ASSERT_TRUE(sums.add("s", point));
  EXPECT_EQ(point.value, 6);
  EXPECT_EQ(point.start_ns, 10u) << "it is one cumulative stream, since its first point";
}

TEST(DeltaAccumulator, AnOverlappingStartAddsAndALateEndIsRefused) {
  DeltaAccumulator sums;
  EXPECT_EQ(add(sums, 10, 20), 2);
  EXPECT_EQ(add(sums, 15, 25), 4);  // begins within the one before
  EXPECT_EQ(add(sums, 5, 30), 6);   // begins before the stream did
  EXPECT_EQ(add(sums, 12, 18), 0);  // out of order
  EXPECT_EQ(add(sums, 30, 29), 0);
  EXPECT_EQ(add(sums, 30, 40), 8);
}

TEST(DeltaAccumulator, TwoProducersOfOneStreamAddUp) {
  DeltaAccumulator sums;
  EXPECT_EQ(add(sums, 0, 10, 1), 1);
  EXPECT_EQ(add(sums, 1, 11, 100), 101);
  EXPECT_EQ(add(sums, 10, 20, 1), 102);
  EXPECT_EQ(add(sums, 11, 21, 100), 202);
  // Both at once: which of them is a repetition cannot be told.
  EXPECT_EQ(add(sums, 20, 30, 1), 203);
  EXPECT_EQ(add(sums, 21, 30, 100), 0);
}

TEST(DeltaAccumulator, AHistogramOfOtherBoundsBeginsAnew) {
  DeltaAccumulator sums;
  const auto send = [&](uint64_t end, std::vector<double> bounds, std::vector<uint64_t> counts) {
    DataPoint point{.start_ns = end - 1, .time_ns = end, .count = 3};
    point.bounds = std::move(bounds);
    point.bucket_counts = std::move(counts);
    EXPECT_TRUE(sums.add("h", point));
    sums.keep();
    return point;
  };
  send(11, {1}, {1, 2});
  EXPECT_EQ(send(12, {1}, {2, 1}).bucket_counts, (std::vector<uint64_t>{3, 3}));
  const DataPoint other = send(13, {1, 5}, {1, 1, 1});
  EXPECT_EQ(other.bucket_counts, (std::vector<uint64_t>{1, 1, 1}));
  EXPECT_EQ(other.count, 3u);
  EXPECT_EQ(other.start_ns, 12u) << "a new start, so that it is seen as a reset";
  EXPECT_EQ(send(14, {1, 5}, {0, 3, 0}).bucket_counts, (std::vector<uint64_t>{1, 4, 1}));
}

class Exponential : public testing::Test {
 protected:
  DataPoint send(int32_t scale, DataPoint::Buckets positive, uint64_t zero_count = 0) {
    ++now_;
    DataPoint point{
        .start_ns = now_ - 1, .time_ns = now_, .scale = scale, .zero_count = zero_count};
    point.positive = std::move(positive);
    for (const uint64_t n : point.positive.counts) point.count += n;
    point.count += zero_count;
    EXPECT_TRUE(sums_.add("e", point));
    sums_.keep();
    return point;
  }
  DeltaAccumulator sums_;
  uint64_t now_ = 10;
};

TEST_F(Exponential, HistogramsMeetAtTheCoarserScale) {
  send(1, {.offset = 0, .counts = {1, 2, 3}}, 1);
  // Buckets 0 and 1 of scale 1 are bucket 0 of scale 0, bucket 2 is bucket 1.
  const DataPoint coarser = send(0, {.offset = 1, .counts = {10, 20}});
  EXPECT_EQ(coarser.scale, 0);
  EXPECT_EQ(coarser.positive.offset, 0);
  EXPECT_EQ(coarser.positive.counts, (std::vector<uint64_t>{3, 13, 20}));
  EXPECT_EQ(coarser.count, 37u);
  EXPECT_EQ(coarser.zero_count, 1u);
  // A finer one later: the sum stays as coarse as it is.
  const DataPoint finer = send(2, {.offset = -1, .counts = {1, 1}});
  EXPECT_EQ(finer.scale, 0);
  EXPECT_EQ(finer.positive.offset, -1);
  EXPECT_EQ(finer.positive.counts, (std::vector<uint64_t>{1, 4, 13, 20}));
  EXPECT_EQ(finer.count, 39u);
}

TEST_F(Exponential, ScalesAsFarApartAsTheyCanBeNamed) {
  send(std::numeric_limits<int32_t>::max(), {.offset = 5, .counts = {1}});
  const DataPoint point = send(std::numeric_limits<int32_t>::min(), {.offset = 0, .counts = {1}});
  EXPECT_EQ(point.scale, std::numeric_limits<int32_t>::min());
  EXPECT_EQ(point.count, 2u);
}

// (1,2] is cut by a zero bucket of 1.5: it is part of one of 2 then.
TEST_F(Exponential, AWiderZeroBucketTakesInWhatLiesInIt) {
  send(0, {.offset = -1, .counts = {1, 3, 5}});
  DataPoint wide{.start_ns = now_, .time_ns = now_ + 1, .count = 9, .scale = 0, .zero_count = 2};
  wide.zero_threshold = 1.5;
  wide.positive = {.offset = 1, .counts = {7}};
  ASSERT_TRUE(sums_.add("e", wide));
  EXPECT_EQ(wide.zero_threshold, 2);
  EXPECT_EQ(wide.zero_count, 6u);
  EXPECT_EQ(wide.positive.offset, 1);
  EXPECT_EQ(wide.positive.counts, (std::vector<uint64_t>{12}));
  EXPECT_EQ(wide.count, 18u);
}

TEST(DeltaAccumulator, WhatIsTakenBackIsNotInTheSum) {
  DeltaAccumulator sums;
  EXPECT_EQ(add(sums, 0, 10), 2);
  DataPoint point{.start_ns = 10, .time_ns = 20, .value = 5};
  ASSERT_TRUE(sums.add("s", point));
  sums.take_back();
  sums.keep();
  EXPECT_EQ(add(sums, 20, 30), 4);
  // The second of two that are pending.
  for (const uint64_t end : {40, 50}) {
    point = {.start_ns = end - 10, .time_ns = end, .value = 1};
    ASSERT_TRUE(sums.add("s", point));
  }
  sums.take_back();
  sums.keep();
  EXPECT_EQ(add(sums, 50, 60), 7);
}

// Of one request all streams may be of one time.
TEST(DeltaAccumulator, StreamsBeyondTheLimitMakeRoom) {
  DeltaAccumulator sums;
  EXPECT_EQ(add(sums, 0, 5, 2, "idle"), 2);
  for (size_t i = 0; i <= DeltaAccumulator::kStreamsMax; ++i) {
    DataPoint point{.start_ns = 5, .time_ns = 10, .value = 1};
    ASSERT_TRUE(sums.add(std::to_string(i), point));
  }
  sums.keep();
  EXPECT_EQ(sums.streams(), DeltaAccumulator::kStreamsMax / 4 * 3);
  EXPECT_EQ(add(sums, 5, 11, 2, "idle"), 2) << "it was idle longest";
}

// Start, end and what is shown then, one after the other; the value is always 2. Nothing: refused.
TEST(DeltaAccumulator, AsThePeersExporterAddsUp) {
  struct Step {
    uint64_t start, end;
    double sums, histograms;
  };
  DeltaAccumulator sums, histograms;
  const auto add_to = [](DeltaAccumulator& to, const Step& step, DeltaOrder order) {
    DataPoint point{.start_ns = step.start, .time_ns = step.end, .value = 2};
    const Status status = to.add("s", point, order);
    if (status) to.keep();
    return status ? point.value : 0;
  };
  for (const Step& step : {Step{1, 5, 2, 2}, Step{5, 9, 4, 4}, Step{9, 9, 6, 6}, Step{7, 12, 2, 0},
                           Step{8, 8, 0, 0}, Step{13, 14, 2, 2}}) {
    EXPECT_EQ(add_to(sums, step, DeltaOrder::kPeerSums), step.sums) << step.start;
    EXPECT_EQ(add_to(histograms, step, DeltaOrder::kPeerHistograms), step.histograms) << step.start;
  }
}

}  // namespace
}  // namespace sightline::pipeline
