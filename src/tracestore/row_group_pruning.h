#pragma once
// Whether a stored row group can hold what a scan asks for: first by its zone, then by
// dictionaries. Says yes when in doubt.
#include "tracestore/querier.h"
#include "tracestore/row_group_decoder.h"

namespace sightline::tracestore {

bool zone_may_match(const RowGroupZone& zone, const ScanRequest& request);
Result<bool> dictionaries_may_match(RowGroupDecoder& decoder, const ScanRequest& request);

}  // namespace sightline::tracestore
