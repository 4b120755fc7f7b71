#include "traceql/syntax/parser.h"

#include <algorithm>
#include <array>

#include "traceql/syntax/token_stream.h"

namespace sightline::traceql {
namespace {

// What a pipeline or a parenthesis turned out to hold.
struct Piped {
  Pipeline pipeline;
  MetricsPtr metrics;  // set: `pipeline` is not used
};

struct SpansetSymbol {
  std::string_view symbol;
  SpansetOp op;
  SpansetForm form;
};
constexpr std::array<SpansetSymbol, 2> kLogical = {
    {{"&&", SpansetOp::kAnd, SpansetForm::kPlain}, {"||", SpansetOp::kOr, SpansetForm::kPlain}}};
constexpr std::array<SpansetSymbol, 15> kStructural = {
    {{">", SpansetOp::kChild, SpansetForm::kPlain},
     {">>", SpansetOp::kDescendant, SpansetForm::kPlain},
     {"<", SpansetOp::kParent, SpansetForm::kPlain},
     {"<<", SpansetOp::kAncestor, SpansetForm::kPlain},
     {"~", SpansetOp::kSibling, SpansetForm::kPlain},
     {"!>", SpansetOp::kChild, SpansetForm::kNegated},
     {"!>>", SpansetOp::kDescendant, SpansetForm::kNegated},
     {"!<", SpansetOp::kParent, SpansetForm::kNegated},
     {"!<<", SpansetOp::kAncestor, SpansetForm::kNegated},
     {"!~", SpansetOp::kSibling, SpansetForm::kNegated},
     {"&>", SpansetOp::kChild, SpansetForm::kUnion},
     {"&>>", SpansetOp::kDescendant, SpansetForm::kUnion},
     {"&<", SpansetOp::kParent, SpansetForm::kUnion},
     {"&<<", SpansetOp::kAncestor, SpansetForm::kUnion},
     {"&~", SpansetOp::kSibling, SpansetForm::kUnion}}};
constexpr std::array<std::string_view, 5> kAggregates = {"count", "min", "max", "avg", "sum"};
constexpr std::array<std::pair<std::string_view, FieldOp>, 6> kComparisons = {
    {{"=", FieldOp::kEqual},
     {"!=", FieldOp::kNotEqual},
     {"<", FieldOp::kLess},
     {"<=", FieldOp::kLessEqual},
     {">", FieldOp::kGreater},
     {">=", FieldOp::kGreaterEqual}}};

std::optional<SpansetSymbol> spanset_op(const Token& token,
                                        std::span<const SpansetSymbol> symbols) {
  for (const SpansetSymbol& s : symbols)
    if (token.kind == Token::Kind::kSymbol && token.text == s.symbol) return s;
  return std::nullopt;
}

std::unexpected<Error> pass(Error error) { return std::unexpected(std::move(error)); }

class Parser {
 public:
  explicit Parser(TokenStream tokens) : tokens_(std::move(tokens)) {}

  Result<Query> query() {
    auto piped = pipe();
    if (!piped) return pass(std::move(piped).error());
    Query query{.pipeline = std::move(piped->pipeline), .metrics = std::move(piped->metrics)};
    if (tokens_.is_word("with"))
      if (auto done = hints(query); !done) return pass(std::move(done).error());
    if (tokens_.peek().kind != Token::Kind::kEnd) return tokens_.unexpected_token();
    return query;
  }

  Result<Attribute> lone_attribute() {
    auto attribute = parse_attribute_token(tokens_);
    if (attribute && tokens_.peek().kind != Token::Kind::kEnd) return tokens_.unexpected_token();
    return attribute;
  }

 private:
  // stage { "|" stage }, ending in a metrics function or not.
  Result<Piped> pipe() {
    TokenStream::Level level(tokens_);
    if (auto fine = level.check(); !fine) return pass(std::move(fine).error());
    Piped piped;
    if (auto done = first_stage(piped); !done) return pass(std::move(done).error());
    for (;;) {
      const bool pipe_sign = tokens_.take_symbol("|");
      // A filter on values may follow with or without its pipe sign: rate() > 1.
      if (!pipe_sign && !(piped.metrics && at_comparison(0))) return piped;
      auto done = piped.metrics ? second_stage(*piped.metrics) : next_stage(piped);
      if (!done) return pass(std::move(done).error());
    }
  }

