#include "pipeline/exporters/send_queue.h"

#include <algorithm>

#include "base/log.h"

namespace sightline::pipeline {

namespace {

// "spans", "metric_points"; and how people call them.
std::string_view noun_of(config::Signal signal) {
  return signal == config::Signal::kMetrics ? "metric_points" : "spans";
}

Counter& counter_of(Telemetry& telemetry, const SendQueueOptions& options, std::string_view what,
                    const char* help) {
  return telemetry.counter("otelcol_exporter_" + std::string(what) + "_" +
                               std::string(noun_of(options.signal)) + "_total",
                           help, {{"exporter", options.exporter}});
}

}  // namespace

SendQueue::SendQueue(SendQueueOptions options, Send send, Telemetry& telemetry,
                     std::unique_ptr<BatchSpool> spool)
    : options_(std::move(options)),
      send_(std::move(send)),
      spool_(std::move(spool)),
      sent_(counter_of(telemetry, options_, "sent", "Sent to their destination.")),
      failed_(counter_of(telemetry, options_, "send_failed", "Given up after all tries.")),
      enqueue_failed_(counter_of(telemetry, options_, "enqueue_failed",
                                 "Refused because the sending queue was full.")),
      queue_size_(telemetry.gauge("otelcol_exporter_queue_size", "What waits in the sending queue.",
                                  {{"exporter", options_.exporter},
                                   {"data_type", std::string(signal_name(options_.signal))}})) {
  telemetry
      .gauge("otelcol_exporter_queue_capacity", "What the sending queue has room for.",
             {{"exporter", options_.exporter},
              {"data_type", std::string(signal_name(options_.signal))}})
      .set(static_cast<double>(options_.capacity));
  if (!spool_) return;
  const std::lock_guard lock(mutex_);
  for (const BatchSpool::Entry& entry : spool_->recover()) {
    // How many spans it holds is not known before it is read.
    const size_t size = options_.sizer == QueueSizer::kBytes ? entry.bytes : 1;
    queue_.push_back({.entry = entry, .size = size});
    size_ += size;
  }
  if (queue_.empty()) return;
  SL_LOG_INFO("exporter {}: {} batches of an earlier run are sent first", options_.exporter,
              queue_.size());
  start_thread();
}

SendQueue::~SendQueue() { stop(std::chrono::milliseconds(0)); }

size_t SendQueue::size_of(const Outgoing& batch, QueueSizer sizer) {
  switch (sizer) {
    case QueueSizer::kRequests: return 1;
    case QueueSizer::kItems: return batch.items();
    case QueueSizer::kBytes: break;
  }
  return batch.bytes();
}

void SendQueue::start_thread() {
  threads_.emplace_back([this] { run(); });
}

Status SendQueue::wait_for_room(std::unique_lock<std::mutex>& lock, size_t size) {
  // An empty queue takes a batch of any size: else it would never be sent.
  const auto has_room = [&] {
    return draining_ || queue_.empty() || size_ + size <= options_.capacity;
  };
  if (options_.block_on_overflow && !has_room()) has_room_.wait_for(lock, kBlockMax, has_room);
  if (draining_) return fail(Errc::kUnavailable, "exporter ", options_.exporter, " is stopping");
  if (has_room()) return {};
  return fail(Errc::kUnavailable, "sending queue of exporter ", options_.exporter,
              " is full: ", queue_.size(), " batches waiting");
}

Status SendQueue::offer(Outgoing batch) {
  const size_t size = size_of(batch, options_.sizer), count = batch.items();
  Item item{.batch = batch,
            .size = size,
            .outcome = options_.wait_for_result ? std::make_shared<Outcome>() : nullptr};
  std::unique_lock lock(mutex_);
  if (auto status = wait_for_room(lock, size); !status) {
    enqueue_failed_.add(count);
    return status;
  }
  if (spool_) {
    // Room is held while the disk works, so that no more comes than there is room for.
    size_ += size;
    lock.unlock();
    auto entry = spool_->put(batch.protobuf());
    lock.lock();
    size_ -= size;
    if (!entry) {
      enqueue_failed_.add(count);
      return in_context("exporter " + options_.exporter, std::move(entry).error());
    }
    item.entry = *entry;
    item.batch = {};
  }
  const auto outcome = item.outcome;
  queue_.push_back(std::move(item));
  size_ += size;
  queue_size_.set(static_cast<double>(size_));
  if (idle_ < queue_.size() && threads_.size() < options_.consumer_count && !draining_)
    start_thread();
  if (!outcome) lock.unlock();  // so that who is woken does not meet it
  has_work_.notify_one();
  if (!outcome) return {};
  changed_.wait(lock, [&] { return outcome->is_known || stopped_; });
  return outcome->is_known
             ? outcome->status
             : fail(Errc::kUnavailable, "exporter ", options_.exporter, " is stopping");
}

// The oldest, and those behind it that fit into one request with it.
std::vector<SendQueue::Item> SendQueue::take_items() {
  std::vector<Item> items;
  size_t count = 0;
  do {
    Item& front = queue_.front();
    const size_t more = front.batch ? size_of(front.batch, options_.merge_sizer) : 0;
    const bool merges = options_.merge_max > 0 && front.batch && !front.outcome;
    if (!items.empty() && (!merges || count + more > options_.merge_max)) break;
    count += more;
    size_ -= front.size;
    items.push_back(std::move(front));
    queue_.pop_front();
    if (!merges) break;
  } while (!queue_.empty());
  queue_size_.set(static_cast<double>(size_));
  return items;
}

void SendQueue::run() {
  Random random(Random::entropy_seed());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    has_work_.wait(lock, [&] { return stopped_ || draining_ || !queue_.empty(); });
    --idle_;
    if (stopped_ || (draining_ && queue_.empty())) return;
    std::vector<Item> items = take_items();
    ++in_flight_;
    if (options_.block_on_overflow) has_room_.notify_all();
    lock.unlock();
    Status status = send_items(items, random);
    lock.lock();
    --in_flight_;
    const std::shared_ptr<Outcome> outcome = items.front().outcome;
    if (outcome) {
      outcome->is_known = true;
      outcome->status = std::move(status);
    }
    if (draining_ || outcome) changed_.notify_all();
  }
}

