// Selectors, their modifiers, and the duration expressions inside them.
#include <cmath>
#include <cstdio>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "model/labels.h"
#include "promql/syntax/go_text.h"
#include "promql/syntax/parse_state.h"

namespace sightline::promql {
namespace {

constexpr std::string_view kDurationWanted = "number, duration, step(), or range()";
constexpr double kDurationSecondsMax =
    9'223'372'036.0;  // Go's time.Duration, in which the peer keeps it

bool is_number_token(const Token& t) {
  return t.kind == TokenKind::kNumber || t.kind == TokenKind::kDuration ||
         (t.kind == TokenKind::kIdentifier &&
          (t.keyword == Keyword::kInf || t.keyword == Keyword::kNan));
}

bool text_is(const Token& token, std::string_view lower) {
  if (token.kind != TokenKind::kIdentifier || token.text.size() != lower.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i)
    if ((token.text[i] | 32) != (lower[i] | 32)) return false;
  return true;
}

bool is_min_max(const Token& t) { return text_is(t, "min_of") || text_is(t, "max_of"); }

std::optional<DurationOp> duration_operator(const Token& token, int& precedence) {
  switch (token.kind) {
    case TokenKind::kAdd: precedence = 1; return DurationOp::kAdd;
    case TokenKind::kSub: precedence = 1; return DurationOp::kSub;
    case TokenKind::kMul: precedence = 2; return DurationOp::kMul;
    case TokenKind::kDiv: precedence = 2; return DurationOp::kDiv;
    case TokenKind::kMod: precedence = 2; return DurationOp::kMod;
    case TokenKind::kPow: precedence = 3; return DurationOp::kPow;
    default: return std::nullopt;
  }
}

class DurationParser {
 public:
  explicit DurationParser(ParseState& state) : state_(state) {}

  ExprPtr expression(int min_precedence) {
    ParseState::Depth depth(state_);
    if (depth.too_deep()) return nullptr;
    ExprPtr lhs = unary();
    int precedence = 0;
    while (lhs) {
      const auto op = duration_operator(state_.peek(), precedence);
      if (!op || precedence < min_precedence) break;
      const uint32_t operator_at = state_.take().start;
      ExprPtr rhs = expression(*op == DurationOp::kPow ? precedence : precedence + 1);
      if (!rhs) return nullptr;
      const bool divides = *op == DurationOp::kDiv || *op == DurationOp::kMod;
      if (divides && rhs->kind == ExprKind::kNumber && as<NumberLiteral>(*rhs).value == 0)
        return state_.fail_at(operator_at,
                              *op == DurationOp::kDiv ? "division by zero" : "modulo by zero"),
               nullptr;
      const uint32_t start = lhs->position.start;
      lhs = node(*op, start, std::move(lhs), std::move(rhs));
    }
    return lhs;
  }

  // A sign applies to what follows; a plain number swallows it.
  ExprPtr unary() {
    if (!state_.at(TokenKind::kAdd) && !state_.at(TokenKind::kSub)) return primary();
    ParseState::Depth depth(state_);
    if (depth.too_deep()) return nullptr;
    const Token sign = state_.take();
    ExprPtr operand = in_offset_ ? unary() : expression(2 + 1);
    return negated(sign, std::move(operand));
  }

  ExprPtr primary() {
    const Token& token = state_.peek();
    if (is_number_token(token)) return number();
    if (token.kind == TokenKind::kLeftParen) return wrapped();
    const bool is_call = state_.peek(1).kind == TokenKind::kLeftParen;
    const bool is_step = state_.at(Keyword::kStep) || state_.at(Keyword::kRange);
    if (is_step && is_call) return step_or_range();
    if (is_min_max(token) && is_call) return min_max();
    if (is_step || is_min_max(token)) state_.take();
    return wanted();
  }

  void in_offset() { in_offset_ = true, context_ = "offset"; }

