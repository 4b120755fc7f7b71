#include "traceql/metrics/series_gathering.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace sightline::traceql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

OwnedValue label_value(const Value& value) {
  return value.is_nil() ? OwnedValue::of(Value::of_text("nil")) : OwnedValue::of(value);
}

// The power of two that `value` > 0 does not exceed, and half of which it does.
int bucket_of(double value) {
  int exponent = 0;
  const double mantissa =
      std::frexp(value, &exponent);  // value = mantissa * 2^exponent, mantissa in [0.5, 1)
  return mantissa == 0.5 ? exponent - 1 : exponent;
}
int bucket_of(int64_t value) {
  return 64 - std::countl_zero(static_cast<uint64_t>(value - 1));
}  // of values above 1

}  // namespace

SeriesGathering::SeriesGathering(const Metrics& metrics, const IntervalGrid& grid,
                                 GatheringLimits limits)
    : metrics_(metrics),
      grid_(grid),
      limits_(limits),
      exemplars_share_(
          limits.exemplars_max == 0 ? 0 : std::max<size_t>(1, limits.exemplars_max / grid.count)),
      exemplars_in_(grid.count, 0) {
  bool names_name = false;
  const auto filtered = named_attributes(metrics.spans, &names_name);
  const auto name = [&](const Attribute& attribute) {
    for (const NamedAttribute& seen : named_)
      if (seen.attribute == attribute) return;
    named_.push_back({to_string(attribute), attribute});
  };
  for (const NamedAttribute& n : filtered) name(n.attribute);
  if (names_name) name({.intrinsic = Intrinsic::kName});
  for (const Attribute& attribute : metrics.by) name(attribute);
}

bool SeriesGathering::uses_buckets() const {
  return metrics_.function == MetricsFunction::kQuantileOverTime ||
         metrics_.function == MetricsFunction::kHistogramOverTime;
}

// Sums are kept in nanoseconds, which are whole numbers, and shown in seconds.
double SeriesGathering::shown_number(double measured) const {
  return durations_ ? measured / 1e9 : measured;
}

SeriesGathering::Gathered* SeriesGathering::series_for(const std::vector<Column>& by,
                                                       uint32_t row) {
  std::string key;
  for (const Column& column : by) {
    const Value value = column.at(row);
    key.push_back(static_cast<char>(value.type));
    key.append(display_text(value)).push_back('\0');
  }
  return made_for(key, [&] {
    MetricsLabels labels;
    for (size_t i = 0; i < by.size(); ++i)
      labels.emplace_back(to_string(metrics_.by[i]), label_value(by[i].at(row)));
    return labels;
  });
}

// nullptr when there are too many already.
SeriesGathering::Gathered* SeriesGathering::made_for(const std::string& key,
                                                     const auto& labels_of) {
  const auto found = series_.find(key);
  if (found != series_.end()) return &found->second;
  if (series_.size() >= limits_.series_max) {
    truncated_ = true;
    return nullptr;
  }
  Gathered& made = series_[key];
  made.labels = labels_of();
  if (!uses_buckets()) {
    made.cells.resize(grid_.count);
    bytes_ += grid_.count * sizeof(Cell);
  }
  bytes_ += metrics_.quantiles.size() * grid_.count * sizeof(double);  // of the answer
  return &made;
}

namespace {

// The place of a row's codes among all combinations of codes.
size_t combination_of(const std::vector<Column>& by, uint32_t row) {
  size_t at = 0;
  for (const Column& column : by) at = at * column.dictionary().size() + column.codes()[row];
  return at;
}

}  // namespace

// The one in which all spans of the row group start, as far as their traces tell.
std::optional<size_t> SeriesGathering::only_interval() const {
  uint64_t low = UINT64_MAX, high = 0;
  for (const auto& trace : columns_->group().traces()) {
    low = std::min(low, trace.start.value);
    high = std::max(high, trace.end.value);
  }
  if (low > high || !grid_.holds(low) || !grid_.holds(high)) return std::nullopt;
  const size_t interval = grid_.index_of(low);
  return interval == grid_.index_of(high) ? std::optional(interval) : std::nullopt;
}

