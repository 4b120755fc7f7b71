#include "wire/prometheus/remote_read.h"

#include <gtest/gtest.h>

namespace sightline::wire::prometheus {
namespace {

TEST(RemoteReadTest, RequestsAreReadAndDamageIsSaid) {
  // queries {start 1, end 2, matchers {=~ "a" "b"}}, accepted types 1 and, packed, 0.
  const std::string request(
      "\x0a\x0e\x08\x01\x10\x02\x1a\x08\x08\x02\x12\x01"
      "a\x1a\x01"
      "b\x10\x01\x12\x01\x00",
      21);
  const auto got = decode_read_request(request);
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->queries.size(), 1u);
  EXPECT_EQ(got->queries[0].end.value, 2);
  ASSERT_EQ(got->queries[0].matchers.size(), 1u);
  EXPECT_EQ(got->queries[0].matchers[0].type, ReadMatch::kRegex);
  EXPECT_EQ(got->queries[0].matchers[0].value, "b");
  EXPECT_EQ(got->accepted_types, (std::vector<int64_t>{1, 0}));
  EXPECT_FALSE(decode_read_request(request.substr(0, 9)));
  EXPECT_FALSE(decode_read_request("\x0f\x0f"));
}

}  // namespace
}  // namespace sightline::wire::prometheus
