#pragma once
// Entropy coding of small symbols with static frequencies (range asymmetric numeral systems, bytewise): a symbol of
// probability p costs -log2(p) bits, also when that is far below one.
//   Format   docs/formats/trace_block.md, "Frequencies" and "Coded pages".
//   Errors   reading past the end yields zeros and is said by the decoder's ok().
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sightline::tracestore {

inline constexpr unsigned kRansScaleBits = 11;
inline constexpr uint32_t kRansScale = 1u << kRansScaleBits;
inline constexpr uint32_t kRansLow = 1u << 23;

// Of up to 256 symbols; frequencies of those that occur add up to kRansScale.
class Frequencies {
 public:
  // From how often each symbol occurs; at least one does.
  static Frequencies of(std::span<const uint64_t> counts);
  void append_to(std::string& out) const;
  // Empty for bytes that are none.
  static Frequencies read(ByteReader& in);

  bool empty() const { return symbols_.empty(); }
  bool is_single() const { return symbols_.size() == 1; }
  uint8_t only() const { return symbols_.front(); }
  uint32_t frequency(uint8_t symbol) const { return frequency_[symbol]; }
  uint32_t start(uint8_t symbol) const { return start_[symbol]; }
  // Bits of all those symbols.
  double cost(std::span<const uint64_t> counts) const;
  // Symbol of each slot; made by prepare().
  void prepare();
  uint8_t symbol_at(uint32_t slot) const { return slots_[slot]; }

 private:
  void number();
  std::vector<uint8_t> symbols_;  // ascending
  std::array<uint16_t, 256> frequency_{};
  std::array<uint16_t, 256> start_{};
  std::vector<uint8_t> slots_;
};

// Symbols are put last to first; what append_to() writes reads first to last.
class RansEncoder {
 public:
  void put(const Frequencies& f, uint8_t symbol) {
    const uint32_t frequency = f.frequency(symbol);
    const uint32_t limit = ((kRansLow >> kRansScaleBits) << 8) * frequency;
    while (state_ >= limit) {
      reversed_.push_back(static_cast<char>(state_));
      state_ >>= 8;
    }
    state_ = ((state_ / frequency) << kRansScaleBits) + state_ % frequency + f.start(symbol);
  }
  void append_to(std::string& out) {
    append_le<uint32_t>(out, state_);
    out.append(reversed_.rbegin(), reversed_.rend());
    state_ = kRansLow;
    reversed_.clear();
  }

 private:
  uint32_t state_ = kRansLow;
  std::string reversed_;
};

class RansDecoder {
 public:
  explicit RansDecoder(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {
    if (bytes.size() < 4) {
      ok_ = false;
    } else {
      state_ = load_le<uint32_t>(at_);
      at_ += 4;
    }
  }
  uint8_t get(const Frequencies& f) {
    const uint32_t slot = state_ & (kRansScale - 1);
    const uint8_t symbol = f.symbol_at(slot);
    state_ = f.frequency(symbol) * (state_ >> kRansScaleBits) + slot - f.start(symbol);
    while (state_ < kRansLow) {
      if (at_ == end_) {
        ok_ = false;
        state_ = kRansLow;
        break;
      }
      state_ = state_ << 8 | *at_++;
    }
    return symbol;
  }
  // All read, and back where the encoder began.
  bool finished() const { return ok_ && at_ == end_ && state_ == kRansLow; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  uint32_t state_ = kRansLow;
  bool ok_ = true;
};

}  // namespace sightline::tracestore
