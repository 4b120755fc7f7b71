#include "tsdb/codec/open_floats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "tsdb/codec/chunk.h"
#include "tsdb/codec/decimals.h"

namespace sightline::tsdb {
namespace {

// A sample is a byte that says how its time and its value differ, and what more they need.
// Low two bits: the step to it is the last one, or one longer, or one shorter, or the change of the step follows.
enum TimeCode : uint8_t { kSameStep, kOneLonger, kOneShorter, kNewStep };
// The other six: the value is the last one plus (code - kDeltaBias), or an integer follows that is added to it, or all its
// bits follow. kNewCreated stands alone, in front of a sample: the created timestamp changes to what follows.
constexpr uint8_t kDeltaBias = 8;
constexpr uint8_t kDeltaCodes = 60;
constexpr uint8_t kLargeDelta = 60;
constexpr uint8_t kAllBits = 61;
constexpr uint8_t kNewCreated = 62;

constexpr size_t kSampleBytesMax = 1 + kVarintBytesMax + 1 + kVarintBytesMax + kVarintBytesMax;

uint64_t bits_of(double v) { return std::bit_cast<uint64_t>(v); }

int64_t minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

char* put_svarint(char* at, int64_t v) {
  uint64_t value = zigzag(v);
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

// Our own bytes, never read past their end.
int64_t take_svarint(const char*& at) {
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return unzigzag(value);
  }
}

// What to add to `last` to get exactly `value`, if that is an integer.
bool integer_delta(double last, double value, int64_t& delta) {
  const double difference = value - last;
  if (!(std::abs(difference) < kExactMax)) return false;
  delta = static_cast<int64_t>(difference);
  return bits_of(last + static_cast<double>(delta)) == bits_of(value);
}

}  // namespace

void OpenFloats::append(int64_t time, double value, int64_t created) {
  char buffer[kSampleBytesMax];
  char* at = buffer;
  if (count_ == 0) {
    first_time_ = last_time_ = time;
    step_ = 0;
    last_value_ = 0;
    created_ = 0;
  }
  if (created != created_) {
    *at++ = static_cast<char>(kNewCreated << 2);
    at = put_svarint(at, created);
    created_ = created;
  }
  const int64_t step = minus(time, last_time_);
  const int64_t change = minus(step, step_);
  const uint8_t time_code = change == 0    ? kSameStep
                            : change == 1  ? kOneLonger
                            : change == -1 ? kOneShorter
                                           : kNewStep;
  int64_t delta = 0;
  uint8_t value_code = kAllBits;
  if (integer_delta(last_value_, value, delta))
    value_code = delta >= -int64_t{kDeltaBias} && delta < kDeltaCodes - kDeltaBias
                     ? static_cast<uint8_t>(delta + kDeltaBias)
                     : kLargeDelta;
  *at++ = static_cast<char>(value_code << 2 | time_code);
  if (time_code == kNewStep) at = put_svarint(at, change);
  if (value_code == kLargeDelta) {
    at = put_svarint(at, delta);
  } else if (value_code == kAllBits) {
    store_le(at, bits_of(value));
    at += sizeof(uint64_t);
  }
  const auto size = static_cast<size_t>(at - buffer);
  if (bytes_.size() + size > bytes_.capacity())  // by half, not by twice: most series lie full
    bytes_.reserve(bytes_.capacity() + std::max<size_t>(bytes_.capacity() / 2, 32));
  bytes_.append(buffer, size);
  last_time_ = time;
  step_ = step;
  last_value_ = value;
  ++count_;
}

void OpenFloats::read(int64_t min, int64_t max, SampleColumns& out) const {
  if (count_ == 0 || first_time_ > max || last_time_ < min) return;
  size_t n = out.times.size();
  out.times.resize(n + count_);
  out.values.resize(n + count_);
  const char* at = bytes_.data();
  int64_t time = first_time_;
  int64_t step = 0;
  double value = 0;
  int64_t created = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    auto code = static_cast<uint8_t>(*at++);
    if (code >> 2 == kNewCreated) {
      created = take_svarint(at);
      code = static_cast<uint8_t>(*at++);
    }
    switch (code & 3) {
      case kSameStep: break;
      case kOneLonger: step = plus(step, 1); break;
      case kOneShorter: step = plus(step, -1); break;
      default: step = plus(step, take_svarint(at));
    }
    time = plus(time, step);
    const uint8_t value_code = code >> 2;
    if (value_code < kDeltaCodes) {
      value += static_cast<double>(int{value_code} - kDeltaBias);
    } else if (value_code == kLargeDelta) {
      value += static_cast<double>(take_svarint(at));
    } else {
      value = std::bit_cast<double>(load_le<uint64_t>(at));
      at += sizeof(uint64_t);
    }
    if (time < min) continue;
    if (time > max) break;
    append_created(out.created, n, created);
    out.times[n] = time;
    out.values[n] = value;
    ++n;
  }
  out.times.resize(n);
  out.values.resize(n);
}

void OpenFloats::clear() {
  bytes_.clear();
  count_ = 0;
}

void OpenFloats::erase_before(int64_t time) {
  if (count_ == 0 || first_time_ >= time) return;
  SampleColumns kept;
  read(time, std::numeric_limits<int64_t>::max(), kept);
  release();
  for (size_t i = 0; i < kept.times.size(); ++i)
    append(kept.times[i], kept.values[i], kept.created.empty() ? 0 : kept.created[i]);
}

}  // namespace sightline::tsdb
