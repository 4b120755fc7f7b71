#pragma once
// Whose traces a request writes and reads, where a process keeps those of many apart.
//   Threads   safe from any thread.
//   Lifetime  a writer or reader keeps its store open for as long as it is held: hold it for one
//             request. Everything is given back before the Tenants go.
//   Errors    kInvalidArgument for names that are none (tenant_id.h); kResourceExhausted for more
//             tenants than may be; store errors as they come.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracestore/querier.h"
#include "tracestore/writer.h"

namespace sightline::tracestore {

struct TenantTraces {
  std::vector<std::string> tenants;         // in order
  std::shared_ptr<const Queryable> traces;  // of all of them together
};

class Tenants {
 public:
  virtual ~Tenants() = default;
  // One tenant; it begins to exist.
  virtual Result<std::shared_ptr<TraceWriter>> writer(std::string_view org_id) = 0;
  // One, or several with '|' between. A tenant that nobody has written to has no traces.
  virtual Result<TenantTraces> reader(std::string_view org_id) = 0;
};

}  // namespace sightline::tracestore
