#include "tsdb/codec/decoded_groups.h"

#include <gtest/gtest.h>

namespace sightline::tsdb {
namespace {

DecodedGroups::ColumnsPtr columns_of(size_t bytes) {
  auto columns = std::make_shared<DecodedGroups::Columns>();
  columns->bytes.assign(bytes, 'x');
  columns->ends = {static_cast<uint32_t>(bytes)};
  return columns;
}

size_t count_found(DecodedGroups& cache, uint64_t units) {
  size_t found = 0;
  for (uint64_t i = 0; i < units; ++i)
    if (cache.find({{.block = 1, .offset = i}, 0}) != nullptr) ++found;
  return found;
}

TEST(DecodedGroups, HoldsNoMoreThanItMay) {
  constexpr size_t kMax = 64 << 10;
  constexpr size_t kEach = 1'000;
  DecodedGroups cache(kMax);
  for (uint64_t i = 0; i < 500; ++i) {
    cache.keep({{.block = 1, .offset = i}, 0}, columns_of(kEach));
    EXPECT_NE(cache.find({{.block = 1, .offset = i}, 0}), nullptr) << "the newest is there";
  }
  EXPECT_LE(count_found(cache, 500) * kEach, kMax);
  EXPECT_GT(count_found(cache, 500), 0u);
}

TEST(DecodedGroups, ColumnsAndGroupsAreFoundUnderTheirOwnKeysAlone) {
  DecodedGroups cache;
  auto columns = std::make_shared<DecodedGroups::Columns>();
  columns->bytes = "firstsecond";
  columns->ends = {5, 11};
  cache.keep({{.block = 3, .offset = 8}, 14}, columns);
  const auto found = cache.find({{.block = 3, .offset = 8}, 14});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->column(0), "first");
  EXPECT_EQ(found->column(1), "second");
  EXPECT_EQ(cache.find({{.block = 3, .offset = 8}, 0}), nullptr);
  EXPECT_EQ(cache.find({{.block = 4, .offset = 8}, 14}), nullptr);
  EXPECT_EQ(cache.find_group({.block = 3, .offset = 8}), nullptr);
  auto group = std::make_shared<DecodedGroups::Group>();
  group->times = {1, 2, 3};
  cache.keep_group({.block = 3, .offset = 8}, group);
  ASSERT_NE(cache.find_group({.block = 3, .offset = 8}), nullptr);
  EXPECT_EQ(cache.find_group({.block = 3, .offset = 8})->times.size(), 3u);
}

}  // namespace
}  // namespace sightline::tsdb
