#pragma once
// Puts what a load command names into a store.
#include "promql/testing/memory_store.h"
#include "promql/testing/script.h"

namespace sightline::promql {

// With load_with_nhcb also every classic histogram as one with custom buckets.
Status run_load(const LoadCommand& load, MemoryStore& store);

}  // namespace sightline::promql
