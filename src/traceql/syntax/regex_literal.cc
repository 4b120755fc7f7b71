#include "traceql/syntax/regex_literal.h"

#include <cctype>

namespace sightline::traceql {
namespace {

// Walks a pattern once, and keeps the longest run of characters that must come as they are.
class LiteralFinder {
 public:
  explicit LiteralFinder(std::string_view pattern) : pattern_(pattern) {}

  std::string find() {
    // Flags may change what letters mean.
    if (pattern_.find("(?") != std::string_view::npos) return {};
    while (at_ < pattern_.size())
      if (!step(pattern_[at_++])) return {};
    end_run();
    return longest_;
  }

 private:
  // False: nothing can be said of the pattern.
  bool step(char c) {
    switch (c) {
      case '|': return false;
      case '(': end_run(); return skip_group();
      case '[': end_run(); return skip_class();
      case '*':
      case '?': drop_last(); return true;
      case '{': drop_last(); return skip_to('}');
      case '+': end_run(); return true;
      case '.':
      case '^':
      case '$': end_run(); return true;
      case '\\': return escape();
      default: run_.push_back(c); return true;
    }
  }
  bool escape() {
    if (at_ == pattern_.size()) return false;
    const char c = pattern_[at_++];
    if (c == 'Q' || c == 'p' || c == 'P' || c == 'x' || std::isdigit(static_cast<unsigned char>(c)))
      return false;
    if (std::ispunct(static_cast<unsigned char>(c)))
      run_.push_back(c);
    else
      end_run();
    return true;
  }
  bool skip_to(char end) {
    const size_t found = pattern_.find(end, at_);
    at_ = found == std::string_view::npos ? pattern_.size() : found + 1;
    return found != std::string_view::npos;
  }
  bool skip_class() {
    if (at_ < pattern_.size() && pattern_[at_] == '^') ++at_;
    if (at_ < pattern_.size() && pattern_[at_] == ']') ++at_;
    for (; at_ < pattern_.size() && pattern_[at_] != ']'; ++at_)
      if (pattern_[at_] == '\\' || pattern_[at_] == '[') return false;  // escapes, [:alpha:]
    return at_++ < pattern_.size();
  }
  bool skip_group() {
    for (int depth = 1; at_ < pattern_.size(); ++at_) {
      const char c = pattern_[at_];
      if (c == '\\' || c == '[') return false;
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (depth == 0) {
        ++at_;
        return true;
      }
    }
    return false;
  }
  // What comes before may come never: all bytes of the character.
  void drop_last() {
    while (!run_.empty() && (static_cast<unsigned char>(run_.back()) & 0xc0) == 0x80)
      run_.pop_back();
    if (!run_.empty()) run_.pop_back();
    end_run();
  }
  void end_run() {
    if (run_.size() > longest_.size()) longest_ = run_;
    run_.clear();
  }

  std::string_view pattern_;
  size_t at_ = 0;
  std::string run_;
  std::string longest_;
};

}  // namespace

std::string required_literal(std::string_view pattern) { return LiteralFinder(pattern).find(); }

}  // namespace sightline::traceql
