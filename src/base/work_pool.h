#pragma once
// A bounded pool of threads for queries, compaction and everything else that
// must not run on a socket thread. Higher priority first, then arrival order.
//   Threads   submit() from any thread; tasks run concurrently.
//   Limits    queue_max waiting tasks; beyond, submit() refuses.
//   Lifetime  the destructor stops accepting, runs what is queued, joins.
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace sightline {

enum class WorkPriority { kIngest, kQuery, kBackground };

struct WorkPoolOptions {
  size_t thread_count = 2;
  size_t queue_max = 10'000;
};

class WorkPool {
 public:
  explicit WorkPool(WorkPoolOptions options);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // kResourceExhausted when the queue is full, kUnavailable when stopping.
  Status submit(WorkPriority priority, std::function<void()> task);
  // Runs body(0..count-1), also on the calling thread, and returns when all ran.
  void parallel_for(size_t count, const std::function<void(size_t)>& body);
  size_t thread_count() const { return threads_.size(); }

 private:
  void run();

  const WorkPoolOptions options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queues_[3];  // guarded by mutex_, by priority
  bool stopping_ = false;                        // guarded by mutex_
  std::vector<std::thread> threads_;             // constructor and destructor only
};

}  // namespace sightline
