#pragma once
// TraceQL text as tokens. An attribute is one token: its name runs from the scope's dot to a space or one
// of {}()=!<>~&|^, and so swallows - / . : @ * +; parts of it may be quoted.
//   Errors  kInvalidArgument "parse error at line 1, col 2: ..."; columns count from 1, in characters.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traceql/syntax/ast.h"

namespace sightline::traceql {

struct Place {
  uint32_t line = 1;
  uint32_t column = 1;
};
std::unexpected<Error> parse_error(Place place, std::string_view what);

struct Token {
  enum class Kind : uint8_t { kEnd, kSymbol, kWord, kAttribute, kLiteral };
  Kind kind = Kind::kEnd;
  std::string text;     // kSymbol: "&>>"; kWord: "count", "span:duration"
  Attribute attribute;  // kAttribute
  Literal literal;      // kLiteral: strings, numbers, durations
  Place place;
};

// Ends with one kEnd token.
Result<std::vector<Token>> lex(std::string_view query);

// `text` as a string literal that the lexer reads back as it is.
std::string quoted(std::string_view text);

}  // namespace sightline::traceql
