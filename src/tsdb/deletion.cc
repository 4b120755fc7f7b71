// Deleting series: from the head by a commit of its own, from blocks by their tombstones.
#include "base/log.h"
#include "tsdb/tsdb.h"

namespace sightline::tsdb {
namespace {

// Clamped to what the series holds; nullopt when none of it lies in the range.
std::optional<DeletedRange> held_within(const Block::SeriesInfo& info, TimeRange range) {
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = std::numeric_limits<int64_t>::min();
  bool overlaps = false;
  const auto note = [&](int64_t min, int64_t max) {
    first = std::min(first, min);
    last = std::max(last, max);
    overlaps = overlaps || (min <= range.max.value && max >= range.min.value);
  };
  for (const Block::ChunkRef& chunk : info.chunks) note(chunk.min_time, chunk.max_time);
  if (info.exemplar_bytes > 0) note(info.exemplar_min, info.exemplar_max);
  if (!overlaps) return std::nullopt;
  return DeletedRange{std::max(first, range.min.value), std::min(last, range.max.value)};
}

}  // namespace

Status Tsdb::delete_series(std::span<const Matcher> matchers, TimeRange range) {
  if (range.min > range.max) return {};
  const std::lock_guard lock(maintain_mutex_);  // no block is written meanwhile that would not know
  uint64_t series = 0;
  if (auto status = delete_from_blocks(matchers, range, series); !status) return status;
  const auto found = head_.select(matchers);
  if (!found) return std::unexpected(found.error());
  if (!found->empty())
    if (auto status = queue_.erase(*found, range.min.value, range.max.value); !status)
      return status;
  counters_.series_deleted.add(series + found->size());
  return {};
}

Status Tsdb::delete_from_blocks(std::span<const Matcher> matchers, TimeRange range,
                                uint64_t& series) {
  BlockList next = *blocks();
  Status outcome;
  for (auto& block : next) {
    if (block->meta().min_time > range.max.value || block->meta().max_time <= range.min.value)
      continue;
    auto tombstones = std::make_shared<Tombstones>(*block->tombstones());
    uint64_t touched = 0;
    const auto numbers = select_postings(*block, matchers);
    if (!numbers) return std::unexpected(numbers.error());
    for (const uint32_t number : *numbers) {
      auto info = block->series(number);
      if (!info) {
        outcome = std::unexpected(std::move(info).error());
        break;
      }
      const auto held = held_within(*info, range);
      if (!held) continue;
      tombstones->add(number, *held);
      ++touched;
    }
    if (outcome && touched > 0)
      outcome = io::write_file_atomically(
          fs_, block->directory() + "/" + std::string(kTombstonesFile), tombstones->to_bytes());
    if (!outcome) break;
    if (touched == 0) continue;
    series += touched;
    block = block->with_tombstones(std::move(tombstones));
  }
  publish_blocks(std::move(next));
  return outcome;
}

Status Tsdb::clean_tombstones() {
  const std::lock_guard lock(maintain_mutex_);
  const auto list = blocks();
  for (const auto& block : *list)
    if (!block->tombstones()->empty())
      if (auto status = merge({block}); !status) return in_context("cleaning", status.error());
  return {};
}

}  // namespace sightline::tsdb
