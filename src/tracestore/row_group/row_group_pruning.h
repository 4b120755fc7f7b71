#pragma once
// Which row groups a scan can pass by: what its conditions say of zones, of the value index and filters of a block, and
// of dictionaries.
//   Never a wrong no: what is let through may still hold nothing.
#include "base/result.h"
#include "tracestore/block/block.h"
#include "tracestore/querier.h"
#include "tracestore/row_group/row_group_decoder.h"

namespace sightline::tracestore {

// Row groups of a block.
struct RowGroupChoice {
  RowGroupSet may;  // hold what is asked for
  RowGroupSet ask;  // of these, the ones whose dictionaries may know better
};
Result<RowGroupChoice> choose_row_groups(const Block& block, const ScanRequest& request);
// Of kinds, statuses and durations alone.
bool zone_may_match(const RowGroupZone& zone, const ScanRequest& request);
Result<bool> dictionaries_may_match(RowGroupDecoder& decoder, const ScanRequest& request);

// Row groups of which the block knows all values of the listing, and that lie in the range whole.
struct KnownValues {
  RowGroupSet row_groups;
  std::vector<ValueIndex::Column> columns;    // whose values in these row groups count
  std::vector<model::ValueView> enumeration;  // of kinds or statuses, instead
};
Result<KnownValues> known_values(const Block& block, const ScanRequest& request);

}  // namespace sightline::tracestore