// Counts rows of one interval; when they begin is not looked at.
void SeriesGathering::tally(const RowMask& rows, const std::vector<Column>& by, size_t combinations,
                            size_t interval) {
  std::vector<uint32_t> counts(combinations, 0);
  std::vector<uint32_t> some_row(combinations, 0);
  if (by.size() == 1) {
    const auto codes = by[0].codes();
    for (uint32_t row = 0; row < rows.size(); ++row) {
      counts[codes[row]] += rows[row];
      if (rows[row] != 0) some_row[codes[row]] = row;
    }
  } else {
    for (uint32_t row = 0; row < rows.size(); ++row) {
      if (rows[row] == 0) continue;
      const size_t at = combination_of(by, row);
      ++counts[at];
      some_row[at] = row;
    }
  }
  for (size_t at = 0; at < combinations; ++at) {
    if (counts[at] == 0) continue;
    if (Gathered* series = series_for(by, some_row[at]))
      series->cells[interval].count += counts[at];
  }
}

Status SeriesGathering::add(RowColumns& columns, const RowMask& rows) {
  if (std::ranges::find(rows, 1) == rows.end()) return {};
  columns_ = &columns;
  shown_.clear();
  std::vector<Column> by;
  for (const Attribute& attribute : metrics_.by)
    by.push_back(columns.load(attribute, Domain::kRows));
  const Column measured =
      metrics_.measured ? columns.load(*metrics_.measured, Domain::kRows) : Column::constant({});

  // Rows with equal codes belong to one series, which is looked up once for each combination of codes.
  uint64_t combinations = 1;
  for (const Column& column : by)
    combinations = column.is_coded() && combinations <= kTableMax
                       ? combinations * column.dictionary().size()
                       : kTableMax + 1;
  const auto only = only_interval();
  if (only && !metrics_.measured && combinations <= kTableMax && !wants_exemplar(*only)) {
    tally(rows, by, combinations, *only);
    return check_bytes();
  }
  if (combinations > kTableMax) {
    add_rows(rows, only, measured, [&](uint32_t row) { return series_for(by, row); });
    return check_bytes();
  }
  struct Entry {
    Gathered* series = nullptr;
    bool known = false;
  };
  std::vector<Entry> table(combinations);
  add_rows(rows, only, measured, [&](uint32_t row) {
    Entry& entry = table[combination_of(by, row)];
    if (!entry.known) entry = {series_for(by, row), true};
    return entry.series;
  });
  return check_bytes();
}

Status SeriesGathering::check_bytes() const {
  if (bytes_ <= limits_.bytes_max) return {};
  return fail(Errc::kResourceExhausted, "the query needs more than ", limits_.bytes_max >> 20,
              " MiB for its ", series_.size(), " series of ", grid_.count,
              " intervals: ask for a larger step, or group by less");
}

template <typename SeriesOfRow>
void SeriesGathering::add_rows(const RowMask& rows, std::optional<size_t> only,
                               const Column& measured, const SeriesOfRow& series_of_row) {
  const auto starts = only ? std::span<const uint64_t>() : columns_->group().start_ns();
  // Neighbours in time lie in one interval: it is found anew only when left.
  size_t interval = only.value_or(0);
  int64_t after = 0, until = -1;
  for (uint32_t row = 0; row < rows.size(); ++row) {
    if (rows[row] == 0) continue;
    if (only) {
      // All lie in it.
    } else if (const auto start = static_cast<int64_t>(starts[row]);
               start <= after || start > until) {
      if (!grid_.holds(starts[row])) continue;
      interval = grid_.index_of(starts[row]);
      until = grid_.first_end_ns + static_cast<int64_t>(interval) * grid_.step_ns;
      after = until - grid_.step_ns;
    }
    if (bytes_ > limits_.bytes_max) return;
    const Value value = metrics_.measured ? measured.at(row) : Value{};
    if (metrics_.measured && !is_numeric(value.type)) continue;
    Gathered* series = series_of_row(row);
    if (series == nullptr) continue;
    measure(*series, interval, value);
    offer_exemplar(*series, interval, row, value);
  }
}

