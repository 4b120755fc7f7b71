#pragma once
// What a block is made of, for people: its columns with encodings and bytes, and whether all of it checks.
//   Threads  any.
#include <cstdint>
#include <string>
#include <vector>

#include "tracestore/block/block.h"

namespace sightline::tracestore {

// One column of a block, its chunks of all row groups together.
struct ColumnUse {
  std::string name;  // "span durations", "span attribute http.route", "trace ids"
  std::string
      encodings;  // of its chunks: "planes", "dictionary of 312: packed codes"; several joined by ", "
  uint64_t bytes = 0;
  uint64_t chunks = 0;  // row groups that have it
};

// The largest first; together every byte of the file.
Result<std::vector<ColumnUse>> inspect_columns(const Block& block);

// Every checksum, and every column decoded once. The first fault, naming where it is.
Status verify_block(const Block& block);

}  // namespace sightline::tracestore
