#pragma once
// What readers may see, as one consistent pair: the last published batch and the
// published block list.
//   Threads   any.
//   Lifetime  snapshots must not outlive their Publication.
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "tracestore/live/live_traces.h"

namespace sightline::tracestore {

class Block;
using BlockList = std::vector<std::shared_ptr<const Block>>;  // by id, oldest first

class Publication;

// Holds the block list and, in LiveTraces, the parts that it does not contain.
class Snapshot {
 public:
  Snapshot(Publication& from, Visible visible, std::shared_ptr<const BlockList> blocks)
      : from_(from), visible_(visible), blocks_(std::move(blocks)) {}
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  Visible visible() const { return visible_; }
  const BlockList& blocks() const { return *blocks_; }

 private:
  Publication& from_;
  const Visible visible_;
  const std::shared_ptr<const BlockList> blocks_;
};

class Publication {
 public:
  std::unique_ptr<Snapshot> open();
  // Makes the batch's rows visible to later snapshots.
  void publish(LiveBatch& batch);
  // The version under which the next publish(blocks) will make its list known. One publisher at a time.
  uint64_t next_version() const;
  void publish(BlockList blocks);
  std::shared_ptr<const BlockList> blocks() const;
  // Of open snapshots. None, open or to come, has a version below the oldest.
  LiveTraces::OldReaders old_readers() const;

 private:
  friend class Snapshot;
  void close(Visible visible);

  mutable std::mutex mutex_;  // guards everything below
  uint64_t sequence_ = 0;
  uint64_t version_ = 1;
  std::shared_ptr<const BlockList> blocks_ = std::make_shared<const BlockList>();
  std::multiset<std::pair<uint64_t, uint64_t>> open_;  // versions and sequences of open snapshots
};

}  // namespace sightline::tracestore
