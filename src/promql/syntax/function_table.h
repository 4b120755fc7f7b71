#pragma once
// Every PromQL function: its signature for the type checker and its identity
// for the evaluator.   Source  spec: PromQL functions.
#include <cstdint>
#include <span>
#include <string_view>

#include "promql/syntax/ast.h"

namespace sightline::promql {

enum class FunctionId : uint8_t {
  kAbs,
  kAbsent,
  kAbsentOverTime,
  kAcos,
  kAcosh,
  kAsin,
  kAsinh,
  kAtan,
  kAtanh,
  kAvgOverTime,
  kCeil,
  kChanges,
  kClamp,
  kClampMax,
  kClampMin,
  kCos,
  kCosh,
  kCountOverTime,
  kDaysInMonth,
  kDayOfMonth,
  kDayOfWeek,
  kDayOfYear,
  kDeg,
  kDelta,
  kDeriv,
  kDoubleExponentialSmoothing,
  kEnd,
  kExp,
  kFirstOverTime,
  kFloor,
  kHistogramAvg,
  kHistogramCount,
  kHistogramFraction,
  kHistogramQuantile,
  kHistogramQuantiles,
  kHistogramStddev,
  kHistogramStdvar,
  kHistogramSum,
  kHour,
  kIdelta,
  kIncrease,
  kInfo,
  kIntegral,
  kIrate,
  kLabelJoin,
  kLabelReplace,
  kLastOverTime,
  kLn,
  kLog10,
  kLog2,
  kMadOverTime,
  kMaxOf,
  kMaxOverTime,
  kMinOf,
  kMinOverTime,
  kMinute,
  kMonth,
  kPi,
  kPredictLinear,
  kPresentOverTime,
  kQuantileOverTime,
  kRad,
  kRange,
  kRate,
  kResets,
  kRound,
  kScalar,
  kSgn,
  kSin,
  kSinh,
  kSort,
  kSortByLabel,
  kSortByLabelDesc,
  kSortDesc,
  kSqrt,
  kStart,
  kStartTimestamp,
  kStddevOverTime,
  kStdvarOverTime,
  kStep,
  kSumOverTime,
  kTan,
  kTanh,
  kTime,
  kTimestamp,
  kTsOfFirstOverTime,
  kTsOfLastOverTime,
  kTsOfMaxOverTime,
  kTsOfMinOverTime,
  kVector,
  kYear
};

inline constexpr size_t kArgTypesMax = 6;

struct Function {
  std::string_view name;
  FunctionId id;
  ValueType returns;
  std::array<ValueType, kArgTypesMax> arg_types;  // kNone from the end on
  // 0: exactly the listed arguments; n > 0: the last n may be left out; -1: the last may be left out or repeated.
  int variadic = 0;
  bool experimental = false;

  size_t arg_type_count() const {
    size_t n = 0;
    while (n < kArgTypesMax && arg_types[n] != ValueType::kNone) ++n;
    return n;
  }
};

const Function* find_function(std::string_view name);  // null when there is none
std::span<const Function> all_functions();             // sorted by name

}  // namespace sightline::promql
