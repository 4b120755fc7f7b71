#pragma once
// The cumulative buckets of one classic histogram over time, as increments that are not cumulative.
//   Format  docs/formats/tsdb_block.md, "Family"
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sightline::tsdb {

// `buckets` by ascending `le`, all of `samples` values. nullopt when they are no family: a value that is no whole number
// and is not in all of them the same.
std::optional<std::string> encode_family(std::span<const std::span<const double>> buckets);

// Fills `out` with `buckets` columns of `samples` each; false when the bytes are damaged.
bool read_family(std::string_view bytes, size_t buckets, size_t samples, std::vector<double>& out);

// What ValueNeed::kPresence asks of any of its columns, without decoding them.
bool read_family_presence(std::string_view bytes, std::span<double> out);

}  // namespace sightline::tsdb
