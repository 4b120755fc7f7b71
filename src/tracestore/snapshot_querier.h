#pragma once
// A Querier over one snapshot: live parts and blocks united.
//   Threads  any; nothing changes after it was made but the counter of bytes.
#include <atomic>
#include <memory>

#include "tracestore/block/block.h"
#include "tracestore/block/publication.h"
#include "tracestore/live/live_batch_cache.h"
#include "tracestore/querier.h"

namespace sightline::tracestore {

class SnapshotQuerier final : public Querier {
 public:
  SnapshotQuerier(std::unique_ptr<Snapshot> snapshot, const LiveTraces& live,
                  LiveBatchCache& live_batches)
      : snapshot_(std::move(snapshot)), live_(live), live_batches_(live_batches) {}

  Result<std::optional<model::SpanBatch>> find(const TraceId& id) const override;
  Status scan(const ScanRequest& request,
              const std::function<bool(RowGroup&)>& visit) const override;
  Result<std::vector<std::vector<std::string>>> attribute_keys(
      const KeysRequest& request) const override;
  uint64_t inspected_bytes() const override { return inspected_->load(std::memory_order_relaxed); }

 private:
  const std::unique_ptr<Snapshot> snapshot_;
  const LiveTraces& live_;
  LiveBatchCache& live_batches_;
  // Row groups go on counting after the querier is gone.
  const InspectedBytes inspected_ = std::make_shared<std::atomic<uint64_t>>(0);
};

}  // namespace sightline::tracestore