Result<Outgoing> SendQueue::load(const BatchSpool::Entry& entry) const {
  auto bytes = spool_->load(entry);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  auto batch = Outgoing::parse(options_.signal, std::move(*bytes));
  if (!batch) spool_->put_aside(entry);
  return batch;
}

Status SendQueue::send_items(std::vector<Item>& items, Random& random) {
  const Item& item = items.front();
  if (items.size() > 1) {
    std::vector<Outgoing> parts;
    for (Item& each : items) parts.push_back(std::move(each.batch));
    return send_with_retry(Outgoing::join(parts), random);
  }
  if (item.batch) return send_with_retry(item.batch, random);
  const auto batch = load(item.entry);
  if (!batch) {
    SL_LOG_ERROR("exporter {}: {}", options_.exporter, batch.error().message);
    return std::unexpected(batch.error());
  }
  Status status = send_with_retry(*batch, random);
  // What could not be sent because the process stops stays for the next one.
  const bool keeps = !status && status.error().code == Errc::kCancelled;
  if (!keeps) spool_->remove(item.entry);
  return status;
}

Status SendQueue::send_with_retry(const Outgoing& batch, Random& random) {
  const RetryPolicy& retry = options_.retry;
  const auto started = std::chrono::steady_clock::now();
  auto interval = std::chrono::duration<double>(retry.initial_interval);
  for (;;) {
    const SendOutcome outcome = send_(batch);
    if (outcome.status) {
      sent_.add(batch.items());
      return {};
    }
    const std::string& why = outcome.status.error().message;
    if (!outcome.retryable || !retry.enabled) return drop(batch, why);
    const double spread = 1 + retry.randomization_factor * (2 * random.unit() - 1);
    const auto delay =
        std::max(std::chrono::duration_cast<std::chrono::nanoseconds>(interval * spread),
                 outcome.retry_after);
    const auto elapsed = std::chrono::steady_clock::now() - started;
    if (retry.max_elapsed_time.count() > 0 && elapsed + delay > retry.max_elapsed_time)
      return drop(batch, why);
    SL_LOG_WARN("exporter {}: {}; trying again in {} ms", options_.exporter, why,
                std::chrono::duration_cast<std::chrono::milliseconds>(delay).count());
    if (!wait_for(delay)) {
      if (spool_) return fail(Errc::kCancelled, why);
      return drop(batch, why);
    }
    interval =
        std::min(interval * retry.multiplier, std::chrono::duration<double>(retry.max_interval));
  }
}

Status SendQueue::drop(const Outgoing& batch, const std::string& why) {
  failed_.add(batch.items());
  SL_LOG_ERROR("exporter {}: {} {} dropped: {}", options_.exporter, batch.items(),
               noun_of(options_.signal), why);
  return fail(Errc::kInternal, "exporter ", options_.exporter, ": ", why);
}

bool SendQueue::wait_for(std::chrono::nanoseconds delay) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, delay, [&] { return stopped_; });
}

void SendQueue::stop(std::chrono::milliseconds deadline) {
  std::vector<std::thread> threads;
  {
    std::unique_lock lock(mutex_);
    draining_ = true;
    has_work_.notify_all();
    has_room_.notify_all();
    changed_.wait_for(lock, deadline, [&] { return queue_.empty() && in_flight_ == 0; });
    for (const Item& item : queue_)
      if (item.batch) failed_.add(item.batch.items());
    if (!queue_.empty() && spool_)
      SL_LOG_INFO("exporter {}: {} batches stay on disk for the next start", options_.exporter,
                  queue_.size());
    if (!queue_.empty() && !spool_)
      SL_LOG_ERROR("exporter {}: {} batches unsent at shutdown", options_.exporter, queue_.size());
    queue_.clear();
    size_ = 0;
    stopped_ = true;
    threads.swap(threads_);
  }
  has_work_.notify_all();
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

size_t SendQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + in_flight_;
}

}  // namespace sightline::pipeline
