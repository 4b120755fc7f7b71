#include "promql/syntax/parser.h"

#include <cmath>

#include "base/number_text.h"
#include "promql/syntax/function_table.h"
#include "promql/syntax/go_text.h"
#include "promql/syntax/parse_state.h"
#include "promql/syntax/type_check.h"

namespace sightline::promql {
namespace {

// Binding power, loosest first; a sign binds like multiplication.
enum Precedence {
  kAnyPrecedence = 0,
  kOrPrecedence,
  kAndPrecedence,
  kComparePrecedence,
  kAddPrecedence,
  kMulPrecedence,
  kPowPrecedence
};

struct Operator {
  BinaryOp op;
  Precedence precedence;
};

std::optional<Operator> operator_of(const Token& token) {
  switch (token.kind) {
    case TokenKind::kAdd: return Operator{BinaryOp::kAdd, kAddPrecedence};
    case TokenKind::kSub: return Operator{BinaryOp::kSub, kAddPrecedence};
    case TokenKind::kMul: return Operator{BinaryOp::kMul, kMulPrecedence};
    case TokenKind::kDiv: return Operator{BinaryOp::kDiv, kMulPrecedence};
    case TokenKind::kMod: return Operator{BinaryOp::kMod, kMulPrecedence};
    case TokenKind::kPow: return Operator{BinaryOp::kPow, kPowPrecedence};
    case TokenKind::kEqual: return Operator{BinaryOp::kEqual, kComparePrecedence};
    case TokenKind::kNotEqual: return Operator{BinaryOp::kNotEqual, kComparePrecedence};
    case TokenKind::kLess: return Operator{BinaryOp::kLess, kComparePrecedence};
    case TokenKind::kLessEqual: return Operator{BinaryOp::kLessEqual, kComparePrecedence};
    case TokenKind::kGreater: return Operator{BinaryOp::kGreater, kComparePrecedence};
    case TokenKind::kGreaterEqual: return Operator{BinaryOp::kGreaterEqual, kComparePrecedence};
    case TokenKind::kTrimUpper: return Operator{BinaryOp::kTrimUpper, kComparePrecedence};
    case TokenKind::kTrimLower: return Operator{BinaryOp::kTrimLower, kComparePrecedence};
    case TokenKind::kIdentifier: break;
    default: return std::nullopt;
  }
  switch (token.keyword) {
    case Keyword::kAtan2: return Operator{BinaryOp::kAtan2, kMulPrecedence};
    case Keyword::kAnd: return Operator{BinaryOp::kAnd, kAndPrecedence};
    case Keyword::kUnless: return Operator{BinaryOp::kUnless, kAndPrecedence};
    case Keyword::kOr: return Operator{BinaryOp::kOr, kOrPrecedence};
    default: return std::nullopt;
  }
}

// Words that are never a metric name.
bool is_reserved(Keyword k) {
  return k == Keyword::kBool || k == Keyword::kOn || k == Keyword::kIgnoring ||
         k == Keyword::kGroupLeft || k == Keyword::kGroupRight || k == Keyword::kAtan2;
}

class Parser {
 public:
  explicit Parser(ParseState& state) : state_(state) {}

  ExprPtr expression(int min_precedence) {
    ParseState::Depth depth(state_);
    if (depth.too_deep()) return nullptr;
    ExprPtr lhs = unary();
    while (lhs) {
      const auto op = operator_of(state_.peek());
      if (!op || op->precedence < min_precedence) break;
      lhs = binary(std::move(lhs), *op);
    }
    return lhs;
  }

