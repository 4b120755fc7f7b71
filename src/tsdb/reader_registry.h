#pragma once
// Who reads which commit, so that nothing is forgotten that a reader still sees.
//   Threads  any.
#include <cstdint>
#include <mutex>
#include <set>

#include "tsdb/head/series.h"

namespace sightline::tsdb {

class ReaderRegistry {
 public:
  // Held as long as something reads. The commit is what it may see; the epoch
  // grows with every new list of blocks.
  class Registration {
   public:
    Registration(ReaderRegistry& registry, uint64_t commit, uint64_t epoch)
        : registry_(registry), commit_(commit), epoch_(epoch) {}
    ~Registration() { registry_.end(commit_, epoch_); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    uint64_t commit() const { return commit_; }

   private:
    ReaderRegistry& registry_;
    const uint64_t commit_;
    const uint64_t epoch_;
  };

  // Take the list of blocks after this, never before.
  std::unique_ptr<Registration> begin() {
    const std::lock_guard lock(mutex_);
    commits_.insert(published_);
    epochs_.insert(epoch_);
    return std::make_unique<Registration>(*this, published_, epoch_);
  }
  void publish(uint64_t commit) {
    const std::lock_guard lock(mutex_);
    published_ = commit;
  }
  uint64_t published() const {
    const std::lock_guard lock(mutex_);
    return published_;
  }
  ActiveReaders active() const {
    const std::lock_guard lock(mutex_);
    if (commits_.empty()) return {};
    return {.oldest = *commits_.begin(), .newest = *commits_.rbegin()};
  }
  // Readers that begin from now on belong to the returned epoch.
  uint64_t next_epoch() {
    const std::lock_guard lock(mutex_);
    return ++epoch_;
  }
  bool all_since(uint64_t epoch) const {
    const std::lock_guard lock(mutex_);
    return epochs_.empty() || *epochs_.begin() >= epoch;
  }

 private:
  void end(uint64_t commit, uint64_t epoch) {
    const std::lock_guard lock(mutex_);
    commits_.erase(commits_.find(commit));
    epochs_.erase(epochs_.find(epoch));
  }

  mutable std::mutex mutex_;
  uint64_t published_ = 0;           // guarded by mutex_
  uint64_t epoch_ = 0;               // guarded by mutex_
  std::multiset<uint64_t> commits_;  // guarded by mutex_
  std::multiset<uint64_t> epochs_;   // guarded by mutex_
};

}  // namespace sightline::tsdb
