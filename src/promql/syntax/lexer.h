#pragma once
// PromQL text into tokens. A fault becomes one kError token whose text is the
// message, and ends the list: the parser reports it only if it gets that far,
// so that the first fault in reading order wins.
//   Ownership  tokens view into the query, which must outlive them; an error's
//              text is owned by the TokenList.
//   Source     spec: PromQL lexical grammar; messages as the peer words them.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"

namespace sightline::promql {

enum class TokenKind : uint8_t {
  kEof,
  kError,
  kIdentifier,
  kMetricIdentifier,
  kString,
  kNumber,
  kDuration,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAt,
  kAssign,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kEqual,
  kNotEqual,
  kLessEqual,
  kLess,
  kGreaterEqual,
  kGreater,
  kTrimUpper,
  kTrimLower,
  kRegexEqual,
  kRegexNotEqual,
};

// Words that mean something in some places; everywhere else they are names.
enum class Keyword : uint8_t {
  kNone,
  kAnd,
  kOr,
  kUnless,
  kAtan2,
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile,
  kLimitk,
  kLimitRatio,
  kOffset,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kBool,
  kAnchored,
  kSmoothed,
  kFill,
  kFillLeft,
  kFillRight,
  kStart,
  kEnd,
  kStep,
  kRange,
  kInf,
  kNan,
};

struct Token {
  TokenKind kind = TokenKind::kEof;
  Keyword keyword = Keyword::kNone;  // of a kIdentifier outside braces
  uint32_t start = 0;                // byte offset
  uint32_t end = 0;
  std::string_view text;  // as written; of kError the message
};

struct TokenList {
  std::vector<Token> tokens;         // ends with kEof or kError
  std::deque<std::string> messages;  // what kError views into
};

TokenList lex(std::string_view query);

bool is_aggregator(Keyword keyword);
// As the peer names a token in "unexpected ...": identifier "x", <by>, <op:+>, "(", end of input.
std::string describe(const Token& token);
// {a="b", c="d"}, the name among the others, as the peer's messages print labels.
std::string labels_text(const model::Labels& labels);
// Go's %q of a string.
std::string go_quote(std::string_view text);

}  // namespace sightline::promql
