#include "net/http_status.h"

#include <gtest/gtest.h>

namespace sightline::net {
namespace {

TEST(HttpStatus, SaysWhoseFaultItIsAndWhetherToComeBack) {
  for (const Errc asked_wrong : {Errc::kInvalidArgument, Errc::kOutOfRange, Errc::kExecution})
    EXPECT_EQ(http_status_of(asked_wrong), 400) << errc_name(asked_wrong);
  EXPECT_EQ(http_status_of(Errc::kNotFound), 404);
  EXPECT_EQ(http_status_of(Errc::kResourceExhausted), 429);
  EXPECT_EQ(http_status_of(Errc::kCancelled), 499);
  EXPECT_EQ(http_status_of(Errc::kUnavailable), 503);
  EXPECT_EQ(http_status_of(Errc::kDeadlineExceeded), 504);
  for (const Errc ours : {Errc::kCorrupt, Errc::kIo, Errc::kInternal})
    EXPECT_EQ(http_status_of(ours), 500) << errc_name(ours);
}

}  // namespace
}  // namespace sightline::net
