#pragma once
// What spans of a row group have in common, named once: their classes (name, kind, flags, scope, list of keys), the
// resources these come from, and in which order classes follow each other. From these most of a span follows.
//   Format   docs/formats/trace_block.md, "Classes".
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/bytes.h"
#include "tracestore/row_group/row_pages.h"
#include "tracestore/row_group/shape_table.h"
#include "tracestore/row_group/value_index.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

inline constexpr size_t kClassFields = 5;
enum ClassField : size_t { kClassName, kClassKind, kClassFlags, kClassScope, kClassShape };

// Distinct tuples of numbers.
template <size_t kFields>
class TupleNumbers {
 public:
  using Tuple = std::array<uint32_t, kFields>;
  uint32_t of(const Tuple& tuple) {
    const auto [known, is_new] = numbers_.try_emplace(tuple, static_cast<uint32_t>(tuples_.size()));
    if (is_new) tuples_.push_back(tuple);
    return known->second;
  }
  size_t size() const { return tuples_.size(); }
  const std::vector<Tuple>& tuples() const { return tuples_; }

 private:
  std::vector<Tuple> tuples_;
  absl::flat_hash_map<Tuple, uint32_t> numbers_;
};

// Distinct texts, copied.
class TextNumbers {
 public:
  uint32_t of(std::string_view text) {
    if (const auto known = numbers_.find(text); known != numbers_.end()) return known->second;
    texts_.push_back(arena_.keep(text));
    numbers_.emplace(texts_.back(), static_cast<uint32_t>(texts_.size() - 1));
    return static_cast<uint32_t>(texts_.size() - 1);
  }
  const std::vector<std::string_view>& texts() const { return texts_; }

 private:
  TextArena arena_;
  std::vector<std::string_view> texts_;
  absl::flat_hash_map<std::string_view, uint32_t> numbers_;
};

// Resources and scopes by content, and which pairs of them occur.
class ScopeTables {
 public:
  struct Pair {
    uint32_t resource = 0;
    uint32_t scope = 0;
  };
  explicit ScopeTables(KeyNumbers& keys) : keys_(keys) {}
  // `scope` of `batch`; scopes of one batch in any order, then those of the next.
  Pair of(const model::SpanBatch& batch, uint32_t scope);
  void begin_batch() { known_.clear(); }
  std::string resources() const { return table(resources_); }
  std::string scopes() const { return table(scopes_); }
  std::string pairs() const;
  // The attributes of the marked ones, and of scopes the names and versions.
  size_t resource_count() const { return resources_.encoded.size(); }
  size_t scope_count() const { return scopes_.encoded.size(); }
  void list_resources(const std::vector<uint8_t>& used, const std::vector<std::string_view>& keys,
                      RowGroupValueList& list) const;
  void list_scopes(const std::vector<uint8_t>& used, const std::vector<std::string_view>& keys,
                   RowGroupValueList& list) const;

 private:
  // Distinct contents, each as it is written.
  struct Contents {
    std::vector<std::string> encoded;
    absl::flat_hash_map<std::string, uint32_t> numbers;
    uint32_t of(std::string content) {
      const auto [known, is_new] =
          numbers.try_emplace(content, static_cast<uint32_t>(encoded.size()));
      if (is_new) encoded.push_back(std::move(content));
      return known->second;
    }
  };
  static std::string table(const Contents& contents);

  KeyNumbers& keys_;
  std::vector<std::optional<Pair>> known_;  // by scope of the batch at hand
  Contents resources_;
  Contents scopes_;
  std::vector<Pair> pairs_;
  absl::flat_hash_map<uint64_t, uint32_t> pair_numbers_;
};

// A count, then each list: how long it is, and its numbers.
template <typename Lists>
std::string write_lists(const Lists& lists) {
  std::string out;
  append_uvarint(out, lists.size());
  for (const auto& list : lists) {
    append_uvarint(out, list.size());
    for (const uint32_t value : list) append_uvarint(out, value);
  }
  return out;
}

// The classes of all rows: each as its rank among those that often follow the class of the row before, plus 1; 0 for
// others, which follow in a list of their own.
struct ClassSequence {
  std::string successors;
  std::vector<uint64_t> ranks;
  std::vector<uint32_t>
      contexts;  // class of the row before; the number of classes at the begin of a trace
  std::vector<uint64_t> others;
  std::vector<uint32_t> other_page_ends;
};
ClassSequence encode_class_sequence(const std::vector<uint32_t>& class_of_row, uint32_t class_count,
                                    const std::vector<RowPage>& pages,
                                    const std::vector<uint32_t>& trace_rows);

// The resource of each row: 0 for that of its parent, else 1 + its place among those of its class.
struct ResourceSequence {
  std::string of_classes;
  std::vector<uint64_t> symbols;
};
ResourceSequence encode_resource_sequence(const std::vector<uint32_t>& resource_of_row,
                                          const std::vector<uint32_t>& class_of_row,
                                          uint32_t class_count,
                                          const std::vector<uint32_t>& parent_rows);

// Numbers the contexts whose shape has the key, in their order; others get 0. Returns how many.
template <typename Shapes>
uint32_t number_contexts(const Shapes& shapes, const std::vector<uint32_t>& context_shapes,
                         uint32_t key, std::vector<uint32_t>& local) {
  std::vector<bool> has(shapes.size());
  for (size_t shape = 0; shape < shapes.size(); ++shape)
    for (const uint32_t other : shapes[shape]) has[shape] = has[shape] || other == key;
  uint32_t next = 0;
  local.assign(context_shapes.size(), 0);
  for (size_t c = 0; c < context_shapes.size(); ++c)
    if (has[context_shapes[c]]) local[c] = next++;
  return next;
}

}  // namespace sightline::tracestore
