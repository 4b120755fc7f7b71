#pragma once
// The policies of tail sampling: whether a complete trace is worth keeping.
//   Threads   one owner: some policies count (rates), so they are asked one trace at a time.
//   Source    opentelemetry-collector-contrib, tailsamplingprocessor README.
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/otelcol/otelcol_tail_sampling.h"
#include "pipeline/processors/waiting_traces.h"

namespace sightline::pipeline {

enum class SamplingDecision { kSampled, kNotSampled, kDropped, kError };

class SamplingPolicy {
 public:
  static std::unique_ptr<SamplingPolicy> make(const config::SamplingPolicyConfig& config,
                                              const Clock& clock);
  virtual ~SamplingPolicy() = default;
  virtual SamplingDecision evaluate(const WaitingTrace& trace) = 0;
};

// All policies of a processor: dropped wins, then sampled.
class SamplingPolicies {
 public:
  SamplingPolicies(const config::TailSamplingConfig& config, const Clock& clock);
  struct Outcome {
    SamplingDecision decision = SamplingDecision::kNotSampled;
    std::string_view policy;  // whose decision it was; empty for not sampled
    bool had_error = false;
  };
  Outcome decide(const WaitingTrace& trace);

 private:
  struct Named {
    std::string name;
    std::unique_ptr<SamplingPolicy> policy;
  };
  const bool first_match_;
  std::vector<Named> policies_;
};

}  // namespace sightline::pipeline
