#include "io/fault_plan.h"

namespace sightline::io {

void FaultSteps::set_plan(FaultPlan plan) {
  plan_ = plan;
  operations_ = 0;
  fired_ = false;
}

Status FaultSteps::step(std::string_view what) {
  const uint64_t n = operations_.fetch_add(1) + 1;
  if (plan_.fail_at == 0) return {};
  const bool hit = plan_.mode == FaultMode::kOnce ? n == plan_.fail_at : n >= plan_.fail_at;
  if (!hit) return {};
  fired_ = true;
  return fail(plan_.error, "injected fault at operation ", n, " (", what, ")");
}

}  // namespace sightline::io
