#include "tsdb/head/series.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/number_text.h"

namespace sightline::tsdb {
namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool same_histogram(const model::Histogram& a, const model::Histogram& b) {
  if (!same_bits(a.sum, b.sum)) return false;
  model::Histogram x = a;
  model::Histogram y = b;
  x.sum = y.sum = 0;            // the stale marker is a NaN, not equal to itself
  x.reset_hint = y.reset_hint;  // what is stored was derived from the one before
  return x == y;
}

template <typename T>
void erase_front(std::vector<T>& v, size_t n) {
  if (!v.empty()) v.erase(v.begin(), v.begin() + static_cast<ptrdiff_t>(std::min(n, v.size())));
}

// The part of a chunk up to `last`, as a chunk.
std::shared_ptr<const HeadChunk> up_to(const HeadChunk& chunk, int64_t last) {
  SampleColumns part;
  if (!decode_chunk(chunk.bytes, part)) return nullptr;  // cannot be: we made it
  const auto& times = part.times.empty() ? part.histogram_times : part.times;
  const auto n =
      static_cast<size_t>(std::upper_bound(times.begin(), times.end(), last) - times.begin());
  const auto created = [&](std::vector<int64_t>& c) {
    return std::span<const int64_t>(c).first(c.empty() ? 0 : n);
  };
  std::string bytes =
      chunk.kind == ChunkKind::kFloat
          ? encode_chunk(std::span(times).first(n), std::span<const double>(part.values).first(n),
                         created(part.created))
          : encode_chunk(std::span(times).first(n),
                         std::span<const HistogramPtr>(part.histograms).first(n),
                         created(part.histogram_created));
  return std::make_shared<HeadChunk>(chunk.min_time, times[n - 1], static_cast<uint32_t>(n),
                                     chunk.kind, std::move(bytes));
}

}  // namespace

Result<Place> place_sample(const SeriesEdge& edge, int64_t time, double value,
                           const model::Histogram* histogram, const AppendRules& rules) {
  if (time < -kTimeAbsMax || time > std::min(kTimeAbsMax, rules.future_limit))
    return fail(Errc::kOutOfRange, "out of bounds: sample at ", time, " ms, the latest allowed is ",
                std::min(kTimeAbsMax, rules.future_limit), " ms");
  if (time >= rules.min_valid_time) {
    if (edge.time == kNoTime || time > edge.time) return Place::kInOrder;
    if (time == edge.time) {
      const bool same =
          histogram == nullptr
              ? edge.histogram == nullptr && same_bits(edge.value, value)
              : edge.histogram != nullptr && same_histogram(*edge.histogram, *histogram);
      if (same) return Place::kDuplicate;
      if (histogram == nullptr && edge.histogram == nullptr)
        return fail(Errc::kAlreadyExists, "duplicate sample for timestamp ", time,
                    "; overrides not allowed: existing ", format_float_go(edge.value),
                    ", new value ", format_float_go(value));
      return fail(Errc::kAlreadyExists, "duplicate sample for timestamp ", time,
                  "; overrides not allowed");
    }
  }
  if (rules.out_of_order_window_ms > 0) {
    const int64_t earliest = rules.head_max_time == kNoTime
                                 ? kNoTime
                                 : rules.head_max_time - rules.out_of_order_window_ms;
    if (time >= earliest) return Place::kOutOfOrder;
    return fail(Errc::kOutOfRange, "too old sample: ", time, " ms is before ", earliest, " ms");
  }
  if (time < rules.min_valid_time)
    return fail(Errc::kOutOfRange, "out of bounds: sample at ", time,
                " ms, the earliest allowed is ", rules.min_valid_time, " ms");
  return fail(Errc::kOutOfRange, "out of order sample: ", time, " ms, the newest is at ", edge.time,
              " ms");
}