  Status first_stage(Piped& piped) {
    const bool number =
        tokens_.peek().kind == Token::Kind::kLiteral && is_numeric(tokens_.peek().literal.type);
    if (number && !at_comparison(1)) {
      auto metrics = metrics_number();
      if (!metrics) return pass(std::move(metrics).error());
      return metrics_rest(std::move(*metrics), piped);
    }
    if (!tokens_.is_symbol("{") && !(tokens_.is_symbol("(") && !begins_scalar(1)))
      return next_stage(piped);
    auto operand = spanset_primary();
    if (!operand) return pass(std::move(operand).error());
    if (operand->metrics) return metrics_rest(std::move(operand->metrics), piped);
    return spanset_stage(std::move(operand->spanset), piped.pipeline);
  }

  Status next_stage(Piped& piped) {
    const Token& token = tokens_.peek();
    if (token.kind == Token::Kind::kWord) {
      if (token.text == "by") return by_stage(piped.pipeline);
      if (token.text == "coalesce") return coalesce_stage(piped.pipeline);
      if (token.text == "select") return select_stage(piped.pipeline);
      for (int f = 0; f <= static_cast<int>(MetricsFunction::kCompare); ++f)
        if (!piped.pipeline.stages.empty() &&
            token.text == to_string(static_cast<MetricsFunction>(f)) && tokens_.is_symbol("(", 1))
          return metrics_function(static_cast<MetricsFunction>(f), piped);
    }
    if (begins_scalar(0)) return scalar_stage(piped.pipeline);
    auto operand = spanset_primary();
    if (!operand) return pass(std::move(operand).error());
    if (operand->metrics) return tokens_.unexpected_token();
    return spanset_stage(std::move(operand->spanset), piped.pipeline);
  }

  // --- spansets ---

  struct Operand {
    SpansetPtr spanset;
    MetricsPtr metrics;
  };

  Result<Operand> spanset_primary() {
    TokenStream::Level level(tokens_);
    if (auto fine = level.check(); !fine) return pass(std::move(fine).error());
    auto spanset = std::make_unique<Spanset>();
    if (tokens_.take_symbol("{")) {
      if (!tokens_.take_symbol("}")) {
        auto field = parse_field(tokens_);
        if (!field) return pass(std::move(field).error());
        spanset->filter = std::move(*field);
        if (auto closed = tokens_.expect("}"); !closed) return pass(std::move(closed).error());
      }
      return Operand{.spanset = std::move(spanset)};
    }
    if (auto open = tokens_.take_symbol("("); !open) return tokens_.unexpected_token();
    auto inner = pipe();
    if (!inner) return pass(std::move(inner).error());
    if (auto closed = tokens_.expect(")"); !closed) return pass(std::move(closed).error());
    if (inner->metrics) return Operand{.metrics = std::move(inner->metrics)};
    auto& stages = inner->pipeline.stages;
    if (stages.size() == 1 && stages[0].kind == Stage::Kind::kSpanset)
      return Operand{.spanset = std::move(stages[0].spanset)};
    spanset->kind = Spanset::Kind::kPipeline;
    spanset->pipeline = std::make_unique<Pipeline>(std::move(inner->pipeline));
    return Operand{.spanset = std::move(spanset)};
  }

  Result<SpansetPtr> spanset_operand() {
    auto operand = spanset_primary();
    if (!operand) return pass(std::move(operand).error());
    if (operand->metrics) return tokens_.unexpected_token();
    return std::move(operand->spanset);
  }

  // Operators of one level after `left`; `operand` reads the next, tighter level.
  template <typename Next>
  Result<SpansetPtr> spanset_level(SpansetPtr left, std::span<const SpansetSymbol> symbols,
                                   const Next& operand) {
    while (const auto op = spanset_op(tokens_.peek(), symbols)) {
      tokens_.take();
      auto right = operand();
      if (!right) return right;
      auto node = std::make_unique<Spanset>();
      node->kind = Spanset::Kind::kOperation;
      node->op = op->op;
      node->form = op->form;
      node->depth = 1 + std::max(left->depth, (*right)->depth);
      node->left = std::move(left);
      node->right = std::move(*right);
      if (auto fine = tokens_.check_depth(node->depth); !fine) return pass(std::move(fine).error());
      left = std::move(node);
    }
    return left;
  }
  Result<SpansetPtr> structural(SpansetPtr left) {
    return spanset_level(std::move(left), kStructural, [this] { return spanset_operand(); });
  }

