#pragma once
// A column of unsigned 64-bit integers, entropy-coded in pages that can be read one by one. A number is a symbol (itself when
// small, else its magnitude) and the bits below; symbols have frequencies, several sets of them when the column's
// numbers come in contexts (the class of the span, say) that differ.
//   Format   docs/formats/trace_block.md, "Paged integers".
//   Errors   kCorrupt; reading allocates no more than the caller's counts say.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracestore/rans.h"

namespace sightline::tracestore {

struct PagedInput {
  std::span<const uint64_t> values;
  std::span<const uint32_t> contexts;  // of each value, below context_count; empty: all alike
  uint32_t context_count = 1;
  std::span<const uint32_t> page_ends;  // ascending, the last one values.size(); pages may be empty
};
void encode_paged(const PagedInput& input, std::string& out);

class PagedIntegers {
 public:
  // `bytes` ends with the column. Views of it must stay valid.
  static Result<PagedIntegers> open(std::string_view bytes, uint32_t context_count,
                                    uint32_t page_count);
  // Appends the values of one page, as many as it has. `contexts` of each value, or empty.
  Status read(uint32_t page, size_t count, std::span<const uint32_t> contexts,
              std::vector<uint64_t>& out) const;
  // The same one by one, for a column whose contexts depend on what came before.
  class Cursor {
   public:
    uint64_t next(uint32_t context);
    // All read and sound.
    bool finished() const;

   private:
    friend class PagedIntegers;
    const PagedIntegers* column_ = nullptr;
    bool empty_ = true;  // constant, or zeros
    bool ok_ = true;
    RansDecoder coder_{std::string_view()};
    std::string_view bits_;
    size_t bit_ = 0;
  };
  Result<Cursor> cursor(uint32_t page) const;

 private:
  bool constant_ = true;
  uint64_t value_ = 0;
  uint32_t context_count_ = 1;
  std::vector<uint8_t> table_of_;  // of each context; empty: one for all
  std::vector<Frequencies> tables_;
  std::vector<std::string_view> pages_;
};

// "coded by context", for people.
std::string_view paged_encoding_name(std::string_view bytes);

}  // namespace sightline::tracestore