void SeriesGathering::measure(Gathered& series, size_t interval, const Value& value) {
  if (!metrics_.measured) {
    series.cells[interval].count += 1;
    return;
  }
  durations_ = durations_ || value.type == Type::kDuration;
  const double v = value.number();
  if (uses_buckets()) {
    if (value.type == Type::kFloat ? !(v > 0) : value.integer < 2) return;
    const int exponent =
        std::clamp(value.type == Type::kFloat ? bucket_of(v) : bucket_of(value.integer),
                   kExponentMin, kExponentMax);
    if (series.buckets.empty()) series.buckets.resize(kExponentMax - kExponentMin + 1);
    auto& counts = series.buckets[static_cast<size_t>(exponent - kExponentMin)];
    if (counts.empty()) {
      counts.resize(grid_.count);
      bytes_ += grid_.count * sizeof(double);
    }
    counts[interval] += 1;
    return;
  }
  Cell& cell = series.cells[interval];
  cell.low = cell.count == 0 ? v : std::min(cell.low, v);
  cell.high = cell.count == 0 ? v : std::max(cell.high, v);
  cell.sum += v;
  cell.count += 1;
}

bool SeriesGathering::wants_exemplar(size_t interval) const {
  return exemplars_in_[interval] < exemplars_share_;
}

void SeriesGathering::offer_exemplar(Gathered& series, size_t interval, uint32_t row,
                                     const Value& value) {
  if (!wants_exemplar(interval)) return;
  auto& group = columns_->group();
  const TraceId trace = group.traces()[columns_->trace_of_row()[row]].id;
  if (!exemplar_traces_.insert(trace).second) return;
  ++exemplars_in_[interval];
  MetricsExemplar exemplar{.trace = trace,
                           .value = metrics_.measured ? shown_number(value.number()) : kNaN,
                           .time = to_ms({group.start_ns()[row]}),
                           .interval = interval};
  if (metrics_.function == MetricsFunction::kHistogramOverTime) exemplar.value = kNaN;
  if (shown_.empty())
    for (const NamedAttribute& named : named_)
      shown_.emplace_back(named.key, columns_->load(named.attribute, Domain::kRows));
  for (const auto& [key, column] : shown_)
    if (const Value shown = column.at(row); !shown.is_nil())
      exemplar.labels.emplace_back(key, OwnedValue::of(shown));
  series.exemplars.push_back(std::move(exemplar));
}

void SeriesGathering::merge_series(Gathered& into, Gathered& from) {
  for (size_t i = 0; i < from.cells.size(); ++i) {
    const Cell& cell = from.cells[i];
    Cell& sum = into.cells[i];
    if (cell.count == 0) continue;
    sum.low = sum.count == 0 ? cell.low : std::min(sum.low, cell.low);
    sum.high = sum.count == 0 ? cell.high : std::max(sum.high, cell.high);
    sum.sum += cell.sum;
    sum.count += cell.count;
  }
  if (into.buckets.empty()) into.buckets.resize(from.buckets.size());
  for (size_t b = 0; b < from.buckets.size(); ++b) {
    auto& counts = into.buckets[b];
    if (from.buckets[b].empty()) continue;
    if (counts.empty()) {
      counts.resize(grid_.count);
      bytes_ += grid_.count * sizeof(double);
    }
    for (size_t i = 0; i < grid_.count; ++i) counts[i] += from.buckets[b][i];
  }
  for (MetricsExemplar& exemplar : from.exemplars) {
    if (!wants_exemplar(exemplar.interval)) continue;
    if (!exemplar_traces_.insert(exemplar.trace).second) continue;
    ++exemplars_in_[exemplar.interval];
    into.exemplars.push_back(std::move(exemplar));
  }
}

Status SeriesGathering::merge(SeriesGathering&& other) {
  durations_ = durations_ || other.durations_;
  truncated_ = truncated_ || other.truncated_;
  for (auto& [key, from] : other.series_) {
    Gathered* into = made_for(key, [&] { return std::move(from.labels); });
    if (into != nullptr) merge_series(*into, from);
    if (auto status = check_bytes(); !status) return status;
  }
  return {};
}

