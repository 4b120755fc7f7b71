#pragma once
// What PromQL text is made of, and how messages name it.
//   Ownership  a token views into the query.
//   Source     spec: PromQL lexical grammar; messages as the peer words them.
#include <cstdint>
#include <string>
#include <string_view>

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

// Of a word in any case; kNone: it is a name.
Keyword keyword_of(std::string_view word);
bool is_aggregator(Keyword keyword);
// As the peer names a token in "unexpected ...": identifier "x", <by>, <op:+>, "(", end of input.
std::string describe(const Token& token);

}  // namespace sightline::promql
