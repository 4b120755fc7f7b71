#include "tsdb/head/commit_queue.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "tsdb/codec/reset_hints.h"

namespace sightline::tsdb {

void CommitQueue::start(io::RecordLog& log, uint64_t last_commit, uint64_t last_wal_number,
                        std::map<uint64_t, int64_t> segments) {
  log_ = &log;
  last_commit_ = last_commit;
  last_wal_number_ = last_wal_number;
  segment_max_time_ = std::move(segments);
  readers_.publish(last_commit);
}

Status CommitQueue::commit(Transaction& transaction) {
  Waiter self{.transaction = &transaction};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&self);
  changed_.wait(lock, [&] { return self.outcome.has_value() || !leading_; });
  if (self.outcome) return std::move(*self.outcome);
  leading_ = true;
  // This thread commits for all who wait, but for no more than fits one record well.
  std::vector<Waiter*> batch;
  size_t items = 0;
  std::vector<Waiter*> rest;
  for (Waiter* waiter : waiting_) {
    const bool take =
        batch.empty() || items + waiter->transaction->items() <= options_.limits.commit_items_max;
    (take ? batch : rest).push_back(waiter);
    if (take) items += waiter->transaction->items();
  }
  if (std::find(batch.begin(), batch.end(), &self) ==
      batch.end()) {  // ours is too big to ride along: alone, then
    rest = waiting_;
    std::erase(rest, &self);
    batch = {&self};
  }
  waiting_ = std::move(rest);
  lock.unlock();
  const Status outcome = write(batch);
  lock.lock();
  for (Waiter* waiter : batch) waiter->outcome = outcome;
  leading_ = false;
  lock.unlock();
  changed_.notify_all();
  return outcome;
}

uint64_t CommitQueue::exclusively(const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !leading_; });
  leading_ = true;
  lock.unlock();
  work();
  const uint64_t commit = last_commit_;
  lock.lock();
  leading_ = false;
  lock.unlock();
  changed_.notify_all();
  return commit;
}

Status CommitQueue::erase(std::span<const SeriesPtr> series, int64_t min, int64_t max) {
  Status outcome;
  exclusively([&] {
    const uint64_t commit = last_commit_ + 1;
    std::vector<uint64_t> numbers;
    for (const SeriesPtr& each : series) numbers.push_back(each->wal_number);
    writer_.begin(commit);
    writer_.add_deletion(min, max, numbers);
    auto segment = append_record();
    if (!segment) {
      outcome = in_context("commit of a delete", std::move(segment).error());
      return;
    }
    (void)segment_max_time_.try_emplace(*segment, kNoTime);
    last_commit_ = commit;
    for (const SeriesPtr& each : series) head_.erase(*each, min, max, commit);
    readers_.publish(commit);
  });
  return outcome;
}

uint64_t CommitQueue::first_segment_needed(int64_t time, uint64_t before) {
  for (auto at = segment_max_time_.begin(); at != segment_max_time_.end() && at->first < before;) {
    if (at->second >= time) return at->first;
    at = segment_max_time_.erase(at);
  }
  return before;
}

// Others may have committed to the same series since the transaction looked:
// what no longer fits is dropped and counted.
void CommitQueue::settle_conflicts(std::span<Waiter* const> batch) {
  absl::flat_hash_map<const HeadSeries*, SeriesEdge> edges;  // as they will be, where it matters
  const bool several = batch.size() > 1;
  for (Waiter* waiter : batch) {
    Transaction& t = *waiter->transaction;
    for (Transaction::Sample& sample : t.samples) {
      const Transaction::Touched& touched = t.touched[sample.touched];
      const HeadSeries* series = touched.series;
      if (!several && touched.seen_commit == series->last_commit()) continue;
      SeriesEdge& edge = edges.try_emplace(series, series->edge()).first->second;
      auto place = place_sample(edge, sample.time, sample.value, sample.histogram.get(), t.rules);
      if (!place) counters_.count_refused_sample(place.error());
      sample.place = place.value_or(Place::kDuplicate);
      if (sample.histogram != nullptr && sample.place != Place::kDuplicate)
        sample.histogram =
            with_unknown_reset(std::move(sample.histogram));  // of another one before it
      if (sample.place == Place::kInOrder) edge = {sample.time, sample.value, sample.histogram};
    }
  }
}

void CommitQueue::number(HeadSeries& series, uint64_t value) {
  const std::lock_guard lock(head_.mutex_of(series));
  series.wal_number = value;
}

