#include "pipeline/metrics/delta_accumulator.h"

#include <algorithm>

#include "pipeline/metrics/point_buckets.h"

namespace sightline::pipeline {
namespace {

using model::DataPoint;

// False when the sum would span too many buckets.
bool add_buckets(DataPoint::Buckets& to, const DataPoint::Buckets& from) {
  constexpr int64_t kBucketsMax = 65'536;
  if (from.counts.empty()) return true;
  if (to.counts.empty()) {
    to = from;
    return true;
  }
  const int64_t begin = std::min<int64_t>(to.offset, from.offset);
  const int64_t end = std::max(to.offset + static_cast<int64_t>(to.counts.size()),
                               from.offset + static_cast<int64_t>(from.counts.size()));
  if (end - begin > kBucketsMax) return false;
  DataPoint::Buckets out{.offset = static_cast<int32_t>(begin),
                         .counts = std::vector<uint64_t>(static_cast<size_t>(end - begin))};
  for (const DataPoint::Buckets* part : {static_cast<const DataPoint::Buckets*>(&to), &from})
    for (size_t i = 0; i < part->counts.size(); ++i)
      out.counts[static_cast<size_t>(part->offset - begin) + i] += part->counts[i];
  to = std::move(out);
  return true;
}

// The sum so far and one more. False when they do not fit each other: the sum begins anew then.
bool accumulate(DataPoint& sum, const DataPoint& delta) {
  if (sum.bounds != delta.bounds || sum.bucket_counts.size() != delta.bucket_counts.size())
    return false;
  DataPoint more = delta;
  const int32_t scale = std::min(sum.scale, more.scale);
  for (DataPoint* each : {&sum, &more}) coarsen_to(*each, scale);
  if (!add_buckets(sum.positive, more.positive) || !add_buckets(sum.negative, more.negative))
    return false;
  for (size_t i = 0; i < sum.bucket_counts.size(); ++i)
    sum.bucket_counts[i] += more.bucket_counts[i];
  sum.value += more.value;
  sum.count += more.count;
  sum.sum += more.sum;
  sum.has_sum = sum.has_sum && more.has_sum;
  sum.zero_count += more.zero_count;
  sum.zero_threshold = std::max(sum.zero_threshold, more.zero_threshold);
  return true;
}

}  // namespace

namespace {

enum class Place { kFollows, kAnew, kRefused };

Place place_of(const DataPoint& point, const DataPoint& before, DeltaOrder order) {
  const bool begins_there = point.start_ns == before.time_ns;
  switch (order) {
    case DeltaOrder::kEnds:
      return point.time_ns > before.time_ns || (point.time_ns == before.time_ns && begins_there)
                 ? Place::kFollows
                 : Place::kRefused;
    case DeltaOrder::kPeerSums:
      if (point.time_ns < before.time_ns) return Place::kRefused;
      return begins_there ? Place::kFollows : Place::kAnew;
    case DeltaOrder::kPeerHistograms:
      if (point.start_ns < before.time_ns) return Place::kRefused;
      return begins_there ? Place::kFollows : Place::kAnew;
  }
  return Place::kRefused;
}

}  // namespace

Status DeltaAccumulator::add(const std::string& key, DataPoint& point, DeltaOrder order) {
  const DataPoint* before = nullptr;
  if (const auto found = pending_.find(key); found != pending_.end())
    before = &found->second;
  else if (const auto kept = streams_.find(key); kept != streams_.end())
    before = &kept->second;
  DataPoint total;
  total.start_ns = point.start_ns;
  bool continues = false;
  if (before != nullptr) {
    const Place place = place_of(point, *before, order);
    if (place == Place::kRefused)
      return fail(Errc::kOutOfRange, "out of order delta point: it ends at ", point.time_ns,
                  " ns, the last one at ", before->time_ns, " ns");
    DataPoint sum = *before;
    if (place == Place::kFollows && accumulate(sum, point)) {
      total = std::move(sum);
      continues = true;
    }
  }
  if (!continues) {  // the first, or one that does not fit what was before
    total = point;
    total.attributes.clear();
    total.exemplars.clear();
  }
  total.time_ns = point.time_ns;
  DataPoint out = total;
  out.flags = point.flags;
  out.attributes = std::move(point.attributes);
  out.exemplars = std::move(point.exemplars);
  point = std::move(out);
  pending_.insert_or_assign(key, std::move(total));
  return {};
}

void DeltaAccumulator::keep() {
  for (auto& [key, total] : pending_) streams_.insert_or_assign(key, std::move(total));
  pending_.clear();
  if (streams_.size() > kStreamsMax) make_room();
}

// A quarter goes, so that this is rare.
void DeltaAccumulator::make_room() {
  std::vector<uint64_t> times;
  for (const auto& [key, total] : streams_) times.push_back(total.time_ns);
  const auto cut = times.begin() + static_cast<ptrdiff_t>(times.size() / 4);
  std::nth_element(times.begin(), cut, times.end());
  const uint64_t oldest_kept = *cut;
  absl::erase_if(streams_, [&](const auto& each) { return each.second.time_ns < oldest_kept; });
}

}  // namespace sightline::pipeline
