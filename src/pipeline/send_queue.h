#pragma once
// The sending queue and retry policy of every exporter that leaves by a socket
// (the collector's exporterhelper: sending_queue, retry_on_failure).
//   Limits    capacity batches wait; beyond, offer() refuses, retryable.
//   Retry     retryable failures wait initial_interval, growing by multiplier to max_interval, each
//             spread by randomization_factor, until max_elapsed_time since the first try
//             (0: for ever); then the batch is dropped, counted and said. A delay the
//             receiver asked for is honoured.
//   Threads   offer() from any thread; `send` runs on the queue's own threads.
//   Lifetime  stop() sends what waits until the deadline, then counts the rest as dropped.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/telemetry.h"
#include "base/time.h"
#include "pipeline/consumer.h"

namespace sightline::pipeline {

struct RetryPolicy {
  bool enabled = true;
  std::chrono::nanoseconds initial_interval = std::chrono::seconds(5);
  double randomization_factor = 0.5;
  double multiplier = 1.5;
  std::chrono::nanoseconds max_interval = std::chrono::seconds(30);
  std::chrono::nanoseconds max_elapsed_time = std::chrono::minutes(5);
};

struct SendQueueOptions {
  std::string exporter;          // "otlphttp/tempo": in logs and counters
  size_t capacity = 1000;        // batches
  size_t consumer_count = 10;    // threads, started as they are needed
  RetryPolicy retry;
};

// What came of one try.
struct SendOutcome {
  Status status;
  bool retryable = false;
  std::chrono::nanoseconds retry_after{0};
};

class SendQueue {
 public:
  using Send = std::function<SendOutcome(const SharedBatch&)>;
  SendQueue(SendQueueOptions options, Send send, Telemetry& telemetry);
  ~SendQueue();

  Status offer(SharedBatch batch);
  void stop(std::chrono::milliseconds deadline);
  size_t waiting() const;

 private:
  void run();
  void send_with_retry(const SharedBatch& batch, Random& random);
  void drop(const SharedBatch& batch, const std::string& why);
  // False when the queue stops before the time is over.
  bool wait_for(std::chrono::nanoseconds delay);

  const SendQueueOptions options_;
  const Send send_;
  Counter& sent_;
  Counter& failed_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SharedBatch> queue_;        // guarded by mutex_
  size_t idle_ = 0;                      // guarded by mutex_: threads waiting for work
  size_t in_flight_ = 0;                 // guarded by mutex_
  bool draining_ = false;                // guarded by mutex_: no new batches, no long waits
  bool stopped_ = false;                 // guarded by mutex_
  std::vector<std::thread> threads_;     // guarded by mutex_
};

}  // namespace sightline::pipeline
