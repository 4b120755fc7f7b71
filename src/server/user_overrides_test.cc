#include "server/user_overrides.h"

#include <gtest/gtest.h>

#include "config/yaml/environment.h"
#include "io/testing_directory.h"

namespace sightline::server {
namespace {

struct UserOverridesTest : ::testing::Test {
  void open(
      const std::string& tempo = "overrides: {defaults: {global: {max_bytes_per_trace: 100}}}") {
    overrides.reset();
    const auto config = config::parse_tempo(tempo, "t.yaml", config::FixedEnvironment({}));
    ASSERT_TRUE(config) << config.error().message;
    limits = *TenantLimitsTable::open(*config, *fs, clock);
    overrides = *UserOverrides::open(directory.path() + "/overrides", *fs, *limits);
  }
  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{TimestampNs{1}};
  std::unique_ptr<TenantLimitsTable> limits;
  std::unique_ptr<UserOverrides> overrides;
};

TEST_F(UserOverridesTest, HoldAtOnceAndAfterARestart) {
  open();
  const auto version = overrides->set(
      "a", R"({"ingestion":{"rate_limit_bytes":7},"read":{"max_search_duration":"2h"}})", "0");
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_EQ(limits->of("a").rate_limit_bytes, 7u);
  EXPECT_EQ(limits->of("a").max_bytes_per_trace, 100u);
  EXPECT_EQ(limits->of("b").rate_limit_bytes, std::nullopt);
  EXPECT_EQ(
      overrides->in_force("a"),
      R"({"ingestion":{"rate_limit_bytes":7,"burst_size_bytes":20000000,"max_traces_per_user":0},)"
      R"("read":{"max_search_duration":"2h0m0s"},"global":{"max_bytes_per_trace":100}})");
  open();
  EXPECT_EQ(limits->of("a").rate_limit_bytes, 7u);
  ASSERT_TRUE(overrides->get("a"));
  EXPECT_EQ(overrides->get("a")->version, *version);
  ASSERT_TRUE(overrides->remove("a", *version));
  EXPECT_EQ(limits->of("a").rate_limit_bytes, std::nullopt);
  open();
  EXPECT_FALSE(overrides->get("a"));
}

TEST_F(UserOverridesTest, RefuseWhatIsWrongOrChangedMeanwhile) {
  open();
  const auto typo = overrides->set("a", R"({"ingestion":{"rate_limit_byte":7}})", "0");
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(typo.error().message.contains("did you mean \"rate_limit_bytes\""))
      << typo.error().message;
  EXPECT_FALSE(overrides->get("a"));
  ASSERT_TRUE(overrides->set("a", "{}", "0"));
  const auto late = overrides->set("a", R"({"read":{}})", "0");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::kAlreadyExists);
  EXPECT_EQ(overrides->remove("a", "0").error().code, Errc::kAlreadyExists);
}

TEST_F(UserOverridesTest, SurviveAFileNobodyUnderstands) {
  open();
  ASSERT_TRUE(overrides->set("a", "{}", "0"));
  ASSERT_TRUE(io::write_file_atomically(*fs, directory.path() + "/overrides/a/overrides.json",
                                        R"({"ingestion": 5})"));
  open();
  EXPECT_EQ(limits->of("a").max_bytes_per_trace, 100u);
  ASSERT_TRUE(overrides->get("a"));
}

}  // namespace
}  // namespace sightline::server
