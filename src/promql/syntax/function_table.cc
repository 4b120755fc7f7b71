#include "promql/syntax/function_table.h"

#include <algorithm>

namespace sightline::promql {
namespace {

using enum FunctionId;
constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kT = ValueType::kString;

constexpr Function kFunctions[] = {
    {"abs", kAbs, kV, {kV}},
    {"absent", kAbsent, kV, {kV}},
    {"absent_over_time", kAbsentOverTime, kV, {kM}},
    {"acos", kAcos, kV, {kV}},
    {"acosh", kAcosh, kV, {kV}},
    {"asin", kAsin, kV, {kV}},
    {"asinh", kAsinh, kV, {kV}},
    {"atan", kAtan, kV, {kV}},
    {"atanh", kAtanh, kV, {kV}},
    {"avg_over_time", kAvgOverTime, kV, {kM}},
    {"ceil", kCeil, kV, {kV}},
    {"changes", kChanges, kV, {kM}},
    {"clamp", kClamp, kV, {kV, kS, kS}},
    {"clamp_max", kClampMax, kV, {kV, kS}},
    {"clamp_min", kClampMin, kV, {kV, kS}},
    {"cos", kCos, kV, {kV}},
    {"cosh", kCosh, kV, {kV}},
    {"count_over_time", kCountOverTime, kV, {kM}},
    {"day_of_month", kDayOfMonth, kV, {kV}, 1},
    {"day_of_week", kDayOfWeek, kV, {kV}, 1},
    {"day_of_year", kDayOfYear, kV, {kV}, 1},
    {"days_in_month", kDaysInMonth, kV, {kV}, 1},
    {"deg", kDeg, kV, {kV}},
    {"delta", kDelta, kV, {kM}},
    {"deriv", kDeriv, kV, {kM}},
    {"double_exponential_smoothing", kDoubleExponentialSmoothing, kV, {kM, kS, kS}, 0, true},
    {"end", kEnd, kS, {}, 0, true},
    {"exp", kExp, kV, {kV}},
    {"first_over_time", kFirstOverTime, kV, {kM}, 0, true},
    {"floor", kFloor, kV, {kV}},
    {"histogram_avg", kHistogramAvg, kV, {kV}},
    {"histogram_count", kHistogramCount, kV, {kV}},
    {"histogram_fraction", kHistogramFraction, kV, {kS, kS, kV}},
    {"histogram_quantile", kHistogramQuantile, kV, {kS, kV}},
    {"histogram_quantiles", kHistogramQuantiles, kV, {kV, kT, kS, kS}, 9, true},
    {"histogram_stddev", kHistogramStddev, kV, {kV}},
    {"histogram_stdvar", kHistogramStdvar, kV, {kV}},
    {"histogram_sum", kHistogramSum, kV, {kV}},
    {"hour", kHour, kV, {kV}, 1},
    {"idelta", kIdelta, kV, {kM}},
    {"increase", kIncrease, kV, {kM}},
    {"info", kInfo, kV, {kV, kV}, 1, true},
    {"integral", kIntegral, kV, {kM, kS}, 1, true},
    {"irate", kIrate, kV, {kM}},
    {"label_join", kLabelJoin, kV, {kV, kT, kT, kT}, -1},
    {"label_replace", kLabelReplace, kV, {kV, kT, kT, kT, kT}},
    {"last_over_time", kLastOverTime, kV, {kM}},
    {"ln", kLn, kV, {kV}},
    {"log10", kLog10, kV, {kV}},
    {"log2", kLog2, kV, {kV}},
    {"mad_over_time", kMadOverTime, kV, {kM}, 0, true},
    {"max_of", kMaxOf, kS, {kS, kS}, 0, true},
    {"max_over_time", kMaxOverTime, kV, {kM}},
    {"min_of", kMinOf, kS, {kS, kS}, 0, true},
    {"min_over_time", kMinOverTime, kV, {kM}},
    {"minute", kMinute, kV, {kV}, 1},
    {"month", kMonth, kV, {kV}, 1},
    {"pi", kPi, kS, {}},
    {"predict_linear", kPredictLinear, kV, {kM, kS}},
    {"present_over_time", kPresentOverTime, kV, {kM}},
    {"quantile_over_time", kQuantileOverTime, kV, {kS, kM}},
    {"rad", kRad, kV, {kV}},
    {"range", kRange, kS, {}, 0, true},
    {"rate", kRate, kV, {kM}},
    {"resets", kResets, kV, {kM}},
    {"round", kRound, kV, {kV, kS}, 1},
    {"scalar", kScalar, kS, {kV}},
    {"sgn", kSgn, kV, {kV}},
    {"sin", kSin, kV, {kV}},
    {"sinh", kSinh, kV, {kV}},
    {"sort", kSort, kV, {kV}},
    {"sort_by_label", kSortByLabel, kV, {kV, kT}, -1, true},
    {"sort_by_label_desc", kSortByLabelDesc, kV, {kV, kT}, -1, true},
    {"sort_desc", kSortDesc, kV, {kV}},
    {"sqrt", kSqrt, kV, {kV}},
    {"start", kStart, kS, {}, 0, true},
    {"start_timestamp", kStartTimestamp, kV, {kV}, 0, true},
    {"stddev_over_time", kStddevOverTime, kV, {kM}},
    {"stdvar_over_time", kStdvarOverTime, kV, {kM}},
    {"step", kStep, kS, {}, 0, true},
    {"sum_over_time", kSumOverTime, kV, {kM}},
    {"tan", kTan, kV, {kV}},
    {"tanh", kTanh, kV, {kV}},
    {"time", kTime, kS, {}},
    {"timestamp", kTimestamp, kV, {kV}},
    {"ts_of_first_over_time", kTsOfFirstOverTime, kV, {kM}, 0, true},
    {"ts_of_last_over_time", kTsOfLastOverTime, kV, {kM}, 0, true},
    {"ts_of_max_over_time", kTsOfMaxOverTime, kV, {kM}, 0, true},
    {"ts_of_min_over_time", kTsOfMinOverTime, kV, {kM}, 0, true},
    {"vector", kVector, kV, {kS}},
    {"year", kYear, kV, {kV}, 1},
};
static_assert(std::ranges::is_sorted(kFunctions, {}, &Function::name));

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* found = std::ranges::lower_bound(kFunctions, name, {}, &Function::name);
  return found != std::end(kFunctions) && found->name == name ? found : nullptr;
}

std::span<const Function> all_functions() { return kFunctions; }

}  // namespace sightline::promql
