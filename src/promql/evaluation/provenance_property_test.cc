// What provenance names is enough: a point is the same when each selector reads only the series that it says fed the
// point. PROMQL_SEED=n runs one case again, PROMQL_CASES=n that many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "promql/engine.h"
#include "promql/syntax/printer.h"
#include "promql/testing/reference_evaluator.h"

namespace sightline::promql {
namespace {

constexpr int64_t kDurationMs = 1'800'000;

// What one selector asked for, as a key.
std::string key_of(std::span<const tsdb::Matcher> matchers, tsdb::TimeRange range) {
  std::string out = std::to_string(range.min.value) + ".." + std::to_string(range.max.value);
  for (const tsdb::Matcher& m : matchers)
    out += " " + m.name() + "|" + std::to_string(static_cast<int>(m.op())) + "|" + m.value();
  return out;
}

struct Asked {
  std::string key;
  size_t count = 0;
};
using Allowed = std::map<std::string, std::set<model::Labels>>;

class SomeSeries final : public tsdb::SeriesSet {
 public:
  SomeSeries(std::unique_ptr<tsdb::SeriesSet> all, std::vector<size_t> kept)
      : all_(std::move(all)), kept_(std::move(kept)) {}
  size_t size() const override { return kept_.size(); }
  const model::Labels& labels(size_t i) const override { return all_->labels(kept_[i]); }
  Status read(size_t i, tsdb::TimeRange range, tsdb::SampleColumns& out) const override {
    return all_->read(kept_[i], range, out);
  }
  Status read_exemplars(size_t i, tsdb::TimeRange range,
                        std::vector<model::Exemplar>& out) const override {
    return all_->read_exemplars(kept_[i], range, out);
  }

 private:
  std::unique_ptr<tsdb::SeriesSet> all_;
  std::vector<size_t> kept_;
};

// A store that notes what is asked of it, and shows only what is allowed.
class WatchedStore final : public tsdb::Queryable {
 public:
  WatchedStore(const MemoryStore& store, const Allowed* allowed)
      : store_(store), allowed_(allowed) {}
  Result<std::unique_ptr<tsdb::Querier>> querier(StillWanted wanted) const override {
    auto inner = store_.querier(std::move(wanted));
    if (!inner) return inner;
    return std::make_unique<WatchedQuerier>(std::move(*inner), *this);
  }
  const std::vector<Asked>& asked() const { return asked_; }

 private:
  class WatchedQuerier final : public tsdb::Querier {
   public:
    WatchedQuerier(std::unique_ptr<tsdb::Querier> inner, const WatchedStore& store)
        : inner_(std::move(inner)), store_(store) {}
    Result<std::unique_ptr<tsdb::SeriesSet>> select(std::span<const tsdb::Matcher> matchers,
                                                    tsdb::TimeRange range) const override {
      auto all = inner_->select(matchers, range);
      if (!all) return all;
      const std::string key = key_of(matchers, range);
      store_.asked_.push_back({key, (*all)->size()});
      if (store_.allowed_ == nullptr) return all;
      std::vector<size_t> kept;
      const auto allowed = store_.allowed_->find(key);
      for (size_t i = 0; i < (*all)->size(); ++i)
        if (allowed != store_.allowed_->end() && allowed->second.contains((*all)->labels(i)))
          kept.push_back(i);
      return std::make_unique<SomeSeries>(std::move(*all), std::move(kept));
    }
    Result<std::vector<std::string>> label_names(std::span<const tsdb::Matcher> m,
                                                 tsdb::TimeRange r) const override {
      return inner_->label_names(m, r);
    }
    Result<std::vector<std::string>> label_values(std::string_view name,
                                                  std::span<const tsdb::Matcher> m,
                                                  tsdb::TimeRange r) const override {
      return inner_->label_values(name, m, r);
    }
    std::map<std::string, model::MetricMetadata> metadata(std::string_view m) const override {
      return inner_->metadata(m);
    }

   private:
    std::unique_ptr<tsdb::Querier> inner_;
    const WatchedStore& store_;
  };

