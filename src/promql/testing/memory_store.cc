#include "promql/testing/memory_store.h"

#include <algorithm>
#include <set>

#include "model/sample.h"
#include "promql/functions/histogram_math.h"

namespace sightline::promql {
namespace {

using tsdb::SampleColumns;
using tsdb::TimeRange;

bool matches(const model::Labels& labels, std::span<const tsdb::Matcher> matchers) {
  return std::ranges::all_of(
      matchers, [&](const tsdb::Matcher& m) { return m.matches(labels.get(m.name())); });
}

template <typename T>
void copy_range(const std::vector<int64_t>& times, const std::vector<T>& values,
                const std::vector<int64_t>& created, TimeRange range,
                std::vector<int64_t>& to_times, std::vector<T>& to_values,
                std::vector<int64_t>& to_created) {
  const auto from = std::ranges::lower_bound(times, range.min.value) - times.begin();
  const auto to = std::ranges::upper_bound(times, range.max.value) - times.begin();
  if (from >= to) return;
  to_times.assign(times.begin() + from, times.begin() + to);
  to_values.assign(values.begin() + from, values.begin() + to);
  if (!created.empty()) to_created.assign(created.begin() + from, created.begin() + to);
}

class MemorySeriesSet final : public tsdb::SeriesSet {
 public:
  explicit MemorySeriesSet(std::vector<const MemoryStore::SeriesMap::value_type*> found)
      : found_(std::move(found)) {}
  size_t size() const override { return found_.size(); }
  const model::Labels& labels(size_t index) const override { return found_[index]->first; }
  Status read(size_t index, TimeRange range, SampleColumns& out) const override {
    const SampleColumns& all = found_[index]->second;
    out.clear();
    copy_range(all.times, all.values, all.created, range, out.times, out.values, out.created);
    copy_range(all.histogram_times, all.histograms, all.histogram_created, range,
               out.histogram_times, out.histograms, out.histogram_created);
    return {};
  }
  Status read_exemplars(size_t, TimeRange, std::vector<model::Exemplar>&) const override {
    return {};
  }

 private:
  std::vector<const MemoryStore::SeriesMap::value_type*> found_;
};

class MemoryQuerier final : public tsdb::Querier {
 public:
  MemoryQuerier(const MemoryStore::SeriesMap& series, StillWanted wanted)
      : series_(series), wanted_(std::move(wanted)) {}

  Result<std::unique_ptr<tsdb::SeriesSet>> select(std::span<const tsdb::Matcher> matchers,
                                                  TimeRange) const override {
    std::vector<const MemoryStore::SeriesMap::value_type*> found;
    Pacer pacer(wanted_);
    for (const auto& entry : series_) {
      if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
      if (matches(entry.first, matchers)) found.push_back(&entry);
    }
    return std::make_unique<MemorySeriesSet>(std::move(found));
  }
  Result<std::vector<std::string>> label_names(std::span<const tsdb::Matcher> matchers,
                                               TimeRange) const override {
    std::set<std::string> out;
    for (const auto& [labels, samples] : series_)
      if (matches(labels, matchers))
        for (const model::LabelView label : labels) out.emplace(label.name);
    return std::vector<std::string>(out.begin(), out.end());
  }
  Result<std::vector<std::string>> label_values(std::string_view name,
                                                std::span<const tsdb::Matcher> matchers,
                                                TimeRange) const override {
    std::set<std::string> out;
    for (const auto& [labels, samples] : series_)
      if (matches(labels, matchers) && labels.has(name)) out.emplace(labels.get(name));
    return std::vector<std::string>(out.begin(), out.end());
  }
  std::map<std::string, model::MetricMetadata> metadata(std::string_view) const override {
    return {};
  }

 private:
  const MemoryStore::SeriesMap& series_;
  const StillWanted wanted_;
};

Status check_order(const std::vector<int64_t>& times, int64_t time, const model::Labels& labels) {
  if (times.empty() || times.back() < time) return {};
  return fail(Errc::kOutOfRange, "out of order sample of ", labels.to_string(), " at ", time,
              " ms");
}

void add_created(std::vector<int64_t>& created, size_t before, int64_t value) {
  if (created.empty() && value == 0) return;
  created.resize(before);
  created.push_back(value);
}

using HistogramPtr = std::shared_ptr<const model::Histogram>;

// May `next` follow `previous` in one chunk of counters?
bool continues(const model::Histogram& previous, const model::Histogram& next) {
  if (previous.reset_hint == model::ResetHint::kGauge ||
      next.reset_hint == model::ResetHint::kReset)
    return false;
  if (model::is_stale_marker(previous.sum)) return false;
  if (model::is_stale_marker(next.sum)) return true;
  if (previous.schema != next.schema || previous.zero_threshold != next.zero_threshold ||
      previous.custom_values != next.custom_values)
    return false;
  model::Histogram plain = next;
  plain.reset_hint = model::ResetHint::kUnknown;
  return !is_reset(plain, previous);
}

HistogramPtr with_stored_hint(const SampleColumns& s, HistogramPtr h) {
  if (h->reset_hint == model::ResetHint::kGauge) return h;
  const bool follows =
      !s.histograms.empty() && (s.times.empty() || s.times.back() < s.histogram_times.back());
  const bool same_chunk = follows && continues(*s.histograms.back(), *h);
  model::Histogram copy = *h;
  copy.reset_hint = same_chunk ? model::ResetHint::kNotReset : model::ResetHint::kUnknown;
  return std::make_shared<const model::Histogram>(std::move(copy));
}

}  // namespace

Status MemoryStore::add(const model::Labels& labels, int64_t time_ms, double value,
                        int64_t created_ms) {
  SampleColumns& s = series_[labels];
  if (auto ok = check_order(s.times, time_ms, labels); !ok) return ok;
  add_created(s.created, s.times.size(), created_ms);
  s.times.push_back(time_ms);
  s.values.push_back(value);
  return {};
}

Status MemoryStore::add(const model::Labels& labels, int64_t time_ms,
                        std::shared_ptr<const model::Histogram> histogram, int64_t created_ms) {
  SampleColumns& s = series_[labels];
  if (auto ok = check_order(s.histogram_times, time_ms, labels); !ok) return ok;
  add_created(s.histogram_created, s.histogram_times.size(), created_ms);
  histogram = with_stored_hint(s, std::move(histogram));
  s.histogram_times.push_back(time_ms);
  s.histograms.push_back(std::move(histogram));
  return {};
}

Result<std::unique_ptr<tsdb::Querier>> MemoryStore::querier(StillWanted wanted) const {
  return std::make_unique<MemoryQuerier>(series_, std::move(wanted));
}

}  // namespace sightline::promql