 private:
  ExprPtr unary() {
    if (!state_.at(TokenKind::kAdd) && !state_.at(TokenKind::kSub))
      return parse_postfix(state_, primary());
    const Token sign = state_.take();
    ExprPtr operand = expression(kPowPrecedence);
    if (!operand) return nullptr;
    const bool negative = sign.kind == TokenKind::kSub;
    if (operand->kind == ExprKind::kNumber) {
      if (negative) as<NumberLiteral>(*operand).value *= -1;
      operand->position.start = sign.start;
      return operand;
    }
    auto out = std::make_unique<UnaryExpr>();
    out->negative = negative;
    out->height = operand->height + 1;
    const uint32_t end = operand->position.end;
    out->expr = std::move(operand);
    return state_.finish(*out, sign.start, end) ? std::move(out) : nullptr;
  }

  ExprPtr primary() {
    const Token& token = state_.peek();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kDuration: return number();
      case TokenKind::kString: return string();
      case TokenKind::kLeftParen: return parens();
      case TokenKind::kLeftBrace:
      case TokenKind::kMetricIdentifier: return parse_vector_selector(state_);
      case TokenKind::kIdentifier: return word();
      default: state_.unexpected("", ""); return nullptr;
    }
  }

  ExprPtr word() {
    const Token& token = state_.peek();
    const Token& next = state_.peek(1);
    if (token.keyword == Keyword::kInf || token.keyword == Keyword::kNan) return number();
    if (is_aggregator(token.keyword)) {
      const bool clause = next.kind == TokenKind::kIdentifier &&
                          (next.keyword == Keyword::kBy || next.keyword == Keyword::kWithout);
      if (clause || next.kind == TokenKind::kLeftParen) return aggregate();
    } else if (next.kind == TokenKind::kLeftParen && callable(token.keyword)) {
      return call();
    }
    if (is_reserved(token.keyword)) return state_.unexpected("", ""), nullptr;
    return parse_vector_selector(state_);
  }

  static bool callable(Keyword k) {
    return k == Keyword::kNone || k == Keyword::kStart || k == Keyword::kEnd ||
           k == Keyword::kStep || k == Keyword::kRange;
  }

  ExprPtr number() {
    const Token token = state_.take();
    auto out = std::make_unique<NumberLiteral>();
    const auto value = number_value(token);
    if (!value) return state_.fail_at(token.start, value.error().message), nullptr;
    out->value = *value;
    out->is_duration = token.kind == TokenKind::kDuration;
    return state_.finish(*out, token.start, token.end) ? std::move(out) : nullptr;
  }

  ExprPtr string() {
    const Token token = state_.take();
    auto out = std::make_unique<StringLiteral>();
    out->value = unquote(token);
    return state_.finish(*out, token.start, token.end) ? std::move(out) : nullptr;
  }

  ExprPtr parens() {
    const uint32_t start = state_.take().start;
    ExprPtr inner = expression(kAnyPrecedence);
    if (!inner) return nullptr;
    if (!state_.take_if(TokenKind::kRightParen)) return state_.unexpected("", ""), nullptr;
    auto out = std::make_unique<ParenExpr>();
    out->height = inner->height + 1;
    out->expr = std::move(inner);
    return state_.finish(*out, start, state_.last_end()) ? std::move(out) : nullptr;
  }

  bool arguments(std::vector<ExprPtr>& out, const Function* function = nullptr) {
    if (!state_.take_if(TokenKind::kLeftParen)) return state_.unexpected("aggregation", ""), false;
    if (state_.take_if(TokenKind::kRightParen)) return true;
    for (;;) {
      const bool labels_only =
          function != nullptr && function->id == FunctionId::kInfo && out.size() == 1;
      const bool outer = std::exchange(state_.selector_may_match_all, labels_only);
      ExprPtr arg = expression(kAnyPrecedence);
      state_.selector_may_match_all = outer;
      if (!arg) return false;
      out.push_back(std::move(arg));
      if (state_.take_if(TokenKind::kRightParen)) return true;
      if (!state_.at(TokenKind::kComma)) return state_.unexpected("", ""), false;
      const uint32_t comma = state_.take().start;
      if (state_.at(TokenKind::kRightParen))
        return state_.fail_at(comma, "trailing commas not allowed in function call args"), false;
    }
  }

