#include "tsdb/head/sample_gathering.h"

#include <algorithm>
#include <numeric>

#include "tsdb/codec/reset_hints.h"

namespace sightline::tsdb {
namespace {

// Cuts what was added from `before` on to [min, max]; true when it follows what was there.
template <typename T>
bool trim(std::vector<int64_t>& times, std::vector<T>& values, std::vector<int64_t>& created,
          size_t before, int64_t min, int64_t max) {
  const auto follows = [&] {
    return before == 0 || times.size() == before || times[before - 1] < times[before];
  };
  if (times.size() == before || (times[before] >= min && times.back() <= max)) return follows();
  const auto begin = times.begin() + static_cast<ptrdiff_t>(before);
  const auto keep_from =
      static_cast<size_t>(std::lower_bound(begin, times.end(), min) - times.begin());
  const auto keep_to =
      static_cast<size_t>(std::upper_bound(begin, times.end(), max) - times.begin());
  const auto cut = [&](auto& column) {
    if (column.empty()) return;
    column.resize(std::max(keep_to, before));
    if (keep_from > before)
      column.erase(column.begin() + static_cast<ptrdiff_t>(before),
                   column.begin() + static_cast<ptrdiff_t>(std::min(keep_from, column.size())));
  };
  cut(times);
  cut(values);
  cut(created);
  return follows();
}

// Sorts by time; of equal times the first stays.
template <typename T>
void sort_columns(std::vector<int64_t>& times, std::vector<T>& values,
                  std::vector<int64_t>& created) {
  std::vector<uint32_t> order(times.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return times[a] < times[b]; });
  order.erase(std::unique(order.begin(), order.end(),
                          [&](uint32_t a, uint32_t b) { return times[a] == times[b]; }),
              order.end());
  const auto permute = [&](auto& column) {
    if (column.empty()) return;
    std::remove_cvref_t<decltype(column)> sorted;
    sorted.reserve(order.size());
    for (const uint32_t i : order) sorted.push_back(std::move(column[i]));
    column = std::move(sorted);
  };
  if constexpr (std::is_same_v<T, HistogramPtr>)  // what a hint says is of the one that came before
    for (size_t i = 0; i < order.size(); ++i)
      if (order[i] != 0 && (i == 0 || order[i - 1] + 1 != order[i]))
        values[order[i]] = with_unknown_reset(std::move(values[order[i]]));
  permute(created);
  permute(values);
  permute(times);
}

void add_created(std::vector<int64_t>& to, size_t before, size_t count,
                 const std::vector<int64_t>& from) {
  if (from.empty() && to.empty()) return;
  to.resize(before);
  to.insert(to.end(), from.begin(), from.end());
  to.resize(before + count);
}

}  // namespace

void SampleGathering::check_floats(size_t before) {
  if (!trim(out_.times, out_.values, out_.created, before, min_, max_)) floats_sorted_ = false;
}

void SampleGathering::check_histograms(size_t before) {
  if (!trim(out_.histogram_times, out_.histograms, out_.histogram_created, before, min_, max_))
    histograms_sorted_ = false;
}

Status SampleGathering::add_chunk(std::string_view bytes, ValueNeed need) {
  return add_decoded([&](SampleColumns& out) { return decode_chunk(bytes, out, need); });
}

void SampleGathering::add(const SampleColumns& part) {
  const size_t floats = out_.times.size();
  add_created(out_.created, floats, part.times.size(), part.created);
  out_.times.insert(out_.times.end(), part.times.begin(), part.times.end());
  out_.values.insert(out_.values.end(), part.values.begin(), part.values.end());
  check_floats(floats);
  const size_t histograms = out_.histogram_times.size();
  add_created(out_.histogram_created, histograms, part.histogram_times.size(),
              part.histogram_created);
  out_.histogram_times.insert(out_.histogram_times.end(), part.histogram_times.begin(),
                              part.histogram_times.end());
  out_.histograms.insert(out_.histograms.end(), part.histograms.begin(), part.histograms.end());
  check_histograms(histograms);
}

void SampleGathering::add(std::span<const OutOfOrderSample> late) {
  SampleColumns part;
  for (const OutOfOrderSample& s : late) {
    if (s.histogram == nullptr) {
      append_created(part.created, part.times.size(), s.created);
      part.times.push_back(s.time);
      part.values.push_back(s.value);
    } else {
      append_created(part.histogram_created, part.histogram_times.size(), s.created);
      part.histogram_times.push_back(s.time);
      part.histograms.push_back(s.histogram);
    }
  }
  add(part);
}

void SampleGathering::finish() {
  if (!floats_sorted_) sort_columns(out_.times, out_.values, out_.created);
  if (!histograms_sorted_)
    sort_columns(out_.histogram_times, out_.histograms, out_.histogram_created);
}

}  // namespace sightline::tsdb