  // The whole expression that begins with `first`.
  Result<SpansetPtr> spanset_expression(SpansetPtr first) {
    auto left = structural(std::move(first));
    if (!left) return left;
    return spanset_level(std::move(*left), kLogical, [this]() -> Result<SpansetPtr> {
      auto operand = spanset_operand();
      if (!operand) return operand;
      return structural(std::move(*operand));
    });
  }

  Status spanset_stage(SpansetPtr first, Pipeline& pipeline) {
    auto expression = spanset_expression(std::move(first));
    if (!expression) return pass(std::move(expression).error());
    Stage stage;
    stage.spanset = std::move(*expression);
    pipeline.stages.push_back(std::move(stage));
    return {};
  }

  // --- scalar filters, by, coalesce, select ---

  bool is_aggregate(size_t ahead) const {
    return tokens_.peek(ahead).kind == Token::Kind::kWord && tokens_.is_symbol("(", ahead + 1) &&
           std::ranges::find(kAggregates, tokens_.peek(ahead).text) != kAggregates.end();
  }
  bool begins_scalar(size_t ahead) const {
    while (tokens_.is_symbol("(", ahead)) ++ahead;
    if (tokens_.is_symbol("-", ahead)) ++ahead;
    return is_aggregate(ahead) || tokens_.peek(ahead).kind == Token::Kind::kLiteral;
  }
  bool at_comparison(size_t ahead) const {
    return std::ranges::any_of(
        kComparisons, [=, this](const auto& c) { return tokens_.is_symbol(c.first, ahead); });
  }

  Result<FieldOp> comparison() {
    for (const auto& [symbol, op] : kComparisons)
      if (tokens_.take_symbol(symbol)) return op;
    return tokens_.unexpected_token();
  }

  Result<Scalar> scalar() {
    TokenStream::Level level(tokens_);
    if (auto fine = level.check(); !fine) return pass(std::move(fine).error());
    if (tokens_.take_symbol("(")) {
      auto inner = scalar();
      if (!inner) return inner;
      if (auto closed = tokens_.expect(")"); !closed) return pass(std::move(closed).error());
      return inner;
    }
    Scalar result;
    if (!is_aggregate(0)) {
      auto literal = parse_literal_token(tokens_);
      if (!literal) return pass(std::move(literal).error());
      result.literal = std::move(*literal);
      return result;
    }
    result.aggregate = static_cast<AggregateOp>(
        std::ranges::find(kAggregates, tokens_.take().text) - kAggregates.begin());
    tokens_.take();
    if (result.aggregate != AggregateOp::kCount) {
      auto field = parse_field(tokens_);
      if (!field) return pass(std::move(field).error());
      result.field = std::move(*field);
    }
    if (auto closed = tokens_.expect(")"); !closed) return pass(std::move(closed).error());
    return result;
  }

  Status scalar_stage(Pipeline& pipeline) {
    Stage stage;
    stage.kind = Stage::Kind::kScalarFilter;
    auto left = scalar();
    if (!left) return pass(std::move(left).error());
    auto op = comparison();
    if (!op) return pass(std::move(op).error());
    auto right = scalar();
    if (!right) return pass(std::move(right).error());
    stage.left = std::move(*left);
    stage.op = *op;
    stage.right = std::move(*right);
    pipeline.stages.push_back(std::move(stage));
    return {};
  }

  Status by_stage(Pipeline& pipeline) {
    tokens_.take();
    if (auto open = tokens_.expect("("); !open) return open;
    Stage stage;
    stage.kind = Stage::Kind::kBy;
    auto field = parse_field(tokens_);
    if (!field) return pass(std::move(field).error());
    stage.by = std::move(*field);
    pipeline.stages.push_back(std::move(stage));
    return tokens_.expect(")");
  }

  Status coalesce_stage(Pipeline& pipeline) {
    tokens_.take();
    if (auto open = tokens_.expect("("); !open) return open;
    Stage stage;
    stage.kind = Stage::Kind::kCoalesce;
    pipeline.stages.push_back(std::move(stage));
    return tokens_.expect(")");
  }

