#pragma once
// PromQL text into tokens. A fault becomes one kError token whose text is the
// message, and ends the list: the parser reports it only if it gets that far,
// so that the first fault in reading order wins.
//   Ownership  tokens view into the query, which must outlive them; an error's
//              text is owned by the TokenList.
//   Source     spec: PromQL lexical grammar; messages as the peer words them.
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "promql/syntax/token.h"

namespace sightline::promql {

struct TokenList {
  std::vector<Token> tokens;         // ends with kEof or kError
  std::deque<std::string> messages;  // what kError views into
};

TokenList lex(std::string_view query);

}  // namespace sightline::promql
