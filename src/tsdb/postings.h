#pragma once
// From matchers to series: an inverted index label name -> value -> series,
// of the head (mutable) or of a block (mapped), and the one algorithm over both.
//   Series are named by 32-bit numbers, local to their index.
//   Threads  a PostingsSource may be read by many; whoever changes it excludes readers.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <roaring/roaring.hh>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/pacer.h"
#include "base/result.h"
#include "tsdb/matcher.h"

namespace sightline::tsdb {

class PostingsSource {
 public:
  virtual ~PostingsSource() = default;
  virtual Roaring all() const = 0;
  // Empty when there is none.
  virtual Roaring with(std::string_view name, std::string_view value) const = 0;
  // Calls back for each value of `name` that starts with `prefix`, ascending, until it says false.
  using ValueVisitor = std::function<bool(std::string_view value)>;
  virtual void each_value(std::string_view name, std::string_view prefix,
                          const ValueVisitor& visit) const = 0;
  // Ascending.
  virtual std::vector<std::string> names() const = 0;
};

// Series for which all matchers hold; an absent label is the empty value. The only error is that of `wanted`.
Result<Roaring> select_postings(const PostingsSource& source, std::span<const Matcher> matchers,
                                const StillWanted& wanted = {});
// Names, or values of `name`, that series for which all matchers hold have. Ascending.
Result<std::vector<std::string>> select_names(const PostingsSource& source,
                                              std::span<const Matcher> matchers,
                                              const StillWanted& wanted = {});
Result<std::vector<std::string>> select_values(const PostingsSource& source, std::string_view name,
                                               std::span<const Matcher> matchers,
                                               const StillWanted& wanted = {});

// The head's index. Values with few series keep them in a plain array.
class MutablePostings final : public PostingsSource {
 public:
  void add(uint32_t series, std::string_view packed_labels);
  void remove(uint32_t series, std::string_view packed_labels);

  Roaring all() const override { return all_; }
  Roaring with(std::string_view name, std::string_view value) const override;
  void each_value(std::string_view name, std::string_view prefix,
                  const ValueVisitor& visit) const override;
  std::vector<std::string> names() const override;

  uint64_t pair_count() const { return pair_count_; }
  uint64_t value_count(std::string_view name) const;
  uint64_t series_count(std::string_view name, std::string_view value) const;

 private:
  class List {
   public:
    void add(uint32_t series);
    void remove(uint32_t series);
    uint64_t size() const { return many_ != nullptr ? many_->cardinality() : few_.size(); }
    Roaring bitmap() const;

   private:
    std::vector<uint32_t> few_;      // sorted
    std::unique_ptr<Roaring> many_;  // instead, beyond kFewMax
  };
  using Values = std::map<std::string, List, std::less<>>;

  std::map<std::string, Values, std::less<>> names_;
  Roaring all_;
  uint64_t pair_count_ = 0;
};

}  // namespace sightline::tsdb