  // "(" attribute {"," attribute} ")"
  Result<std::vector<Attribute>> attribute_list() {
    if (auto open = tokens_.expect("("); !open) return pass(std::move(open).error());
    std::vector<Attribute> list;
    do {
      auto attribute = parse_attribute_token(tokens_);
      if (!attribute) return pass(std::move(attribute).error());
      list.push_back(std::move(*attribute));
    } while (tokens_.take_symbol(","));
    if (auto closed = tokens_.expect(")"); !closed) return pass(std::move(closed).error());
    return list;
  }

  Status select_stage(Pipeline& pipeline) {
    tokens_.take();
    auto list = attribute_list();
    if (!list) return pass(std::move(list).error());
    Stage stage;
    stage.kind = Stage::Kind::kSelect;
    stage.select = std::move(*list);
    pipeline.stages.push_back(std::move(stage));
    return {};
  }

  // --- metrics ---

  Status metrics_function(MetricsFunction function, Piped& piped) {
    tokens_.take();
    tokens_.take();
    auto metrics = std::make_unique<Metrics>();
    metrics->function = function;
    metrics->spans = std::move(piped.pipeline);
    piped.pipeline = {};
    if (auto done = metrics_arguments(*metrics); !done) return done;
    if (auto closed = tokens_.expect(")"); !closed) return closed;
    if (function != MetricsFunction::kCompare && tokens_.is_word("by")) {
      tokens_.take();
      auto by = attribute_list();
      if (!by) return pass(std::move(by).error());
      metrics->by = std::move(*by);
    }
    piped.metrics = std::move(metrics);
    return {};
  }

  Status metrics_arguments(Metrics& metrics) {
    switch (metrics.function) {
      case MetricsFunction::kRate:
      case MetricsFunction::kCountOverTime: return {};
      case MetricsFunction::kCompare: return compare_arguments(metrics);
      default: break;
    }
    auto attribute = parse_attribute_token(tokens_);
    if (!attribute) return pass(std::move(attribute).error());
    metrics.measured = std::move(*attribute);
    if (metrics.function != MetricsFunction::kQuantileOverTime) return {};
    if (!tokens_.is_symbol(",")) return tokens_.unexpected_token(",");
    while (tokens_.take_symbol(",")) {
      auto quantile = number();
      if (!quantile) return pass(std::move(quantile).error());
      metrics.quantiles.push_back(*quantile);
    }
    return {};
  }

  Status compare_arguments(Metrics& metrics) {
    auto selection = spanset_operand();
    if (!selection) return pass(std::move(selection).error());
    metrics.selection = std::move(*selection);
    std::vector<int64_t> numbers;
    while (tokens_.take_symbol(",")) {
      const Token& token = tokens_.peek();
      if (token.kind != Token::Kind::kLiteral || token.literal.type != Type::kInt ||
          numbers.size() == 3)
        return tokens_.unexpected_token("integer");
      numbers.push_back(tokens_.take().literal.integer);
    }
    if (!numbers.empty()) {
      if (numbers[0] <= 0 || numbers[0] > UINT32_MAX)
        return fail(Errc::kInvalidArgument,
                    "compare() top number of values must be integer greater than 0");
      metrics.top_count = static_cast<uint32_t>(numbers[0]);
    }
    if (numbers.size() == 2)
      return fail(Errc::kInvalidArgument, "compare() needs both start and end, or neither");
    if (numbers.size() == 3) {
      if (numbers[1] >= numbers[2])
        return fail(Errc::kInvalidArgument, "compare() end must be greater than start");
      metrics.selection_start_ns = static_cast<uint64_t>(numbers[1]);
      metrics.selection_end_ns = static_cast<uint64_t>(numbers[2]);
    }
    return {};
  }

  Result<double> number() {
    auto literal = parse_literal_token(tokens_);
    if (!literal) return pass(std::move(literal).error());
    switch (literal->type) {
      case Type::kInt: return static_cast<double>(literal->integer);
      case Type::kFloat: return literal->real;
      case Type::kDuration: return static_cast<double>(literal->integer) / 1e9;
      default: return fail(Errc::kInvalidArgument, "expected a number, got ", to_string(*literal));
    }
  }

