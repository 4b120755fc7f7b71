#include "tsdb/head/head.h"

#include <algorithm>
#include <iterator>

#include "base/text_codec.h"

namespace sightline::tsdb {
namespace {

int64_t newest_time(const HeadSeries& series) {
  const StoredExemplar* exemplar = series.newest_exemplar();
  return exemplar == nullptr ? series.edge().time : std::max(series.edge().time, exemplar->time);
}

}  // namespace

namespace {

// A query that finds more series without a rank has all ranked, if that is due.
constexpr size_t kUnrankedMax = 256;

struct ByOrderOfLabels {
  bool operator()(const SeriesPtr& a, const SeriesPtr& b) const {
    return a->interned() < b->interned();
  }
};

}  // namespace

Status Head::check_labels(const model::Labels& labels) const {
  const TsdbLimits& limits = options_.limits;
  if (labels.empty())
    return fail(Errc::kInvalidArgument, "empty label set: a series needs at least one label");
  size_t count = 0;
  for (const model::LabelView label : labels) {
    ++count;
    if (label.name.empty())
      return fail(Errc::kInvalidArgument, labels.to_string(), ": a label name is empty");
    if (label.name.size() > limits.label_name_bytes_max)
      return fail(Errc::kInvalidArgument, "label name of ", label.name.size(),
                  " bytes is over the limit of ", limits.label_name_bytes_max);
    if (label.value.size() > limits.label_value_bytes_max)
      return fail(Errc::kInvalidArgument, "label ", label.name, ": value of ", label.value.size(),
                  " bytes is over the limit of ", limits.label_value_bytes_max);
    if (!is_valid_utf8(label.name) || !is_valid_utf8(label.value))
      return fail(Errc::kInvalidArgument, "label ", to_valid_utf8(label.name),
                  " is not valid UTF-8");
  }
  if (count > limits.labels_per_series_max)
    return fail(Errc::kInvalidArgument, "series with ", count, " labels, the limit is ",
                limits.labels_per_series_max);
  return {};
}

Result<HeadSeries*> Head::find_or_create(const model::Labels& labels) {
  {
    Shard& home = shard(labels.hash());
    const std::lock_guard lock(home.mutex);
    if (const auto found = home.by_labels.find(labels); found != home.by_labels.end()) {
      HeadSeries* series = home.places[*found].get();
      ++series->users;
      return series;
    }
  }
  if (auto status = check_labels(labels); !status)
    return std::unexpected(std::move(status).error());
  if (series_count() >= options_.limits.series_active_max)
    return fail(Errc::kResourceExhausted, "too many active series: the limit is ",
                options_.limits.series_active_max, "; refused ", labels.to_string());
  return insert(labels, 1).get();
}

SeriesPtr Head::insert(const model::Labels& labels, uint32_t users) {
  const uint64_t hash = labels.hash();
  Shard& home = shard(hash);
  const std::lock_guard lock(home.mutex);
  if (const auto found = home.by_labels.find(labels); found != home.by_labels.end()) {
    const SeriesPtr& series = home.places[*found];
    series->users += users;
    return series;
  }
  if (home.free_places.empty()) {
    home.free_places.push_back(static_cast<uint32_t>(home.places.size()));
    home.places.emplace_back();
  }
  const uint32_t place = home.free_places.back();
  SL_ASSERT(place < 1u << kPlaceBits);
  const uint64_t count = next_count_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t id = (count << kPlaceBits | place) << kShardBits | hash % kShards;
  auto series = std::make_shared<HeadSeries>(id, labels, pairs_);
  series->users = users;
  home.free_places.pop_back();
  home.places[place] = series;
  home.by_labels.insert(place);
  series_count_.fetch_add(1, std::memory_order_relaxed);
  return series;
}

Head::Acquired Head::acquire(SeriesId id) {
  const std::lock_guard lock(shard(id.value).mutex);
  HeadSeries* series = find(id);
  if (series == nullptr || series->id() != id.value) return {};
  ++series->users;
  return {series, series->edge(), series->last_commit()};
}

Head::Acquired Head::acquired(HeadSeries& series) {
  const std::lock_guard lock(mutex_of(series));
  return {&series, series.edge(), series.last_commit()};
}

Head::ShardLocks Head::lock_all() {
  ShardLocks locks;
  for (size_t i = 0; i < kShards; ++i) locks[i] = std::unique_lock(shards_[i].mutex);
  return locks;
}

int64_t Head::known_from() const {
  const int64_t max = max_time();
  const int64_t span = std::max(options_.block_duration_ms / 2, options_.out_of_order_window_ms);
  return max == kNoTime || max < kNoTime + span ? kNoTime : max - span;
}

void Head::release(HeadSeries& series) {
  const std::lock_guard lock(mutex_of(series));
  SL_ASSERT(series.users > 0);
  --series.users;
}

void Head::publish(std::span<HeadSeries* const> fresh) {
  std::vector<SeriesPtr> owners;
  owners.reserve(fresh.size());
  for (const HeadSeries* series : fresh) {
    Shard& home = shard(series->id());
    const std::lock_guard lock(home.mutex);
    owners.push_back(home.places[place_of(series->id())]);
  }
  const std::unique_lock lock(index_mutex_);
  for (SeriesPtr& series : owners) {
    if (series->index_number != UINT32_MAX) continue;
    if (free_numbers_.empty()) {
      series->index_number = static_cast<uint32_t>(by_number_.size());
      by_number_.emplace_back();
    } else {
      series->index_number = free_numbers_.back();
      free_numbers_.pop_back();
    }
    postings_.add(series->index_number, series->labels().packed());
    by_number_[series->index_number] = std::move(series);
    published_count_.fetch_add(1, std::memory_order_relaxed);
  }
}

void Head::publish_with_data() {
  std::vector<HeadSeries*> fresh;
  each_series([&](HeadSeries& series) {
    if (series.has_data() && !is_deleted_whole(series)) fresh.push_back(&series);
  });
  publish(fresh);
}

std::vector<int64_t> Head::windows_below(int64_t time, int64_t window_ms) {
  std::set<int64_t> windows;
  each_series([&](HeadSeries& series) { series.note_windows(time, window_ms, windows); });
  return {windows.begin(), windows.end()};
}

Result<Head::Found> Head::find_series(std::span<const Matcher> matchers,
                                      const StillWanted& wanted) const {
  const std::shared_lock lock(index_mutex_);
  Found out;
  const size_t all = by_number_.size() - free_numbers_.size();
  out.many_unranked = all > by_rank_.size() + by_rank_.size() / 8;
  const auto found = select_postings(postings_, matchers, wanted);
  if (!found) return std::unexpected(found.error());
  Pacer pacer(wanted);
  // Of many, each series is asked in order of rank; few are sorted by it.
  const uint64_t count = found->cardinality();
  const bool many = count > by_rank_.size() / 16;
  std::vector<bool> is_found(many ? by_number_.size() : 0);
  std::vector<std::pair<uint32_t, uint32_t>> order;  // rank, number
  for (const uint32_t number : *found) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    if (number >= ranks_.size() || ranks_[number] == kUnranked)
      out.others.push_back(by_number_[number]);
    else if (many)
      is_found[number] = true;
    else
      order.emplace_back(ranks_[number], number);
  }
  out.ranked.reserve(count - out.others.size());
  if (many) {
    for (uint32_t rank = 0; rank < by_rank_.size(); ++rank) {
      if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
      const uint32_t number = by_rank_[rank];
      if (is_found[number] && ranks_[number] == rank) out.ranked.push_back(by_number_[number]);
    }
  } else {
    std::sort(order.begin(), order.end());
    for (const auto& [rank, number] : order) out.ranked.push_back(by_number_[number]);
  }
  return out;
}

