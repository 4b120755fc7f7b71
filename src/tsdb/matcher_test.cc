#include "tsdb/matcher.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/labels.h"
#include "tsdb/postings.h"

namespace sightline::tsdb {
namespace {

Matcher make(MatchOp op, const std::string& value, const std::string& name = "l") {
  auto m = Matcher::create(op, name, value);
  EXPECT_TRUE(m) << value << ": " << m.error().message;
  return *m;
}

TEST(Matcher, Table) {
  struct Row {
    MatchOp op;
    const char* pattern;
    std::vector<std::string> yes;
    std::vector<std::string> no;
  };
  using enum MatchOp;
  const std::vector<Row> rows = {
      {kEqual, "a", {"a"}, {"", "b", "aa"}},
      {kEqual, "", {""}, {"a"}},
      {kNotEqual, "a", {"", "b"}, {"a"}},
      {kNotEqual, "", {"a"}, {""}},
      {kRegex, "a|b", {"a", "b"}, {"", "ab", "c"}},
      {kRegex, "(a|b)", {"a", "b"}, {"", "ab"}},
      {kRegex, "a|", {"a", ""}, {"b"}},
      {kRegex, "", {""}, {"a"}},
      {kRegex, "a.*", {"a", "abc", "a\nb"}, {"ba", ""}},
      {kRegex, ".*", {"", "x", "\n"}, {}},
      {kRegex, ".+", {"x", "\n"}, {""}},
      {kRegex, "ab?", {"a", "ab"}, {"", "abb"}},
      {kRegex, "ab*c", {"ac", "abbc"}, {"abb"}},
      {kRegex, "ab{0,1}", {"a", "ab"}, {"b"}},
      {kRegex, "a|b.*", {"a", "bc"}, {"ac"}},
      {kRegex, "(?i)abc", {"ABC", "abc"}, {"ab"}},
      {kRegex, "(?i:a|b)", {"A", "b"}, {"c"}},
      {kRegex, "a\\.b", {"a.b"}, {"axb"}},
      {kRegex, "^a$", {"a"}, {"ab"}},
      {kRegex, "[ab]c|d", {"ac", "d"}, {"c"}},
      {kNotRegex, "a|b", {"", "c"}, {"a", "b"}},
      {kNotRegex, ".*", {}, {"", "a"}},
      {kNotRegex, "a.+", {"", "a"}, {"ab"}},
      {kRegex, "\xc3\xa4?x", {"x", "\xc3\xa4x"}, {"\xc3"}},
  };
  for (const Row& row : rows) {
    const Matcher m = make(row.op, row.pattern);
    for (const auto& value : row.yes)
      EXPECT_TRUE(m.matches(value)) << m.to_string() << " on '" << value << "'";
    for (const auto& value : row.no)
      EXPECT_FALSE(m.matches(value)) << m.to_string() << " on '" << value << "'";
    for (const auto& value : row.yes)
      EXPECT_TRUE(row.op != kRegex || value.starts_with(m.prefix()))
          << m.to_string() << " prefix " << m.prefix();
  }
}

TEST(Matcher, FastPathsAndText) {
  using enum MatchOp;
  EXPECT_EQ(make(kRegex, "b|a|b").set_matches(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(make(kRegex, "a.*").set_matches().empty());
  EXPECT_EQ(make(kRegex, "prod-.*").prefix(), "prod-");
  EXPECT_EQ(make(kRegex, "prod|x.*").prefix(), "");
  EXPECT_EQ(make(kNotRegex, "a\"\\\\b").to_string(), R"(l!~"a\"\\\\b")");
  const auto bad = Matcher::create(kRegex, "l", "a(");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(bad.error().message.starts_with("error parsing regexp: ")) << bad.error().message;
}

// The index answers like looking at every series.
TEST(Postings, AgreeWithBruteForce) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::vector<std::string> values = {"",   "a",      "ab",     "abc", "b",
                                           "b1", "prod-1", "prod-2", "\n"};
  const std::vector<std::string> patterns = {"",   "a",  "a|b", "a.*", "prod-.*",
                                             ".*", ".+", "a|",  "b1?", "x"};
  MutablePostings index;
  std::vector<model::Labels> all;
  for (uint32_t i = 0; i < 300; ++i) {
    model::LabelsBuilder builder;
    for (const char* name : {"l", "m", "n"}) builder.set(name, values[random.below(values.size())]);
    builder.set("id", std::to_string(i));
    all.push_back(builder.build());
    index.add(i, all.back().packed());
  }
  for (uint32_t i = 0; i < all.size(); i += 7) index.remove(i, all[i].packed());
  for (int round = 0; round < 500; ++round) {
    std::vector<Matcher> matchers;
    const uint64_t count = random.below(4);
    for (uint64_t k = 0; k < count; ++k)
      matchers.push_back(make(static_cast<MatchOp>(random.below(4)),
                              patterns[random.below(patterns.size())],
                              std::array{"l", "m", "n", "none"}[random.below(4)]));
    const Roaring found = *select_postings(index, matchers);
    std::string text;
    for (const Matcher& m : matchers) text += m.to_string() + " ";
    for (uint32_t i = 0; i < all.size(); ++i) {
      bool wanted = i % 7 != 0;
      for (const Matcher& m : matchers) wanted = wanted && m.matches(all[i].get(m.name()));
      ASSERT_EQ(found.contains(i), wanted) << text << all[i].to_string();
    }
  }
}

}  // namespace
}  // namespace sightline::tsdb
