#include "tsdb/head/transaction_appender.h"

#include <algorithm>

#include "base/text_codec.h"
#include "tsdb/codec/histogram_codec.h"
#include "tsdb/codec/reset_hints.h"

namespace sightline::tsdb {

void TransactionAppender::begin() {
  const TsdbOptions& options = context_.options;
  AppendRules& rules = transaction_.rules = {};
  rules.head_max_time = context_.head.max_time();
  if (rules.head_max_time != kNoTime && rules.head_max_time > kNoTime + options.block_duration_ms)
    rules.min_valid_time = rules.head_max_time - options.block_duration_ms / 2;
  if (options.future_max_ms > 0)
    rules.future_limit = context_.clock.now_ms().value + options.future_max_ms;
  rules.out_of_order_window_ms = options.out_of_order_window_ms;
}

// A sender's series come in the order in which they were created, as a rule: then nothing has to be looked up.
std::optional<uint32_t> TransactionAppender::find_touched(uint64_t id) {
  const std::vector<Transaction::Touched>& touched = transaction_.touched;
  if (touched.empty() || (is_ascending_ && touched.back().id < id)) return std::nullopt;
  if (touched[last_touched_].id == id) return last_touched_;
  if (last_touched_ + 1 < touched.size() && touched[last_touched_ + 1].id == id)
    return ++last_touched_;  // as it was expected
  if (is_ascending_) {
    const auto at = std::lower_bound(
        touched.begin(), touched.end(), id,
        [](const Transaction::Touched& t, uint64_t wanted) { return t.id < wanted; });
    if (at->id == id) return static_cast<uint32_t>(at - touched.begin());
    return std::nullopt;
  }
  const auto found = touched_by_id_.find(id);
  return found == touched_by_id_.end() ? std::nullopt : std::optional(found->second);
}

uint32_t TransactionAppender::add_touched(Head::Acquired acquired) {
  std::vector<Transaction::Touched>& touched = transaction_.touched;
  const uint64_t id = acquired.series->id();
  last_touched_ = static_cast<uint32_t>(touched.size());
  if (is_ascending_ && !touched.empty() && touched.back().id > id) {
    is_ascending_ = false;
    for (uint32_t i = 0; i < touched.size(); ++i) touched_by_id_.emplace(touched[i].id, i);
  }
  if (!is_ascending_) touched_by_id_.emplace(id, last_touched_);
  touched.push_back({.series = acquired.series,
                     .id = id,
                     .edge = std::move(acquired.edge),
                     .seen_commit = acquired.last_commit});
  return last_touched_;
}

Result<uint32_t> TransactionAppender::touch(SeriesId id) {
  if (const auto found = find_touched(id.value)) return *found;
  Head::Acquired acquired = context_.head.acquire(id);
  if (acquired.series == nullptr)
    return fail(Errc::kNotFound, "series ", id.value,
                " is not in the head any more; ask for it by its labels again");
  return add_touched(std::move(acquired));
}

void TransactionAppender::expect(std::span<const SeriesId> next) {
  const uint32_t before = last_touched_;
  const bool was_empty = transaction_.touched.empty();
  transaction_.touched.reserve(transaction_.touched.size() + next.size());
  context_.head.acquire_all(next, [&](Head::Acquired acquired) {
    if (find_touched(acquired.series->id()))
      --acquired.series->users;
    else
      add_touched(std::move(acquired));
  });
  last_touched_ = was_empty ? 0 : before;
}

Result<SeriesId> TransactionAppender::series(const model::Labels& labels) {
  auto found = context_.head.find_or_create(labels);
  if (!found) {
    if (found.error().code == Errc::kResourceExhausted)
      context_.counters.series_refused_limit.add();
    else
      context_.counters.count_refused_labels(labels, context_.options.limits);
    return std::unexpected(std::move(found).error());
  }
  HeadSeries& series = **found;
  if (find_touched(series.id()))
    context_.head.release(series);
  else
    add_touched(context_.head.acquired(series));
  return SeriesId{series.id()};
}

Status TransactionAppender::check_room() const {
  const uint64_t limit = context_.options.limits.commit_items_max;
  if (transaction_.items() < limit) return {};
  context_.counters.items_refused_limit.add();
  // Sent again it would be as large.
  return fail(Errc::kInvalidArgument, "transaction has ", transaction_.items(),
              " items, the limit is ", limit);
}

Status TransactionAppender::add_sample(SeriesId id, int64_t time, double value,
                                       HistogramPtr histogram, std::optional<TimestampMs> created) {
  auto index = touch(id);
  if (!index) return std::unexpected(std::move(index).error());
  if (auto status = check_room(); !status) return status;
  Transaction::Touched& touched = transaction_.touched[*index];
  auto place = place_sample(touched.edge, time, value, histogram.get(), transaction_.rules);
  if (!place) {
    context_.counters.count_refused_sample(place.error());
    place.error().message += ", series " + touched.series->labels().to_string();
    return std::unexpected(std::move(place).error());
  }
  if (*place == Place::kDuplicate) return {};
  if (histogram != nullptr)
    histogram = with_derived_hint(
        *place == Place::kInOrder ? touched.edge.histogram.get() : nullptr, std::move(histogram));
  if (*place == Place::kInOrder) touched.edge = {time, value, histogram};
  transaction_.samples.push_back(
      {*index, *place, time, created ? created->value : 0, value, std::move(histogram)});
  return {};
}

Status TransactionAppender::append(SeriesId series, TimestampMs time, double value,
                                   std::optional<TimestampMs> created) {
  return add_sample(series, time.value, value, nullptr, created);
}

Status TransactionAppender::append_histogram(SeriesId series, TimestampMs time,
                                             const model::Histogram& histogram,
                                             std::optional<TimestampMs> created) {
  if (auto status = check_histogram(histogram); !status) {
    context_.counters.samples_refused_invalid.add();
    return status;
  }
  return add_sample(series, time.value, 0, std::make_shared<const model::Histogram>(histogram),
                    created);
}

Status TransactionAppender::append_exemplar(SeriesId series, const model::Exemplar& exemplar) {
  const TsdbOptions& options = context_.options;
  auto index = touch(series);
  if (!index) return std::unexpected(std::move(index).error());
  if (auto status = check_room(); !status) return status;
  const std::string_view labels = exemplar.labels.packed();
  if (labels.size() > options.limits.exemplar_label_bytes_max) {
    context_.counters.exemplars_refused_limit.add();
    return fail(Errc::kInvalidArgument, "exemplar labels of ", labels.size(),
                " bytes, the limit is ", options.limits.exemplar_label_bytes_max);
  }
  for (const model::LabelView label : exemplar.labels)
    if (label.name.empty() || !is_valid_utf8(label.name) || !is_valid_utf8(label.value))
      return fail(Errc::kInvalidArgument, "exemplar label ", to_valid_utf8(label.name),
                  " is empty or not valid UTF-8");
  const AppendRules& rules = transaction_.rules;
  const int64_t time = exemplar.time.value;
  const bool in_window = rules.out_of_order_window_ms > 0 && rules.head_max_time != kNoTime &&
                         time >= rules.head_max_time - rules.out_of_order_window_ms;
  if (time < -kTimeAbsMax || time > std::min(kTimeAbsMax, rules.future_limit))
    return fail(Errc::kOutOfRange, "out of bounds: exemplar at ", time, " ms");
  Transaction::Touched& touched = transaction_.touched[*index];
  if (!touched.exemplar_seen) {
    const std::lock_guard lock(context_.head.mutex_of(*touched.series));
    if (const StoredExemplar* newest = touched.series->newest_exemplar())
      touched.newest_exemplar = std::make_unique<StoredExemplar>(*newest);
    touched.exemplar_seen = true;
  }
  StoredExemplar stored{.time = time,
                        .value = exemplar.value,
                        .trace_id = exemplar.trace_id,
                        .span_id = exemplar.span_id,
                        .has_time = exemplar.has_time};
  if (!labels.empty()) stored.labels = std::make_shared<const std::string>(labels);
  if (touched.newest_exemplar && same_exemplar(*touched.newest_exemplar, stored)) return {};
  const bool late = (touched.newest_exemplar && time < touched.newest_exemplar->time) ||
                    time < rules.min_valid_time;
  if (late && !in_window) {
    context_.counters.exemplars_out_of_order.add();
    return fail(Errc::kOutOfRange, "out of order exemplar: ", time, " ms, series ",
                touched.series->labels().to_string());
  }
  if (!touched.newest_exemplar || time >= touched.newest_exemplar->time)
    touched.newest_exemplar = std::make_unique<StoredExemplar>(stored);
  transaction_.exemplars.push_back({*index, std::move(stored)});
  return {};
}

void TransactionAppender::set_metadata(std::string_view metric,
                                       const model::MetricMetadata& metadata) {
  const TsdbLimits& limits = context_.options.limits;
  if (metric.empty() || metric.size() > limits.label_value_bytes_max) return;
  if (metadata.unit.size() + metadata.help.size() > limits.metadata_bytes_max)
    return context_.counters.metadata_refused_limit.add();
  if (!context_.metadata.differs(metric, metadata)) return;
  if (context_.metadata.size() + transaction_.metadata.size() >= limits.metadata_entries_max)
    return context_.counters.metadata_refused_limit.add();
  transaction_.metadata.emplace_back(std::string(metric), metadata);
}

Status TransactionAppender::commit() {
  Status status;
  const bool has_items = transaction_.items() > 0;
  if (has_items) status = context_.queue.commit(transaction_);
  rollback();
  if (has_items && status) {
    context_.head.note_arrival(context_.clock.now_ms().value);
    context_.pace.hold_back(context_.head.max_time());
  }
  return status;
}

void TransactionAppender::rollback() {
  context_.head.for_each_locked(
      std::span(transaction_.touched),
      [](const Transaction::Touched& t) -> HeadSeries& { return *t.series; },
      [](Transaction::Touched& t) {
        SL_ASSERT(t.series->users > 0);
        --t.series->users;
      });
  transaction_.touched.clear();
  transaction_.samples.clear();
  transaction_.exemplars.clear();
  transaction_.metadata.clear();
  touched_by_id_.clear();
  last_touched_ = 0;
  is_ascending_ = true;
  begin();
}

}  // namespace sightline::tsdb
