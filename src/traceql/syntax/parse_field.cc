#include <limits>

#include "traceql/syntax/token_stream.h"

namespace sightline::traceql {
namespace {

struct OpSymbol {
  std::string_view symbol;
  FieldOp op;
};
constexpr std::array<OpSymbol, 2> kLogical = {{{"&&", FieldOp::kAnd}, {"||", FieldOp::kOr}}};
constexpr std::array<OpSymbol, 8> kComparisons = {{{"=", FieldOp::kEqual},
                                                   {"!=", FieldOp::kNotEqual},
                                                   {"<", FieldOp::kLess},
                                                   {"<=", FieldOp::kLessEqual},
                                                   {">", FieldOp::kGreater},
                                                   {">=", FieldOp::kGreaterEqual},
                                                   {"=~", FieldOp::kRegex},
                                                   {"!~", FieldOp::kNotRegex}}};
constexpr std::array<OpSymbol, 2> kAdditive = {{{"+", FieldOp::kAdd}, {"-", FieldOp::kSubtract}}};
constexpr std::array<OpSymbol, 3> kMultiplicative = {
    {{"*", FieldOp::kMultiply}, {"/", FieldOp::kDivide}, {"%", FieldOp::kModulo}}};

const OpSymbol* find_op(const Token& token, std::span<const OpSymbol> ops) {
  if (token.kind != Token::Kind::kSymbol) return nullptr;
  for (const OpSymbol& op : ops)
    if (op.symbol == token.text) return &op;
  return nullptr;
}

using FieldParser = Result<FieldPtr> (*)(TokenStream&);

Result<FieldPtr> make_binary(TokenStream& tokens, FieldOp op, FieldPtr left, FieldPtr right) {
  auto node = std::make_unique<Field>();
  node->kind = Field::Kind::kBinary;
  node->op = op;
  node->depth = 1 + std::max(left->depth, right->depth);
  node->left = std::move(left);
  node->right = std::move(right);
  if (auto fine = tokens.check_depth(node->depth); !fine)
    return std::unexpected(std::move(fine).error());
  return node;
}

Result<FieldPtr> parse_left_associative(TokenStream& tokens, std::span<const OpSymbol> ops,
                                        FieldParser operand) {
  auto left = operand(tokens);
  while (left) {
    const OpSymbol* op = find_op(tokens.peek(), ops);
    if (op == nullptr) break;
    tokens.take();
    auto right = operand(tokens);
    if (!right) return right;
    left = make_binary(tokens, op->op, std::move(*left), std::move(*right));
  }
  return left;
}

Result<FieldPtr> make_unary(TokenStream& tokens, FieldOp op, FieldPtr operand) {
  if (op == FieldOp::kNegate && operand->kind == Field::Kind::kLiteral &&
      is_numeric(operand->literal.type)) {
    operand->literal.integer = operand->literal.integer == std::numeric_limits<int64_t>::min()
                                   ? operand->literal.integer
                                   : -operand->literal.integer;
    operand->literal.real = -operand->literal.real;
    return operand;
  }
  auto node = std::make_unique<Field>();
  node->kind = Field::Kind::kUnary;
  node->op = op;
  node->depth = 1 + operand->depth;
  node->left = std::move(operand);
  if (auto fine = tokens.check_depth(node->depth); !fine)
    return std::unexpected(std::move(fine).error());
  return node;
}

Result<FieldPtr> parse_primary(TokenStream& tokens) {
  TokenStream::Level level(tokens);
  if (auto fine = level.check(); !fine) return std::unexpected(std::move(fine).error());
  if (tokens.take_symbol("(")) {
    auto inner = parse_field(tokens);
    if (!inner) return inner;
    if (auto closed = tokens.expect(")"); !closed)
      return std::unexpected(std::move(closed).error());
    return inner;
  }
  auto node = std::make_unique<Field>();
  const Token& token = tokens.peek();
  if (token.kind == Token::Kind::kLiteral) {
    node->literal = std::move(tokens.take().literal);
    return node;
  }
  if (token.kind == Token::Kind::kWord) {
    if (const auto literal = literal_word(token.text)) {
      node->literal = *literal;
      tokens.take();
      return node;
    }
  }
  auto attribute = parse_attribute_token(tokens);
  if (!attribute) return std::unexpected(std::move(attribute).error());
  node->kind = Field::Kind::kAttribute;
  node->attribute = std::move(*attribute);
  return node;
}

Result<FieldPtr> parse_negation(TokenStream& tokens) {
  TokenStream::Level level(tokens);
  if (auto fine = level.check(); !fine) return std::unexpected(std::move(fine).error());
  if (!tokens.take_symbol("-")) return parse_primary(tokens);
  auto operand = parse_negation(tokens);
  if (!operand) return operand;
  return make_unary(tokens, FieldOp::kNegate, std::move(*operand));
}

Result<FieldPtr> parse_power(TokenStream& tokens) {
  TokenStream::Level level(tokens);
  if (auto fine = level.check(); !fine) return std::unexpected(std::move(fine).error());
  auto left = parse_negation(tokens);
  if (!left || !tokens.take_symbol("^")) return left;
  auto right = parse_power(tokens);
  if (!right) return right;
  return make_binary(tokens, FieldOp::kPower, std::move(*left), std::move(*right));
}

Result<FieldPtr> parse_product(TokenStream& tokens) {
  return parse_left_associative(tokens, kMultiplicative, parse_power);
}

Result<FieldPtr> parse_not(TokenStream& tokens) {
  TokenStream::Level level(tokens);
  if (auto fine = level.check(); !fine) return std::unexpected(std::move(fine).error());
  if (!tokens.take_symbol("!")) return parse_product(tokens);
  auto operand = parse_not(tokens);
  if (!operand) return operand;
  return make_unary(tokens, FieldOp::kNot, std::move(*operand));
}

Result<FieldPtr> parse_sum(TokenStream& tokens) {
  return parse_left_associative(tokens, kAdditive, parse_not);
}
Result<FieldPtr> parse_comparison(TokenStream& tokens) {
  return parse_left_associative(tokens, kComparisons, parse_sum);
}

struct WordLiteral {
  std::string_view word;
  Type type;
  int64_t integer;
};
constexpr std::array<WordLiteral, 14> kWordLiterals = {
    {{"nil", Type::kNil, 0},
     {"true", Type::kBool, 1},
     {"false", Type::kBool, 0},
     {"minInt", Type::kInt, std::numeric_limits<int64_t>::min()},
     {"maxInt", Type::kInt, std::numeric_limits<int64_t>::max()},
     {"unset", Type::kStatus, 0},
     {"ok", Type::kStatus, 1},
     {"error", Type::kStatus, 2},
     {"unspecified", Type::kKind, 0},
     {"internal", Type::kKind, 1},
     {"server", Type::kKind, 2},
     {"client", Type::kKind, 3},
     {"producer", Type::kKind, 4},
     {"consumer", Type::kKind, 5}}};

constexpr std::array<std::string_view, 20> kFunctionWords = {"count",
                                                             "min",
                                                             "max",
                                                             "avg",
                                                             "sum",
                                                             "by",
                                                             "coalesce",
                                                             "select",
                                                             "with",
                                                             "rate",
                                                             "count_over_time",
                                                             "min_over_time",
                                                             "max_over_time",
                                                             "avg_over_time",
                                                             "sum_over_time",
                                                             "quantile_over_time",
                                                             "histogram_over_time",
                                                             "compare",
                                                             "topk",
                                                             "bottomk"};

}  // namespace

std::optional<Literal> literal_word(std::string_view word) {
  for (const WordLiteral& literal : kWordLiterals)
    if (literal.word == word) return Literal{.type = literal.type, .integer = literal.integer};
  return std::nullopt;
}

bool is_known_word(std::string_view word) {
  return intrinsic_named(word) != Intrinsic::kNone || literal_word(word) ||
         std::ranges::find(kFunctionWords, word) != kFunctionWords.end();
}

std::unexpected<Error> TokenStream::unexpected_token(std::string_view expected) const {
  const Token& token = peek();
  std::string what = "syntax error: unexpected ";
  switch (token.kind) {
    case Token::Kind::kEnd: what += "$end"; break;
    case Token::Kind::kSymbol: what += token.text; break;
    case Token::Kind::kAttribute: what += "attribute " + to_string(token.attribute); break;
    case Token::Kind::kLiteral: what += to_string(token.literal); break;
    case Token::Kind::kWord:
      if (!is_known_word(token.text))
        return parse_error(token.place, "unknown identifier: " + token.text);
      what += token.text;
  }
  if (!expected.empty()) what.append(", expecting ").append(expected);
  return parse_error(token.place, what);
}

Result<Attribute> parse_attribute_token(TokenStream& tokens) {
  const Token& token = tokens.peek();
  if (token.kind == Token::Kind::kAttribute) return std::move(tokens.take().attribute);
  const Intrinsic intrinsic =
      token.kind == Token::Kind::kWord ? intrinsic_named(token.text) : Intrinsic::kNone;
  if (intrinsic == Intrinsic::kNone) return tokens.unexpected_token();
  tokens.take();
  return Attribute{.intrinsic = intrinsic};
}

Result<Literal> parse_literal_token(TokenStream& tokens) {
  const bool minus = tokens.take_symbol("-");
  const Token& token = tokens.peek();
  std::optional<Literal> literal;
  if (token.kind == Token::Kind::kLiteral) literal = token.literal;
  if (token.kind == Token::Kind::kWord) literal = literal_word(token.text);
  if (!literal || (minus && !is_numeric(literal->type))) return tokens.unexpected_token();
  tokens.take();
  if (minus) {
    literal->integer = literal->integer == std::numeric_limits<int64_t>::min() ? literal->integer
                                                                               : -literal->integer;
    literal->real = -literal->real;
  }
  return std::move(*literal);
}

Result<FieldPtr> parse_field(TokenStream& tokens) {
  TokenStream::Level level(tokens);
  if (auto fine = level.check(); !fine) return std::unexpected(std::move(fine).error());
  return parse_left_associative(tokens, kLogical, parse_comparison);
}

}  // namespace sightline::traceql
