#pragma once
// Row groups of earlier versions in blocks of this one.
//   Format   docs/formats/trace_block.md, "Versions".
#include <string>
#include <string_view>

#include "base/result.h"
#include "tracestore/block/block_format.h"

namespace sightline::tracestore {

// The same row group as this version has it; its chunks stay as they are. `bytes`: filter, chunks and directory of
// version 3, verified; its zone becomes that of the result.
Result<std::string> upgrade_row_group(std::string_view bytes, RowGroupZone& zone);

}  // namespace sightline::tracestore
