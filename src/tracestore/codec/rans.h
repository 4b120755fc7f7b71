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
// A state is below frequency * 2^22 when it is divided, so that the error of Symbol::inverse never reaches the next quotient and
// the product fits 64 bits.
inline constexpr unsigned kInverseBits = 42;

// What a reader looks up: by the low bits of its state an entry, which says the symbol, its frequency and where its range
// begins. Two steps keep it small: a reader of one trace meets a hundred of these, none of which was used lately.
struct RansEntry {
  uint32_t packed;
  static RansEntry of(uint32_t symbol, uint32_t frequency, uint32_t start) {
    return {symbol << 21 | frequency << kRansScaleBits | start};
  }
  uint32_t symbol() const { return packed >> 21; }
  uint32_t frequency() const { return packed >> kRansScaleBits & (2 * kRansScale - 1); }
  uint32_t start() const { return packed & (kRansScale - 1); }
};
struct RansSlots {
  std::array<uint8_t, kRansScale> places;  // in `entries`
  std::array<RansEntry, 256> entries;      // ascending by symbol
  uint32_t count;                          // of them
};

// Of up to 256 symbols; frequencies of those that occur add up to kRansScale.
class Frequencies {
 public:
  // From how often each symbol occurs; at least one does.
  static Frequencies of(std::span<const uint32_t> counts);
  void append_to(std::string& out) const;

  // What an encoder needs of a symbol side by side: dividing by its frequency is multiplying by `inverse`.
  struct Symbol {
    uint64_t inverse = 0;  // 2^kInverseBits / frequency, rounded up
    uint32_t frequency = 0;
    uint32_t start = 0;
  };
  const Symbol& operator[](uint8_t symbol) const { return of_symbol_[symbol]; }
  // Bits of all those symbols.
  double cost(std::span<const uint32_t> counts) const;

 private:
  std::vector<uint8_t> symbols_;  // ascending
  std::array<Symbol, 256> of_symbol_{};
};

// What append_to() wrote, as a reader wants it. False for bytes that are none, or are not all used.
bool read_frequencies(std::string_view bytes, RansSlots& slots);

// Symbols are put last to first; what append_to() writes reads first to last. Copies go on by themselves, in the same room.
class RansEncoder {
 public:
  RansEncoder() = default;
  // Into `room`, from its end on: a word for each symbol, and one more.
  explicit RansEncoder(std::span<uint16_t> room)
      : end_(room.data() + room.size()), at_(room.data() + room.size()) {}
  // Does not branch on whether a word is full: that is hard to foresee.
  void put(const Frequencies::Symbol& symbol) {
    const bool full = state_ >= uint64_t{symbol.frequency} << (32 - kRansScaleBits);
    at_[-1] = static_cast<uint16_t>(state_);
    at_ -= full ? 1 : 0;
    state_ = full ? state_ >> 16 : state_;
    const auto quotient = static_cast<uint32_t>(state_ * symbol.inverse >> kInverseBits);
    state_ += quotient * (kRansScale - symbol.frequency) + symbol.start;
  }
  size_t bytes() const {
    return sizeof(state_) + static_cast<size_t>(end_ - at_) * sizeof(uint16_t);
  }
  void append_to(std::string& out) const {
    append_le<uint32_t>(out, state_);
    out.append(reinterpret_cast<const char*>(at_), bytes() - sizeof(state_));
  }

 private:
  uint32_t state_ = kRansLow;
  uint16_t* end_ = nullptr;
  uint16_t* at_ = nullptr;  // words from here on, the first to be read first
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
    const uint32_t low = state_ & (kRansScale - 1);
    const RansEntry entry = slots.entries[slots.places[low]];
    const uint32_t state = entry.frequency() * (state_ >> kRansScaleBits) + low - entry.start();
    const auto word = load_le<uint16_t>(at_ + 2 <= size_ ? bytes_ + at_ : kNothing);
    const bool is_low = state < kRansLow;
    state_ = is_low ? state << 16 | word : state;
    at_ += is_low ? 2 : 0;
    return entry.symbol();
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