void CommitQueue::encode(std::span<Waiter* const> batch, std::vector<HeadSeries*>& fresh,
                         std::vector<HeadSeries*>& unseen) {
  const auto number_of = [&](HeadSeries* series) {
    if (series->wal_number == 0) {
      number(*series, ++last_wal_number_);
      fresh.push_back(series);
      writer_.add(WalSeries{series->wal_number, series->labels().packed()});
    }
    if (series->index_number == UINT32_MAX) unseen.push_back(series);
    return series->wal_number;
  };
  for (Waiter* waiter : batch) {
    Transaction& t = *waiter->transaction;
    writer_.expect(t.samples.size());
    for (const Transaction::Sample& s : t.samples)
      if (s.place != Place::kDuplicate)
        writer_.add_sample(number_of(t.touched[s.touched].series), s.time, s.created, s.value,
                           s.histogram.get());
    for (const Transaction::Exemplar& e : t.exemplars)
      writer_.add_exemplar(number_of(t.touched[e.touched].series), e.exemplar);
    for (const auto& [metric, metadata] : t.metadata) writer_.add(WalMetadata{metric, metadata});
  }
}

void CommitQueue::announce_exemplars(std::span<Waiter* const> batch) {
  if (!options_.on_exemplar) return;
  for (Waiter* waiter : batch)
    for (const Transaction::Exemplar& e : waiter->transaction->exemplars)
      if (const TraceId trace = e.exemplar.to_exemplar().trace(); trace.is_valid())
        options_.on_exemplar(trace);
}

// What writer_ holds, to the log. That this fails, and that it works again, is said once each.
Result<uint64_t> CommitQueue::append_record() {
  auto segment = log_->append(kWalCommit, writer_.bytes());
  if (segment) {
    if (failures_ > 0)
      SL_LOG_INFO("tsdb: the log can be written again, after {} commits were refused", failures_);
    failures_ = 0;
    return segment;
  }
  counters_.commits_failed.add();
  if (failures_++ == 0)
    SL_LOG_ERROR("tsdb: commits are refused until the log can be written again: {}",
                 segment.error().message);
  return segment;
}

Status CommitQueue::write(std::span<Waiter* const> batch) {
  const ActiveReaders readers = readers_.active();
  const uint64_t commit = last_commit_ + 1;
  settle_conflicts(batch);
  std::vector<HeadSeries*> fresh;   // logged for the first time
  std::vector<HeadSeries*> unseen;  // not in the index yet; may repeat
  writer_.begin(commit);
  const size_t empty = writer_.bytes().size();
  encode(batch, fresh, unseen);
  if (writer_.bytes().size() == empty) return {};
  auto segment = append_record();
  if (!segment) {
    for (HeadSeries* series : fresh) number(*series, 0);
    return in_context("commit", std::move(segment).error());
  }
  int64_t& segment_max = segment_max_time_.try_emplace(*segment, kNoTime).first->second;
  segment_max = std::max(segment_max, writer_.max_time());
  last_commit_ = commit;
  announce_exemplars(batch);
  for (Waiter* waiter : batch) apply(*waiter->transaction, commit, readers);
  if (!unseen.empty()) head_.publish(unseen);
  counters_.head_series.set(static_cast<double>(head_.series_count()));
  readers_.publish(commit);
  return {};
}

void CommitQueue::apply(Transaction& t, uint64_t commit, const ActiveReaders& readers) {
  uint64_t floats = 0;
  uint64_t histograms = 0;
  int64_t min_time = std::numeric_limits<int64_t>::max();
  int64_t max_time = kNoTime;
  const int64_t cut_time = cut_time_.load();  // changes only while no commit is applied
  head_.for_each_locked(
      std::span(t.samples),
      [&](const Transaction::Sample& s) -> HeadSeries& { return *t.touched[s.touched].series; },
      [&](Transaction::Sample& s) {
        if (s.place == Place::kDuplicate) return;
        ++(s.histogram == nullptr ? floats : histograms);
        min_time = std::min(min_time, s.time);
        max_time = std::max(max_time, s.time);
        HeadSeries& series = *t.touched[s.touched].series;
        series.begin_commit(commit, readers);
        if (s.place == Place::kInOrder && s.time >= cut_time) {
          series.append(s.time, s.value, std::move(s.histogram), s.created, options_);
        } else if (s.place == Place::kInOrder) {
          series.append_late({s.time, s.created, s.value, std::move(s.histogram), commit});
        } else {
          counters_.out_of_order_appended.add();
          (void)series.append_out_of_order(
              {s.time, s.created, s.value, std::move(s.histogram), commit},
              head_.deletions().of(series.id(), commit));
        }
      });
  if (max_time != kNoTime) {
    head_.note_time(min_time);
    head_.note_time(max_time);
  }
  for (Transaction::Exemplar& e : t.exemplars) {
    e.exemplar.commit = commit;
    HeadSeries& series = *t.touched[e.touched].series;
    const std::lock_guard lock(head_.mutex_of(series));
    series.append_exemplar(std::move(e.exemplar), options_.exemplars);
  }
  for (auto& [metric, metadata] : t.metadata) metadata_.set(metric, std::move(metadata));
  counters_.samples_appended.add(floats);
  counters_.histograms_appended.add(histograms);
  counters_.exemplars_appended.add(t.exemplars.size());
}

}  // namespace sightline::tsdb
