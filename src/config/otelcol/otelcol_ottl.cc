#include "config/otelcol/otelcol_ottl.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "config/diagnostics.h"
#include "config/otelcol/otelcol_ottl_words.h"

namespace sightline::config {
namespace {

using Kind = OttlNode::Kind;

struct Token {
  enum class Type { kEnd, kWord, kString, kNumber, kBytes, kSymbol };
  Type type = Type::kEnd;
  std::string text;
  size_t column = 1;
};

bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(std::string_view text, OttlContext context) : text_(text), context_(context) { advance(); }

  Result<OttlNode> parse() {
    auto root = parse_or();
    if (!root) return root;
    if (token_.type != Token::Type::kEnd) return unexpected("the end of the condition");
    return root;
  }

 private:
  using Node = Result<OttlNode>;

  std::unexpected<Error> fault(size_t column, std::string_view what) const {
    return fail(Errc::kInvalidArgument, "column ", column, ": ", what);
  }
  std::unexpected<Error> unexpected(std::string_view wanted) const {
    if (!lexical_.empty()) return fault(token_.column, lexical_);
    const std::string got =
        token_.type == Token::Type::kEnd ? "the end" : "\"" + token_.text + "\"";
    return fault(token_.column, "expected " + std::string(wanted) + ", got " + got);
  }

  void advance();
  void lex_string();
  void lex_number();
  bool is_symbol(std::string_view symbol) const {
    return token_.type == Token::Type::kSymbol && token_.text == symbol;
  }
  bool is_word(std::string_view word) const {
    return token_.type == Token::Type::kWord && token_.text == word;
  }
  bool take_symbol(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    advance();
    return true;
  }
  bool take_word(std::string_view word) {
    if (!is_word(word)) return false;
    advance();
    return true;
  }
  Node make(Kind kind, std::vector<OttlNode> children) {
    if (++nodes_ > kOttlNodesMax) return fault(token_.column, "the condition is too long");
    OttlNode node{.kind = kind};
    node.children = std::move(children);
    return node;
  }

  Node parse_or();
  Node parse_and();
  Node parse_not();
  Node parse_comparison();
  Node parse_sum();
  Node parse_product();
  Node parse_value();
  Node parse_call(const Token& name);
  Node parse_path(const Token& first);
  Node parse_number();
  Result<OttlField> field_of(std::vector<std::string> parts, size_t column) const;
  Status check_pattern(const OttlNode& call, size_t column) const;

  const std::string_view text_;
  const OttlContext context_;
  size_t at_ = 0;
  Token token_;
  std::string lexical_;  // what is wrong with the bytes at token_
  size_t nodes_ = 0;
  size_t depth_ = 0;
};

void Parser::advance() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
  token_ = {.column = at_ + 1};
  if (at_ == text_.size()) return;
  const char c = text_[at_];
  if (c == '"') return lex_string();
  if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])))
    return lex_number();
  if (is_word_start(c)) {
    const size_t begin = at_;
    while (at_ < text_.size() && (is_word_start(text_[at_]) || is_digit(text_[at_]))) ++at_;
    token_.type = Token::Type::kWord;
    token_.text = text_.substr(begin, at_ - begin);
    return;
  }
  token_.type = Token::Type::kSymbol;
  for (const std::string_view two : {"==", "!=", "<=", ">="}) {
    if (!text_.substr(at_).starts_with(two)) continue;
    token_.text = two;
    at_ += 2;
    return;
  }
  if (std::string_view("<>+-*/()[],.").find(c) == std::string_view::npos)
    lexical_ = "the character is not understood here";
  token_.text = c;
  ++at_;
}

void Parser::lex_string() {
  token_.type = Token::Type::kString;
  for (++at_; at_ < text_.size(); ++at_) {
    if (text_[at_] == '"') {
      ++at_;
      return;
    }
    if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
      const char next = text_[++at_];
      if (next == 'n')
        token_.text += '\n';
      else if (next == 't')
        token_.text += '\t';
      else if (next == 'r')
        token_.text += '\r';
      else if (next == '"' || next == '\\')
        token_.text += next;
      else
        token_.text += std::string("\\") + next;  // a regular expression's own escape
    } else {
      token_.text += text_[at_];
    }
  }
  lexical_ = "the string is not closed";
}

void Parser::lex_number() {
  const size_t begin = at_;
  if (text_.substr(at_).starts_with("0x")) {
    at_ += 2;
    while (at_ < text_.size() && std::isxdigit(static_cast<unsigned char>(text_[at_]))) ++at_;
    token_.type = Token::Type::kBytes;
    token_.text = text_.substr(begin + 2, at_ - begin - 2);
    return;
  }
  while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
  token_.type = Token::Type::kNumber;
  token_.text = text_.substr(begin, at_ - begin);
}

Parser::Node Parser::parse_or() {
  if (++depth_ > kOttlDepthMax) return fault(token_.column, "the condition is nested too deep");
  auto left = parse_and();
  while (left && take_word("or")) {
    auto right = parse_and();
    if (!right) return right;
    left = make(Kind::kOr, {std::move(*left), std::move(*right)});
  }
  --depth_;
  return left;
}

