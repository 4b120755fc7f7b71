#include "tracestore/pins/trace_id_set.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"

namespace sightline::tracestore {
namespace {

constexpr unsigned kLowBits = 48;
constexpr size_t kLowBytes = kLowBits / 8;
constexpr uint64_t kLowMask = (1ull << kLowBits) - 1;

uint64_t load_low(const uint8_t* at) {
  uint64_t value = 0;
  std::memcpy(&value, at, kLowBytes);
  return value;
}

// Where `low` is, or would be.
uint32_t place_of(const uint8_t* bytes, uint32_t count, uint64_t low) {
  uint32_t begin = 0;
  while (count > 0) {
    const uint32_t half = count / 2;
    if (load_low(bytes + (begin + half) * kLowBytes) < low) {
      begin += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return begin;
}

}  // namespace

TraceFingerprint fingerprint_of(const TraceId& id) {
  return xxh3({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

const TraceIdSet::Run* TraceIdSet::find_run(TraceFingerprint id) const {
  return runs_ ? &runs_[id >> kLowBits] : nullptr;
}

bool TraceIdSet::contains(TraceFingerprint id) const {
  const Run* run = find_run(id);
  if (run == nullptr) return false;
  const uint32_t place = place_of(run->bytes.get(), run->count, id & kLowMask);
  return place < run->count && load_low(run->bytes.get() + place * kLowBytes) == (id & kLowMask);
}

bool TraceIdSet::insert(TraceFingerprint id) {
  if (!runs_) runs_ = std::make_unique<Run[]>(kRuns);
  Run& run = runs_[id >> kLowBits];
  const uint64_t low = id & kLowMask;
  const uint32_t place = place_of(run.bytes.get(), run.count, low);
  if (place < run.count && load_low(run.bytes.get() + place * kLowBytes) == low) return false;
  if (run.count == run.capacity) {
    run.capacity = run.count + std::max<uint32_t>(4, run.count / 8);
    auto larger = std::make_unique_for_overwrite<uint8_t[]>(run.capacity * kLowBytes);
    if (run.count > 0) std::memcpy(larger.get(), run.bytes.get(), run.count * kLowBytes);
    run.bytes = std::move(larger);
  }
  uint8_t* at = run.bytes.get() + place * kLowBytes;
  std::memmove(at + kLowBytes, at, (run.count - place) * kLowBytes);
  std::memcpy(at, &low, kLowBytes);
  ++run.count;
  ++count_;
  return true;
}

bool TraceIdSet::erase(TraceFingerprint id) {
  if (!contains(id)) return false;
  Run& run = runs_[id >> kLowBits];
  const uint32_t place = place_of(run.bytes.get(), run.count, id & kLowMask);
  uint8_t* at = run.bytes.get() + place * kLowBytes;
  std::memmove(at, at + kLowBytes, (run.count - place - 1) * kLowBytes);
  --run.count;
  --count_;
  if (run.count * 2 >= run.capacity) return true;
  run.capacity = run.count;  // unpinning frees
  auto smaller = std::make_unique_for_overwrite<uint8_t[]>(run.capacity * kLowBytes);
  if (run.count > 0) std::memcpy(smaller.get(), run.bytes.get(), run.count * kLowBytes);
  run.bytes = run.count == 0 ? nullptr : std::move(smaller);
  return true;
}

uint64_t TraceIdSet::memory_bytes() const {
  if (!runs_) return 0;
  uint64_t bytes = kRuns * sizeof(Run);
  for (size_t i = 0; i < kRuns; ++i) bytes += runs_[i].capacity * kLowBytes;
  return bytes;
}

std::vector<TraceFingerprint> TraceIdSet::run(size_t number) const {
  std::vector<TraceFingerprint> ids;
  if (!runs_) return ids;
  const Run& run = runs_[number];
  ids.reserve(run.count);
  for (uint32_t i = 0; i < run.count; ++i)
    ids.push_back(uint64_t{number} << kLowBits | load_low(run.bytes.get() + i * kLowBytes));
  return ids;
}

}  // namespace sightline::tracestore
