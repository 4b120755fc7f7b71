#include "scrape/relabel.h"

#include <gtest/gtest.h>

#include "scrape/target.h"

namespace sightline::scrape {
namespace {

using Action = config::RelabelConfig::Action;

struct Case {
  std::string_view what;
  config::RelabelConfig config;
  std::string expected;  // "" : dropped
};

model::Labels apply(const config::RelabelConfig& config, bool& kept) {
  model::LabelsBuilder labels(
      model::make_labels({{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"tmp_x", "1"}}));
  kept = RelabelRules::compile({config}).value().apply(labels);
  return labels.build();
}

TEST(Relabel, EveryAction) {
  const std::vector<Case> cases = {
      {"replace",
       {.source_labels = {"a"},
        .regex = "f(.*)",
        .target_label = "d",
        .replacement = "ch${1}-ch${1}"},
       R"({a="foo", b="bar", c="baz", d="choo-choo", tmp_x="1"})"},
      {"replace joins",
       {.source_labels = {"a", "b"},
        .separator = "-",
        .regex = "(.*)-(?P<last>.*)",
        .target_label = "a",
        .replacement = "$last$$"},
       R"({a="bar$", b="bar", c="baz", tmp_x="1"})"},
      {"no match",
       {.source_labels = {"a"}, .regex = "o", .target_label = "d"},
       R"({a="foo", b="bar", c="baz", tmp_x="1"})"},
      {"empty removes",
       {.source_labels = {"a"}, .regex = "foo", .target_label = "b", .replacement = ""},
       R"({a="foo", c="baz", tmp_x="1"})"},
      {"keep",
       {.source_labels = {"a"}, .regex = "foo|x", .action = Action::kKeep},
       R"({a="foo", b="bar", c="baz", tmp_x="1"})"},
      {"keep drops", {.source_labels = {"a"}, .regex = "fo", .action = Action::kKeep}, ""},
      {"drop", {.source_labels = {"a"}, .regex = "f.*", .action = Action::kDrop}, ""},
      {"labelmap",
       {.regex = "tmp_(.*)", .replacement = "new_$1", .action = Action::kLabelMap},
       R"({a="foo", b="bar", c="baz", new_x="1", tmp_x="1"})"},
      {"labeldrop", {.regex = "[ab]", .action = Action::kLabelDrop}, R"({c="baz", tmp_x="1"})"},
      {"labelkeep", {.regex = "[ab]", .action = Action::kLabelKeep}, R"({a="foo", b="bar"})"},
      {"uppercase",
       {.source_labels = {"a"}, .target_label = "u", .action = Action::kUppercase},
       R"({a="foo", b="bar", c="baz", tmp_x="1", u="FOO"})"},
      {"keepequal",
       {.source_labels = {"a"}, .target_label = "b", .action = Action::kKeepEqual},
       ""},
      // Value as Prometheus' own tests have it for this input.
      {"hashmod",
       {.source_labels = {"c"}, .modulus = 1000, .target_label = "d", .action = Action::kHashMod},
       R"({a="foo", b="bar", c="baz", d="976", tmp_x="1"})"},
  };
  for (const Case& each : cases) {
    bool kept = false;
    const model::Labels labels = apply(each.config, kept);
    EXPECT_EQ(kept, !each.expected.empty()) << each.what;
    if (kept) {
      EXPECT_EQ(labels.to_string(), each.expected) << each.what;
    }
  }
}

TEST(Target, GetsItsLabelsAndUrl) {
  config::ScrapeConfig config{.job_name = {"job1", {}},
                              .scrape_interval = std::chrono::seconds(15),
                              .scrape_timeout = std::chrono::seconds(10),
                              .params = {{"module", {"a b", "c"}}}};
  config.static_configs.push_back(
      {.targets = {{"localhost:9464", {}}}, .labels = {{"env", "prod"}}});
  const auto set = make_targets(config);
  ASSERT_TRUE(set);
  ASSERT_EQ(set->active.size(), 1u);
  const Target& target = *set->active[0];
  EXPECT_EQ(target.labels().to_string(), R"({env="prod", instance="localhost:9464", job="job1"})");
  EXPECT_EQ(target.url(), "http://localhost:9464/metrics?module=a%20b&module=c");
  EXPECT_EQ(target.discovered().get("__scrape_interval__"), "15s");
  EXPECT_EQ(target.discovered().get("__address__"), "localhost:9464");
}

TEST(Target, RelabellingCanDropIt) {
  config::ScrapeConfig config{.job_name = {"j", {}},
                              .scrape_interval = std::chrono::seconds(15),
                              .scrape_timeout = std::chrono::seconds(10)};
  config.static_configs.push_back({.targets = {{"a:1", {}}, {"b:1", {}}}});
  config.relabel_configs.push_back(
      {.source_labels = {"__address__"}, .regex = "a:.*", .action = Action::kDrop});
  const auto set = make_targets(config);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->active.size(), 1u);
  ASSERT_EQ(set->dropped.size(), 1u);
  EXPECT_EQ(set->dropped[0].second.get("__address__"), "a:1");
}

}  // namespace
}  // namespace sightline::scrape
