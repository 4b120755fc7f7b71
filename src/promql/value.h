#pragma once
// What an expression evaluates to, column-wise: a value for every step of a grid at once.
//   Units       times in ms since the epoch.
//   Invariants  a Series' `floats` and `cells` have one entry per step;
//               `histograms` is empty or has one entry per step.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"
#include "promql/evaluation/provenance.h"
#include "promql/syntax/ast.h"

namespace sightline::promql {

using HistogramPtr = std::shared_ptr<const model::Histogram>;

// The steps an expression is evaluated at: start, start + step, ...
struct StepGrid {
  int64_t start_ms = 0;
  int64_t step_ms = 1;
  size_t count = 1;
  int64_t at(size_t step) const { return start_ms + static_cast<int64_t>(step) * step_ms; }
  int64_t end_ms() const { return at(count - 1); }
  friend bool operator==(const StepGrid&, const StepGrid&) = default;
};

enum class CellKind : uint8_t { kNone, kFloat, kHistogram };

// One value at one step.
struct Cell {
  CellKind kind = CellKind::kNone;
  double value = 0;
  HistogramPtr histogram;
  static Cell none() { return {}; }
  static Cell of(double v) { return {CellKind::kFloat, v, nullptr}; }
  static Cell of(HistogramPtr h) { return {CellKind::kHistogram, 0, std::move(h)}; }
  static Cell of(model::Histogram h) {
    return of(std::make_shared<const model::Histogram>(std::move(h)));
  }
};

struct Series {
  Series() = default;
  Series(model::Labels l, size_t steps) : labels(std::move(l)), floats(steps), cells(steps) {}

  model::Labels labels;
  bool drop_name = false;  // the metric name goes at the very end (delayed name removal)
  std::vector<double> floats;
  std::vector<CellKind> cells;
  std::vector<HistogramPtr> histograms;
  Sources sources;  // what fed it; empty unless asked for

  bool has(size_t step) const { return cells[step] != CellKind::kNone; }
  bool is_float(size_t step) const { return cells[step] == CellKind::kFloat; }
  Cell cell(size_t step) const {
    return {cells[step], floats[step],
            cells[step] == CellKind::kHistogram ? histograms[step] : nullptr};
  }
  void set_float(size_t step, double v) {
    cells[step] = CellKind::kFloat;
    floats[step] = v;
  }
  void set_histogram(size_t step, HistogramPtr h) {
    if (histograms.empty()) histograms.resize(cells.size());
    cells[step] = CellKind::kHistogram;
    histograms[step] = std::move(h);
  }
  void set(size_t step, Cell cell) {
    if (cell.kind == CellKind::kFloat)
      set_float(step, cell.value);
    else if (cell.kind == CellKind::kHistogram)
      set_histogram(step, std::move(cell.histogram));
    else
      clear(step);
  }
  void clear(size_t step) { cells[step] = CellKind::kNone; }
  StepSet present() const {
    static_assert(static_cast<int>(CellKind::kNone) == 0);
    if (std::memchr(cells.data(), 0, cells.size()) == nullptr) return {};  // the common case
    return StepSet::where(cells.size(), [this](size_t step) { return has(step); });
  }
  // Steps with a value.
  size_t count() const {
    if (std::memchr(cells.data(), 0, cells.size()) == nullptr) return cells.size();
    return cells.size() -
           static_cast<size_t>(std::count(cells.begin(), cells.end(), CellKind::kNone));
  }
  bool any() const {
    for (const CellKind kind : cells)
      if (kind != CellKind::kNone) return true;
    return false;
  }
};

// Which member counts depends on `type`: kVector series, kScalar scalars, kString text.
// Range vectors never appear whole: functions read them series by series.
struct Value {
  ValueType type = ValueType::kVector;
  std::vector<Series> series;
  std::vector<double> scalars;  // one per step
  std::string text;
  Sources sources;  // of a kScalar, when asked for
};

}  // namespace sightline::promql