  ExprPtr call() {
    const Token name = state_.take();
    auto out = std::make_unique<Call>();
    std::string text(name.text);
    if (name.keyword != Keyword::kNone)
      for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    out->function = find_function(text);
    if (out->function == nullptr)
      return state_.fail_at(name.start, "unknown function with name " + go_quote(name.text)),
             nullptr;
    if (!arguments(out->args, out->function)) return nullptr;
    for (const ExprPtr& arg : out->args) out->height = std::max(out->height, arg->height + 1);
    return state_.finish(*out, name.start, state_.last_end()) ? std::move(out) : nullptr;
  }

  bool grouping(AggregateExpr& out) {
    if (!state_.at(Keyword::kBy) && !state_.at(Keyword::kWithout)) return true;
    out.without = state_.take().keyword == Keyword::kWithout;
    return parse_label_list(state_, out.grouping);
  }

  ExprPtr aggregate() {
    const Token name = state_.take();
    auto out = std::make_unique<AggregateExpr>();
    out->op =
        static_cast<AggregateOp>(static_cast<int>(name.keyword) - static_cast<int>(Keyword::kSum));
    const bool clause_first = !state_.at(TokenKind::kLeftParen);
    if (!grouping(*out)) return nullptr;
    std::vector<ExprPtr> args;
    if (!arguments(args)) return nullptr;
    if (!clause_first && !grouping(*out)) return nullptr;
    if (args.empty())
      return state_.fail_at(name.start, "no arguments for aggregate expression provided"), nullptr;
    const size_t wanted = has_param(out->op) ? 2 : 1;
    if (args.size() != wanted)
      return state_.fail_at(
                 name.start,
                 "wrong number of arguments for aggregate expression provided, expected " +
                     std::to_string(wanted) + ", got " + std::to_string(args.size())),
             nullptr;
    for (const ExprPtr& arg : args) out->height = std::max(out->height, arg->height + 1);
    if (wanted == 2) out->param = std::move(args[0]);
    out->expr = std::move(args.back());
    return state_.finish(*out, name.start, state_.last_end()) ? std::move(out) : nullptr;
  }

  ExprPtr binary(ExprPtr lhs, Operator op) {
    auto out = std::make_unique<BinaryExpr>();
    out->op_start = state_.take().start;
    out->op = op.op;
    out->return_bool = state_.take_if(Keyword::kBool);
    VectorMatching matching;
    if (!modifiers(matching)) return nullptr;
    const bool right = op.op == BinaryOp::kPow;
    ExprPtr rhs = expression(right ? op.precedence : op.precedence + 1);
    if (!rhs) return nullptr;
    if (is_set_operator(op.op) && matching.cardinality == MatchCardinality::kOneToOne)
      matching.cardinality = MatchCardinality::kManyToMany;
    const uint32_t start = lhs->position.start;
    const uint32_t end = rhs->position.end;
    out->height = 1 + std::max(lhs->height, rhs->height);
    out->matching = std::move(matching);
    out->lhs = std::move(lhs);
    out->rhs = std::move(rhs);
    return state_.finish(*out, start, end) ? std::move(out) : nullptr;
  }

  bool modifiers(VectorMatching& out) {
    if (state_.at(Keyword::kOn) || state_.at(Keyword::kIgnoring)) {
      out.on = state_.take().keyword == Keyword::kOn;
      if (!parse_label_list(state_, out.labels)) return false;
      if (state_.at(Keyword::kGroupLeft) || state_.at(Keyword::kGroupRight)) {
        const bool left = state_.take().keyword == Keyword::kGroupLeft;
        out.cardinality = left ? MatchCardinality::kManyToOne : MatchCardinality::kOneToMany;
        if (state_.at(TokenKind::kLeftParen) && !parse_label_list(state_, out.include))
          return false;
      }
    }
    return fills(out);
  }

