// rate(), increase(), delta(), irate(), idelta().
#include <cmath>

#include "promql/functions/histogram_math.h"
#include "promql/functions/range_functions.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

using model::Histogram;
using model::ResetHint;

bool is_counter_function(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kIrate;
}

std::string name_of(const RangeCallContext& call) { return go_quote(call.metric); }

void warn_mixed(const RangeCallContext& call) {
  call.annotations.warn(call.at,
                        "encountered a mix of histograms and floats" + for_metric(call.metric));
}

void warn_not_counter(const RangeCallContext& call) {
  call.annotations.warn(call.at, "this native histogram metric is not a counter: " + name_of(call));
}

void warn_not_gauge(const RangeCallContext& call) {
  call.annotations.warn(call.at, "this native histogram metric is not a gauge: " + name_of(call));
}

void warn_mixed_layouts(const RangeCallContext& call) {
  call.annotations.warn(
      call.at, "vector contains a mix of histograms with exponential and custom buckets schemas" +
                   for_metric(call.metric));
}

// Does a start timestamp say that the counter began anew between two samples?
bool starts_anew_at(std::span<const int64_t> times, std::span<const int64_t> created, size_t i,
                    const RangeCallContext& call) {
  if (created.empty()) return false;
  const StartTimeVerdict verdict = start_time_verdict(times, created, i);
  if (verdict == StartTimeVerdict::kOverlap)
    call.annotations.warn(
        call.at, "sample has start time that overlaps with previous sample timestamp for metric " +
                     name_of(call));
  return verdict == StartTimeVerdict::kReset;
}

// The same for the last sample, without complaints.
bool starts_anew(std::span<const int64_t> times, std::span<const int64_t> created) {
  return !created.empty() &&
         start_time_verdict(times, created, times.size() - 1) == StartTimeVerdict::kReset;
}

double float_change(const Window& w, bool is_counter, const RangeCallContext& call) {
  double change = w.values.back() - w.values.front();
  if (!is_counter) return change;
  for (size_t i = 1; i < w.values.size(); ++i)
    if (w.values[i] < w.values[i - 1] || starts_anew_at(w.times, w.created, i, call))
      change += w.values[i - 1];
  return change;
}

bool check_hints(const Window& w, bool is_counter, const RangeCallContext& call) {
  const bool custom = uses_custom_buckets(*w.histograms.back());
  for (size_t i = 0; i < w.histograms.size(); ++i) {
    if (!is_counter && i > 0 && i + 1 < w.histograms.size())
      continue;  // delta looks at both ends only
    const Histogram& h = *w.histograms[i];
    if (is_counter && h.reset_hint == ResetHint::kGauge) warn_not_counter(call);
    if (!is_counter && h.reset_hint != ResetHint::kGauge) warn_not_gauge(call);
    if (uses_custom_buckets(h) == custom) continue;
    // A first sample that a reset follows is never looked at.
    if (i == 0 && is_counter && w.histograms.size() > 1 && is_reset(*w.histograms[1], h)) continue;
    warn_mixed_layouts(call);
    return false;
  }
  return true;
}

std::optional<Histogram> histogram_change(const Window& w, bool is_counter,
                                          const RangeCallContext& call) {
  if (!check_hints(w, is_counter, call)) return std::nullopt;
  const auto& hs = w.histograms;
  const auto reset_at = [&](size_t i) {
    return is_reset(*hs[i], *hs[i - 1]) ||
           starts_anew_at(w.histogram_times, w.histogram_created, i, call);
  };
  Histogram out = *hs.back();
  MergeNotes notes;
  size_t from = 1;
  if (is_counter && hs.size() > 1 && reset_at(1)) {
    from = 2;  // the first counts for nothing
  } else if (hs.size() > 1) {
    auto difference = subtract(out, *hs[0], notes);
    if (!difference) return std::nullopt;
    out = std::move(*difference);
    if (notes.bounds_reconciled)
      call.annotations.info(call.at,
                            "mismatched custom buckets were reconciled during subtraction");
  }
  MergeNotes added;
  if (is_counter)
    for (size_t i = from; i < hs.size(); ++i) {
      if (!reset_at(i)) continue;
      auto sum = add(out, *hs[i - 1], added);
      if (!sum) return std::nullopt;
      out = std::move(*sum);
    }
  if (added.bounds_reconciled)
    call.annotations.info(call.at, "mismatched custom buckets were reconciled during addition");
  // Everything comes out at the coarsest resolution in the window.
  int32_t schema = out.schema;
  for (size_t i = from - 1; is_counter && i < hs.size(); ++i)
    schema = std::min(schema, hs[i]->schema);
  if (!uses_custom_buckets(out)) out = reduce_resolution(out, schema);
  out.reset_hint = ResetHint::kGauge;
  return compact(out);
}

