// Random series and random expressions over them.
#include "model/sample.h"
#include "promql/testing/reference_evaluator.h"

namespace sightline::promql {
namespace {

using Random = std::mt19937_64;

uint64_t below(Random& random, uint64_t n) { return random() % n; }
bool one_in(Random& random, uint64_t n) { return below(random, n) == 0; }
template <typename T, size_t N>
const T& pick(Random& random, const T (&choices)[N]) {
  return choices[below(random, N)];
}

model::Histogram random_histogram(Random& random, model::Histogram previous, bool custom) {
  if (previous.positive_buckets.empty() || one_in(random, 15)) {
    previous = {};
    previous.schema = custom ? model::kCustomBucketsSchema : static_cast<int32_t>(below(random, 2));
    if (custom)
      previous.custom_values = {1, 2, 5};
    else
      previous.zero_threshold = 0.001;
    previous.positive_spans = {{custom ? 0 : static_cast<int32_t>(below(random, 3)), 3}};
    previous.positive_buckets = {1, 1, 1};
  }
  previous.reset_hint = model::ResetHint::kUnknown;
  for (double& b : previous.positive_buckets) b += static_cast<double>(below(random, 4));
  previous.zero_count += custom ? 0 : static_cast<double>(below(random, 2));
  previous.count = previous.zero_count;
  for (const double b : previous.positive_buckets) previous.count += b;
  previous.sum = previous.count * 1.5;
  return previous;
}

struct Kind {
  bool counter = false;
  bool histogram = false;
  bool custom = false;
  bool created = false;
};

void fill_one(MemoryStore& store, const model::Labels& labels, Kind kind, Random& random,
              int64_t duration_ms) {
  double value = static_cast<double>(below(random, 100));
  model::Histogram histogram;
  int64_t created = 0;
  const bool regular = one_in(random, 2);
  for (int64_t t = static_cast<int64_t>(below(random, 20'000)); t < duration_ms;) {
    if (one_in(random, 40)) {
      (void)store.add(labels, t, model::stale_marker());
      t += static_cast<int64_t>(below(random, 600'000));
    } else if (kind.histogram && !one_in(random, 40)) {
      histogram = random_histogram(random, histogram, kind.custom);
      (void)store.add(labels, t, std::make_shared<const model::Histogram>(histogram));
    } else {
      if (kind.counter)
        value = one_in(random, 12) ? static_cast<double>(below(random, 5))
                                   : value + static_cast<double>(below(random, 30));
      else
        value = one_in(random, 30)   ? std::nan("")
                : one_in(random, 50) ? HUGE_VAL
                                     : static_cast<double>(below(random, 4000)) / 16 - 100;
      if (kind.created && (created == 0 || one_in(random, 10)))
        created = std::max<int64_t>(t - static_cast<int64_t>(below(random, 20'000)), 1);
      (void)store.add(labels, t, value, kind.created ? created : 0);
    }
    t += regular ? 15'000 : 5'000 + static_cast<int64_t>(below(random, 20'000));
  }
}

std::string selector(Random& random) {
  static constexpr std::string_view kMetrics[] = {"gauge", "counter_total", "h", "gauge",
                                                  "counter_total"};
  static constexpr std::string_view kMatchers[] = {
      "", "", "{job=\"a\"}", "{i=~\"0|1\"}", "{job!=\"a\"}", "{i!~\"2.*\"}"};
  return std::string(pick(random, kMetrics)).append(pick(random, kMatchers));
}

std::string modifiers(Random& random) {
  static constexpr std::string_view kModifiers[] = {
      "", "", "", "", " offset 1m", " offset -30s", " @ 600", " @ 900 offset 1m", " @ end()"};
  return std::string(pick(random, kModifiers));
}

std::string range_function(Random& random, int depth) {
  static constexpr std::string_view kFunctions[] = {"rate",
                                                    "increase",
                                                    "delta",
                                                    "irate",
                                                    "idelta",
                                                    "changes",
                                                    "resets",
                                                    "sum_over_time",
                                                    "avg_over_time",
                                                    "min_over_time",
                                                    "max_over_time",
                                                    "count_over_time",
                                                    "last_over_time",
                                                    "first_over_time",
                                                    "present_over_time",
                                                    "stddev_over_time",
                                                    "stdvar_over_time",
                                                    "ts_of_last_over_time"};
  static constexpr std::string_view kRanges[] = {"30s", "1m", "2m30s", "5m", "10m"};
  std::string range =
      selector(random) + "[" + std::string(pick(random, kRanges)) + "]" + modifiers(random);
  if (depth > 0 && one_in(random, 3))
    range = "(" + random_expression(random, depth - 1) + ")[" + std::string(pick(random, kRanges)) +
            ":20s]" + modifiers(random);
  if (one_in(random, 10)) return "quantile_over_time(0.3, " + range + ")";
  return std::string(pick(random, kFunctions)) + "(" + range + ")";
}

std::string aggregation(Random& random, int depth) {
  static constexpr std::string_view kOps[] = {"sum",   "avg",   "min",    "max",
                                              "count", "group", "stddev", "stdvar"};
  static constexpr std::string_view kClauses[] = {"", " by (job)", " by (i, job)", " without (i)",
                                                  " without (job)"};
  static constexpr std::string_view kWithParam[] = {"quantile", "topk", "bottomk"};
  const std::string inner = random_expression(random, depth - 1);
  if (!one_in(random, 4))
    return std::string(pick(random, kOps)).append(pick(random, kClauses)) + "(" + inner + ")";
  const auto op = pick(random, kWithParam);
  return std::string(op).append(pick(random, kClauses)) + "(" + (op == "quantile" ? "0.7" : "2") +
         ", " + inner + ")";
}

std::string operation(Random& random, int depth) {
  static constexpr std::string_view kOps[] = {" + ", " - ",  " * ",  " / ",       " % ",     " > ",
                                              " < ", " >= ", " == ", " != bool ", " > bool "};
  static constexpr std::string_view kSets[] = {" and ", " or ", " unless "};
  static constexpr std::string_view kMatching[] = {"", "on (job, i) ", "ignoring (job) ",
                                                   "on (job) "};
  const std::string left = "(" + random_expression(random, depth - 1) + ")";
  if (one_in(random, 3))
    return left + std::string(pick(random, kOps)) +
           (one_in(random, 4) ? "scalar(gauge{job=\"a\",i=\"0\"})"
                              : std::to_string(below(random, 40)));
  const std::string right = "(" + random_expression(random, depth - 1) + ")";
  if (one_in(random, 3))
    return left + std::string(pick(random, kSets)).append(pick(random, kMatching)) + right;
  return left + std::string(pick(random, kOps)).append(pick(random, kMatching)) + right;
}

}  // namespace

void fill_with_random_series(MemoryStore& store, std::mt19937_64& random, int64_t duration_ms) {
  for (const char* job : {"a", "b"})
    for (const char* i : {"0", "1", "22"}) {
      const auto labels = [&](const char* name) {
        return model::make_labels({{"__name__", name}, {"i", i}, {"job", job}});
      };
      if (!one_in(random, 8)) fill_one(store, labels("gauge"), {}, random, duration_ms);
      if (!one_in(random, 8))
        fill_one(store, labels("counter_total"), {.counter = true, .created = one_in(random, 3)},
                 random, duration_ms);
      if (!one_in(random, 3))
        fill_one(store, labels("h"), {.histogram = true, .custom = one_in(random, 4)}, random,
                 duration_ms);
    }
}

std::string random_expression(std::mt19937_64& random, int depth) {
  if (depth <= 0)
    return one_in(random, 3) ? selector(random) + modifiers(random) : range_function(random, 0);
  switch (below(random, 9)) {
    case 0: return "abs(" + random_expression(random, depth - 1) + ")";
    case 1: return "histogram_count(" + random_expression(random, depth - 1) + ")";
    case 2: return "-(" + random_expression(random, depth - 1) + ")";
    case 3: return "vector(scalar(" + random_expression(random, depth - 1) + ") + time())";
    case 4:
    case 5: return operation(random, depth);
    case 6: return range_function(random, depth);
    default: return aggregation(random, depth);
  }
}

}  // namespace sightline::promql
