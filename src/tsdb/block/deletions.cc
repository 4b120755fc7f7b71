#include "tsdb/block/deletions.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tsdb/block/block_format.h"
#include "tsdb/codec/reset_hints.h"

namespace sightline::tsdb {

void add_range(DeletedRanges& ranges, DeletedRange added) {
  // The ones that overlap it or touch it become one with it.
  const auto before = [](int64_t a, int64_t b) { return a < b && a + 1 < b; };
  auto first = std::lower_bound(
      ranges.begin(), ranges.end(), added.min,
      [&](const DeletedRange& range, int64_t min) { return before(range.max, min); });
  auto last = first;
  for (; last != ranges.end() && !before(added.max, last->min); ++last) {
    added.min = std::min(added.min, last->min);
    added.max = std::max(added.max, last->max);
  }
  first = ranges.erase(first, last);
  ranges.insert(first, added);
}

bool is_deleted(std::span<const DeletedRange> ranges, int64_t min, int64_t max) {
  const auto at =
      std::lower_bound(ranges.begin(), ranges.end(), min,
                       [](const DeletedRange& range, int64_t t) { return range.max < t; });
  return at != ranges.end() && at->min <= min && max <= at->max;
}

bool is_deleted(std::span<const DeletedRange> ranges, int64_t time) {
  return is_deleted(ranges, time, time);
}

namespace {

// Of one kind of samples, from `begin` on.
template <typename Value>
void erase_column(std::span<const DeletedRange> ranges, size_t begin, std::vector<int64_t>& times,
                  std::vector<Value>& values, std::vector<int64_t>& created) {
  size_t out = begin;
  // What came just before may be gone with a whole chunk.
  bool after_gap = begin < times.size() && ranges.front().max < times[begin];
  for (size_t i = begin; i < times.size(); ++i) {
    if (is_deleted(ranges, times[i])) {
      after_gap = true;
      continue;
    }
    if constexpr (std::is_same_v<Value, HistogramPtr>)
      if (after_gap) values[i] = with_unknown_reset(std::move(values[i]));
    after_gap = false;
    if (out != i) {
      times[out] = times[i];
      values[out] = std::move(values[i]);
      if (!created.empty()) created[out] = created[i];
    }
    ++out;
  }
  times.resize(out);
  values.resize(out);
  if (!created.empty()) created.resize(out);
}

}  // namespace

void erase_deleted(std::span<const DeletedRange> ranges, size_t floats, size_t histograms,
                   SampleColumns& columns) {
  if (ranges.empty()) return;
  erase_column(ranges, floats, columns.times, columns.values, columns.created);
  erase_column(ranges, histograms, columns.histogram_times, columns.histograms,
               columns.histogram_created);
}

std::span<const DeletedRange> Tombstones::of(uint32_t series) const {
  const auto found = by_series_.find(series);
  return found == by_series_.end() ? std::span<const DeletedRange>() : found->second;
}

std::vector<uint32_t> Tombstones::series() const {
  std::vector<uint32_t> numbers;
  for (const auto& [series, ranges] : by_series_) numbers.push_back(series);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string Tombstones::to_bytes() const {
  std::string body;
  append_uvarint(body, by_series_.size());
  uint32_t previous = 0;
  for (const uint32_t number : series()) {
    append_uvarint(body, number - previous);
    previous = number;
    const DeletedRanges& ranges = by_series_.find(number)->second;
    append_uvarint(body, ranges.size());
    for (const DeletedRange& range : ranges) {
      append_svarint(body, range.min);
      append_svarint(body, range.max);
    }
  }
  std::string bytes(kTombstonesMagic);
  append_le(bytes, crc32c(body));
  return bytes + body;
}

Result<Tombstones> Tombstones::parse(std::string_view bytes) {
  if (!bytes.starts_with(kTombstonesMagic) || bytes.size() < kMagicBytes + 4)
    return fail(Errc::kCorrupt, "tombstones: not a file of this kind and version");
  const std::string_view body = bytes.substr(kMagicBytes + 4);
  if (crc32c(body) != load_le<uint32_t>(bytes.data() + kMagicBytes))
    return fail(Errc::kCorrupt, "tombstones: checksum does not match");
  ByteReader in(body);
  Tombstones result;
  uint64_t number = 0;
  for (uint64_t series = in.uvarint(); series > 0 && in.ok(); --series) {
    number += in.uvarint();
    for (uint64_t ranges = in.uvarint(); ranges > 0 && in.ok(); --ranges) {
      const int64_t min = in.svarint();
      const int64_t max = in.svarint();
      if (!in.ok() || min > max || number > UINT32_MAX)
        return fail(Errc::kCorrupt, "tombstones: entry near byte ", in.offset(), " is damaged");
      result.add(static_cast<uint32_t>(number), {min, max});
    }
  }
  if (!in.ok() || !in.at_end()) return fail(Errc::kCorrupt, "tombstones: the length is wrong");
  return result;
}

void HeadDeletions::add(uint64_t series, const HeadDeletion& deletion) {
  const std::lock_guard lock(mutex_);
  by_series_[series].push_back(deletion);
  count_.store(by_series_.size(), std::memory_order_release);
}

std::vector<HeadDeletion> HeadDeletions::of(uint64_t series, uint64_t commit) const {
  std::vector<HeadDeletion> result;
  if (count_.load(std::memory_order_acquire) == 0) return result;
  const std::lock_guard lock(mutex_);
  const auto found = by_series_.find(series);
  if (found == by_series_.end()) return result;
  for (const HeadDeletion& deletion : found->second)
    if (deletion.commit <= commit) result.push_back(deletion);
  return result;
}

void HeadDeletions::truncate(int64_t time, uint64_t commit) {
  const std::lock_guard lock(mutex_);
  absl::erase_if(by_series_, [&](auto& entry) {
    std::erase_if(entry.second, [&](const HeadDeletion& deletion) {
      return deletion.max < time && deletion.commit <= commit;
    });
    return entry.second.empty();
  });
  count_.store(by_series_.size(), std::memory_order_release);
}

DeletedRanges in_order_ranges(std::span<const HeadDeletion> deletions) {
  DeletedRanges ranges;
  for (const HeadDeletion& deletion : deletions)
    if (const int64_t max = std::min(deletion.max, deletion.in_order_max); deletion.min <= max)
      add_range(ranges, {deletion.min, max});
  return ranges;
}

bool is_deleted(std::span<const HeadDeletion> deletions, int64_t time, uint64_t commit) {
  return std::any_of(deletions.begin(), deletions.end(), [&](const HeadDeletion& deletion) {
    return commit < deletion.commit && time >= deletion.min && time <= deletion.max;
  });
}

}  // namespace sightline::tsdb
