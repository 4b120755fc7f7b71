#pragma once
// An object store whose n-th operation fails: the twin that fault-enumerating tests use. Operations count from 1.
//   Plan      as of FaultyFileSystem. With half_writes a failing put() or remove() has happened all the same, as when
//             the answer got lost on its way; without, it has not. With count_reads everything counts, else only those two.
//   Threads   one test thread, or the caller's own order; the counter is atomic.
#include "io/fault_plan.h"
#include "io/object_store.h"

namespace sightline::io {

class FaultyObjectStore final : public ObjectStore, public FaultSteps {
 public:
  FaultyObjectStore(ObjectStore& real, FaultPlan plan) : FaultSteps(plan), real_(real) {}

  Status put(const std::string& key, std::string_view bytes) override;
  Result<std::string> get(const std::string& key) override;
  Result<std::string> get_range(const std::string& key, ByteRange range) override;
  Result<ObjectInfo> head(const std::string& key) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Status remove(const std::string& key) override;
  std::string name() const override { return real_.name(); }
  void interrupt() override { real_.interrupt(); }

 private:
  Status step_of_reading(std::string_view what);

  ObjectStore& real_;
};

}  // namespace sightline::io