  Status second_stage(Metrics& metrics) {
    SecondStage stage;
    if (tokens_.is_word("topk") || tokens_.is_word("bottomk")) {
      stage.kind =
          tokens_.take().text == "topk" ? SecondStage::Kind::kTopK : SecondStage::Kind::kBottomK;
      if (auto open = tokens_.expect("("); !open) return open;
      const Token& token = tokens_.peek();
      if (token.kind != Token::Kind::kLiteral || token.literal.type != Type::kInt)
        return tokens_.unexpected_token("integer");
      const int64_t count = tokens_.take().literal.integer;
      if (count <= 0 || count > UINT32_MAX)
        return fail(Errc::kInvalidArgument,
                    stage.kind == SecondStage::Kind::kTopK ? "topk" : "bottomk",
                    "() limit must be greater than 0");
      stage.count = static_cast<uint32_t>(count);
      if (auto closed = tokens_.expect(")"); !closed) return closed;
    } else {
      auto op = comparison();
      if (!op) return pass(std::move(op).error());
      auto value = number();
      if (!value) return pass(std::move(value).error());
      stage.kind = SecondStage::Kind::kFilter;
      stage.op = *op;
      stage.value = *value;
    }
    metrics.second_stages.push_back(stage);
    return {};
  }

  Result<MetricsPtr> metrics_number() {
    auto value = number();
    if (!value) return pass(std::move(value).error());
    auto node = std::make_unique<Metrics>();
    node->kind = Metrics::Kind::kNumber;
    node->number = *value;
    return node;
  }

  Result<MetricsPtr> metrics_operand() {
    if (!tokens_.is_symbol("(")) return metrics_number();
    const Token& open = tokens_.peek();
    auto operand = spanset_primary();
    if (!operand) return pass(std::move(operand).error());
    if (!operand->metrics)
      return parse_error(open.place,
                         "syntax error: metrics arithmetic needs metrics queries on both sides");
    return std::move(operand->metrics);
  }

  Result<MetricsPtr> metrics_level(MetricsPtr left, bool products) {
    for (;;) {
      if (!products) {
        auto product = metrics_level(std::move(left), true);
        if (!product) return product;
        left = std::move(*product);
      }
      const bool first = tokens_.is_symbol(products ? "*" : "+");
      if (!first && !tokens_.is_symbol(products ? "/" : "-")) return left;
      tokens_.take();
      auto right = metrics_operand();
      if (right && !products) right = metrics_level(std::move(*right), true);
      if (!right) return right;
      auto node = std::make_unique<Metrics>();
      node->kind = Metrics::Kind::kBinary;
      node->op = products ? (first ? FieldOp::kMultiply : FieldOp::kDivide)
                          : (first ? FieldOp::kAdd : FieldOp::kSubtract);
      node->depth = 1 + std::max(left->depth, (*right)->depth);
      node->left = std::move(left);
      node->right = std::move(*right);
      if (auto fine = tokens_.check_depth(node->depth); !fine) return pass(std::move(fine).error());
      left = std::move(node);
    }
  }

  Status metrics_rest(MetricsPtr first, Piped& piped) {
    auto metrics = metrics_level(std::move(first), false);
    if (!metrics) return pass(std::move(metrics).error());
    piped.metrics = std::move(*metrics);
    return {};
  }

  // with(key=value, ...)
  Status hints(Query& query) {
    tokens_.take();
    if (auto open = tokens_.expect("("); !open) return open;
    do {
      Hint hint;
      if (tokens_.peek().kind != Token::Kind::kWord) return tokens_.unexpected_token();
      hint.name = tokens_.take().text;
      if (auto equal = tokens_.expect("="); !equal) return equal;
      auto value = parse_literal_token(tokens_);
      if (!value) return pass(std::move(value).error());
      hint.value = std::move(*value);
      query.hints.push_back(std::move(hint));
    } while (tokens_.take_symbol(","));
    return tokens_.expect(")");
  }

  TokenStream tokens_;
};

}  // namespace

Result<Query> parse(std::string_view text, const ParseLimits& limits) {
  if (text.size() > limits.bytes_max)
    return fail(Errc::kInvalidArgument, "query is ", text.size(), " bytes, more than the limit of ",
                limits.bytes_max);
  auto tokens = lex(text);
  if (!tokens) return pass(std::move(tokens).error());
  auto query = Parser(TokenStream(std::move(*tokens), limits)).query();
  if (!query) return query;
  if (auto valid = validate(*query, limits); !valid) return pass(std::move(valid).error());
  return query;
}

Result<Attribute> parse_attribute(std::string_view text) {
  auto tokens = lex(text);
  if (!tokens) return pass(std::move(tokens).error());
  return Parser(TokenStream(std::move(*tokens), {})).lone_attribute();
}

}  // namespace sightline::traceql