  const MemoryStore& store_;
  const Allowed* allowed_;
  mutable std::vector<Asked> asked_;
};

// What a selector leaves out must not be able to bring something about: inside a subquery a series may be named for one
// step and let a comparison or a contest at another come out differently.
bool is_monotone(std::string_view query) {
  if (query.find(":20s]") == std::string_view::npos) return true;
  for (const std::string_view word :
       {"topk", "bottomk", " > ", " < ", " >= ", " == ", "unless", " or ", "scalar"})
    if (query.find(word) != std::string_view::npos) return false;
  return true;
}

bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::fabs(a - b) <= 1e-9 * std::max({1.0, std::fabs(a), std::fabs(b)});
}

struct Case {
  std::string query;
  int64_t start = 0;
  int64_t step = 0;
  int64_t count = 0;
  Result<QueryResult> run(const tsdb::Queryable& store, bool provenance) const {
    SystemClock clock;
    return Engine(store, clock, nullptr)
        .range(query, {start}, {start + (count - 1) * step}, std::chrono::milliseconds(step),
               {.provenance = provenance});
  }
};

// How many points were held against what they name.
size_t run_case(uint64_t seed) {
  std::mt19937_64 random(seed);
  MemoryStore store;
  fill_with_random_series(store, random, kDurationMs);
  static constexpr int64_t kSteps[] = {15'000, 60'000, 7'000};
  const Case c{random_expression(random, 1 + static_cast<int>(random() % 3)),
               static_cast<int64_t>(random() % static_cast<uint64_t>(kDurationMs)),
               kSteps[random() % 3], 1 + static_cast<int64_t>(random() % 15)};
  if (!is_monotone(c.query)) return 0;
  const WatchedStore watched(store, nullptr);
  const auto whole = c.run(watched, true);
  if (!whole) return 0;
  // Inputs are numbered as selectors were read. What was read twice, or given up and read again, cannot be told apart.
  std::vector<std::string> key_of_input;
  std::set<std::string> keys;
  for (const Asked& asked : watched.asked()) {
    if (!keys.insert(asked.key).second) return 0;
    key_of_input.insert(key_of_input.end(), asked.count, asked.key);
  }
  if (key_of_input.size() != whole->inputs.size()) return 0;
  size_t checked = 0;
  for (const Series& s : whole->series) {
    const size_t step = random() % static_cast<uint64_t>(c.count);
    if (!s.has(step)) continue;
    Allowed allowed;
    for (const SeriesSource& source : s.sources)
      if (source.steps.has(step))
        allowed[key_of_input[source.input]].insert(whole->inputs[source.input].labels);
    const auto part = c.run(WatchedStore(store, &allowed), false);
    const std::string where = "seed " + std::to_string(seed) + ": " + c.query + " " +
                              s.labels.to_string() + " at step " + std::to_string(step) + " of " +
                              std::to_string(c.start);
    EXPECT_TRUE(part) << where << ": " << part.error().message;
    if (!part) return checked;
    const auto found = std::ranges::find(part->series, s.labels, &Series::labels);
    EXPECT_TRUE(found != part->series.end() && found->cells[step] == s.cells[step]) << where;
    if (found == part->series.end() || found->cells[step] != s.cells[step]) return checked;
    if (s.is_float(step)) {
      EXPECT_PRED2(same, found->floats[step], s.floats[step]) << where;
    } else {
      EXPECT_PRED2(same, found->histograms[step]->count, s.histograms[step]->count) << where;
    }
    ++checked;
  }
  return checked;
}

TEST(ProvenanceProperty, WhatIsNamedIsEnough) {
  if (const char* seed = std::getenv("PROMQL_SEED")) {
    run_case(std::strtoull(seed, nullptr, 10));
    return;
  }
  const char* cases = std::getenv("PROMQL_CASES");
  const uint64_t count = cases != nullptr ? std::strtoull(cases, nullptr, 10) : 1500;
  size_t checked = 0;
  for (uint64_t seed = 1; seed <= count && !testing::Test::HasFailure(); ++seed)
    checked += run_case(seed);
  if (!testing::Test::HasFailure()) {
    EXPECT_GT(checked, count / 2);
  }
}

}  // namespace
}  // namespace sightline::promql
