// Faults of the language in the words and at the places of a real Prometheus 3.16, which was asked each of these.
#include <gtest/gtest.h>

#include "promql/syntax/parser.h"
#include "promql/syntax/resolve.h"

namespace sightline::promql {
namespace {

std::string fault_of(std::string_view query) {
  auto expr = parse(query);
  if (!expr) return expr.error().message;
  const Status resolved = resolve_times(**expr, {0, 600'000, 60'000});
  return resolved ? "" : resolved.error().message;
}

TEST(ParseFault, IsThePeers) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {")", "1:2: parse error: unexpected right parenthesis ')'"},
      {"}", "1:1: parse error: unexpected character: '}'"},
      {"m[", "1:3: parse error: unexpected end of input in duration expression"},
      {"m[:1m]", "1:4: parse error: unexpected colon before duration in duration expression"},
      {"m[5m:1m:1m]", "1:8: parse error: unexpected colon ':'"},
      {"m[1m foo]", "1:6: parse error: unexpected character: 'f', expected ':'"},
      {"m[foo]", "1:3: parse error: unexpected character in duration expression: 'f'"},
      {"m[step]",
       "1:7: parse error: unexpected \"]\" in subquery or range selector, expected number, "
       "duration, step(), or range()"},
      {"m[5m/0]", "1:5: parse error: division by zero"},
      {"m[1m-2m]", "2:7: duration must be greater than 0"},
      {"1..2", "1:1: parse error: bad number or duration syntax: \"1..\""},
      {"0x",
       "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0x\": invalid "
       "syntax"},
      {"0x1e", "1:1: parse error: bad number or duration syntax: \"0x1e\""},
      {"1e999",
       "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e999\": value out "
       "of "
       "range"},
      {"5hs", "1:1: parse error: unknown unit \"hs\" in duration \"5hs\""},
      {"5s5m", "1:1: parse error: not a valid duration string: \"5s5m\""},
      {"'\\xzz'", "1:1: parse error: illegal character U+007A 'z' in escape sequence"},
      {"'\\ud800'", "1:1: parse error: escape sequence is an invalid Unicode code point"},
      {"m[1m] @ 1e20",
       "1:1: parse error: timestamp out of bounds for @ modifier: 100000000000000000000.000000"},
      {"rate(m[5m:1m] anchored)",
       "1:6: parse error: anchored modifier is not supported for subqueries"},
      {"m{a=~\"(\"}", "1:3: parse error: error parsing regexp: missing closing ): `(`"},
      {"m{a=~\"*\"}",
       "1:3: parse error: error parsing regexp: missing argument to repetition operator: `*`"},
      {"m{a=~\"a{1001}\"}",
       "1:3: parse error: error parsing regexp: invalid repeat count: `{1001}`"},
      {"m{__name__=\"n\"}", "1:1: parse error: metric name must not be set twice: \"m\" or \"n\""},
  };
  for (const auto& [query, expected] : cases) EXPECT_EQ(fault_of(query), expected) << query;
}

TEST(ParseFault, IsNoneWhereThePeerHasNone) {
  for (const std::string_view query :
       {"fill", "fill + fill", "fill_left", "start", "{\"a\",\"b\"}",
        "{__name__=\"a\",__name__=\"b\"}", "m[1m*2]", "017", "m[max_of(1m,step())]", ".5", "1e-999",
        "0x1F", "m[ 5m : 1m ]", "'\xc3\xbc'"})
    EXPECT_EQ(fault_of(query), "") << query;
}

}  // namespace
}  // namespace sightline::promql
