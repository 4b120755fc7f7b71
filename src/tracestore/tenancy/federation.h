#pragma once
// Several trace stores read as one. A trace of which several have spans is whole when found by id; a scan
// shows it once per store.
//   Order  a scan goes through one store after the other, each newest first.
#include <memory>
#include <vector>

#include "tracestore/querier.h"

namespace sightline::tracestore {

// None: a store without traces.
std::shared_ptr<const Queryable> federate(std::vector<std::shared_ptr<const Queryable>> stores);

}  // namespace sightline::tracestore
