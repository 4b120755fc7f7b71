#include "pipeline/exporters/grouped_paths.h"

#include <gtest/gtest.h>

namespace sightline::pipeline {
namespace {

TEST(GroupedPaths, StayBelowTheirFolder) {
  EXPECT_EQ(grouped_path("/data/*.json", "shop"), "/data/shop.json");
  EXPECT_EQ(grouped_path("/data/*.json", "a/b"), "/data/a/b.json");
  EXPECT_EQ(grouped_path("/data/*.json", "../etc/my_config"), "/data/etc/my_config.json");
  EXPECT_EQ(grouped_path("/data/*.json", "./x"), "/data/x.json");
  EXPECT_EQ(grouped_path("/data/*.json", "/../../../etc/passwd"), "/data/etc/passwd.json");
  EXPECT_EQ(grouped_path("/data/*.json", "a/../../../b"), "/data/b.json");
  EXPECT_EQ(grouped_path("/data/*.json", ""), "/data/.json");
  EXPECT_EQ(grouped_path("out/*", "x/../../../y"), "out/y");
  EXPECT_EQ(grouped_path("./*/traces", "shop"), "shop/traces");
}

}  // namespace
}  // namespace sightline::pipeline
