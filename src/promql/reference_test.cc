// The evaluator against the slow and obvious one: random expressions over random series must agree.
// PROMQL_SEED=n runs one case again, PROMQL_CASES=n that many.
#include <gtest/gtest.h>

#include <cstdlib>

#include "promql/functions/histogram_math.h"
#include "promql/syntax/resolve.h"
#include "promql/testing/reference_evaluator.h"
#include "promql/testing/sample_sequence.h"

namespace sightline::promql {
namespace {

constexpr int64_t kDurationMs = 1'800'000;

// Sums in another order differ in the last digits; variances and differences of sums in more of them.
bool close(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b);
  return a == b || std::fabs(a - b) <= 1e-7 * std::max({1.0, std::fabs(a), std::fabs(b)});
}

bool close(const model::Histogram& x, const model::Histogram& y) {
  const model::Histogram a = compact(x);
  const model::Histogram b = compact(y);
  if (a.schema != b.schema || !close(a.count, b.count) || !close(a.sum, b.sum) ||
      !close(a.zero_count, b.zero_count))
    return false;
  // A bucket may keep a rest of rounding on one side.
  for (const auto* side : {&a, &b}) {
    const auto& other = side == &a ? b : a;
    const auto mine = indexed_buckets(side->positive_spans, side->positive_buckets);
    const auto theirs = indexed_buckets(other.positive_spans, other.positive_buckets);
    for (const IndexedBucket& bucket : mine) {
      const auto at = std::ranges::find(theirs, bucket.index, &IndexedBucket::index);
      if (!close(bucket.count, at == theirs.end() ? 0 : at->count)) return false;
    }
  }
  return true;
}

std::string text(const Cell& c) {
  if (c.kind == CellKind::kNone) return "nothing";
  return c.kind == CellKind::kFloat ? std::to_string(c.value) : script_text(*c.histogram);
}

std::string difference(const ReferenceValue& wanted, const QueryResult& got, size_t step) {
  std::map<model::Labels, Cell> left;
  for (const Series& s : got.series)
    if (s.has(step)) left[s.labels] = s.cell(step);
  ReferenceVector all = wanted.vector;
  if (wanted.is_scalar) all.push_back({{}, Cell::of(wanted.scalar)});
  for (const ReferenceElement& e : all) {
    const auto at = left.find(e.labels);
    const Cell cell = at == left.end() ? Cell::none() : at->second;
    bool same = cell.kind == e.cell.kind;
    if (same && cell.kind == CellKind::kFloat) same = close(cell.value, e.cell.value);
    if (same && cell.kind == CellKind::kHistogram) same = close(*cell.histogram, *e.cell.histogram);
    if (!same) return e.labels.to_string() + ": expected " + text(e.cell) + ", got " + text(cell);
    left.erase(at);
  }
  return left.empty() ? std::string()
                      : left.begin()->first.to_string() + ": expected nothing, got " +
                            text(left.begin()->second);
}

void run_case(uint64_t seed, WorkPool* pool) {
  std::mt19937_64 random(seed);
  MemoryStore store;
  fill_with_random_series(store, random, kDurationMs);
  const std::string query = random_expression(random, 1 + static_cast<int>(random() % 3));
  static constexpr int64_t kSteps[] = {15'000, 60'000, 7'000, 120'000};
  const int64_t step = kSteps[random() % 4];
  const auto count = 1 + static_cast<int64_t>(random() % 15);
  const int64_t start = static_cast<int64_t>(random() % static_cast<uint64_t>(kDurationMs));
  SCOPED_TRACE("seed " + std::to_string(seed) + ": " + query + " from " + std::to_string(start) +
               " step " + std::to_string(step));
  SystemClock clock;
  const Engine engine(store, clock, pool);
  const int64_t end = start + (count - 1) * step;
  const auto got = engine.range(query, {start}, {end}, std::chrono::milliseconds(step));
  auto expr = parse(query);
  ASSERT_TRUE(expr) << expr.error().message;
  ASSERT_TRUE(resolve_times(**expr, {start, end, step}));
  const ReferenceEvaluator reference(store, 300'000);
  for (int64_t k = 0; k < count; ++k) {
    const auto wanted = reference.eval(**expr, start + k * step);
    if (!wanted) {
      EXPECT_EQ(wanted.error().code, Errc::kExecution) << wanted.error().message;
      EXPECT_FALSE(got) << "expected the error " << wanted.error().message;
      return;
    }
    if (!got) continue;  // a later step must fail
    const std::string fault = difference(*wanted, *got, static_cast<size_t>(k));
    ASSERT_EQ(fault, "") << "at step " << k;
  }
  EXPECT_TRUE(got) << got.error().message;
}

TEST(Reference, RandomExpressionsAgree) {
  const char* seed = std::getenv("PROMQL_SEED");
  if (seed != nullptr) return run_case(std::strtoull(seed, nullptr, 10), nullptr);
  const char* cases = std::getenv("PROMQL_CASES");
  const uint64_t count = cases != nullptr ? std::strtoull(cases, nullptr, 10) : 1500;
  WorkPool pool({.thread_count = 2});
  for (uint64_t i = 1; i <= count && !testing::Test::HasFailure(); ++i)
    run_case(i, i % 2 == 0 ? &pool : nullptr);
}

}  // namespace
}  // namespace sightline::promql
