#pragma once
// A binary range coder with adaptive probabilities: a decision that is nearly always the same costs a small part of a bit.
//   Carry      as in LZMA: 32 bits of range, a 64-bit low, bytes of 255 held back until the carry is known.
//   Robust     reading past the end reads zeros, so damaged bytes give other decisions but never stray; callers check what comes out.
//   Threads    one owner.
//   Format     docs/formats/tsdb_block.md, "Range coder"
#include <cstdint>
#include <string>
#include <string_view>

namespace sightline::tsdb {

// How likely a decision is 0, in 2^-16: the mean of a quick and a slow estimate, both quicker in the beginning.
class AdaptiveBit {
 public:
  uint32_t zero() const { return (uint32_t{quick_} + slow_) / 2; }
  void update(bool bit) {
    if (seen_ < 7) ++seen_;
    const unsigned quick_shift = seen_ < 4 ? seen_ : 4u;
    const unsigned slow_shift = seen_;
    quick_ = step(quick_, bit, quick_shift);
    slow_ = step(slow_, bit, slow_shift);
  }

 private:
  static uint16_t step(uint16_t p, bool bit, unsigned shift) {
    return static_cast<uint16_t>(bit ? p - ((p - 32u) >> shift) : p + ((65'504u - p) >> shift));
  }
  uint16_t quick_ = 1u << 15;
  uint16_t slow_ = 1u << 15;
  uint8_t seen_ = 0;
};

class RangeEncoder {
 public:
  explicit RangeEncoder(std::string& out) : out_(out), begin_(out.size()) {}
  void put(AdaptiveBit& model, bool bit) {
    const uint32_t bound = (range_ >> 16) * model.zero();
    if (bit) {
      low_ += bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    model.update(bit);
    while (range_ < (1u << 24)) {
      range_ <<= 8;
      shift();
    }
  }
  // As few bytes as tell the last decision: the reader takes zeros for what is missing.
  void finish() {
    for (unsigned zeros = 32; zeros > 0; --zeros) {
      const uint64_t mask = (uint64_t{1} << zeros) - 1;
      const uint64_t rounded = (low_ + mask) & ~mask;
      if (rounded - low_ >= range_) continue;
      low_ = rounded;
      break;
    }
    for (int i = 0; i < 5; ++i) shift();
    while (out_.size() > begin_ && out_.back() == '\0') out_.pop_back();
  }

 private:
  void shift() {
    if (low_ < 0xff000000u || low_ > 0xffffffffu) {
      if (pending_ > 0) {
        const auto carry = static_cast<uint8_t>(low_ >> 32);
        if (!first_) out_.push_back(static_cast<char>(held_ + carry));
        first_ = false;
        for (; pending_ > 1; --pending_) out_.push_back(static_cast<char>(0xff + carry));
        pending_ = 0;
      }
      held_ = static_cast<uint8_t>(low_ >> 24);
    }
    ++pending_;
    low_ = (low_ & 0x00ffffffu) << 8;
  }

  std::string& out_;
  const size_t begin_;
  uint64_t low_ = 0;
  uint32_t range_ = 0xffffffffu;
  uint8_t held_ = 0;
  uint64_t pending_ = 1;
  bool first_ = true;  // the first byte is always 0 and not written
};

class RangeDecoder {
 public:
  explicit RangeDecoder(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {
    for (int i = 0; i < 4; ++i) code_ = (code_ << 8) | next();
  }
  bool get(AdaptiveBit& model) {
    const uint32_t bound = (range_ >> 16) * model.zero();
    const bool bit = code_ >= bound;
    if (bit) {
      code_ -= bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    model.update(bit);
    while (range_ < (1u << 24)) {
      range_ <<= 8;
      code_ = (code_ << 8) | next();
    }
    return bit;
  }

 private:
  uint32_t next() { return at_ < end_ ? static_cast<uint8_t>(*at_++) : 0; }
  const char* at_;
  const char* end_;
  uint32_t code_ = 0;
  uint32_t range_ = 0xffffffffu;
};

// Bits that are as likely 0 as 1, least significant first.
class RawBitWriter {
 public:
  void put(uint64_t bits, unsigned count) {
    for (; count > 32; count -= 32, bits >>= 32) put_some(bits & 0xffffffffu, 32);
    put_some(bits & ((uint64_t{1} << count) - 1), count);
  }
  std::string finish() {
    while (filled_ > 0) {
      bytes_.push_back(static_cast<char>(pending_));
      pending_ >>= 8;
      filled_ -= filled_ < 8 ? filled_ : 8;
    }
    return std::move(bytes_);
  }

 private:
  void put_some(uint64_t bits, unsigned count) {
    pending_ |= bits << filled_;
    filled_ += count;
    while (filled_ >= 8) {
      bytes_.push_back(static_cast<char>(pending_));
      pending_ >>= 8;
      filled_ -= 8;
    }
  }
  std::string bytes_;
  uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

class RawBitReader {
 public:
  explicit RawBitReader(std::string_view bytes) : bytes_(bytes) {}
  // False once more was asked for than there is.
  bool ok() const { return bit_ <= bytes_.size() * 8; }
  uint64_t get(unsigned count) {
    uint64_t bits = 0;
    for (unsigned done = 0; done < count;) {
      const size_t byte = bit_ / 8;
      const unsigned offset = bit_ % 8;
      const unsigned n = count - done < 8 - offset ? count - done : 8 - offset;
      const uint64_t here = byte < bytes_.size() ? static_cast<uint8_t>(bytes_[byte]) : 0;
      bits |= ((here >> offset) & ((1u << n) - 1)) << done;
      done += n;
      bit_ += n;
    }
    return bits;
  }

 private:
  std::string_view bytes_;
  size_t bit_ = 0;
};

}  // namespace sightline::tsdb
