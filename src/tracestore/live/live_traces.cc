#include "tracestore/live/live_traces.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.h"

namespace sightline::tracestore {
namespace {

// Of a span that is live, besides its batch: its index, and its share of the part and the maps.
constexpr uint64_t kBytesOfRow = 24;
constexpr size_t kBatchesBetweenSweeps = 64;

uint64_t received_bytes(const model::SpanBatch& batch, const model::SpanView& span) {
  if (!span.encoded.empty()) return span.encoded.size();
  uint64_t bytes = 64 + span.name.size() + span.status_message.size() + span.trace_state.size();
  for (const auto& [key, value] : batch.of(span.attributes))
    bytes += 12 + key.size() + value.bytes.size();
  return bytes + 48ull * (span.events.count + span.links.count);
}

bool is_visible(const LiveBatch& batch, uint64_t sequence) {
  const uint64_t own = batch.sequence.load(std::memory_order_acquire);
  return own != 0 && own <= sequence;
}

bool is_seen(const LivePart& part, uint64_t sequence) {
  return std::ranges::any_of(
      part.rows.runs(), [&](const LiveRows::Run& run) { return is_visible(*run.batch, sequence); });
}

// The part itself when all of it is visible, else a copy of what is; null when nothing is. It was shown, so that
// nobody changes it.
std::shared_ptr<const LivePart> visible_part(std::shared_ptr<const LivePart> part,
                                             uint64_t sequence) {
  const auto runs = part->rows.runs();
  const auto visible = std::ranges::count_if(
      runs, [&](const LiveRows::Run& run) { return is_visible(*run.batch, sequence); });
  if (visible == 0) return nullptr;
  if (static_cast<size_t>(visible) == runs.size()) return part;
  auto copy = std::make_shared<LivePart>();
  for (const LiveRow& row : part->rows)
    if (is_visible(*row.batch, sequence)) copy->rows.add(row.batch, row.index);
  copy->zone = part->zone;
  copy->min_start = part->min_start;
  copy->max_end = part->max_end;
  copy->frozen = true;
  copy->is_whole = false;
  return copy;
}

// Leaves what was acknowledged when the reader began.
void keep_visible(LiveTrace& trace, uint64_t sequence) {
  for (auto& part : trace.parts) part = visible_part(std::move(part), sequence);
  const auto gone = std::remove(trace.parts.begin(), trace.parts.end(), nullptr);
  trace.parts.erase(gone, trace.parts.end());
}

// Places of spans by trace, those of one in the order they came. What is compared lies side by side: spans are large.
std::vector<uint32_t> by_trace(const std::vector<model::SpanView>& spans) {
  struct Place {
    uint64_t begin;  // of the trace id
    uint32_t index;
  };
  std::vector<Place> places(spans.size());
  for (uint32_t i = 0; i < spans.size(); ++i)
    places[i] = {load_be64(spans[i].trace_id.bytes.data()), i};
  std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    const auto order = spans[a.index].trace_id <=> spans[b.index].trace_id;
    return order != 0 ? order < 0 : a.index < b.index;
  });
  std::vector<uint32_t> order(places.size());
  for (size_t i = 0; i < places.size(); ++i) order[i] = places[i].index;
  return order;
}

bool is_due(const LivePart& part, const CutRule& rule) {
  return !part.frozen && (rule.everything || rule.now - part.last_span >= rule.idle_period ||
                          rule.now - part.created >= rule.duration_max);
}

}  // namespace

WalUse::Pending::Pending(WalUse& use) : use_(use) {
  const std::lock_guard lock(use_.mutex_);
  segment_ = use_.newest_segment_;
  use_.pending_.insert(segment_);
}

WalUse::Pending::~Pending() {
  const std::lock_guard lock(use_.mutex_);
  use_.pending_.erase(use_.pending_.find(segment_));
}

