#pragma once
// Which operation of a file system or an object store fails, for tests that enumerate faults. Operations count from 1.
//   Threads   one test thread, or the caller's own order; the counter is atomic.
#include <atomic>
#include <string_view>

#include "base/result.h"

namespace sightline::io {

enum class FaultMode {
  kOnce,      // that operation fails, later ones work: a hiccup, or a full disk with space again
  kFromThen,  // it and everything after fails: the power is out
};

struct FaultPlan {
  uint64_t fail_at = 0;  // 0: never
  FaultMode mode = FaultMode::kOnce;
  Errc error = Errc::kUnavailable;  // kUnavailable: disk full; kIo: broken
  bool half_writes = true;          // a failing append leaves half of its bytes behind
  bool count_reads = false;
};

class FaultSteps {
 public:
  explicit FaultSteps(FaultPlan plan) : plan_(plan) {}

  bool fired() const { return fired_.load(); }
  uint64_t operations() const { return operations_.load(); }
  const FaultPlan& plan() const { return plan_; }
  void set_plan(FaultPlan plan);  // counting starts again at zero

  // An error when this operation is the one to fail.
  Status step(std::string_view what);

 private:
  FaultPlan plan_;
  std::atomic<uint64_t> operations_{0};
  std::atomic<bool> fired_{false};
};

}  // namespace sightline::io
