#include "promql/syntax/token.h"

#include <array>

#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

struct Word {
  std::string_view text;
  Keyword keyword;
};
constexpr Word kWords[] = {{"and", Keyword::kAnd},
                           {"or", Keyword::kOr},
                           {"unless", Keyword::kUnless},
                           {"atan2", Keyword::kAtan2},
                           {"sum", Keyword::kSum},
                           {"avg", Keyword::kAvg},
                           {"count", Keyword::kCount},
                           {"min", Keyword::kMin},
                           {"max", Keyword::kMax},
                           {"group", Keyword::kGroup},
                           {"stddev", Keyword::kStddev},
                           {"stdvar", Keyword::kStdvar},
                           {"topk", Keyword::kTopk},
                           {"bottomk", Keyword::kBottomk},
                           {"count_values", Keyword::kCountValues},
                           {"quantile", Keyword::kQuantile},
                           {"limitk", Keyword::kLimitk},
                           {"limit_ratio", Keyword::kLimitRatio},
                           {"offset", Keyword::kOffset},
                           {"by", Keyword::kBy},
                           {"without", Keyword::kWithout},
                           {"on", Keyword::kOn},
                           {"ignoring", Keyword::kIgnoring},
                           {"group_left", Keyword::kGroupLeft},
                           {"group_right", Keyword::kGroupRight},
                           {"bool", Keyword::kBool},
                           {"anchored", Keyword::kAnchored},
                           {"smoothed", Keyword::kSmoothed},
                           {"fill", Keyword::kFill},
                           {"fill_left", Keyword::kFillLeft},
                           {"fill_right", Keyword::kFillRight},
                           {"start", Keyword::kStart},
                           {"end", Keyword::kEnd},
                           {"step", Keyword::kStep},
                           {"range", Keyword::kRange},
                           {"inf", Keyword::kInf},
                           {"nan", Keyword::kNan}};

std::string_view fixed_text(TokenKind kind) {
  switch (kind) {
    case TokenKind::kLeftParen: return "\"(\"";
    case TokenKind::kRightParen: return "\")\"";
    case TokenKind::kLeftBrace: return "\"{\"";
    case TokenKind::kRightBrace: return "\"}\"";
    case TokenKind::kLeftBracket: return "\"[\"";
    case TokenKind::kRightBracket: return "\"]\"";
    case TokenKind::kComma: return "\",\"";
    case TokenKind::kColon: return "\":\"";
    case TokenKind::kAt: return "<op:@>";
    case TokenKind::kAssign: return "\"=\"";
    default: return {};
  }
}

bool is_operator_word(Keyword k) {
  return k == Keyword::kAnd || k == Keyword::kOr || k == Keyword::kUnless || k == Keyword::kAtan2;
}

// Quoted; the first ten characters of a long one.
std::string shortened(std::string_view text) {
  if (text.size() <= 10) return go_quote(text);
  size_t bytes = 0;
  for (int i = 0; i < 10 && bytes < text.size(); ++i) bytes += rune_bytes(text.substr(bytes));
  return go_quote(text.substr(0, bytes)) + "...";
}

}  // namespace

Keyword keyword_of(std::string_view word) {
  if (word.size() > 12) return Keyword::kNone;
  std::array<char, 12> lower{};
  for (size_t i = 0; i < word.size(); ++i)
    lower[i] = word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] + 32) : word[i];
  const std::string_view folded(lower.data(), word.size());
  for (const Word& known : kWords)
    if (known.text == folded) return known.keyword;
  return Keyword::kNone;
}

bool is_aggregator(Keyword keyword) {
  return keyword >= Keyword::kSum && keyword <= Keyword::kLimitRatio;
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEof: return "end of input";
    case TokenKind::kError: return std::string(token.text);
    case TokenKind::kMetricIdentifier: return "metric identifier " + go_quote(token.text);
    case TokenKind::kIdentifier:
      if (token.keyword == Keyword::kInf || token.keyword == Keyword::kNan)
        return "number " + go_quote(token.text);
      if (is_operator_word(token.keyword)) return "<op:" + std::string(token.text) + ">";
      if (is_aggregator(token.keyword)) return "<aggr:" + std::string(token.text) + ">";
      if (token.keyword >= Keyword::kStart) return shortened(token.text);
      if (token.keyword != Keyword::kNone) return "<" + std::string(token.text) + ">";
      return "identifier " + go_quote(token.text);
    case TokenKind::kString: return "string " + shortened(token.text);
    case TokenKind::kNumber: return "number " + shortened(token.text);
    case TokenKind::kDuration: return "duration " + shortened(token.text);
    default: break;
  }
  if (const auto fixed = fixed_text(token.kind); !fixed.empty()) return std::string(fixed);
  return "<op:" + std::string(token.text) + ">";
}

}  // namespace sightline::promql