void HeadSeries::begin_commit(uint64_t commit, const ActiveReaders& readers) {
  if (last_commit_ == commit) return;
  // A reader that begins from now on is at least at last_commit_; one in
  // [previous_.commit, last_commit_) still needs previous_.
  if (readers.oldest < last_commit_ && readers.newest >= previous_.commit) {
    if (history_ == nullptr) history_ = std::make_unique<std::vector<Mark>>();
    history_->push_back(previous_);
  } else if (history_ != nullptr && readers.oldest >= last_commit_) {
    history_.reset();
  }
  previous_ = {last_commit_, edge_.time};
  last_commit_ = commit;
}

int64_t HeadSeries::visible_time(uint64_t commit) const {
  if (commit >= last_commit_) return std::numeric_limits<int64_t>::max();
  if (commit >= previous_.commit) return previous_.time;
  if (history_ != nullptr)
    for (auto mark = history_->rbegin(); mark != history_->rend(); ++mark)
      if (commit >= mark->commit) return mark->time;
  return kNoTime;
}

uint32_t HeadSeries::open_count() const {
  return open_histograms_ != nullptr ? static_cast<uint32_t>(open_histograms_->times.size())
                                     : open_.count();
}

int64_t HeadSeries::open_first_time() const {
  return open_histograms_ != nullptr ? open_histograms_->times.front() : open_.first_time();
}

void HeadSeries::append(int64_t time, double value, HistogramPtr histogram, int64_t created,
                        const TsdbOptions& options) {
  if (has_open()) {
    const bool kind_changes = (histogram != nullptr) != (open_histograms_ != nullptr);
    if (kind_changes || time >= open_end_ || open_count() >= options.head_chunk_samples) seal();
  }
  if (!has_open()) open_end_ = window_start(time, options.head_window_ms) + options.head_window_ms;
  if (histogram == nullptr) {
    open_.append(time, value, created);
  } else {
    if (open_histograms_ == nullptr) open_histograms_ = std::make_unique<OpenHistograms>();
    append_created(open_histograms_->created, open_histograms_->times.size(), created);
    open_histograms_->times.push_back(time);
    open_histograms_->histograms.push_back(histogram);
  }
  edge_.time = time;
  edge_.value = value;
  edge_.histogram = std::move(histogram);
}

void HeadSeries::seal() {
  if (!has_open()) return;
  const bool floats = open_histograms_ == nullptr;
  SampleColumns samples;
  collect_open(kNoTime, std::numeric_limits<int64_t>::max(), samples);
  const auto& times = floats ? samples.times : samples.histogram_times;
  std::string bytes = floats ? encode_chunk(times, samples.values, samples.created)
                             : encode_chunk(times, samples.histograms, samples.histogram_created);
  bytes.shrink_to_fit();
  chunks_.push_back(std::make_shared<HeadChunk>(
      times.front(), times.back(), static_cast<uint32_t>(times.size()),
      floats ? ChunkKind::kFloat : ChunkKind::kHistogram, std::move(bytes)));
  open_.clear();
  open_histograms_.reset();
}

void HeadSeries::append_late(OutOfOrderSample sample) {
  edge_ = {sample.time, sample.value, sample.histogram};
  (void)append_out_of_order(std::move(sample));
}

void HeadSeries::restore_edge(int64_t time, double value, HistogramPtr histogram) {
  if (edge_.time == kNoTime || time > edge_.time) edge_ = {time, value, std::move(histogram)};
}

bool HeadSeries::append_out_of_order(OutOfOrderSample sample,
                                     std::span<const HeadDeletion> deletions) {
  if (late_ == nullptr) late_ = std::make_unique<std::vector<OutOfOrderSample>>();
  auto at = std::lower_bound(late_->begin(), late_->end(), sample.time,
                             [](const OutOfOrderSample& s, int64_t time) { return s.time < time; });
  for (; at != late_->end() && at->time == sample.time; ++at)
    if (!is_deleted(deletions, at->time, at->commit)) return false;
  late_->insert(at, std::move(sample));
  return true;
}

