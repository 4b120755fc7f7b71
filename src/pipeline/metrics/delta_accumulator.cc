#include "pipeline/metrics/delta_accumulator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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

// The upper bound of the bucket before: bucket i is (2^(i * 2^-scale), 2^((i + 1) * 2^-scale)].
double bucket_bound(int64_t index, int32_t scale) {
  return std::exp2(std::ldexp(static_cast<double>(index), -scale));
}

// Makes the zero bucket at least so wide: buckets within it are joined to it, and one with counts that it cuts widens it more.
void widen_zero(DataPoint& point, double threshold) {
  point.zero_threshold = std::max(point.zero_threshold, threshold);
  for (double before = -1; before < point.zero_threshold;) {
    before = point.zero_threshold;
    for (DataPoint::Buckets* side : {&point.positive, &point.negative}) {
      size_t joined = 0;
      for (; joined < side->counts.size(); ++joined) {
        const int64_t index = side->offset + static_cast<int64_t>(joined);
        if (!(bucket_bound(index, point.scale) < point.zero_threshold)) break;
        if (side->counts[joined] == 0) continue;
        point.zero_count += side->counts[joined];
        point.zero_threshold = std::max(point.zero_threshold, bucket_bound(index + 1, point.scale));
      }
      side->counts.erase(side->counts.begin(),
                         side->counts.begin() + static_cast<ptrdiff_t>(joined));
      side->offset = static_cast<int32_t>(std::min<int64_t>(
          side->offset + static_cast<int64_t>(joined), std::numeric_limits<int32_t>::max()));
    }
  }
}

// The sum so far and one more. False when they do not fit each other: the sum begins anew then.
bool accumulate(DataPoint& sum, const DataPoint& delta) {
  if (sum.bounds != delta.bounds || sum.bucket_counts.size() != delta.bucket_counts.size())
    return false;
  DataPoint more = delta;
  const int32_t scale = std::min(sum.scale, more.scale);
  for (DataPoint* each : {&sum, &more}) coarsen_to(*each, scale);
  while (sum.zero_threshold < more.zero_threshold || more.zero_threshold < sum.zero_threshold) {
    widen_zero(sum, more.zero_threshold);
    widen_zero(more, sum.zero_threshold);
  }
  if (!add_buckets(sum.positive, more.positive) || !add_buckets(sum.negative, more.negative))
    return false;
  for (size_t i = 0; i < sum.bucket_counts.size(); ++i)
    sum.bucket_counts[i] += more.bucket_counts[i];
  sum.value += more.value;
  sum.count += more.count;
  sum.sum += more.sum;
  sum.has_sum = sum.has_sum && more.has_sum;
  sum.zero_count += more.zero_count;
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
  last_key_ = key;
  const auto [entry, is_new] = pending_.try_emplace(key);
  last_pending_ =
      is_new ? std::nullopt : std::optional<DataPoint>(std::exchange(entry->second, DataPoint()));
  entry->second = std::move(total);
  return {};
}

void DeltaAccumulator::take_back() {
  if (last_pending_)
    pending_.insert_or_assign(last_key_, std::move(*last_pending_));
  else
    pending_.erase(last_key_);
  last_pending_.reset();
}

void DeltaAccumulator::keep() {
  for (auto& [key, total] : pending_) streams_.insert_or_assign(key, std::move(total));
  pending_.clear();
  if (streams_.size() > kStreamsMax) make_room();
}

// A quarter goes, so that this is rare. Streams of one request may all be of one time.
void DeltaAccumulator::make_room() {
  size_t surplus = streams_.size() - kStreamsMax / 4 * 3;
  std::vector<uint64_t> times;
  for (const auto& [key, total] : streams_) times.push_back(total.time_ns);
  const auto cut = times.begin() + static_cast<ptrdiff_t>(surplus);
  std::nth_element(times.begin(), cut, times.end());
  const uint64_t oldest_kept = *cut;
  surplus -=
      absl::erase_if(streams_, [&](const auto& each) { return each.second.time_ns < oldest_kept; });
  absl::erase_if(streams_, [&](const auto& each) {
    return surplus > 0 && each.second.time_ns == oldest_kept && surplus-- > 0;
  });
}

}  // namespace sightline::pipeline
