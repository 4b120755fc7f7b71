#pragma once
// The nodes of the collector's graph of spans, and how a batch goes through it.
//   Passing   a stage looks at a batch and hands it, or a changed one, to what follows. What can
//             refuse (a store, a sending queue) is asked at once; what only counts (a connector, a
//             printing exporter) is noted in the Delivery and runs when every part that can refuse has
//             taken its share. So whatever the shape of the graph, a request that is refused and sent
//             again is counted once.
//   Threads   stages are immutable once joined, or guard their state; pass() from any thread.
//   Lifetime  what a stage refers to outlives it.
#include <utility>
#include <vector>

#include "pipeline/graph/consumer.h"

namespace sightline::pipeline {

// One batch's way through the graph.
class Delivery {
 public:
  void count_later(SpanConsumer& consumer, SharedBatch batch) {
    later_.emplace_back(&consumer, std::move(batch));
  }
  // Nothing refused: runs what was put off. The last thing done with a Delivery.
  void finish() {
    for (auto& [consumer, batch] : later_) static_cast<void>(consumer->consume(batch));
  }

 private:
  std::vector<std::pair<SpanConsumer*, SharedBatch>> later_;
};

class SpanStage {
 public:
  virtual ~SpanStage() = default;
  virtual Status pass(const SharedBatch& batch, Delivery& delivery) = 0;
};

// The end of an edge that may say no.
class RefusingEnd final : public SpanStage {
 public:
  explicit RefusingEnd(SpanConsumer& consumer) : consumer_(consumer) {}
  Status pass(const SharedBatch& batch, Delivery&) override { return consumer_.consume(batch); }

 private:
  SpanConsumer& consumer_;
};

// The end of an edge that takes everything and must see it once.
class CountingEnd final : public SpanStage {
 public:
  explicit CountingEnd(SpanConsumer& consumer) : consumer_(consumer) {}
  Status pass(const SharedBatch& batch, Delivery& delivery) override {
    delivery.count_later(consumer_, batch);
    return {};
  }

 private:
  SpanConsumer& consumer_;
};

// An edge that splits, in the order of the configuration; the first refusal ends it.
class Split final : public SpanStage {
 public:
  explicit Split(std::vector<SpanStage*> next) : next_(std::move(next)) {}
  Status pass(const SharedBatch& batch, Delivery& delivery) override {
    for (SpanStage* stage : next_)
      if (auto status = stage->pass(batch, delivery); !status) return status;
    return {};
  }

 private:
  const std::vector<SpanStage*> next_;
};

// Where batches enter: a receiver's, or those that a processor held back.
class GraphInput final : public SpanConsumer {
 public:
  explicit GraphInput(SpanStage& first) : first_(first) {}
  Status consume(const SharedBatch& batch) override {
    Delivery delivery;
    if (auto status = first_.pass(batch, delivery); !status) return status;
    delivery.finish();
    return {};
  }

 private:
  SpanStage& first_;
};

// A processor of one pipeline; each pipeline has its own. The last three are called by the graph's owner.
class SpanProcessor : public SpanStage {
 public:
  explicit SpanProcessor(SpanStage& next) : next_(next) {}
  virtual void start() {}
  virtual void maintain() {}  // every second or so
  virtual void stop() {}      // receivers are closed; hand on what is held

 protected:
  // An empty batch goes no further.
  Status hand_on(const SharedBatch& batch, Delivery& delivery) {
    return batch->spans.empty() ? Status() : next_.pass(batch, delivery);
  }
  // For what was held back: a delivery of its own.
  Status release(const SharedBatch& batch) {
    return batch->spans.empty() ? Status() : GraphInput(next_).consume(batch);
  }

 private:
  SpanStage& next_;
};

}  // namespace sightline::pipeline
