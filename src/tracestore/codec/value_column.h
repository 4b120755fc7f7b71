#pragma once
// The column of one attribute: its values in pages that can be read one by one, in whichever of several
// layouts takes the least bytes: a dictionary, plain integers, decimals, or text split into templates and numbers.
//   Contexts  each value has one (the class of its span, say). What is usual in a context costs next to nothing.
//   Format    docs/formats/trace_block.md, "Value column".
//   Errors    kCorrupt for bytes that do not check; limits of block_format.h.
//   Threads   a reader is for one at a time.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/span_batch.h"
#include "tracestore/codec/code_table.h"
#include "tracestore/codec/paged_integers.h"
#include "tracestore/codec/text_arena.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

// Collects values, copies what is distinct, and encodes them.
class ValueColumnBuilder {
 public:
  void add(const model::ValueView& value, uint32_t context) {
    add_code(code_of(value, context), context);
  }
  // In two steps: values get their codes in any order, and are added later.
  uint32_t code_of(const model::ValueView& value, uint32_t context);
  void reserve(size_t count) {
    codes_.reserve(count);
    contexts_.reserve(count);
  }
  void add_code(uint32_t code, uint32_t context) {
    codes_.push_back(code);
    contexts_.push_back(context);
  }
  void end_page() { page_ends_.push_back(static_cast<uint32_t>(codes_.size())); }
  size_t count() const { return codes_.size(); }
  // The distinct ones that were added.
  std::vector<model::ValueView> used_values() const;
  const model::ValueView& value(uint32_t code) const { return values_[code]; }
  std::string encode(uint32_t context_count) const;
  // With contexts renumbered: `local` of each that add() was given.
  std::string encode(std::span<const uint32_t> local, uint32_t context_count) const;

 private:
  friend class ValueColumnEncoder;

  TextArena arena_;
  std::vector<model::ValueView> values_;  // distinct, in order of first appearance
  std::vector<uint32_t> codes_;
  std::vector<uint32_t> contexts_;
  std::vector<uint32_t> page_ends_;
  CodeTable code_of_;
  std::vector<uint32_t> usual_;  // by context: the code seen last, which is likely to come again
};

// Distinct values that are read when needed, a segment at a time.
class ValueDictionary {
 public:
  // Reads to the end of `in`. `depth`: a dictionary of templates has none itself.
  static Result<ValueDictionary> open(ByteReader& in, size_t count, const ByteGuard* guard,
                                      int depth);
  size_t count() const { return count_; }
  Result<model::ValueView> at(size_t index) const;
  // Makes those of `indices`, in any order, known to at() without reading more than they need. Sorts them.
  Status prepare(std::vector<uint32_t>& indices) const;
  // Appends all of them.
  Status read_all(std::vector<model::ValueView>& out) const;
  // As ValueColumnReader's.
  Result<bool> may_hold(std::string_view text) const;
  uint64_t memory_bytes() const;  // of what has been read

 private:
  struct Templated;
  struct Segment {
    size_t first = 0;  // value
    std::string_view bytes;
  };
  struct Loaded {
    std::string content;
    std::vector<uint32_t> begins;  // of each value
    model::ValueView at(size_t index) const;
  };
  Status load_segment(size_t number) const;
  Status load_page(size_t page) const;
  Status load_some(size_t page, std::span<const uint32_t> indices) const;

  size_t count_ = 0;
  const ByteGuard* guard_ = nullptr;
  std::vector<Segment> segments_;
  // By segment; what was read stays where it is, so views of it stay valid.
  std::shared_ptr<std::vector<std::unique_ptr<const Loaded>>> loaded_;
  std::shared_ptr<Templated> templated_;  // instead of all these
};

class ValueColumnReader {
 public:
  // The guard, if any, stays valid, and is asked about what is read.
  static Result<ValueColumnReader> open(std::string_view bytes, uint32_t context_count,
                                        uint32_t page_count, const ByteGuard* guard = nullptr,
                                        int depth = 0);

  // Appends the values of one page. Views live as long as storage(), asked for afterwards.
  Status read(uint32_t page, std::span<const uint32_t> contexts,
              std::vector<model::ValueView>& out) const;

  // Some pages at once, which takes less time than one by one. `contexts`: of all their values.
  struct Pages {
    std::span<const uint32_t> numbers;  // of the pages
    std::span<const uint32_t> counts;   // of each page's values
    std::span<const uint32_t> contexts;
    bool whole = true;  // else pages may go on behind what is read
  };
  Status read(const Pages& pages, std::vector<model::ValueView>& out) const;
  // Of the first values of one page those in `wanted`, runs of their places. `contexts` reach to the last of them.
  Status read_some(uint32_t page, std::span<const uint32_t> contexts,
                   std::span<const model::Run> wanted, std::vector<model::ValueView>& out) const;
  // False when none of its values is a text that holds `text`: as far as templates tell, no page is read.
  Result<bool> may_hold(std::string_view text) const;
  // For a column of a dictionary: its values, and codes into them.
  bool has_dictionary() const { return layout_ == Layout::kDictionary; }
  size_t distinct() const;
  Result<std::vector<model::ValueView>> dictionary() const;
  Status read_codes(const Pages& pages, std::vector<uint32_t>& out) const;
  std::shared_ptr<const void> storage() const;
  // A reader that is kept for others: the texts made so far are no longer its own, only those of who has storage().
  void leave_texts() { texts_.reset(); }
  uint64_t memory_bytes() const;  // but for such texts

 private:
  enum class Layout : uint8_t { kDictionary = 0, kIntegers = 1, kDecimals = 2, kTemplates = 3 };
  struct Storage;
  friend class ValueColumnEncoder;
  Status open_numbers(ByteReader& in, uint32_t context_count, uint32_t page_count);
  Status open_codes(ByteReader& in, uint32_t context_count, uint32_t page_count, int depth);
  Status open_templates(ByteReader& in, uint32_t context_count, uint32_t page_count, int depth);
  Status read_numbers(const Pages& pages, std::vector<uint64_t>& out) const;
  Status read_wanted(const Pages& pages, std::span<const model::Run> wanted,
                     std::vector<model::ValueView>& out) const;
  Status read_texts(const Pages& pages, std::span<const model::Run> wanted,
                    std::vector<model::ValueView>& out) const;

  const ByteGuard* guard_ = nullptr;
  Layout layout_ = Layout::kDictionary;
  int64_t base_ = 0;
  unsigned scale_ = 0;
  std::vector<uint32_t> usual_;     // by context: the usual code; empty: 0 in all
  std::vector<uint32_t> new_from_;  // by page: the first code of those that occur once; or empty
  PagedIntegers codes_;             // or numbers
  PagedIntegers slots_;
  std::shared_ptr<Storage> storage_;
  mutable std::shared_ptr<std::deque<std::string>> texts_;  // joined from templates
};

// "dictionary, coded", for people.
std::string value_encoding_name(std::string_view bytes);

// One value in place: kind, then content.
void append_value(std::string& out, const model::ValueView& value);
model::ValueView read_value(ByteReader& in);  // an unknown kind reads as torn

}  // namespace sightline::tracestore
