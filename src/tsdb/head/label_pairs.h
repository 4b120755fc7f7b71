#pragma once
// The label pairs (name and value) that the head's series have, each stored once, and the label sets made of them: a
// series keeps four bytes a label instead of its texts.
//   Lifetime  a pair lives while some label set has it; the table outlives all of them.
//   Threads   any: a mutex guards the table; what a label set holds is read without it.
//   Memory    a label set: one allocation of 12 bytes and 4 a label. A pair: about 60 bytes and its texts.
#include <absl/container/flat_hash_set.h>

#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "model/labels.h"

namespace sightline::tsdb {

class LabelPairs {
 public:
  LabelPairs() = default;
  ~LabelPairs();
  LabelPairs(const LabelPairs&) = delete;
  LabelPairs& operator=(const LabelPairs&) = delete;

  // The numbers of the pairs, with one reference more to each.
  void take(const model::Labels& labels, std::span<uint32_t> numbers);
  void release(std::span<const uint32_t> numbers);
  // As in model::Labels::packed(). Of a pair that is referred to.
  std::string_view packed(uint32_t number) const { return entry(number).packed; }
  std::strong_ordering compare(uint32_t a, uint32_t b) const;
  size_t size() const;

 private:
  struct Entry {
    std::string packed;
    uint32_t references = 0;  // guarded by mutex_
  };
  struct Hash {
    using is_transparent = void;
    const LabelPairs* table;
    size_t operator()(uint32_t number) const { return operator()(table->packed(number)); }
    size_t operator()(std::string_view packed) const { return static_cast<size_t>(xxh3(packed)); }
  };
  struct Same {
    using is_transparent = void;
    const LabelPairs* table;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, std::string_view b) const { return table->packed(a) == b; }
    bool operator()(std::string_view a, uint32_t b) const { return table->packed(b) == a; }
  };

  // Entries lie in pieces of 64, 128, 256, ..., which never move.
  static constexpr unsigned kFirstBits = 6;
  static constexpr size_t kPieces = 32 - kFirstBits;
  static unsigned piece_of(uint64_t number) {
    return static_cast<unsigned>(std::bit_width(number + (1u << kFirstBits))) - 1 - kFirstBits;
  }
  static uint64_t begin_of(unsigned piece) {
    return (uint64_t{1} << (piece + kFirstBits)) - (1u << kFirstBits);
  }
  Entry& entry(uint32_t number) const {
    const unsigned piece = piece_of(number);
    return pieces_[piece].load(std::memory_order_acquire)[number - begin_of(piece)];
  }
  uint32_t add(std::string_view packed);  // under mutex_

  std::array<std::atomic<Entry*>, kPieces> pieces_{};
  mutable std::mutex mutex_;
  uint32_t next_ = 0;           // guarded by mutex_; the first number never used
  std::vector<uint32_t> free_;  // guarded by mutex_
  absl::flat_hash_set<uint32_t, Hash, Same> table_{0, Hash{this}, Same{this}};  // guarded by mutex_
};

// A label set made of pairs. Immutable.
class InternedLabels {
 public:
  InternedLabels(LabelPairs& pairs, const model::Labels& labels);
  ~InternedLabels();
  InternedLabels(const InternedLabels&) = delete;
  InternedLabels& operator=(const InternedLabels&) = delete;

  model::Labels labels() const;
  friend bool operator==(const InternedLabels& a, const InternedLabels& b);  // of one table
  bool operator==(const model::Labels& labels) const;
  // As labels order.
  friend std::strong_ordering operator<=>(const InternedLabels& a, const InternedLabels& b);

 private:
  // The table, how many pairs, and their numbers.
  struct Header {
    LabelPairs* pairs;
    uint32_t count;
  };
  std::span<uint32_t> numbers() const {
    return {reinterpret_cast<uint32_t*>(bytes_.get() + kNumbersAt), header().count};
  }
  const Header& header() const { return *reinterpret_cast<const Header*>(bytes_.get()); }
  static constexpr size_t kNumbersAt = sizeof(LabelPairs*) + sizeof(uint32_t);

  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace sightline::tsdb