// How far a window's samples may be stretched to its edges, as a factor.
struct Extent {
  int64_t first_ms = 0;
  int64_t last_ms = 0;
  size_t count = 0;
  int64_t created_ms = 0;  // the first sample's start, when it lies inside the window
  double first_value = 0;  // of a counter; count of a histogram
  double change = 0;
  bool is_counter = false;
};

double stretch(const Window& w, const Extent& e) {
  const double sampled = static_cast<double>(e.last_ms - e.first_ms) / 1000;
  const double average = e.count > 1 ? sampled / static_cast<double>(e.count - 1) : 0;
  const double threshold = average * 1.1;
  double to_start = static_cast<double>(e.first_ms - w.start_ms) / 1000;
  double to_end = static_cast<double>(w.end_ms - e.last_ms) / 1000;
  double covered = sampled;
  if (e.created_ms != 0) {
    // A zero at the start timestamp takes the place of extrapolation to the left.
    to_start = 0;
    covered = static_cast<double>(e.last_ms - e.created_ms) / 1000;
  } else {
    if (to_start >= threshold) to_start = average / 2;
    if (e.is_counter && e.change > 0 && e.first_value >= 0)
      to_start = std::min(to_start, sampled * (e.first_value / e.change));
  }
  if (to_end >= threshold) to_end = average / 2;
  return covered == 0 ? 1 : (covered + to_start + to_end) / covered;
}

// The start of the first sample, when it lies inside the window.
int64_t created_inside(const Window& w, std::span<const int64_t> times,
                       std::span<const int64_t> created, bool is_counter) {
  if (!is_counter || created.empty() || times.empty()) return 0;
  return created[0] != 0 && created[0] > w.start_ms && created[0] < times[0] ? created[0] : 0;
}

Cell rate_of_floats(const Window& w, const RangeCallContext& call, bool is_counter,
                    double per_second) {
  const int64_t created = created_inside(w, w.times, w.created, is_counter);
  if (w.times.size() < 2 && created == 0) return Cell::none();
  double change = float_change(w, is_counter, call);
  const Extent e{w.times.front(),  w.times.back(), w.times.size(), created,
                 w.values.front(), change,         is_counter};
  if (created != 0) change += w.values.front();
  return Cell::of(change * (stretch(w, e) / per_second));
}

Cell rate_of_histograms(const Window& w, const RangeCallContext& call, bool is_counter,
                        double per_second) {
  const int64_t created = created_inside(w, w.histogram_times, w.histogram_created, is_counter);
  if (w.histogram_times.size() < 2 && created == 0) return Cell::none();
  auto change = histogram_change(w, is_counter, call);
  if (!change) return Cell::none();
  if (created != 0) {
    // A lone sample is its own change; otherwise what came before the first is added.
    if (w.histograms.size() > 1) {
      MergeNotes notes;
      auto sum = add(*change, *w.histograms.front(), notes);
      if (!sum) return Cell::none();
      change = std::move(*sum);
      change->reset_hint = ResetHint::kGauge;
    }
  }
  const Extent e{w.histogram_times.front(),
                 w.histogram_times.back(),
                 w.histograms.size(),
                 created,
                 w.histograms.front()->count,
                 change->count,
                 is_counter};
  return Cell::of(multiply(*change, stretch(w, e) / per_second));
}

// The newest two samples of a window, floats and histograms in time order.
struct LastTwo {
  Cell previous;
  Cell last;
  int64_t previous_ms = 0;
  int64_t last_ms = 0;
  size_t index = 0;  // of `last` in its column
};

std::optional<LastTwo> last_two(const Window& w) {
  size_t f = w.times.size();
  size_t h = w.histogram_times.size();
  if (f + h < 2) return std::nullopt;
  LastTwo out;
  const auto pop = [&](int64_t& t) {
    if (h == 0 || (f > 0 && w.times[f - 1] >= w.histogram_times[h - 1])) {
      --f;
      t = w.times[f];
      return Cell::of(w.values[f]);
    }
    --h;
    t = w.histogram_times[h];
    return Cell::of(w.histograms[h]);
  };
  out.last = pop(out.last_ms);
  out.previous = pop(out.previous_ms);
  return out;
}

