#pragma once
// Doubles as integers over a power of ten, where that gives back the same bits; and the few of a column that do not fit.
//   Format  docs/formats/tsdb_block.md, "Misfits"
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sightline::tsdb {

inline constexpr unsigned kDecimalsMax = 12;
inline constexpr double kExactMax = 9007199254740992.0;  // 2^53: every integer up to it is a double
inline constexpr std::array<double, kDecimalsMax + 1> kPowersOfTen = {
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

// The values that fit 10^-decimals, and those that do not with their places: a
// stale marker at the end of a counter must not cost the other samples their codec.
struct Scaled {
  std::vector<int64_t> integers;  // of a misfit: the one before
  std::vector<uint32_t> misfits;
};

// An integer below 2^53 in magnitude; not -0.
bool is_whole(double v);
// v as an integer over 10^decimals, if dividing gives back the same bits.
std::optional<int64_t> scaled(double v, unsigned decimals);
// nullopt when more than an eighth are misfits.
std::optional<Scaled> scale(std::span<const double> values, unsigned decimals);
// Fewest decimals that all but an eighth agree on.
std::optional<unsigned> guess_decimals(std::span<const double> values);

void append_misfits(std::string& out, std::span<const double> values,
                    std::span<const uint32_t> misfits);
// Puts them over `out`; false when damaged.
bool read_misfits(ByteReader& in, std::span<double> out);

}  // namespace sightline::tsdb