 private:
  ExprPtr wanted() { return state_.unexpected(context_, kDurationWanted), nullptr; }
  ExprPtr negated(const Token& sign, ExprPtr operand) {
    if (!operand) return nullptr;
    if (operand->kind == ExprKind::kNumber) {
      if (sign.kind == TokenKind::kSub) as<NumberLiteral>(*operand).value *= -1;
      operand->position.start = sign.start;
      return operand;
    }
    return node(sign.kind == TokenKind::kSub ? DurationOp::kSub : DurationOp::kAdd, sign.start,
                nullptr, std::move(operand));
  }
  ExprPtr node(DurationOp op, uint32_t start, ExprPtr lhs, ExprPtr rhs) {
    auto out = std::make_unique<DurationExpr>();
    out->op = op;
    out->height = 1 + std::max(lhs ? lhs->height : 0, rhs ? rhs->height : 0);
    out->lhs = std::move(lhs);
    out->rhs = std::move(rhs);
    return state_.finish(*out, start, state_.last_end()) ? std::move(out) : nullptr;
  }
  ExprPtr number() {
    const Token token = state_.take();
    auto out = std::make_unique<NumberLiteral>();
    const auto value = number_value(token);
    if (!value) return state_.fail_at(token.start, value.error().message), nullptr;
    out->value = *value;
    out->is_duration = token.kind == TokenKind::kDuration;
    state_.finish(*out, token.start, token.end);
    return out;
  }
  ExprPtr wrapped() {
    state_.take();
    const bool outer = std::exchange(in_offset_, false);
    ExprPtr inner = expression(0);
    in_offset_ = outer;
    if (!inner) return nullptr;
    if (!state_.take_if(TokenKind::kRightParen)) return wanted();
    // A lone number keeps its parentheses under a plus sign that is not printed.
    const uint32_t start = inner->position.start;
    if (inner->kind != ExprKind::kDuration)
      inner = node(DurationOp::kAdd, start, nullptr, std::move(inner));
    if (inner) as<DurationExpr>(*inner).wrapped = true;
    return inner;
  }
  ExprPtr step_or_range() {
    const Token name = state_.take();
    state_.take();
    if (!state_.take_if(TokenKind::kRightParen)) return wanted();
    return node(name.keyword == Keyword::kStep ? DurationOp::kStep : DurationOp::kRange, name.start,
                nullptr, nullptr);
  }
  ExprPtr min_max() {
    const Token name = state_.take();
    state_.take();
    const bool outer = std::exchange(in_offset_, false);
    ExprPtr lhs = expression(0);
    if (!lhs) return nullptr;
    if (!state_.take_if(TokenKind::kComma)) return wanted();
    ExprPtr rhs = expression(0);
    in_offset_ = outer;
    if (!rhs) return nullptr;
    if (!state_.take_if(TokenKind::kRightParen)) return wanted();
    return node(text_is(name, "min_of") ? DurationOp::kMinOf : DurationOp::kMaxOf, name.start,
                std::move(lhs), std::move(rhs));
  }