Cell instant_histogram_change(const Window& w, const LastTwo& two, bool is_counter,
                              const RangeCallContext& call) {
  const Histogram& last = *two.last.histogram;
  const Histogram& previous = *two.previous.histogram;
  const bool gauges =
      last.reset_hint == ResetHint::kGauge && previous.reset_hint == ResetHint::kGauge;
  if (is_counter &&
      (last.reset_hint == ResetHint::kGauge || previous.reset_hint == ResetHint::kGauge))
    warn_not_counter(call);
  if (!is_counter && !gauges) warn_not_gauge(call);
  const bool reset = is_counter && (is_reset(last, previous) ||
                                    starts_anew(w.histogram_times, w.histogram_created));
  Histogram out = last;
  if (!reset) {
    MergeNotes notes;
    auto difference = subtract(last, previous, notes);
    if (!difference) return warn_mixed_layouts(call), Cell::none();
    if (notes.bounds_reconciled)
      call.annotations.info(call.at,
                            "mismatched custom buckets were reconciled during subtraction");
    out = std::move(*difference);
  }
  out.reset_hint = ResetHint::kGauge;
  return Cell::of(compact(out));
}

}  // namespace

bool start_says_reset(const CountedSince& before, const CountedSince& after) {
  const int64_t start = after.start;
  if (start == 0 || start >= after.time || start < before.time) return false;
  if (start > before.time) return true;
  // A start at the sample before: deltas, or a counter whose start is not known.
  return before.start != 0 && before.start < before.time;
}

StartTimeVerdict start_time_verdict(std::span<const int64_t> times,
                                    std::span<const int64_t> created, size_t i) {
  const CountedSince before{times[i - 1], created[i - 1]};
  const CountedSince after{times[i], created[i]};
  if (after.start != 0 && after.start < before.time && after.start != before.start)
    return StartTimeVerdict::kOverlap;
  return start_says_reset(before, after) ? StartTimeVerdict::kReset : StartTimeVerdict::kNothing;
}

Cell extrapolated_rate(const Window& w, const RangeCallContext& call) {
  const bool is_counter = is_counter_function(call.function);
  const double per_second =
      call.function == FunctionId::kRate ? static_cast<double>(call.plan.range_ms) / 1000 : 1;
  if (!w.times.empty() && !w.histogram_times.empty()) return warn_mixed(call), Cell::none();
  if (!w.times.empty()) return rate_of_floats(w, call, is_counter, per_second);
  if (!w.histogram_times.empty()) return rate_of_histograms(w, call, is_counter, per_second);
  return Cell::none();
}

Cell instant_rate(const Window& w, const RangeCallContext& call) {
  const bool is_counter = is_counter_function(call.function);
  const auto two = last_two(w);
  if (!two || two->last_ms == two->previous_ms) return Cell::none();
  if (two->last.kind != two->previous.kind) return warn_mixed(call), Cell::none();
  Cell change;
  if (two->last.kind == CellKind::kHistogram) {
    change = instant_histogram_change(w, *two, is_counter, call);
    if (change.kind == CellKind::kNone) return change;
  } else {
    const bool reset =
        is_counter && (two->last.value < two->previous.value || starts_anew(w.times, w.created));
    change = Cell::of(reset ? two->last.value : two->last.value - two->previous.value);
  }
  if (!is_counter) return change;
  const double seconds = static_cast<double>(two->last_ms - two->previous_ms) / 1000;
  if (change.kind == CellKind::kFloat) return Cell::of(change.value / seconds);
  return Cell::of(divide(*change.histogram, seconds));
}

void check_counter_name(const model::Labels& labels, const RangeCallContext& call) {
  const std::string_view name = labels.metric_name();
  if (name.empty()) return;
  const std::string_view type = labels.get("__type__");
  if (!type.empty()) {
    if (type != "counter" && type != "histogram")
      call.annotations.info(call.at,
                            "metric might not be a counter, __type__ label is not set to "
                            "\"counter\" or \"histogram\", got " +
                                go_quote(type) + ": " + go_quote(name));
    return;
  }
  for (const std::string_view suffix : {"_total", "_sum", "_count", "_bucket"})
    if (name.ends_with(suffix)) return;
  call.annotations.info(
      call.at, "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: " +
                   go_quote(name));
}

}  // namespace sightline::promql
