#include "model/value_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace sightline::model {
namespace {

using namespace std::string_view_literals;

TEST(ValueText, Scalars) {
  EXPECT_EQ(value_text({}), "");
  EXPECT_EQ(value_text(ValueView::of_string("a<b")), "a<b");
  EXPECT_EQ(value_text(ValueView::of_bool(true)), "true");
  EXPECT_EQ(value_text(ValueView::of_int(-5)), "-5");
  EXPECT_EQ(value_text(ValueView::of_double(0.5)), "0.5");
  EXPECT_EQ(value_text(ValueView::of_double(200)), "200");
  EXPECT_EQ(value_text(ValueView::of_double(1e-7)), "1e-7");
  EXPECT_EQ(value_text(ValueView::of_double(1e21)), "1e+21");
  EXPECT_EQ(value_text(ValueView::of_double(std::numeric_limits<double>::quiet_NaN())), "NaN");
  EXPECT_EQ(value_text({.kind = ValueKind::kBytes, .bytes = "\x01\x02\x03"}), "AQID");
}

TEST(ValueText, ListsAreJson) {
  // ["a<", null, 7]
  EXPECT_EQ(value_text({.kind = ValueKind::kArray,
                        .bytes = "\x0a\x04\x0a\x02"
                                 "a<\x0a\x00\x0a\x02\x18\x07"sv}),
            R"(["a\u003c",null,7])");
  // {"b":1,"a":true}, which is written by sorted key
  EXPECT_EQ(value_text({.kind = ValueKind::kKvlist,
                        .bytes = "\x0a\x07\x0a\x01"
                                 "b\x12\x02\x18\x01\x0a\x07\x0a\x01"
                                 "a\x12\x02\x10\x01"sv}),
            R"({"a":true,"b":1})");
}

TEST(ValueText, DoublesAsWholeNumbers) {
  EXPECT_EQ(whole_of(-2.9), -2);
  EXPECT_EQ(whole_of(4e18), 4'000'000'000'000'000'000);
  for (const double beyond : {1e19, -1e300, std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(whole_of(beyond), std::numeric_limits<int64_t>::min());
}

}  // namespace
}  // namespace sightline::model
