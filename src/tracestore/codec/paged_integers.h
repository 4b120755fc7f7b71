#pragma once
// A column of unsigned 64-bit integers, entropy-coded in pages that can be read one by one. A number is a symbol (itself when
// small, else its magnitude) and the bits below; symbols have frequencies, several sets of them when the column's
// numbers come in contexts (the class of the span, say) that differ.
//   Format   docs/formats/trace_block.md, "Paged integers".
//   Errors   kCorrupt; reading allocates no more than the caller's counts say.
//   Threads  a column is for one at a time: frequencies are read when first needed.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/inlined_vector.h>

#include "base/result.h"
#include "tracestore/codec/byte_guard.h"
#include "tracestore/codec/rans.h"

namespace sightline::tracestore {

struct PagedInput {
  std::span<const uint64_t> values;
  std::span<const uint32_t> contexts;  // of each value, below context_count; empty: all alike
  uint32_t context_count = 1;
  std::span<const uint32_t> page_ends;  // ascending, the last one values.size(); pages may be empty
};
void encode_paged(const PagedInput& input, std::string& out);

// The numbers of one page, one after the other.
class PageCursor {
 public:
  // A page of nothing but `value`.
  explicit PageCursor(uint64_t value = 0) : value_(value) {}
  PageCursor(std::string_view coded, std::string_view bits)
      : coder_(coded), bits_(bits.data()), bits_size_(bits.size()), constant_(false) {}
  bool is_constant() const { return constant_; }
  uint64_t value() const { return value_; }
  // Of a page that is not constant.
  uint64_t next(const RansSlots& slots) {
    const Magnitude& m = kMagnitudes[coder_.get(slots)];
    const size_t bit = bit_;
    bit_ += m.low_bits;
    if (bit / 8 + 8 <= bits_size_ && m.low_bits <= 56) [[likely]]
      return m.base + (load_le<uint64_t>(bits_ + bit / 8) >> bit % 8 & m.mask);
    return m.low_bits == 0 ? m.base : m.base + bits_at_end({bits_, bits_size_}, bit, m.low_bits);
  }
  // All read and sound.
  bool finished() const { return constant_ || (coder_.finished() && (bit_ + 7) / 8 == bits_size_); }

 private:
  struct Magnitude {
    uint64_t base = 0;
    uint64_t mask = 0;
    uint32_t low_bits = 0;
  };
  static const std::array<Magnitude, 256> kMagnitudes;
  // Near the end of the bits, or of very many at once; those past the end are zeros.
  static uint64_t bits_at_end(std::string_view bits, size_t begin, unsigned count);

  RansDecoder coder_;
  const char* bits_ = nullptr;
  size_t bits_size_ = 0;
  size_t bit_ = 0;
  uint64_t value_ = 0;
  bool constant_ = true;
};

class PagedIntegers {
 public:
  // `bytes` ends with the column. Views of it must stay valid, and so must the guard, which is asked about each page.
  static Result<PagedIntegers> open(std::string_view bytes, uint32_t context_count,
                                    uint32_t page_count, const ByteGuard* guard = nullptr);

  // Some pages, each into a place of its own. Several are read side by side, which takes half the time.
  template <typename Number>
  struct Part {
    uint32_t page = 0;
    size_t count = 0;
    const uint32_t* contexts = nullptr;  // of each value; any when the column has one for all
    Number* out = nullptr;
    bool whole = true;  // else the page may go on: those behind are neither read nor checked
  };
  Status read(std::span<const Part<uint64_t>> parts) const;
  // As many as a reader of one page, or of pages side by side, needs without allocating.
  template <typename Number>
  using Parts = absl::InlinedVector<Part<Number>, 4>;
  // kCorrupt for a number that does not fit.
  Status read(std::span<const Part<uint32_t>> parts) const;
  // Appends the values of one page, as many as it has. `contexts` of each value, or empty.
  Status read(uint32_t page, size_t count, std::span<const uint32_t> contexts,
              std::vector<uint64_t>& out) const;

  // For a column whose contexts depend on what came before.
  Result<PageCursor> cursor(uint32_t page) const;
  // Nothing but one value.
  bool is_constant() const { return constant_; }
  uint64_t constant() const { return value_; }
  uint64_t memory_bytes() const;
  // No number of the context is larger, as its frequencies say.
  Result<uint64_t> bound_of(uint32_t context) const;
  // The frequencies of a context below the context count.
  Result<const RansSlots*> slots_of(uint32_t context) const;
  // Those of all contexts, to be known from then on.
  Status read_all_slots() const;
  const RansSlots* known_slots(uint32_t context) const {
    return &slots_[table_of_.empty() ? 0 : table_of_[context]];
  }

 private:
  template <typename Number>
  Status prepare(std::span<const Part<Number>> parts) const;
  template <typename Number>
  Status read_parts(std::span<const Part<Number>> parts) const;
  template <typename Number, size_t kLanes>
  Status read_lanes(std::span<const Part<Number>> parts) const;
  // Reads the frequencies of a table once; null when they are torn.
  const RansSlots* slots_of_table(size_t table) const;

  const ByteGuard* guard_ = nullptr;
  bool constant_ = true;
  uint64_t value_ = 0;
  uint32_t context_count_ = 1;
  std::vector<uint8_t> table_of_;  // of each context; empty: one for all
  absl::InlinedVector<std::string_view, 6> tables_;
  std::string_view bytes_;                      // of all pages
  std::vector<uint32_t> page_begins_;           // and the end of the last
  mutable std::unique_ptr<RansSlots[]> slots_;  // of all tables, once one is needed
  mutable uint32_t tables_read_ = 0;            // a bit each
};

// "coded by context", for people.
std::string_view paged_encoding_name(std::string_view bytes);

}  // namespace sightline::tracestore
