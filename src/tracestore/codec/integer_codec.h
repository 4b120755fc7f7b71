#pragma once
// Columns of unsigned 64-bit integers in the least bytes of several encodings.
//   Format   docs/formats/trace_block.md, "Integer list". The count is not stored: the reader knows it.
//   Errors   kCorrupt; decoding never reads past the end nor allocates more than `count` numbers.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace sightline::tracestore {

// Nothing is appended for no values.
void encode_integers(std::span<const uint64_t> values, std::string& out);
Result<std::vector<uint64_t>> decode_integers(ByteReader& in, size_t count);

// "planes"; "?" for what this version does not know.
std::string_view integer_encoding_name(std::string_view bytes);

// Bytes, zstd when that is smaller. Self-delimiting.
void encode_bytes(std::string_view bytes, std::string& out);
// The bytes of one, unread; empty when torn.
std::string_view skip_bytes(ByteReader& in);
// At most `bytes_max` after decompression.
Result<std::string> decode_bytes(ByteReader& in, size_t bytes_max);

}  // namespace sightline::tracestore