// Comparing labels costs more than all else, so the order is remembered.
Result<std::vector<SeriesPtr>> Head::select(std::span<const Matcher> matchers,
                                            const StillWanted& wanted) const {
  auto found = find_series(matchers, wanted);
  if (!found) return std::unexpected(std::move(found).error());
  auto& [ranked, others, many_unranked] = *found;
  if (others.empty()) return std::move(ranked);
  const ByOrderOfLabels less;
  const auto order = sorted_order(
      others.size(), [&](uint32_t a, uint32_t b) { return less(others[a], others[b]); }, wanted);
  if (!order) return std::unexpected(order.error());
  if (others.size() > kUnrankedMax && many_unranked)
    if (auto ok = rank_all(wanted); !ok) return std::unexpected(ok.error());
  std::vector<SeriesPtr> result;
  result.reserve(ranked.size() + others.size());
  Pacer pacer(wanted);
  size_t next = 0;
  for (const uint32_t i : *order) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    for (; next < ranked.size() && less(ranked[next], others[i]); ++next) {
      if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
      result.push_back(std::move(ranked[next]));
    }
    result.push_back(std::move(others[i]));
  }
  std::move(ranked.begin() + static_cast<ptrdiff_t>(next), ranked.end(),
            std::back_inserter(result));
  return result;
}

