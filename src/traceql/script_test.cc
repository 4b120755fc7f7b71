#include "traceql/testing/script.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace sightline::traceql {
namespace {

TEST(Scripts, AllPass) {
  uint32_t passed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SIGHTLINE_TESTDATA)) {
    if (entry.path().extension() != ".test") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto outcome = run_script(text);
    ASSERT_TRUE(outcome) << entry.path() << ": " << outcome.error().message;
    for (const std::string& failure : outcome->failures)
      ADD_FAILURE() << entry.path() << ": " << failure;
    passed += outcome->passed;
  }
  EXPECT_GE(passed, 1'000u);
}

TEST(Scripts, ReportWhatDiffers) {
  const auto outcome = run_script("load\n  trace 1\n    a x\neval { }\n  1: b\n");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->failed, 1u);
  EXPECT_EQ(outcome->rewritten, "load\n  trace 1\n    a x\neval { }\n  1: a\n");
  EXPECT_FALSE(run_script("eval { }\n"));
  EXPECT_FALSE(run_script("  odd\n"));
}

}  // namespace
}  // namespace sightline::traceql