  bool fills(VectorMatching& out) {
    for (;;) {
      const Keyword k =
          state_.peek().kind == TokenKind::kIdentifier ? state_.peek().keyword : Keyword::kNone;
      if (k != Keyword::kFill && k != Keyword::kFillLeft && k != Keyword::kFillRight) return true;
      if (state_.peek(1).kind != TokenKind::kLeftParen) return true;
      double value = 0;
      if (!fill_value(value)) return false;
      if (k != Keyword::kFillRight) out.fill_left = value;
      if (k != Keyword::kFillLeft) out.fill_right = value;
    }
  }

  bool fill_value(double& value) {
    state_.take();
    state_.take();
    double sign = 1;
    if (state_.at(TokenKind::kAdd) || state_.at(TokenKind::kSub))
      sign = state_.take().kind == TokenKind::kSub ? -1 : 1;
    const Token& token = state_.peek();
    const bool word_number = state_.at(Keyword::kInf) || state_.at(Keyword::kNan);
    if (!word_number && token.kind != TokenKind::kNumber && token.kind != TokenKind::kDuration)
      return state_.unexpected("fill value", "number"), false;
    const auto number = number_value(token);
    if (!number) return state_.fail_at(token.start, number.error().message), false;
    value = sign * *number;
    state_.take();
    if (!state_.take_if(TokenKind::kRightParen))
      return state_.unexpected("fill value", "\")\""), false;
    return true;
  }

  ParseState& state_;
};

ExprPtr parse_whole(ParseState& state) {
  if (state.at(TokenKind::kEof)) return state.fail_at(0, "no expression found in input"), nullptr;
  ExprPtr expr = Parser(state).expression(kAnyPrecedence);
  if (expr && !state.at(TokenKind::kEof)) state.unexpected("", "");
  return state.failed() ? nullptr : std::move(expr);
}

}  // namespace

Result<ExprPtr> parse(std::string_view query, const ParseLimits& limits) {
  if (query.size() > limits.query_bytes_max)
    return fail(Errc::kInvalidArgument, "unknown position: parse error: query is longer than ",
                limits.query_bytes_max, " bytes");
  const TokenList list = lex(query);
  ParseState state(query, list, limits);
  ExprPtr expr = parse_whole(state);
  if (!expr) return std::unexpected(parse_error(query, *state.fault()));
  if (const auto fault = check_types(*expr)) return std::unexpected(parse_error(query, *fault));
  return expr;
}

Result<std::vector<tsdb::Matcher>> parse_selector(std::string_view text, EmptySelector empty) {
  const TokenList list = lex(text);
  const ParseLimits limits;
  ParseState state(text, list, limits);
  state.selector_may_match_all = empty == EmptySelector::kAllowed;
  const TokenKind kind = state.peek().kind;
  std::unique_ptr<VectorSelector> selector;
  if (kind != TokenKind::kLeftBrace && kind != TokenKind::kIdentifier &&
      kind != TokenKind::kMetricIdentifier) {
    if (kind == TokenKind::kEof)
      state.fail_at(0, "unexpected end of input");
    else
      state.unexpected("", "");
  } else {
    selector = parse_vector_selector(state);
    if (selector && !state.at(TokenKind::kEof)) state.unexpected("", "");
  }
  if (state.failed()) return std::unexpected(parse_error(text, *state.fault()));
  return std::move(selector->matchers);
}

Result<model::Labels> parse_series_labels(std::string_view text) {
  if (text == "{}") return model::Labels();
  auto matchers = parse_selector(text);
  if (!matchers) return std::unexpected(matchers.error());
  model::LabelsBuilder builder;
  for (const tsdb::Matcher& m : *matchers) {
    if (m.op() != tsdb::MatchOp::kEqual)
      return fail(Errc::kInvalidArgument, "a series has labels, not matchers: ", text);
    builder.set(m.name(), m.value());
  }
  return builder.build();
}

}  // namespace sightline::promql