void HeadSeries::append_exemplar(StoredExemplar exemplar, const ExemplarBudget& budget) {
  if (exemplars_ == nullptr) exemplars_ = std::make_unique<Exemplars>();
  const int64_t start = window_start(exemplar.time, budget.window_ms);
  if (exemplars_->kept.empty() || exemplar.time >= exemplars_->newest.time)
    exemplars_->newest = exemplar;
  std::vector<StoredExemplar>& kept = exemplars_->kept;
  const auto at =
      std::upper_bound(kept.begin(), kept.end(), exemplar.time,
                       [](int64_t time, const StoredExemplar& e) { return time < e.time; });
  for (auto same = at; same != kept.begin() && std::prev(same)->time == exemplar.time; --same)
    if (same_exemplar(*std::prev(same), exemplar)) return;
  kept.insert(at, std::move(exemplar));
  const auto from =
      std::lower_bound(kept.begin(), kept.end(), start,
                       [](const StoredExemplar& e, int64_t time) { return e.time < time; });
  const model::Histogram* buckets = edge_.histogram.get();
  if (kept.end() - from > ptrdiff_t{budget.max_of(buckets)})
    thin_exemplars(kept, budget, static_cast<size_t>(from - kept.begin()), buckets);
}

HeadSeries::Seen HeadSeries::see(uint64_t commit, int64_t min, int64_t max) const {
  Seen seen;
  const int64_t last = std::min(max, visible_time(commit));
  // A chunk sealed after `commit` may hold samples that came later: the caller cuts at the range it gave.
  // From the newest back: most queries want the end, and each chunk looked at is memory far away.
  size_t first = chunks_.size();
  const bool open_reaches = !open_.empty() && open_.first_time() <= min;
  while (!open_reaches && first > 0 && chunks_[first - 1]->max_time >= min) --first;
  for (; first < chunks_.size(); ++first) {
    const auto& chunk = chunks_[first];
    if (chunk->min_time > last) break;
    if (chunk->max_time <= last || last == max)
      seen.chunks.push_back(chunk);
    else if (auto part = up_to(*chunk, last))
      seen.chunks.push_back(std::move(part));
  }
  if (last >= min) {
    seen.open_max = last;
    if (open_histograms_ != nullptr)
      collect_open_histograms(min, last, seen.open_histograms);
    else if (!open_.empty() && open_.first_time() <= last && open_.last_time() >= min)
      seen.open_floats = open_;
  }
  if (late_ != nullptr)
    for (const OutOfOrderSample& s : *late_)
      if (s.time >= min && s.time <= max && s.commit <= commit) seen.late.push_back(s);
  return seen;
}

void HeadSeries::Seen::read_open(int64_t min, SampleColumns& out) const {
  open_floats.read(min, open_max, out);
  const auto add = [](const auto& from, auto& to) {
    to.insert(to.end(), from.begin(), from.end());
  };
  const size_t before = out.histogram_times.size();
  const size_t count = open_histograms.histogram_times.size();
  add(open_histograms.histogram_times, out.histogram_times);
  add(open_histograms.histograms, out.histograms);
  if (open_histograms.histogram_created.empty() && out.histogram_created.empty()) return;
  out.histogram_created.resize(before);
  add(open_histograms.histogram_created, out.histogram_created);
  out.histogram_created.resize(before + count);
}

void HeadSeries::collect(uint64_t commit, int64_t min, int64_t max,
                         std::vector<std::shared_ptr<const HeadChunk>>& chunks, SampleColumns& open,
                         std::vector<OutOfOrderSample>& late) const {
  const Seen seen = see(commit, min, max);
  chunks.insert(chunks.end(), seen.chunks.begin(), seen.chunks.end());
  seen.read_open(min, open);
  late.insert(late.end(), seen.late.begin(), seen.late.end());
}

