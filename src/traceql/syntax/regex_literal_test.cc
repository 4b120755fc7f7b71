#include "traceql/syntax/regex_literal.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include "base/random.h"

namespace sightline::traceql {
namespace {

TEST(RegexLiteral, IsTheLongestRunThatMustCome) {
  EXPECT_EQ(required_literal(".*WHERE id = 99"), "WHERE id = 99");
  EXPECT_EQ(required_literal("GET /a.*"), "GET /a");
  EXPECT_EQ(required_literal("abc?d"), "ab");
  EXPECT_EQ(required_literal("a\\.b+c"), "a.b");
  EXPECT_EQ(required_literal("x{3}yz"), "yz");
  EXPECT_EQ(required_literal("(foo|bar)baz"), "baz");
  EXPECT_EQ(required_literal("[ab]cd"), "cd");
  EXPECT_EQ(required_literal("one|two"), "");
  EXPECT_EQ(required_literal("(?i)abc"), "");
  EXPECT_EQ(required_literal("\\d+ms"), "ms");
  EXPECT_EQ(required_literal("caf\xc3\xa9?"), "caf");
  EXPECT_EQ(required_literal(""), "");
}

TEST(RegexLiteral, EveryMatchHoldsIt) {
  constexpr std::string_view kPieces[] = {"a", "b", "ab",   ".",     "*", "+",   "?",
                                          "(", ")", "[ab]", "[^a]",  "|", "\\.", "\\w",
                                          "^", "$", "{2}",  "{0,1}", "é"};
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    std::string pattern;
    for (uint64_t n = 1 + random.below(8); n > 0; --n)
      pattern += kPieces[random.below(std::size(kPieces))];
    RE2::Options options;
    options.set_log_errors(false);
    const re2::RE2 regex(pattern, options);
    if (!regex.ok()) continue;
    const std::string literal = required_literal(pattern);
    for (int i = 0; i < 50; ++i) {
      std::string text;
      for (uint64_t n = random.below(6); n > 0; --n)
        text += std::array<std::string_view, 4>{"a", "b", ".", "é"}[random.below(4)];
      if (re2::RE2::FullMatch(text, regex)) {
        EXPECT_NE(text.find(literal), std::string::npos)
            << "seed " << seed << " pattern " << pattern << " text " << text;
      }
    }
  }
}

}  // namespace
}  // namespace sightline::traceql