void WalUse::acquire(uint64_t segment, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  ++batches_[segment];
  newest_segment_ = std::max(newest_segment_, segment);
  live_bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void WalUse::release(uint64_t segment, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto entry = batches_.find(segment);
  if (--entry->second == 0) batches_.erase(entry);
  live_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

uint64_t WalUse::lowest_used() const {
  const std::lock_guard lock(mutex_);
  const uint64_t live = batches_.empty() ? UINT64_MAX : batches_.begin()->first;
  const uint64_t pending = pending_.empty() ? UINT64_MAX : *pending_.begin();
  return std::min(live, pending);
}

LiveBatch::LiveBatch(std::shared_ptr<const model::SpanBatch> batch, WalUse& use,
                     io::RecordPosition position)
    : use_(use),
      position_(position),
      span_count_(static_cast<uint32_t>(batch->spans.size())),
      as_received_(!batch->encoded.empty()),
      decoded_bytes_(memory_of(*batch)),
      bytes_(decoded_bytes_),
      hot_(std::move(batch)) {
  use_.acquire(position_.segment, bytes());
}

Result<std::shared_ptr<const model::SpanBatch>> LiveBatch::spans(
    std::span<const uint32_t> wanted) const {
  if (auto in_memory = hot()) return in_memory;
  auto batch = use_.load(position_, wanted);
  if (batch && (*batch)->spans.size() != span_count_)
    return fail(Errc::kCorrupt, "wal: a request has other spans than it had");
  return batch;
}

Result<bool> LiveBatch::look_into(const std::function<void(std::string_view)>& look) const {
  if (!as_received_) return false;
  if (const auto in_memory = hot()) {
    look(in_memory->encoded);
    return true;
  }
  const auto bytes = use_.read(position_);
  if (!bytes) return std::unexpected(bytes.error());
  look(*bytes);
  return true;
}

std::shared_ptr<const model::SpanBatch> LiveBatch::hot() const {
  const std::lock_guard lock(mutex_);
  return hot_;
}

void LiveBatch::cool() {
  if (!as_received_) return;
  std::shared_ptr<const model::SpanBatch> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  if (!hot_) return;
  gone.swap(hot_);
  const uint64_t cold =
      sizeof(LiveBatch) + span_count_ * kBytesOfRow + begun_.size() * sizeof(TraceId);
  const uint64_t before = bytes_.load(std::memory_order_relaxed);
  if (before <= cold) return;
  bytes_.store(cold, std::memory_order_relaxed);
  use_.lighten(before - cold);
}

void LiveMemory::add(const std::shared_ptr<LiveBatch>& batch) {
  if (bytes_max_ == 0) return;
  std::vector<std::shared_ptr<LiveBatch>> cooling;
  {
    const std::lock_guard lock(mutex_);
    hot_.emplace_back(batch, batch->bytes());
    bytes_ += batch->bytes();
    while (bytes_ > bytes_max_ && !hot_.empty()) {
      bytes_ -= hot_.front().second;
      if (auto oldest = hot_.front().first.lock()) cooling.push_back(std::move(oldest));
      hot_.pop_front();
    }
  }
  for (const auto& oldest : cooling) oldest->cool();
}

uint64_t memory_of(const model::SpanBatch& batch) {
  uint64_t bytes = sizeof(batch) + batch.encoded.size();
  bytes += batch.resources.capacity() * sizeof(model::ResourceView);
  bytes += batch.scopes.capacity() * sizeof(model::ScopeView);
  bytes += batch.spans.capacity() * (sizeof(model::SpanView) + kBytesOfRow);
  bytes += batch.events.capacity() * sizeof(model::EventView);
  bytes += batch.links.capacity() * sizeof(model::LinkView);
  bytes += batch.attributes.capacity() * sizeof(model::AttributeView);
  return bytes;
}

bool LiveTraces::knows_any(const model::SpanBatch& batch) const {
  return std::any_of(batch.spans.begin(), batch.spans.end(), [&](const model::SpanView& span) {
    const Shard& shard = shards_[shard_of(span.trace_id)];
    const std::lock_guard lock(shard.mutex);
    return shard.traces.contains(span.trace_id);
  });
}

Inserted LiveTraces::insert(const std::shared_ptr<LiveBatch>& batch,
                            const model::SpanBatch& received, std::chrono::nanoseconds now,
                            const InsertLimits& limits) {
  Inserted result;
  const auto& spans = received.spans;
  const std::vector<uint32_t> order = by_trace(spans);
  std::vector<TraceId> begun;
  TimestampNs newest{0};
  for (size_t begin = 0; begin < order.size();) {
    const TraceId& id = spans[order[begin]].trace_id;
    size_t end = begin + 1;
    while (end < order.size() && spans[order[end]].trace_id == id) ++end;
    if (const auto start =
            insert_run(shards_[shard_of(id)], batch, received,
                       std::span(order).subspan(begin, end - begin), now, limits, result)) {
      begun.push_back(id);
      newest = std::max(newest, *start);
    }
    begin = end;
  }
  begun.shrink_to_fit();
  batch->set_begun(std::move(begun), newest);
  list(batch);
  span_count_.fetch_add(result.spans, std::memory_order_relaxed);
  return result;
}

void LiveTraces::list(const std::shared_ptr<LiveBatch>& batch) {
  const std::lock_guard lock(batches_mutex_);
  if (batches_.size() >= sweep_at_) {
    std::erase_if(batches_, [](const auto& listed) { return listed.expired(); });
    sweep_at_ = 2 * batches_.size() + kBatchesBetweenSweeps;
  }
  batches_.push_back(batch);
}

std::vector<std::shared_ptr<const LiveBatch>> LiveTraces::batches(uint64_t sequence) const {
  std::vector<std::shared_ptr<const LiveBatch>> seen;
  const std::lock_guard lock(batches_mutex_);
  seen.reserve(batches_.size());
  for (const auto& listed : batches_)
    if (auto batch = listed.lock(); batch && is_visible(*batch, sequence))
      seen.push_back(std::move(batch));
  return seen;
}

std::optional<TimestampNs> LiveTraces::insert_run(Shard& shard,
                                                  const std::shared_ptr<LiveBatch>& batch,
                                                  const model::SpanBatch& received,
                                                  std::span<const uint32_t> run,
                                                  std::chrono::nanoseconds now,
                                                  const InsertLimits& limits, Inserted& result) {
  const TraceId& id = received.spans[run.front()].trace_id;
  const std::lock_guard lock(shard.mutex);
  auto found = shard.traces.find(id);
  if (found == shard.traces.end()) {
    if (limits.live_traces_max != 0 && trace_count() >= limits.live_traces_max) {
      result.over_live_traces += run.size();
      return std::nullopt;
    }
    found = shard.traces.try_emplace(id).first;
    trace_count_.fetch_add(1, std::memory_order_relaxed);
    ++result.new_traces;
  }
  Parts& parts = found->second;
  if (parts.empty() || parts.back()->frozen) {
    parts.push_back(std::make_shared<LivePart>());
    parts.back()->created = now;
  } else if (parts.back()->shown) {
    parts.back() = std::make_shared<LivePart>(*parts.back());
    parts.back()->shown = false;
  }
  LivePart& part = *parts.back();
  part.last_span = now;
  const bool begins = std::ranges::none_of(part.rows.runs(), [](const LiveRows::Run& earlier) {
    return earlier.batch->sequence.load(std::memory_order_relaxed) != 0;
  });
  std::optional<TimestampNs> start;
  part.rows.reserve_more(run.size());
  for (const uint32_t index : run) {
    const model::SpanView& span = received.spans[index];
    const uint64_t bytes = received_bytes(received, span);
    if (limits.bytes_per_trace_max != 0 && part.bytes + bytes > limits.bytes_per_trace_max) {
      ++result.over_trace_bytes;
      if (result.too_large != id) result.too_large_bytes = 0;
      result.too_large = id;
      result.too_large_bytes += bytes;
      continue;
    }
    part.bytes += bytes;
    part.min_start = std::min(part.min_start, span.start);
    part.max_end = std::max({part.max_end, span.start, span.end});
    part.zone.add(span);
    part.rows.add(batch, index);
    if (begins) start = std::min(start.value_or(span.start), span.start);
    ++result.spans;
  }
  shard.min_start = std::min(shard.min_start, part.min_start);
  shard.max_end = std::max(shard.max_end, part.max_end);
  return start;
}

LiveTrace LiveTraces::find(const TraceId& id, Visible visible) const {
  LiveTrace trace{id, {}};
  {
    const Shard& shard = shards_[shard_of(id)];
    const std::lock_guard lock(shard.mutex);
    const auto take = [&](const auto& traces) {
      const auto found = traces.find(id);
      if (found == traces.end()) return;
      for (const auto& part : found->second) {
        part->shown = true;
        trace.parts.push_back(part);
      }
    };
    for (const Departed& departed : shard.departed)
      if (departed.version > visible.version) take(departed.traces);
    take(shard.traces);
  }
  keep_visible(trace, visible.sequence);
  return trace;
}

bool LiveTraces::knows(const TraceId& id, Visible visible) const {
  const Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock(shard.mutex);
  const auto has = [&](const auto& traces) {
    const auto found = traces.find(id);
    return found != traces.end() && std::ranges::any_of(found->second, [&](const auto& part) {
             return is_seen(*part, visible.sequence);
           });
  };
  return has(shard.traces) || std::ranges::any_of(shard.departed, [&](const Departed& departed) {
           return departed.version > visible.version && has(departed.traces);
         });
}

std::optional<std::pair<TimestampNs, TimestampNs>> LiveTraces::time_range() const {
  TimestampNs start{UINT64_MAX}, end{0};
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    if (std::exchange(shard.has_shrunk, false)) {
      shard.min_start = {UINT64_MAX};
      shard.max_end = {0};
      for (const auto& [id, parts] : shard.traces) {
        for (const auto& part : parts) {
          shard.min_start = std::min(shard.min_start, part->min_start);
          shard.max_end = std::max(shard.max_end, part->max_end);
        }
      }
    }
    start = std::min(start, shard.min_start);
    end = std::max(end, shard.max_end);
  }
  if (start > end) return std::nullopt;
  return std::pair(start, end);
}

DueTraces LiveTraces::due(const CutRule& rule) const {
  DueTraces due;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [id, parts] : shard.traces) {
      bool counted = false;
      for (const auto& part : parts) {
        if (!part->frozen && !is_due(*part, rule)) continue;
        due.bytes += part->bytes;
        due.any_at_duration |= part->frozen || rule.now - part->created >= rule.duration_max;
        counted = true;
      }
      due.traces += counted ? 1 : 0;
    }
  }
  return due;
}

