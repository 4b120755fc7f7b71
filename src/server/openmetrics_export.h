#pragma once
// A block as OpenMetrics text with timestamps and exemplars, as `blocks import` and the peers' backfill take it.
//   Left out   native histograms, which have no text form, stale markers, created timestamps; the first are counted.
//   Exemplars  follow the first sample that is not older; a sample with several is repeated, once for each.
//   Memory     one series.
#include <map>

#include "io/file_system.h"
#include "model/sample.h"
#include "tsdb/block/block.h"

namespace sightline::server {

struct OpenMetricsExport {
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t exemplars = 0;
  uint64_t histograms_left_out = 0;
  uint64_t exemplars_left_out = 0;  // of native histograms
};

using MetadataByName = std::map<std::string, model::MetricMetadata>;

// `on_series` is called for each series of the block.
Result<OpenMetricsExport> export_openmetrics(io::FileSystem& fs, const tsdb::Block& block,
                                             const MetadataByName& metadata,
                                             const std::string& path,
                                             const std::function<void()>& on_series);

}  // namespace sightline::server