// Sorted without the lock: series that come or go meanwhile have no rank then.
Status Head::rank_all(const StillWanted& wanted) const {
  std::vector<std::pair<SeriesPtr, uint32_t>> all;
  {
    Pacer pacer(wanted);
    const std::shared_lock lock(index_mutex_);
    for (uint32_t number = 0; number < by_number_.size(); ++number) {
      if (auto ok = pacer.step(); !ok) return ok;
      if (by_number_[number] != nullptr) all.emplace_back(by_number_[number], number);
    }
  }
  const auto order = sorted_order(
      all.size(),
      [&](uint32_t a, uint32_t b) { return ByOrderOfLabels()(all[a].first, all[b].first); },
      wanted);
  if (!order) return std::unexpected(order.error());
  const std::unique_lock lock(index_mutex_);
  ranks_.assign(by_number_.size(), kUnranked);
  by_rank_.clear();
  for (const uint32_t i : *order) {
    const auto& [series, number] = all[i];
    if (by_number_[number] == series) ranks_[number] = static_cast<uint32_t>(by_rank_.size());
    by_rank_.push_back(number);
  }
  return {};
}

Result<std::vector<std::string>> Head::label_names(std::span<const Matcher> matchers,
                                                   const StillWanted& wanted) const {
  const std::shared_lock lock(index_mutex_);
  return select_names(postings_, matchers, wanted);
}

Result<std::vector<std::string>> Head::label_values(std::string_view name,
                                                    std::span<const Matcher> matchers,
                                                    const StillWanted& wanted) const {
  const std::shared_lock lock(index_mutex_);
  return select_values(postings_, name, matchers, wanted);
}

void Head::each_series(const std::function<void(HeadSeries&)>& visit) {
  for (Shard& each : shards_) {
    const std::lock_guard lock(each.mutex);
    for (const SeriesPtr& series : each.places)
      if (series != nullptr) visit(*series);
  }
}

void Head::truncate(int64_t time, uint64_t commit) {
  int64_t min_time = std::numeric_limits<int64_t>::max();
  const int64_t known = known_from();
  for (Shard& each : shards_) {
    std::vector<SeriesPtr> gone;
    {
      const std::lock_guard lock(each.mutex);
      for (uint32_t place = 0; place < each.places.size(); ++place) {
        SeriesPtr& series = each.places[place];
        if (series == nullptr) continue;
        if (time != kNoTime) series->truncate(time, commit, known);
        if (const auto first = series->min_time()) min_time = std::min(min_time, *first);
        if (series->users > 0 || series->has_data() ||
            (series->edge().time != kNoTime && series->edge().time >= known))
          continue;
        each.by_labels.erase(place);
        each.free_places.push_back(place);
        gone.push_back(std::move(series));
      }
    }
    forget(gone);
  }
  if (time == kNoTime) return;
  deletions_.truncate(time, commit);
  min_time_.store(min_time, std::memory_order_relaxed);
}

