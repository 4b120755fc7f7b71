#pragma once
// The sending queue and retry policy of every exporter that leaves by a socket
// (the collector's exporterhelper: sending_queue, retry_on_failure).
//   Limits    `capacity` requests, spans or bytes wait, as the sizer says; beyond, offer() refuses, retryable, or
//             waits for room when it is told to block (not longer than kBlockMax).
//   Disk      with a spool, what waits lies there and not in memory, and outlives the process.
//   Result    with wait_for_result, offer() answers when the batch was sent or given up.
//   Merging   with merge_max, what waits is sent together, protobuf behind protobuf; nothing waits for more to come.
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
#include "pipeline/exporters/batch_spool.h"
#include "pipeline/exporters/outgoing.h"

namespace sightline::pipeline {

struct RetryPolicy {
  bool enabled = true;
  std::chrono::nanoseconds initial_interval = std::chrono::seconds(5);
  double randomization_factor = 0.5;
  double multiplier = 1.5;
  std::chrono::nanoseconds max_interval = std::chrono::seconds(30);
  std::chrono::nanoseconds max_elapsed_time = std::chrono::minutes(5);
};

enum class QueueSizer { kRequests, kItems, kBytes };

struct SendQueueOptions {
  std::string exporter;                             // "otlphttp/tempo": in logs and counters
  config::Signal signal = config::Signal::kTraces;  // what it holds
  size_t capacity = 1000;                           // counted by `sizer`
  size_t consumer_count = 10;                       // threads, started as they are needed
  RetryPolicy retry;
  QueueSizer sizer = QueueSizer::kRequests;
  bool block_on_overflow = false;
  bool wait_for_result = false;
  // Requests that wait are sent as one of at most so many items or bytes; 0: each by itself.
  QueueSizer merge_sizer = QueueSizer::kItems;
  size_t merge_max = 0;
};

// What came of one try.
struct SendOutcome {
  Status status;
  bool retryable = false;
  std::chrono::nanoseconds retry_after{0};
};

class SendQueue {
 public:
  using Send = std::function<SendOutcome(const Outgoing&)>;
  static constexpr std::chrono::seconds kBlockMax{30};
  // `spool` may be null: what waits is in memory.
  SendQueue(SendQueueOptions options, Send send, Telemetry& telemetry,
            std::unique_ptr<BatchSpool> spool = nullptr);
  ~SendQueue();

  Status offer(Outgoing batch);
  void stop(std::chrono::milliseconds deadline);
  // Whether what waits is sent together: then a request that cannot be read would spoil others.
  bool joins() const { return options_.merge_max > 0; }
  size_t waiting() const;

 private:
  // What became of a batch whose sender waits.
  struct Outcome {
    bool is_known = false;  // guarded by the queue's mutex
    Status status;
  };
  struct Item {
    Outgoing batch;                    // nothing: in the spool
    BatchSpool::Entry entry;           // in the spool
    size_t size = 0;                   // by the sizer
    std::shared_ptr<Outcome> outcome;  // null: nobody waits
  };
  static size_t size_of(const Outgoing& batch, QueueSizer sizer);
  Status wait_for_room(std::unique_lock<std::mutex>& lock, size_t size);
  void start_thread();  // needs mutex_
  void run();
  std::vector<Item> take_items();  // needs mutex_
  Status send_items(std::vector<Item>& items, Random& random);
  Result<Outgoing> load(const BatchSpool::Entry& entry) const;
  Status send_with_retry(const Outgoing& batch, Random& random);
  Status drop(const Outgoing& batch, const std::string& why);
  // False when the queue stops before the time is over.
  bool wait_for(std::chrono::nanoseconds delay);

  const SendQueueOptions options_;
  const Send send_;
  const std::unique_ptr<BatchSpool> spool_;
  Counter& sent_;
  Counter& failed_;
  Counter& enqueue_failed_;
  Gauge& queue_size_;
  mutable std::mutex mutex_;
  std::condition_variable has_work_;  // threads of run() wait
  std::condition_variable has_room_;  // offer() waits
  std::condition_variable changed_;   // an outcome is known, all is sent, or it stopped
  std::deque<Item> queue_;            // guarded by mutex_
  size_t size_ = 0;                   // guarded by mutex_: of queue_, by the sizer
  size_t idle_ = 0;                   // guarded by mutex_: threads waiting for work
  size_t in_flight_ = 0;              // guarded by mutex_
  bool draining_ = false;             // guarded by mutex_: no new batches, no long waits
  bool stopped_ = false;              // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
};

}  // namespace sightline::pipeline
