#pragma once
// What the parts of the parser share: the tokens, the place, the first fault.
// Internal to the parser. A parse function returns null (or false) after a
// fault; the fault itself lies in `error` and its callers just pass the null on.
#include <optional>
#include <string>
#include <string_view>

#include "promql/syntax/ast.h"
#include "promql/syntax/lexer.h"
#include "promql/syntax/parser.h"

namespace sightline::promql {

struct ParseFault {
  uint32_t offset = 0;
  std::string message;
};

// "line:column: parse error: message" of a fault.
Error parse_error(std::string_view query, const ParseFault& fault);

class ParseState {
 public:
  ParseState(std::string_view query, const TokenList& list, const ParseLimits& limits)
      : query_(query), tokens_(list.tokens), limits_(limits) {}

  const Token& peek(size_t ahead = 0) const {
    return tokens_[at_ + ahead < tokens_.size() ? at_ + ahead : tokens_.size() - 1];
  }
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at(Keyword keyword) const {
    return peek().kind == TokenKind::kIdentifier && peek().keyword == keyword;
  }
  Token take() {
    const Token token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    last_end_ = token.end;
    return token;
  }
  bool take_if(TokenKind kind) { return at(kind) ? (take(), true) : false; }
  bool take_if(Keyword keyword) { return at(keyword) ? (take(), true) : false; }
  uint32_t last_end() const { return last_end_; }

  // The first fault stays.
  void fail_at(uint32_t offset, std::string message) {
    if (!fault_) fault_ = ParseFault{offset, std::move(message)};
  }
  // `unexpected <token> in <context>, expected <expected>`, or the lexer's own message.
  void unexpected(std::string_view context, std::string_view expected);
  bool failed() const { return fault_.has_value(); }
  const std::optional<ParseFault>& fault() const { return fault_; }
  std::string_view query() const { return query_; }
  const ParseLimits& limits() const { return limits_; }

  // info()'s second argument may match anything: it only picks labels.
  bool selector_may_match_all = false;

  // Sets position and height, and refuses a tree that grows too high.
  bool finish(Expr& expr, uint32_t start, uint32_t end);
  // Guards recursion of the parser itself.
  class Depth {
   public:
    explicit Depth(ParseState& state) : state_(state) { ++state_.depth_; }
    ~Depth() { --state_.depth_; }
    bool too_deep();

   private:
    ParseState& state_;
  };

 private:
  std::string_view query_;
  const std::vector<Token>& tokens_;
  const ParseLimits& limits_;
  size_t at_ = 0;
  uint32_t last_end_ = 0;
  uint32_t depth_ = 0;
  std::optional<ParseFault> fault_;
};

// The inside of a string token, escapes resolved.
std::string unquote(const Token& token);
// A number or duration token's value in seconds, or the peer's words on what is wrong with it.
Result<double> number_value(const Token& token);

// parse_selectors.cc: {…} after an optional name; label lists; durations.
std::unique_ptr<VectorSelector> parse_vector_selector(ParseState& state);
bool parse_label_list(ParseState& state, std::vector<std::string>& out);
// Postfix modifiers on `expr`: ranges, subqueries, offset, @, anchored, smoothed.
ExprPtr parse_postfix(ParseState& state, ExprPtr expr);

}  // namespace sightline::promql