void Head::forget(std::span<const SeriesPtr> gone) {
  series_count_.fetch_sub(gone.size(), std::memory_order_relaxed);
  const std::unique_lock lock(index_mutex_);
  for (const SeriesPtr& series : gone) unpublish(*series);
}

// Under index_mutex_.
void Head::unpublish(HeadSeries& series) {
  if (series.index_number == UINT32_MAX) return;
  published_count_.fetch_sub(1, std::memory_order_relaxed);
  postings_.remove(series.index_number, series.labels().packed());
  by_number_[series.index_number] = nullptr;
  if (series.index_number < ranks_.size()) ranks_[series.index_number] = kUnranked;
  free_numbers_.push_back(series.index_number);
  series.index_number = UINT32_MAX;
}

// Under the series' mutex.
bool Head::is_deleted_whole(const HeadSeries& series) const {
  const std::vector<HeadDeletion> deletions = deletions_.of(series.id(), UINT64_MAX);
  const auto oldest = series.min_time();
  if (deletions.empty() || !oldest) return false;
  DeletedRanges all;
  for (const HeadDeletion& each : deletions) add_range(all, {each.min, each.max});
  if (!is_deleted(all, *oldest, newest_time(series))) return false;
  // What came out of order may have come later.
  std::vector<std::shared_ptr<const HeadChunk>> chunks;
  SampleColumns open;
  std::vector<OutOfOrderSample> late;
  std::vector<StoredExemplar> exemplars;
  series.collect(UINT64_MAX, *oldest, kTimeAbsMax, chunks, open, late);
  series.collect_exemplars(UINT64_MAX, *oldest, kTimeAbsMax, exemplars);
  const auto gone = [&](const auto& each) { return is_deleted(deletions, each.time, each.commit); };
  return std::all_of(late.begin(), late.end(), gone) &&
         std::all_of(exemplars.begin(), exemplars.end(), gone);
}

void Head::erase(HeadSeries& series, int64_t min, int64_t max, uint64_t commit) {
  {
    const std::lock_guard lock(mutex_of(series));
    const auto oldest = series.min_time();
    const int64_t newest = newest_time(series);
    if (oldest) {
      if (*oldest > max || newest < min) return;
      deletions_.add(series.id(), {min, std::min(max, newest), series.edge().time, commit});
      if (!is_deleted_whole(series)) return;
    }
  }
  const std::unique_lock lock(index_mutex_);
  unpublish(series);
}

void Head::note_max_time(int64_t time) {
  if (time > max_time()) max_time_.store(time, std::memory_order_relaxed);
}

void Head::note_time(int64_t time) {
  note_max_time(time);
  if (time < min_time()) min_time_.store(time, std::memory_order_relaxed);
}

HeadSummary Head::summary(size_t limit) {
  HeadSummary result;
  each_series([&](HeadSeries& series) {
    result.chunks += series.chunk_count();
    result.exemplars += series.exemplar_count();
  });
  const std::shared_lock lock(index_mutex_);
  result.series = postings_.all().cardinality();
  result.label_pairs = postings_.pair_count();
  for (const std::string& name : postings_.names()) {
    uint64_t bytes = 0;
    uint64_t values = 0;
    postings_.each_value(name, {}, [&](std::string_view value) {
      const uint64_t count = postings_.series_count(name, value);
      ++values;
      bytes += count * value.size();
      if (name == model::kMetricName)
        result.series_by_metric.push_back({std::string(value), count});
      result.series_by_pair.push_back({name + "=" + std::string(value), count});
      return true;
    });
    result.values_by_label.push_back({name, values});
    result.bytes_by_label.push_back({name, bytes});
  }
  for (auto* list : {&result.series_by_metric, &result.values_by_label, &result.bytes_by_label,
                     &result.series_by_pair}) {
    std::stable_sort(list->begin(), list->end(),
                     [](const auto& a, const auto& b) { return a.value > b.value; });
    if (list->size() > limit) list->resize(limit);
  }
  return result;
}

}  // namespace sightline::tsdb
