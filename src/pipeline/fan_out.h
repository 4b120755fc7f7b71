#pragma once
// One edge that splits: hands a batch to several consumers in order.
//   Order    those that can refuse (stores, queues) come first; those that only count
//            (connectors) come last and see a batch exactly once, when every
//            earlier one has taken it. So a retried request is never counted twice.
//   Threads  immutable once built; consume() from any thread.
#include <vector>

#include "pipeline/consumer.h"

namespace sightline::pipeline {

class FanOut final : public SpanConsumer {
 public:
  // `refusing` and `counting` outlive this object.
  FanOut(std::vector<SpanConsumer*> refusing, std::vector<SpanConsumer*> counting)
      : refusing_(std::move(refusing)), counting_(std::move(counting)) {}

  Status consume(const SharedBatch& batch) override {
    for (SpanConsumer* consumer : refusing_)
      if (auto status = consumer->consume(batch); !status) return status;
    for (SpanConsumer* consumer : counting_)
      if (auto status = consumer->consume(batch); !status) return status;
    return {};
  }

 private:
  const std::vector<SpanConsumer*> refusing_;
  const std::vector<SpanConsumer*> counting_;
};

}  // namespace sightline::pipeline
