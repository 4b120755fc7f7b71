#pragma once
// The tokens of a query as the parsers read them.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "traceql/syntax/ast.h"
#include "traceql/syntax/lexer.h"
#include "traceql/syntax/parser.h"

namespace sightline::traceql {

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, const ParseLimits& limits)
      : tokens_(std::move(tokens)), limits_(limits) {}

  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is_symbol(std::string_view text, size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::kSymbol && peek(ahead).text == text;
  }
  bool is_word(std::string_view text, size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::kWord && peek(ahead).text == text;
  }
  bool take_symbol(std::string_view text) {
    if (!is_symbol(text)) return false;
    take();
    return true;
  }
  Status expect(std::string_view symbol) {
    if (take_symbol(symbol)) return {};
    return unexpected_token(symbol);
  }
  // The next token has no place here.
  std::unexpected<Error> unexpected_token(std::string_view expected = {}) const;
  Status check_depth(uint32_t depth) const {
    if (depth <= limits_.depth_max) return {};
    return parse_error(peek().place, "query is nested too deeply: more than " +
                                         std::to_string(limits_.depth_max) + " levels");
  }
  const ParseLimits& limits() const { return limits_; }

  // Counts how deep the parser is in itself.
  class Level {
   public:
    explicit Level(TokenStream& stream) : stream_(stream) { ++stream_.level_; }
    ~Level() { --stream_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Status check() const { return stream_.check_depth(stream_.level_); }

   private:
    TokenStream& stream_;
  };

 private:
  std::vector<Token> tokens_;
  const ParseLimits limits_;
  size_t at_ = 0;
  uint32_t level_ = 0;
};

// A word that means a value: true, nil, error, server, minInt. Status and kind words included.
std::optional<Literal> literal_word(std::string_view word);
bool is_known_word(std::string_view word);

// What stands inside braces or an aggregate's parentheses.
Result<FieldPtr> parse_field(TokenStream& tokens);
// An attribute token or an intrinsic's word.
Result<Attribute> parse_attribute_token(TokenStream& tokens);
// A literal with an optional minus.
Result<Literal> parse_literal_token(TokenStream& tokens);

}  // namespace sightline::traceql
