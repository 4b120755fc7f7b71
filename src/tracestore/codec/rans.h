#pragma once
// Entropy coding of small symbols with static frequencies (range asymmetric numeral systems, in words of 16 bits): a
// symbol of probability p costs -log2(p) bits, also when that is far below one.
//   Format   docs/formats/trace_block.md, "Frequencies" and "Coded symbols".
//   Errors   reading past the end yields some symbols, and finished() is false.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sightline::tracestore {

inline constexpr unsigned kRansScaleBits = 10;
inline constexpr uint32_t kRansScale = 1u << kRansScaleBits;
inline constexpr uint32_t kRansLow = 1u << 16;

// What a reader looks up by the low bits of its state: the symbol, its frequency, and how far into its range they are.
struct RansSlot {
  uint32_t packed;
  static RansSlot of(uint32_t symbol, uint32_t frequency, uint32_t distance) {
    return {symbol << 21 | frequency << kRansScaleBits | distance};
  }
  uint32_t symbol() const { return packed >> 21; }
  uint32_t frequency() const { return packed >> kRansScaleBits & (2 * kRansScale - 1); }
  uint32_t distance() const { return packed & (kRansScale - 1); }
};
using RansSlots = std::array<RansSlot, kRansScale>;

// Of up to 256 symbols; frequencies of those that occur add up to kRansScale.
class Frequencies {
 public:
  // From how often each symbol occurs; at least one does.
  static Frequencies of(std::span<const uint32_t> counts);
  void append_to(std::string& out) const;

  bool is_single() const { return symbols_.size() == 1; }
  uint32_t frequency(uint8_t symbol) const { return frequency_[symbol]; }
  uint32_t start(uint8_t symbol) const { return start_[symbol]; }
  // Bits of all those symbols.
  double cost(std::span<const uint32_t> counts) const;

 private:
  std::vector<uint8_t> symbols_;  // ascending
  std::array<uint16_t, 256> frequency_{};
  std::array<uint16_t, 256> start_{};
};
// What append_to() wrote, as a reader wants it. False for bytes that are none, or are not all used.
bool read_frequencies(std::string_view bytes, RansSlots& slots);

// Symbols are put last to first; what append_to() writes reads first to last.
class RansEncoder {
 public:
  void put(const Frequencies& f, uint8_t symbol) {
    const uint32_t frequency = f.frequency(symbol);
    if (state_ >= uint64_t{frequency} << (32 - kRansScaleBits)) {
      reversed_.push_back(static_cast<uint16_t>(state_));
      state_ >>= 16;
    }
    state_ = ((state_ / frequency) << kRansScaleBits) + state_ % frequency + f.start(symbol);
  }
  void append_to(std::string& out) {
    append_le<uint32_t>(out, state_);
    for (size_t i = reversed_.size(); i-- > 0;) append_le<uint16_t>(out, reversed_[i]);
    state_ = kRansLow;
    reversed_.clear();
  }

 private:
  uint32_t state_ = kRansLow;
  std::vector<uint16_t> reversed_;
};

class RansDecoder {
 public:
  RansDecoder() = default;
  explicit RansDecoder(std::string_view bytes) : bytes_(bytes.data()), size_(bytes.size()) {
    if (size_ < 4) {
      at_ = SIZE_MAX / 2;
    } else {
      state_ = load_le<uint32_t>(bytes_);
      at_ = 4;
    }
  }
  // Branches neither on the symbol nor on whether a word follows: both are hard to foresee.
  uint32_t get(const RansSlots& slots) {
    static constexpr char kNothing[2] = {0, 0};
    const RansSlot slot = slots[state_ & (kRansScale - 1)];
    const uint32_t state = slot.frequency() * (state_ >> kRansScaleBits) + slot.distance();
    const auto word = load_le<uint16_t>(at_ + 2 <= size_ ? bytes_ + at_ : kNothing);
    const bool is_low = state < kRansLow;
    state_ = is_low ? state << 16 | word : state;
    at_ += is_low ? 2 : 0;
    return slot.symbol();
  }
  // All read, and back where the encoder began.
  bool finished() const { return at_ == size_ && state_ == kRansLow; }

 private:
  const char* bytes_ = nullptr;
  size_t size_ = 0;
  size_t at_ = 0;
  uint32_t state_ = kRansLow;
};

}  // namespace sightline::tracestore
