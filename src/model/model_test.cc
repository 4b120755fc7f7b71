#include <gtest/gtest.h>

#include "model/exemplar.h"
#include "model/labels.h"
#include "model/sample.h"
#include "model/span_batch.h"

namespace sightline::model {
namespace {

TEST(Labels, AreSortedUniqueAndComparable) {
  const Labels a = make_labels({{"b", "2"}, {"__name__", "x"}, {"a", "1"}, {"gone", ""}});
  EXPECT_EQ(a.to_string(), "x{a=\"1\", b=\"2\"}");
  EXPECT_EQ(a.size(), 3u);
  EXPECT_EQ(a.get("b"), "2");
  EXPECT_FALSE(a.has("gone"));
  EXPECT_TRUE(Labels::is_packed(a.packed()));
  EXPECT_EQ(Labels::from_packed(std::string(a.packed())), a);
  EXPECT_LT(make_labels({{"a", "1"}}), make_labels({{"a", "1"}, {"b", "1"}}));
  EXPECT_LT(make_labels({{"a", "1"}, {"z", "9"}}), make_labels({{"a", "2"}}));
  EXPECT_EQ(Labels().to_string(), "{}");
}

TEST(Labels, LongValuesAndDamage) {
  const std::string value(300, 'v');
  const Labels labels = LabelsBuilder().set("k", value).set("a", "b").build();
  EXPECT_EQ(labels.get("k"), value);
  const std::string packed(labels.packed());
  for (size_t n = 1; n < packed.size(); ++n)
    if (n != 4) {  // cut after the first pair it is a smaller label set
      EXPECT_FALSE(Labels::is_packed(packed.substr(0, n))) << n;
    }
}

TEST(Labels, BuilderEdits) {
  LabelsBuilder builder(make_labels({{"a", "1"}, {"b", "2"}}));
  builder.set("a", "x").remove("b").set("c", "3");
  EXPECT_EQ(builder.build().to_string(), "{a=\"x\", c=\"3\"}");
}

TEST(Exemplar, SplitsAndJoinsLabels) {
  const Labels all = make_labels({{"trace_id", "0af7651916cd43dd8448eb211c80319c"},
                                  {"span_id", "b7ad6b7169203331"},
                                  {"k", "v"}});
  const Exemplar exemplar = Exemplar::from_labels(all, 1.5, {7});
  EXPECT_TRUE(exemplar.trace_id.is_valid());
  EXPECT_TRUE(exemplar.span_id.is_valid());
  EXPECT_EQ(exemplar.labels.to_string(), "{k=\"v\"}");
  EXPECT_EQ(exemplar.all_labels(), all);
  // Upper-case digits would not print back: such a label stays a label.
  const Labels upper = make_labels({{"trace_id", "0AF7651916CD43DD8448EB211C80319C"}});
  EXPECT_EQ(Exemplar::from_labels(upper, 1, {}).all_labels(), upper);
  const Labels old = make_labels({{"traceID", "0af7651916cd43dd8448eb211c80319c"}});
  EXPECT_TRUE(Exemplar::from_labels(old, 1, {}).trace().is_valid());
}

TEST(Sample, StaleMarkerIsOneNaN) {
  EXPECT_TRUE(is_stale_marker(stale_marker()));
  EXPECT_FALSE(is_stale_marker(std::numeric_limits<double>::quiet_NaN()));
}

TEST(Labels, OrderIsThatOfTheirPairs) {
  std::vector<Labels> all;
  for (const char* a : {"", "x", "xy", "a long value that shares its first words",
                        "a long value that shares its first words, or nearly"})
    for (const char* b : {"", "1", "2", "10"})
      for (const char* name : {"b", "bb", "zebra"})
        all.push_back(LabelsBuilder().set("a", a).set(name, b).build());
  for (const Labels& x : all)
    for (const Labels& y : all) {
      const std::vector<LabelView> p(x.begin(), x.end());
      const std::vector<LabelView> q(y.begin(), y.end());
      EXPECT_EQ(x < y, p < q) << x.to_string() << " " << y.to_string();
      EXPECT_EQ(x > y, p > q) << x.to_string() << " " << y.to_string();
    }
}

}  // namespace
}  // namespace sightline::model
