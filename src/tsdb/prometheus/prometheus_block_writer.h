#pragma once
// Writes one of our blocks as Prometheus' would be: index version 2, XOR chunks, chunks of native histograms, no tombstones: what was deleted is
// left out.
//   Left out   exemplars and created timestamps: its blocks have no place for them. The exemplars are counted.
//   Crash      the directory is written as <name>.tmp and renamed.
//   Memory     the index: symbols, series entries, postings.
//   Source     Prometheus, tsdb/docs/format/index.md, chunks.md.
#include <functional>

#include "base/random.h"
#include "tsdb/block/block.h"

namespace sightline::tsdb {

struct PrometheusExport {
  std::string
      directory;  // its name, a ULID, within the parent; empty: there were no samples, and nothing was written
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t histograms = 0;  // of the samples
  uint64_t exemplars_left_out = 0;
};

// `on_series` is called after each series of the block.
Result<PrometheusExport> export_prometheus_block(io::FileSystem& fs, const Block& block,
                                                 const std::string& parent, Random& random,
                                                 const std::function<void()>& on_series = {});

// 48 bits of milliseconds and 80 of chance, as 26 characters.
std::string make_ulid(int64_t time_ms, Random& random);

}  // namespace sightline::tsdb
