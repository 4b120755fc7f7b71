#include "base/work_pool.h"

#include <atomic>
#include <memory>

namespace sightline {

WorkPool::WorkPool(WorkPoolOptions options) : options_(options) {
  for (size_t i = 0; i < options_.thread_count; ++i) threads_.emplace_back([this] { run(); });
}

WorkPool::~WorkPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Status WorkPool::submit(WorkPriority priority, std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(Errc::kUnavailable, "the server is stopping");
    auto& queue = queues_[static_cast<size_t>(priority)];
    if (queue.size() >= options_.queue_max)
      return fail(Errc::kResourceExhausted, "work queue is full: ", queue.size(), " tasks waiting");
    queue.push_back(std::move(task));
  }
  wake_.notify_one();
  return {};
}

void WorkPool::run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      const auto pending = [&]() -> std::deque<std::function<void()>>* {
        for (auto& queue : queues_)
          if (!queue.empty()) return &queue;
        return nullptr;
      };
      wake_.wait(lock, [&] { return stopping_ || pending() != nullptr; });
      auto* queue = pending();
      if (queue == nullptr) return;
      task = std::move(queue->front());
      queue->pop_front();
    }
    task();
  }
}

void WorkPool::parallel_for(size_t count, const std::function<void(size_t)>& body) {
  // Shared with pool tasks that may start after this call has returned: they
  // find no index left and touch nothing else.
  struct Round {
    std::atomic<size_t> next{0};
    std::atomic<size_t> done{0};
    std::mutex mutex;
    std::condition_variable all_done;
  };
  const auto round = std::make_shared<Round>();
  const auto drain = [round, count, &body] {
    for (size_t i = round->next.fetch_add(1); i < count; i = round->next.fetch_add(1)) {
      body(i);
      if (round->done.fetch_add(1) + 1 == count) {
        const std::lock_guard lock(round->mutex);
        round->all_done.notify_all();
      }
    }
  };
  // One less than there are threads: the caller works too, and more than cores would wait for each other.
  const size_t helpers = threads_.empty() ? 0 : threads_.size() - 1;
  const size_t extra = count == 0 ? 0 : std::min(count - 1, helpers);
  for (size_t i = 0; i < extra; ++i) (void)submit(WorkPriority::kQuery, drain);
  drain();
  std::unique_lock lock(round->mutex);
  round->all_done.wait(lock, [&] { return round->done.load() >= count; });
}

}  // namespace sightline