std::vector<LiveTrace> LiveTraces::freeze(const CutRule& rule) {
  std::vector<LiveTrace> cut;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto& [id, parts] : shard.traces) {
      LiveTrace trace{id, {}};
      for (const auto& part : parts) {
        if (is_due(*part, rule)) part->frozen = true;
        if (part->frozen) trace.parts.push_back(part);
      }
      if (!trace.parts.empty()) cut.push_back(std::move(trace));
    }
  }
  return cut;
}

void LiveTraces::depart(const std::vector<LiveTrace>& cut, uint64_t version) {
  uint64_t spans = 0;
  uint64_t traces = 0;
  for (const LiveTrace& trace : cut) {
    Shard& shard = shards_[shard_of(trace.id)];
    const std::lock_guard lock(shard.mutex);
    if (shard.departed.empty() || shard.departed.back().version != version) {
      shard.departed.emplace_back();
      shard.departed.back().version = version;
    }
    const auto live = shard.traces.find(trace.id);
    Parts& gone = shard.departed.back().traces[trace.id];
    shard.has_shrunk = true;
    for (const auto& part : trace.parts) {
      spans += part->rows.size();
      const auto own = std::find(live->second.begin(), live->second.end(), part);
      gone.push_back(std::move(*own));
      live->second.erase(own);
    }
    if (live->second.empty()) {
      shard.traces.erase(live);
      ++traces;
    }
  }
  span_count_.fetch_sub(spans, std::memory_order_relaxed);
  trace_count_.fetch_sub(traces, std::memory_order_relaxed);
}

void LiveTraces::forget(const OldReaders& readers) {
  for (Shard& shard : shards_) {
    std::vector<Departed> freed;  // destroyed outside the lock, like `unseen`
    Parts unseen;
    const std::lock_guard lock(shard.mutex);
    const auto keep =
        std::find_if(shard.departed.begin(), shard.departed.end(),
                     [&](const Departed& d) { return d.version > readers.oldest_version; });
    freed.assign(std::make_move_iterator(shard.departed.begin()), std::make_move_iterator(keep));
    shard.departed.erase(shard.departed.begin(), keep);
    for (Departed& departed : shard.departed) {
      if (std::exchange(departed.is_sieved, true)) continue;
      absl::erase_if(departed.traces, [&](auto& trace) {
        Parts& parts = trace.second;
        const auto gone = std::stable_partition(parts.begin(), parts.end(), [&](const auto& part) {
          return is_seen(*part, readers.newest_sequence);
        });
        std::move(gone, parts.end(), std::back_inserter(unseen));
        parts.erase(gone, parts.end());
        return parts.empty();
      });
    }
  }
}

}  // namespace sightline::tracestore