  ParseState& state_;
  std::string_view context_ = "subquery or range selector";
  bool in_offset_ = false;
};

// Takes a literal's value at once; keeps anything else for later.
bool settle(ParseState& state, ExprPtr expr, bool must_be_positive, DurationValue& out) {
  if (!expr) return false;
  if (expr->kind != ExprKind::kNumber) {
    out.expr = std::move(expr);
    return true;
  }
  const double seconds = as<NumberLiteral>(*expr).value;
  if (!(std::fabs(seconds) <= kDurationSecondsMax))
    return state.fail_at(expr->position.start, "duration out of range"), false;
  if (must_be_positive && seconds <= 0)
    return state.fail_at(expr->position.start, "duration must be greater than 0"), false;
  out.ms = std::llround(seconds * 1000);
  return true;
}

ExprPtr parse_brackets(ParseState& state, ExprPtr expr) {
  const uint32_t start = expr->position.start;
  const uint32_t bracket = state.take().start;
  DurationParser durations(state);
  DurationValue range;
  if (!settle(state, durations.expression(0), true, range)) return nullptr;
  if (state.take_if(TokenKind::kColon)) {
    auto out = std::make_unique<SubqueryExpr>();
    if (!state.at(TokenKind::kRightBracket) &&
        !settle(state, durations.expression(0), true, out->step))
      return nullptr;
    if (!state.take_if(TokenKind::kRightBracket))
      return state.unexpected("subquery selector", "\"]\""), nullptr;
    out->height = expr->height + 1;
    out->expr = std::move(expr);
    out->range = std::move(range);
    return state.finish(*out, start, state.last_end()) ? std::move(out) : nullptr;
  }
  if (!state.take_if(TokenKind::kRightBracket))
    return state.unexpected("subquery or range", "\":\" or \"]\""), nullptr;
  if (expr->kind != ExprKind::kVectorSelector)
    return state.fail_at(bracket, "ranges only allowed for vector selectors"), nullptr;
  auto& selector = as<VectorSelector>(*expr);
  if (selector.offset.ms != 0 || selector.offset.expr)
    return state.fail_at(bracket, "no offset modifiers allowed before range"), nullptr;
  if (selector.at.is_set())
    return state.fail_at(bracket, "no @ modifiers allowed before range"), nullptr;
  auto out = std::make_unique<MatrixSelector>();
  out->selector.reset(static_cast<VectorSelector*>(expr.release()));
  out->height = 2;
  out->range = std::move(range);
  return state.finish(*out, start, state.last_end()) ? std::move(out) : nullptr;
}

struct ModifierTarget {
  VectorSelector* selector = nullptr;  // of a vector or matrix selector
  DurationValue* offset = nullptr;
  AtModifier* at = nullptr;
};

ModifierTarget target_of(Expr& expr) {
  if (expr.kind == ExprKind::kSubquery)
    return {nullptr, &as<SubqueryExpr>(expr).offset, &as<SubqueryExpr>(expr).at};
  VectorSelector* selector = nullptr;
  if (expr.kind == ExprKind::kVectorSelector) selector = &as<VectorSelector>(expr);
  if (expr.kind == ExprKind::kMatrixSelector) selector = as<MatrixSelector>(expr).selector.get();
  if (selector == nullptr) return {};
  return {selector, &selector->offset, &selector->at};
}

constexpr std::string_view kPrecededBy =
    " must be preceded by an instant vector selector or range vector selector or a subquery";

bool parse_offset(ParseState& state, Expr& expr) {
  state.take();
  DurationParser durations(state);
  durations.in_offset();
  const ModifierTarget target = target_of(expr);
  DurationValue offset;
  if (!settle(state, durations.unary(), false, offset)) return false;
  if (target.offset == nullptr)
    return state.fail_at(expr.position.start, "offset modifier" + std::string(kPrecededBy)), false;
  if (target.offset->ms != 0 || target.offset->expr)
    return state.fail_at(expr.position.start, "offset may not be set multiple times"), false;
  *target.offset = std::move(offset);
  return true;
}

std::string fixed_text(double v) {
  if (!std::isfinite(v)) return format_float_go(v);
  char text[400];  // the largest has 309 digits
  std::snprintf(text, sizeof text, "%f", v);
  return text;
}

// `at`: where the expression begins.
bool parse_at_time(ParseState& state, uint32_t at, AtModifier& out) {
  if ((state.at(Keyword::kStart) || state.at(Keyword::kEnd)) &&
      state.peek(1).kind == TokenKind::kLeftParen) {
    out.bound = state.take().keyword == Keyword::kStart ? AtBound::kStart : AtBound::kEnd;
    state.take();
    if (!state.take_if(TokenKind::kRightParen)) return state.unexpected("@", "timestamp"), false;
    return true;
  }
  double sign = 1;
  if (state.at(TokenKind::kAdd) || state.at(TokenKind::kSub))
    sign = state.take().kind == TokenKind::kSub ? -1 : 1;
  if (!is_number_token(state.peek())) return state.unexpected("@", "timestamp"), false;
  const Token token = state.take();
  const auto number = number_value(token);
  if (!number) return state.fail_at(token.start, number.error().message), false;
  const double seconds = sign * *number;
  if (!(std::fabs(seconds) * 1000 < 9.2e18))
    return state.fail_at(at, "timestamp out of bounds for @ modifier: " + fixed_text(seconds)),
           false;
  out.timestamp_ms = std::llround(seconds * 1000);
  return true;
}

bool parse_at(ParseState& state, Expr& expr) {
  state.take();
  AtModifier at;
  if (!parse_at_time(state, expr.position.start, at)) return false;
  const ModifierTarget target = target_of(expr);
  if (target.at == nullptr)
    return state.fail_at(expr.position.start, "@ modifier" + std::string(kPrecededBy)), false;
  if (target.at->is_set())
    return state.fail_at(expr.position.start, "@ <timestamp> may not be set multiple times"), false;
  *target.at = at;
  return true;
}

bool parse_edges(ParseState& state, Expr& expr) {
  const bool anchored = state.take().keyword == Keyword::kAnchored;
  const std::string word(anchored ? "anchored" : "smoothed");
  VectorSelector* selector = target_of(expr).selector;
  if (selector == nullptr)
    return state.fail_at(expr.position.start,
                         word + (expr.kind == ExprKind::kSubquery
                                     ? " modifier is not supported for subqueries"
                                     : " modifier not implemented")),
           false;
  if (selector->anchored || selector->smoothed)
    return state.fail_at(expr.position.start,
                         "anchored and smoothed modifiers cannot be used together"),
           false;
  (anchored ? selector->anchored : selector->smoothed) = true;
  return true;
}

bool parse_match_op(ParseState& state, tsdb::MatchOp& op) {
  switch (state.peek().kind) {
    case TokenKind::kAssign: op = tsdb::MatchOp::kEqual; break;
    case TokenKind::kNotEqual: op = tsdb::MatchOp::kNotEqual; break;
    case TokenKind::kRegexEqual: op = tsdb::MatchOp::kRegex; break;
    case TokenKind::kRegexNotEqual: op = tsdb::MatchOp::kNotRegex; break;
    default: return false;
  }
  state.take();
  return true;
}

bool push_name(ParseState& state, VectorSelector& selector, uint32_t start,
               const std::string& name) {
  auto named = tsdb::Matcher::create(tsdb::MatchOp::kEqual, std::string(model::kMetricName), name);
  if (!named) return state.fail_at(start, named.error().message), false;
  selector.matchers.push_back(std::move(*named));
  return true;
}

bool parse_label_matcher(ParseState& state, VectorSelector& selector) {
  const bool quoted = state.at(TokenKind::kString);
  if (!quoted && !state.at(TokenKind::kIdentifier))
    return state.unexpected("label matching", "identifier or \"}\""), false;
  const Token label = state.take();
  std::string name = quoted ? unquote(label) : std::string(label.text);
  tsdb::MatchOp op{};
  if (!parse_match_op(state, op)) {
    if (quoted && (state.at(TokenKind::kComma) || state.at(TokenKind::kRightBrace)))
      return push_name(state, selector, label.start, name);
    state.unexpected("label matching", "label matching operator");
    return false;
  }
  if (!state.at(TokenKind::kString)) return state.unexpected("label matching", "string"), false;
  auto matcher = tsdb::Matcher::create(op, std::move(name), unquote(state.take()));
  if (!matcher) return state.fail_at(label.start, matcher.error().message), false;
  selector.matchers.push_back(std::move(*matcher));
  return true;
}

// What stands before the braces leaves no place for another name inside them.
bool check_matchers(ParseState& state, VectorSelector& selector, uint32_t start) {
  for (const tsdb::Matcher& matcher : selector.matchers)
    if (!selector.name.empty() && matcher.name() == model::kMetricName)
      return state.fail_at(start, "metric name must not be set twice: " + go_quote(selector.name) +
                                      " or " + go_quote(matcher.value())),
             false;
  if (!selector.name.empty()) return push_name(state, selector, start, selector.name);
  if (state.selector_may_match_all) return true;
  for (const tsdb::Matcher& matcher : selector.matchers)
    if (!matcher.matches_empty()) return true;
  return state.fail_at(start, "vector selector must contain at least one non-empty matcher"), false;
}

}  // namespace

std::unique_ptr<VectorSelector> parse_vector_selector(ParseState& state) {
  auto out = std::make_unique<VectorSelector>();
  const uint32_t start = state.peek().start;
  if (!state.at(TokenKind::kLeftBrace)) out->name = state.take().text;
  if (state.take_if(TokenKind::kLeftBrace)) {
    while (!state.take_if(TokenKind::kRightBrace)) {
      if (!parse_label_matcher(state, *out)) return nullptr;
      if (state.take_if(TokenKind::kComma) || state.at(TokenKind::kRightBrace)) continue;
      state.unexpected("label matching", "\",\" or \"}\"");
      return nullptr;
    }
  }
  if (!check_matchers(state, *out, start)) return nullptr;
  return state.finish(*out, start, state.last_end()) ? std::move(out) : nullptr;
}

bool parse_label_list(ParseState& state, std::vector<std::string>& out) {
  if (!state.take_if(TokenKind::kLeftParen))
    return state.unexpected("grouping opts", "\"(\""), false;
  while (!state.take_if(TokenKind::kRightParen)) {
    const Token& token = state.peek();
    if (token.kind == TokenKind::kString) {
      std::string name = unquote(token);
      if (!is_valid_utf8(name) || name.empty())
        return state.fail_at(token.start, "invalid label name for grouping: " + go_quote(name)),
               false;
      out.push_back(std::move(name));
    } else if (token.kind == TokenKind::kIdentifier) {
      out.emplace_back(token.text);
    } else {
      return state.unexpected("grouping opts", "label"), false;
    }
    state.take();
    if (state.take_if(TokenKind::kComma) || state.at(TokenKind::kRightParen)) continue;
    return state.unexpected("grouping opts", "\",\" or \")\""), false;
  }
  return true;
}

ExprPtr parse_postfix(ParseState& state, ExprPtr expr) {
  while (expr) {
    bool ok = true;
    if (state.at(TokenKind::kLeftBracket)) {
      expr = parse_brackets(state, std::move(expr));
      continue;
    }
    if (state.at(Keyword::kOffset))
      ok = parse_offset(state, *expr);
    else if (state.at(TokenKind::kAt))
      ok = parse_at(state, *expr);
    else if (state.at(Keyword::kAnchored) || state.at(Keyword::kSmoothed))
      ok = parse_edges(state, *expr);
    else
      break;
    if (!ok) return nullptr;
    expr->position.end = state.last_end();
  }
  return expr;
}

}  // namespace sightline::promql