Parser::Node Parser::parse_and() {
  auto left = parse_not();
  while (left && take_word("and")) {
    auto right = parse_not();
    if (!right) return right;
    left = make(Kind::kAnd, {std::move(*left), std::move(*right)});
  }
  return left;
}

Parser::Node Parser::parse_not() {
  if (!take_word("not")) return parse_comparison();
  if (++depth_ > kOttlDepthMax) return fault(token_.column, "the condition is nested too deep");
  auto inner = parse_not();
  --depth_;
  if (!inner) return inner;
  return make(Kind::kNot, {std::move(*inner)});
}

Parser::Node Parser::parse_comparison() {
  auto left = parse_sum();
  if (!left || token_.type != Token::Type::kSymbol) return left;
  static constexpr std::pair<std::string_view, Kind> kOperators[] = {
      {"==", Kind::kEqual},        {"!=", Kind::kNotEqual}, {"<=", Kind::kLessEqual},
      {">=", Kind::kGreaterEqual}, {"<", Kind::kLess},      {">", Kind::kGreater}};
  for (const auto& [symbol, kind] : kOperators) {
    if (!take_symbol(symbol)) continue;
    auto right = parse_sum();
    if (!right) return right;
    return make(kind, {std::move(*left), std::move(*right)});
  }
  return left;
}

Parser::Node Parser::parse_sum() {
  auto left = parse_product();
  while (left && (is_symbol("+") || is_symbol("-"))) {
    const Kind kind = is_symbol("+") ? Kind::kAdd : Kind::kSubtract;
    advance();
    auto right = parse_product();
    if (!right) return right;
    left = make(kind, {std::move(*left), std::move(*right)});
  }
  return left;
}

Parser::Node Parser::parse_product() {
  auto left = parse_value();
  while (left && (is_symbol("*") || is_symbol("/"))) {
    const Kind kind = is_symbol("*") ? Kind::kMultiply : Kind::kDivide;
    advance();
    auto right = parse_value();
    if (!right) return right;
    left = make(kind, {std::move(*left), std::move(*right)});
  }
  return left;
}

Parser::Node Parser::parse_number() {
  const bool negative = take_symbol("-");
  if (!negative) take_symbol("+");
  if (token_.type != Token::Type::kNumber) return unexpected("a number");
  const std::string digits = (negative ? "-" : "") + token_.text;
  OttlNode node;
  if (digits.find('.') == std::string::npos) {
    const auto value = parse_int(digits);
    if (!value) return fault(token_.column, "the number is too large");
    node.kind = Kind::kInt;
    node.int_value = *value;
  } else {
    const auto value = parse_float(digits);
    if (!value) return fault(token_.column, value.error().message);
    node.kind = Kind::kDouble;
    node.double_value = *value;
  }
  advance();
  return node;
}

Parser::Node Parser::parse_value() {
  if (++nodes_ > kOttlNodesMax) return fault(token_.column, "the condition is too long");
  if (!lexical_.empty()) return unexpected("a value");
  const Token token = token_;
  switch (token.type) {
    case Token::Type::kNumber: return parse_number();
    case Token::Type::kString:
      advance();
      return OttlNode{.kind = Kind::kString, .text = token.text};
    case Token::Type::kBytes: {
      advance();
      auto bytes = hex_decode(token.text);
      if (!bytes) return fault(token.column, "0x takes an even number of hexadecimal digits");
      return OttlNode{.kind = Kind::kBytes, .text = std::move(*bytes)};
    }
    case Token::Type::kWord: break;
    case Token::Type::kEnd: return unexpected("a value");
    case Token::Type::kSymbol: {
      if (is_symbol("-") || is_symbol("+")) return parse_number();
      if (take_symbol("(")) {
        auto inner = parse_or();
        if (!inner) return inner;
        if (!take_symbol(")")) return unexpected("\")\"");
        return inner;
      }
      if (!take_symbol("[")) return unexpected("a value");
      OttlNode list{.kind = Kind::kList};
      while (!is_symbol("]")) {
        auto item = parse_value();
        if (!item) return item;
        list.children.push_back(std::move(*item));
        if (!is_symbol("]") && !take_symbol(",")) return unexpected("\",\" or \"]\"");
      }
      advance();
      return list;
    }
  }
  advance();
  if (token.text == "nil") return OttlNode{.kind = Kind::kNil};
  if (token.text == "true" || token.text == "false")
    return OttlNode{.kind = Kind::kBool, .bool_value = token.text == "true"};
  if (is_symbol("(")) return parse_call(token);
  if (const auto value = ottl_enum_value(token.text))
    return OttlNode{.kind = Kind::kInt, .int_value = *value};
  return parse_path(token);
}