double SeriesGathering::cell_value(const Cell& cell) const {
  switch (metrics_.function) {
    case MetricsFunction::kRate: return cell.count / (static_cast<double>(grid_.step_ns) / 1e9);
    case MetricsFunction::kCountOverTime: return cell.count;
    default: break;
  }
  if (cell.count == 0) return kNaN;
  switch (metrics_.function) {
    case MetricsFunction::kMinOverTime: return shown_number(cell.low);
    case MetricsFunction::kMaxOverTime: return shown_number(cell.high);
    case MetricsFunction::kAvgOverTime: return shown_number(cell.sum / cell.count);
    default: return shown_number(cell.sum);
  }
}

// The value at rank ceil(q * n), its place within the bucket taken as exponential.
double SeriesGathering::quantile(const Gathered& series, double q, size_t interval) const {
  double total = 0;
  for (const auto& counts : series.buckets)
    if (!counts.empty()) total += counts[interval];
  if (total == 0) return 0;
  const double rank = std::max(1.0, std::ceil(q * total));
  double below = 0;
  for (size_t i = 0; i < series.buckets.size(); ++i) {
    if (series.buckets[i].empty()) continue;
    const double count = series.buckets[i][interval];
    if (below + count < rank) {
      below += count;
      continue;
    }
    return shown_number(std::exp2(kExponentMin + static_cast<int>(i) - 1 + (rank - below) / count));
  }
  return 0;
}

void SeriesGathering::write_buckets(Gathered& series, std::vector<MetricsSeries>& out) const {
  if (metrics_.function == MetricsFunction::kQuantileOverTime) {
    for (const double q : metrics_.quantiles) {
      MetricsSeries made{.labels = series.labels};
      made.labels.emplace_back("p", OwnedValue::of(Value::of_float(q)));
      for (size_t i = 0; i < grid_.count; ++i) made.values.push_back(quantile(series, q, i));
      out.push_back(std::move(made));
    }
    if (!out.empty() && !metrics_.quantiles.empty())
      out[out.size() - metrics_.quantiles.size()].exemplars = std::move(series.exemplars);
    return;
  }
  const size_t first = out.size();
  for (size_t i = 0; i < series.buckets.size(); ++i) {
    if (series.buckets[i].empty()) continue;
    MetricsSeries made{.labels = series.labels, .values = std::move(series.buckets[i])};
    made.labels.emplace_back("__bucket", OwnedValue::of(Value::of_float(shown_number(
                                             std::exp2(kExponentMin + static_cast<int>(i))))));
    out.push_back(std::move(made));
  }
  if (out.size() > first) out[first].exemplars = std::move(series.exemplars);
}

// No more than exemplars_max over all series, evenly.
void SeriesGathering::thin_exemplars() {
  size_t total = 0;
  for (const auto& [key, series] : series_) total += series.exemplars.size();
  if (total <= limits_.exemplars_max) return;
  size_t at = 0;
  for (auto& [key, series] : series_)
    std::erase_if(series.exemplars, [&](const MetricsExemplar&) {
      const size_t i = at++;
      return i * limits_.exemplars_max / total == (i + 1) * limits_.exemplars_max / total;
    });
}

std::vector<MetricsSeries> SeriesGathering::finish() && {
  thin_exemplars();
  std::vector<MetricsSeries> out;
  for (auto& [key, series] : series_) {
    std::ranges::sort(series.exemplars, {}, &MetricsExemplar::time);
    if (uses_buckets()) {
      write_buckets(series, out);
      continue;
    }
    MetricsSeries made{.labels = std::move(series.labels),
                       .exemplars = std::move(series.exemplars)};
    if (made.labels.empty())
      made.labels.emplace_back("__name__",
                               OwnedValue::of(Value::of_text(to_string(metrics_.function))));
    for (const Cell& cell : series.cells) made.values.push_back(cell_value(cell));
    out.push_back(std::move(made));
  }
  // What was not measured shows the value of its series.
  for (MetricsSeries& series : out)
    for (MetricsExemplar& exemplar : series.exemplars)
      if (std::isnan(exemplar.value)) exemplar.value = series.values[exemplar.interval];
  return out;
}

}  // namespace sightline::traceql