void HeadSeries::collect_open(int64_t min, int64_t max, SampleColumns& out) const {
  if (open_histograms_ == nullptr) return open_.read(min, max, out);
  collect_open_histograms(min, max, out);
}

void HeadSeries::collect_open_histograms(int64_t min, int64_t max, SampleColumns& out) const {
  const OpenHistograms& open = *open_histograms_;
  const auto first = std::lower_bound(open.times.begin(), open.times.end(), min);
  const auto end = std::upper_bound(first, open.times.end(), max);
  const auto add = [&](const auto& from, auto& to) {
    if (from.empty()) return;
    to.insert(to.end(), from.begin() + (first - open.times.begin()),
              from.begin() + (end - open.times.begin()));
  };
  add(open.times, out.histogram_times);
  add(open.histograms, out.histograms);
  add(open.created, out.histogram_created);
}

void HeadSeries::collect_exemplars(uint64_t commit, int64_t min, int64_t max,
                                   std::vector<StoredExemplar>& out) const {
  if (exemplars_ == nullptr) return;
  const auto& kept = exemplars_->kept;
  auto at = std::lower_bound(kept.begin(), kept.end(), min,
                             [](const StoredExemplar& e, int64_t time) { return e.time < time; });
  for (; at != kept.end() && at->time <= max; ++at)
    if (at->commit <= commit) out.push_back(*at);
}

void HeadSeries::truncate(int64_t time, uint64_t commit, int64_t known_from) {
  std::erase_if(chunks_, [&](const auto& chunk) { return chunk->max_time < time; });
  open_.erase_before(time);
  if (open_.empty()) open_.release();  // the series may be over
  if (open_histograms_ != nullptr) {
    OpenHistograms& open = *open_histograms_;
    const auto n = static_cast<size_t>(
        std::lower_bound(open.times.begin(), open.times.end(), time) - open.times.begin());
    erase_front(open.times, n);
    erase_front(open.histograms, n);
    erase_front(open.created, n);
    if (open.times.empty()) open_histograms_.reset();
  }
  if (late_ != nullptr) {
    std::erase_if(*late_,
                  [&](const OutOfOrderSample& s) { return s.time < time && s.commit <= commit; });
    if (late_->empty()) late_.reset();
  }
  if (exemplars_ != nullptr) {
    std::erase_if(exemplars_->kept,
                  [&](const StoredExemplar& e) { return e.time < time && e.commit <= commit; });
    if (exemplars_->kept.empty() && exemplars_->newest.time < known_from) exemplars_.reset();
  }
}

bool HeadSeries::has_data() const {
  return !chunks_.empty() || has_open() || late_ != nullptr ||
         (exemplars_ != nullptr && !exemplars_->kept.empty());
}

void HeadSeries::note_windows(int64_t time, int64_t window_ms, std::set<int64_t>& windows) const {
  const auto note = [&](int64_t t) {
    if (t < time) windows.insert(window_start(t, window_ms));
  };
  for (const auto& chunk : chunks_) note(chunk->min_time);  // a chunk lies within one window
  if (has_open()) note(open_first_time());
  if (late_ != nullptr)
    for (const OutOfOrderSample& s : *late_) note(s.time);
  if (exemplars_ != nullptr)
    for (const StoredExemplar& e : exemplars_->kept) note(e.time);
}

std::optional<int64_t> HeadSeries::min_time() const {
  std::optional<int64_t> result;
  const auto take = [&](int64_t time) { result = std::min(result.value_or(time), time); };
  if (!chunks_.empty())
    take(chunks_.front()->min_time);
  else if (has_open())
    take(open_first_time());
  if (late_ != nullptr) take(late_->front().time);
  if (exemplars_ != nullptr && !exemplars_->kept.empty()) take(exemplars_->kept.front().time);
  return result;
}

}  // namespace sightline::tsdb