Parser::Node Parser::parse_call(const Token& name) {
  const OttlFunction* known = find_ottl_function(name.text);
  if (known == nullptr)
    return fault(name.column, "the function " + name.text + " is not available here" +
                                  did_you_mean(name.text, ottl_functions()));
  advance();
  OttlNode call{.kind = Kind::kCall, .text = name.text};
  if (++depth_ > kOttlDepthMax) return fault(token_.column, "the condition is nested too deep");
  while (!is_symbol(")")) {
    auto argument = parse_sum();
    if (!argument) return argument;
    call.children.push_back(std::move(*argument));
    if (!is_symbol(")") && !take_symbol(",")) return unexpected("\",\" or \")\"");
  }
  --depth_;
  advance();
  if (call.children.size() < known->arguments_min || call.children.size() > known->arguments_max)
    return fault(name.column, name.text + " takes " + std::to_string(known->arguments_min) +
                                  " arguments, got " + std::to_string(call.children.size()));
  if (const auto context = only_context_of(name.text); context && *context != context_)
    return fault(name.column, name.text + " is not known in this place");
  if (auto status = check_pattern(call, name.column); !status)
    return std::unexpected(std::move(status).error());
  return call;
}

Status Parser::check_pattern(const OttlNode& call, size_t column) const {
  if (call.text != "IsMatch") return {};
  if (call.children[1].kind != Kind::kString)
    return fault(column, "the pattern of IsMatch must be a string");
  const RE2 pattern(call.children[1].text, RE2::Quiet);
  if (!pattern.ok())
    return fault(column, "the pattern of IsMatch is no regular expression: " + pattern.error());
  return {};
}

Result<OttlField> Parser::field_of(std::vector<std::string> parts, size_t column) const {
  std::string whole;
  for (const std::string& part : parts) whole += (whole.empty() ? "" : ".") + part;
  OttlContext context = context_;
  const auto take_context = [&](std::string_view word, OttlContext meant) {
    if (parts.size() > 1 && parts[0] == word) {
      parts.erase(parts.begin());
      context = meant;
      return true;
    }
    return false;
  };
  const bool named = take_context("spanevent", OttlContext::kSpanEvent) ||
                     take_context("datapoint", OttlContext::kDataPoint) ||
                     take_context("metric", OttlContext::kMetric) ||
                     take_context("span", OttlContext::kSpan) ||
                     take_context("resource", OttlContext::kResource) ||
                     take_context("instrumentation_scope", OttlContext::kScope) ||
                     take_context("scope", OttlContext::kScope);
  if (named && !ottl_context_knows(context_, context))
    return fail(Errc::kInvalidArgument, "column ", column, ": ", whole,
                " is not known in this place");
  std::string path;
  for (const std::string& part : parts) path += (path.empty() ? "" : ".") + part;
  const auto& paths = ottl_paths_of(context);
  const auto found = paths.find(path);
  if (found != paths.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, field] : paths) names.push_back(name);
  return fail(Errc::kInvalidArgument, "column ", column, ": the path ", whole,
              " is not available here", did_you_mean(path, names));
}

Parser::Node Parser::parse_path(const Token& first) {
  std::vector<std::string> parts = {first.text};
  while (take_symbol(".")) {
    if (token_.type != Token::Type::kWord) return unexpected("the rest of a path");
    parts.push_back(token_.text);
    advance();
  }
  auto field = field_of(std::move(parts), first.column);
  if (!field) return std::unexpected(std::move(field).error());
  OttlNode node{.kind = Kind::kField, .field = *field};
  while (take_symbol("[")) {
    if (token_.type != Token::Type::kString) return unexpected("a key in double quotes");
    node.keys.push_back(token_.text);
    advance();
    if (!take_symbol("]")) return unexpected("\"]\"");
  }
  if (!node.keys.empty() && !is_ottl_map(*field))
    return fault(first.column, first.text + " takes no [key]");
  return node;
}

}  // namespace

Result<OttlCondition> parse_ottl_condition(std::string_view text, OttlContext context) {
  auto root = Parser(text, context).parse();
  if (!root) return std::unexpected(std::move(root).error());
  return OttlCondition{std::string(text), context, std::move(*root)};
}

namespace {

bool names(std::string_view text, const char* pattern) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace

Result<OttlCondition> parse_metric_condition(std::string_view text) {
  return parse_ottl_condition(
      text, names(text, R"(\bdatapoint\.)")                             ? OttlContext::kDataPoint
            : names(text, R"(\bmetric\.|\bHasAttr(Key)?OnDatapoint\b)") ? OttlContext::kMetric
            : names(text, R"(\b(instrumentation_)?scope\.)")            ? OttlContext::kScope
                                                                        : OttlContext::kResource);
}

Result<OttlCondition> parse_span_condition(std::string_view text) {
  const bool of_event = names(text, R"(\bspanevent\.)");
  const bool of_resource = names(text, R"(\bresource\.)") && !names(text, R"(\bspan\.)");
  return parse_ottl_condition(text, of_event      ? OttlContext::kSpanEvent
                                    : of_resource ? OttlContext::kResource
                                                  : OttlContext::kSpan);
}

}  // namespace sightline::config
