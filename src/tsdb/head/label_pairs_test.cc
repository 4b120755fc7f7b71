#include "tsdb/head/label_pairs.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "base/random.h"

namespace sightline::tsdb {
namespace {

using model::Labels;
using model::make_labels;

Labels random_labels(Random& random) {
  model::LabelsBuilder builder;
  for (uint64_t n = random.below(6); n > 0; --n)
    builder.set(std::string(1 + random.below(2) * 200, static_cast<char>('a' + random.below(4))),
                std::string(random.below(3) * 100 + 1, static_cast<char>('a' + random.below(4))));
  return builder.build();
}

TEST(LabelPairs, KeepLabelsAndTheirOrder) {
  Random random(3);
  LabelPairs pairs;
  std::vector<Labels> plain;
  std::deque<InternedLabels> interned;
  for (int i = 0; i < 300; ++i) {
    plain.push_back(random_labels(random));
    interned.emplace_back(pairs, plain.back());
  }
  for (size_t i = 0; i < plain.size(); ++i) {
    ASSERT_EQ(interned[i].labels(), plain[i]);
    for (size_t k = 0; k < plain.size(); ++k) {
      ASSERT_EQ(interned[i] <=> interned[k], plain[i] <=> plain[k]);
      ASSERT_EQ(interned[i] == interned[k], plain[i] == plain[k]);
      ASSERT_EQ(interned[i] == plain[k], plain[i] == plain[k]);
    }
  }
}

TEST(LabelPairs, GoWithTheLastThatHasThem) {
  LabelPairs pairs;
  const auto first = std::make_unique<InternedLabels>(pairs, make_labels({{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(pairs.size(), 2u);
  for (int i = 0; i < 10'000; ++i) {
    const InternedLabels other(pairs, make_labels({{"a", "1"}, {"i", std::to_string(i)}}));
    EXPECT_EQ(pairs.size(), 3u);
  }
  EXPECT_EQ(pairs.size(), 2u);
  EXPECT_EQ(first->labels(), make_labels({{"a", "1"}, {"b", "2"}}));
}

TEST(LabelPairs, FromSeveralThreads) {
  LabelPairs pairs;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::deque<InternedLabels> kept;
      for (int i = 0; i < 2'000; ++i) {
        const Labels labels =
            make_labels({{"i", std::to_string(i % 100)}, {"k", std::to_string(i * t)}});
        kept.emplace_back(pairs, labels);
        ASSERT_EQ(kept.back().labels(), labels);
        if (kept.size() > 50) kept.pop_front();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pairs.size(), 0u);
}

}  // namespace
}  // namespace sightline::tsdb
