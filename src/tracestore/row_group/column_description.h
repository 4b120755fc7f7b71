#pragma once
// Words for the chunks of a row group: which column one is, and how it is encoded.
#include <string>
#include <string_view>

#include "tracestore/block/block_format.h"

namespace sightline::tracestore {

// "durations", "span attribute http.route". `key` is the attribute's, for the columns that have one.
std::string column_name(ChunkType type, std::string_view key);

// "planes", "dictionary, packed codes"; "?" for what this version does not know.
std::string describe_encoding(ChunkType type, std::string_view bytes);

}  // namespace sightline::tracestore
