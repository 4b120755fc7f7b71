#pragma once
// Some consecutive samples of one series as bytes: immutable once made.
// Times, created timestamps and values are separate columns, each in the
// cheapest of its codecs.
//   Invariants  times strictly ascend; a chunk holds floats or histograms, never both.
//   Limits      kChunkSamplesMax samples.
//   Integrity   no checksum here: whoever stores a chunk adds one.
//   Format      docs/formats/tsdb_block.md, "Chunk"
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/histogram.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

inline constexpr size_t kChunkSamplesMax = 65'536;

enum class ChunkKind : uint8_t { kFloat = 1, kHistogram = 2 };

using HistogramPtr = std::shared_ptr<const model::Histogram>;

// `created` is empty when unknown for all, else as long as `times`.
std::string encode_chunk(std::span<const int64_t> times, std::span<const double> values,
                         std::span<const int64_t> created);
std::string encode_chunk(std::span<const int64_t> times, std::span<const HistogramPtr> histograms,
                         std::span<const int64_t> created);

// Appends the samples to `out`; kCorrupt when the bytes do not check, `out` is then as before.
Status decode_chunk(std::string_view bytes, SampleColumns& out, ValueNeed need = ValueNeed::kAll);

// A chunk of floats without created timestamps as its encoded columns.
struct FloatChunkColumns {
  size_t count = 0;
  std::string_view times;   // an integer column
  std::string_view values;  // a value column
};
// nullopt for any other chunk.
std::optional<FloatChunkColumns> split_float_chunk(std::string_view bytes);

// Appends one `created` to a column that is empty while all are unknown;
// `before` is how many samples came earlier.
inline void append_created(std::vector<int64_t>& created, size_t before, int64_t value) {
  if (created.empty() && value == 0) return;
  created.resize(before);
  created.push_back(value);
}

}  // namespace sightline::tsdb
