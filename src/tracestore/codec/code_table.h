#pragma once
// Which code each of some distinct things has, found by hash. The things are the caller's, by code; here a slot is 8 bytes.
//   Threads  one owner.
#include <cstdint>
#include <vector>

namespace sightline::tracestore {

class CodeTable {
 public:
  // The code of the thing with that hash for which `is(code)`; when there is none, `next`, which it has from now on.
  // Bits 32 to 63 of the hash count. Fewer than 2^32 - 1 codes.
  template <typename Is>
  uint32_t code_of(uint64_t hash, uint32_t next, Is is) {
    if ((count_ + 1) * 3 > slots_.size() * 2) grow();
    const auto tag = static_cast<uint32_t>(hash >> 32);
    size_t at = tag & (slots_.size() - 1);
    for (; slots_[at].place != 0; at = (at + 1) & (slots_.size() - 1))
      if (slots_[at].tag == tag && is(slots_[at].place - 1)) return slots_[at].place - 1;
    slots_[at] = {tag, next + 1};
    ++count_;
    return next;
  }

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t place = 0;  // 1 + code; 0: empty
  };
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 8 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.place == 0) continue;
      size_t at = slot.tag & (slots_.size() - 1);
      while (slots_[at].place != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most two thirds full
  size_t count_ = 0;
};

}  // namespace sightline::tracestore
