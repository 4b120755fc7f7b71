#pragma once
// A series' identity: label pairs sorted by name (bytewise), unique names, no
// empty values (an empty value means "label absent", Prometheus data model).
//   Ownership  a value; all pairs lie in one string, so copying is one allocation.
//   Threads    immutable once built.
#include <compare>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sightline::model {

inline constexpr std::string_view kMetricName = "__name__";

struct LabelView {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const LabelView&, const LabelView&) = default;
  friend auto operator<=>(const LabelView&, const LabelView&) = default;
};

class Labels {
 public:
  Labels() = default;

  class Iterator {
   public:
    using value_type = LabelView;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using reference = LabelView;
    Iterator() = default;
    LabelView operator*() const { return current_; }
    const LabelView* operator->() const { return &current_; }
    Iterator& operator++() { return step(), *this; }
    Iterator operator++(int) {
      Iterator old = *this;
      step();
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    friend class Labels;
    Iterator(const char* at, const char* end) : next_(at), end_(end) { step(); }
    void step();
    const char* at_ = nullptr;  // start of the current pair; null at the end
    const char* next_ = nullptr;
    const char* end_ = nullptr;
    LabelView current_;
  };

  Iterator begin() const { return {packed_.data(), packed_.data() + packed_.size()}; }
  Iterator end() const { return {}; }
  bool empty() const { return packed_.empty(); }
  size_t size() const;                                // pairs
  std::string_view get(std::string_view name) const;  // empty when absent
  bool has(std::string_view name) const;
  std::string_view metric_name() const { return get(kMetricName); }
  // The pairs as length-prefixed bytes (uvarint name length, name, uvarint value
  // length, value, ...): equal label sets have equal bytes. Stable, storable.
  std::string_view packed() const { return packed_; }
  // From packed bytes; the caller vouches that they came from packed().
  static Labels from_packed(std::string bytes) {
    Labels l;
    l.packed_ = std::move(bytes);
    return l;
  }
  // Checks lengths and order; for bytes read from disk.
  static bool is_packed(std::string_view bytes);
  uint64_t hash() const;  // of packed(); stable across processes
  // {__name__="x", a="b"} printed as x{a="b"}; without a name {a="b"}.
  std::string to_string() const;

  friend bool operator==(const Labels&, const Labels&) = default;
  // By name then value of the first pair that differs; a prefix comes first.
  friend std::strong_ordering operator<=>(const Labels& a, const Labels& b);

 private:
  std::string packed_;
};

struct LabelsHash {
  size_t operator()(const Labels& labels) const { return static_cast<size_t>(labels.hash()); }
};

// Gathers pairs in any order and builds sorted Labels. Setting an empty value
// removes the label.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(const Labels& base);
  LabelsBuilder& set(std::string_view name, std::string_view value);
  LabelsBuilder& remove(std::string_view name);
  std::string_view get(std::string_view name) const;
  Labels build() const;
  void clear() { pairs_.clear(); }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;  // sorted by name, unique
};

// Convenience for tests and fixed label sets: make_labels({{"a","b"},{"__name__","x"}}).
Labels make_labels(std::initializer_list<LabelView> pairs);

bool is_valid_label_name_legacy(std::string_view name);   // [a-zA-Z_][a-zA-Z0-9_]*
bool is_valid_metric_name_legacy(std::string_view name);  // [a-zA-Z_:][a-zA-Z0-9_:]*

}  // namespace sightline::model
