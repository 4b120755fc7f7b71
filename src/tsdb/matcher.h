#pragma once
// label = "value", !=, =~, !~. Regexes are RE2, fully anchored, and '.' matches newline.
//   Ownership  a value; the compiled regex is shared and immutable.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace sightline::tsdb {

enum class MatchOp : uint8_t { kEqual, kNotEqual, kRegex, kNotRegex };

class Matcher {
 public:
  // kInvalidArgument when the regex does not compile, in the peer's words.
  static Result<Matcher> create(MatchOp op, std::string name, std::string value);

  bool matches(std::string_view value) const;  // an absent label is ""
  bool matches_empty() const { return matches({}); }
  MatchOp op() const { return op_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  // When a regex is only alternatives of literals (a|b|c): those; else empty.
  const std::vector<std::string>& set_matches() const { return set_matches_; }
  // A literal every match starts with; empty when there is none.
  const std::string& prefix() const { return prefix_; }
  std::string to_string() const;  // job=~"a|b"

 private:
  MatchOp op_ = MatchOp::kEqual;
  std::string name_;
  std::string value_;
  std::shared_ptr<const re2::RE2> regex_;
  std::vector<std::string> set_matches_;
  std::string prefix_;
};

}  // namespace sightline::tsdb
