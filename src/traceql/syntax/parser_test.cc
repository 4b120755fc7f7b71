#include "traceql/syntax/parser.h"

#include <gtest/gtest.h>

#include "traceql/evaluation/pushdown.h"

namespace sightline::traceql {
namespace {

std::string filter_text(std::string_view query) {
  const auto parsed = parse(query);
  if (!parsed) return parsed.error().message;
  return to_string(*parsed->pipeline.stages.at(0).spanset->filter);
}

TEST(Parser, BindsOperatorsAsTheLanguageDoes) {
  EXPECT_EQ(filter_text("{ .a || .b && .c }"), "(.a || .b) && .c");
  EXPECT_EQ(filter_text("{ .a && .b || .c }"), "(.a && .b) || .c");
  EXPECT_EQ(filter_text("{ !.a = .b }"), "!.a = .b");
  EXPECT_EQ(filter_text("{ .a + 1 * 2 = 3 }"), "(.a + (1 * 2)) = 3");
  EXPECT_EQ(filter_text("{ .a ^ 2 ^ 3 = 1 }"), "(.a ^ (2 ^ 3)) = 1");
  EXPECT_EQ(filter_text("{ -.a * 2 = 1 }"), "(-.a * 2) = 1");
  EXPECT_EQ(filter_text("{ .a = -5 }"), ".a = -5");
}

TEST(Parser, ReadsAttributeNamesToTheirEnd) {
  EXPECT_EQ(filter_text("{ .a-b/c.d:e@f*g+h = 1 }"), ".a-b/c.d:e@f*g+h = 1");
  EXPECT_EQ(filter_text("{.a=1}"), ".a = 1");
  EXPECT_EQ(filter_text("{ span.\"http status\" = 1 }"), "span.\"http status\" = 1");
  EXPECT_EQ(filter_text("{ span.a.\"b c\".d = 1 }"), "span.\"a.b c.d\" = 1");
  EXPECT_EQ(filter_text(R"({ ."q\"uo" = "x\n" })"), ".\"q\\\"uo\" = `x\n`");
  EXPECT_EQ(filter_text("{ duration > 1h30m }"), "duration > 1h30m0s");
  EXPECT_EQ(filter_text("{ span:duration > 2d }"), "duration > 48h0m0s");
  EXPECT_EQ(filter_text("{ .a = 5e2 }"), ".a = 500");
}

TEST(Parser, BoundsSizeAndDepth) {
  EXPECT_TRUE(parse("{ " + std::string(400, '(') + "true" + std::string(400, ')') + " }")
                  .error()
                  .message.contains("nested too deeply"));
  EXPECT_FALSE(parse("{ " + std::string(100'000, '(') + " }"));
  EXPECT_FALSE(parse("{ " + std::string(100'000, '-') + "1 = 1 }"));
  EXPECT_FALSE(parse("{ " + std::string(100'000, '!') + "true }"));
  std::string chain = "{ true";
  for (int i = 0; i < 20'000; ++i) chain += "||.a";
  EXPECT_FALSE(parse(chain + " }"));
  EXPECT_TRUE(parse("{ .a = \"" + std::string(128 << 10, 'x') + "\" }")
                  .error()
                  .message.contains("more than the limit"));
}

TEST(Pushdown, TakesWhatEveryTraceOfTheAnswerMeets) {
  const auto conditions = [](std::string_view query) {
    tracestore::ScanRequest request;
    const auto parsed = parse(query);
    push_down(parsed->pipeline, request);
    return std::pair(request.conditions.size(), request.all_conditions);
  };
  EXPECT_EQ(conditions("{ .a = 1 && name = \"x\" }"), std::pair(size_t{2}, true));
  EXPECT_EQ(conditions("{ .a = 1 || name = \"x\" }"), std::pair(size_t{2}, false));
  EXPECT_EQ(conditions("{ .a = 1 || true }"), std::pair(size_t{0}, true));
  EXPECT_EQ(conditions("{ .a = 1 || name != \"x\" }"), std::pair(size_t{0}, true));
  EXPECT_EQ(conditions("{ .a = nil }"), std::pair(size_t{0}, true));
  EXPECT_EQ(conditions("{ !(.a = 1) }"), std::pair(size_t{0}, true));
  EXPECT_EQ(conditions("{ .a = 1 } && { .b = 2 && .c = 3 }"), std::pair(size_t{2}, true));
  EXPECT_EQ(conditions("{ .a = 1 } !> { }"), std::pair(size_t{0}, true));
  EXPECT_EQ(conditions("{ } | { .a = 1 }"), std::pair(size_t{0}, true));
}

}  // namespace
}  // namespace sightline::traceql
