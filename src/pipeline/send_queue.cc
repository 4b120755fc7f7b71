#include "pipeline/send_queue.h"

#include <algorithm>

#include "base/log.h"

namespace sightline::pipeline {

SendQueue::SendQueue(SendQueueOptions options, Send send, Telemetry& telemetry)
    : options_(std::move(options)),
      send_(std::move(send)),
      sent_(telemetry.counter("otelcol_exporter_sent_spans_total", "Spans sent to their destination.",
                              {{"exporter", options_.exporter}})),
      failed_(telemetry.counter("otelcol_exporter_send_failed_spans_total", "Spans given up after all tries.",
                                {{"exporter", options_.exporter}})) {}

SendQueue::~SendQueue() { stop(std::chrono::milliseconds(0)); }

Status SendQueue::offer(SharedBatch batch) {
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return fail(Errc::kUnavailable, "exporter ", options_.exporter, " is stopping");
    if (queue_.size() >= options_.capacity)
      return fail(Errc::kUnavailable, "sending queue of exporter ", options_.exporter, " is full: ", queue_.size(),
                  " batches waiting");
    queue_.push_back(std::move(batch));
    if (idle_ < queue_.size() && threads_.size() < options_.consumer_count)
      threads_.emplace_back([this] { run(); });
  }
  changed_.notify_one();
  return {};
}

void SendQueue::run() {
  Random random(Random::entropy_seed());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return stopped_ || draining_ || !queue_.empty(); });
    --idle_;
    if (stopped_ || (draining_ && queue_.empty())) return;
    const SharedBatch batch = std::move(queue_.front());
    queue_.pop_front();
    ++in_flight_;
    lock.unlock();
    send_with_retry(batch, random);
    lock.lock();
    --in_flight_;
    if (draining_) changed_.notify_all();
  }
}

void SendQueue::send_with_retry(const SharedBatch& batch, Random& random) {
  const RetryPolicy& retry = options_.retry;
  const auto started = std::chrono::steady_clock::now();
  auto interval = std::chrono::duration<double>(retry.initial_interval);
  for (;;) {
    const SendOutcome outcome = send_(batch);
    if (outcome.status) return sent_.add(batch->spans.size());
    const std::string& why = outcome.status.error().message;
    if (!outcome.retryable || !retry.enabled) return drop(batch, why);
    const double spread = 1 + retry.randomization_factor * (2 * random.unit() - 1);
    const auto delay = std::max(std::chrono::duration_cast<std::chrono::nanoseconds>(interval * spread), outcome.retry_after);
    const auto elapsed = std::chrono::steady_clock::now() - started;
    if (retry.max_elapsed_time.count() > 0 && elapsed + delay > retry.max_elapsed_time) return drop(batch, why);
    SL_LOG_WARN("exporter {}: {}; trying again in {} ms", options_.exporter, why,
                std::chrono::duration_cast<std::chrono::milliseconds>(delay).count());
    if (!wait_for(delay)) return drop(batch, why);
    interval = std::min(interval * retry.multiplier, std::chrono::duration<double>(retry.max_interval));
  }
}

void SendQueue::drop(const SharedBatch& batch, const std::string& why) {
  failed_.add(batch->spans.size());
  SL_LOG_ERROR("exporter {}: {} spans dropped: {}", options_.exporter, batch->spans.size(), why);
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
    changed_.notify_all();
    changed_.wait_for(lock, deadline, [&] { return queue_.empty() && in_flight_ == 0; });
    for (const SharedBatch& batch : queue_) failed_.add(batch->spans.size());
    if (!queue_.empty()) SL_LOG_ERROR("exporter {}: {} batches unsent at shutdown", options_.exporter, queue_.size());
    queue_.clear();
    stopped_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

size_t SendQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + in_flight_;
}

}  // namespace sightline::pipeline
