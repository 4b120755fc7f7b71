#pragma once
// Which exemplars of a series are kept: at most a budget of them in each time window, the informative ones (the newest,
// the smallest and the largest value, of native histograms one of each bucket, then a uniform sample), so that a hot
// series keeps few, every window keeps some, and no series takes from another.
//   Which ones  depends only on the exemplars themselves and the buckets (a hash of the trace decides the sample), so
//               replay, block cut and compaction agree, thinning twice is thinning once, and series that
//               the same traces feed keep the same ones.
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/exemplar.h"
#include "model/histogram.h"

namespace sightline::tsdb {

struct ExemplarBudget {
  int64_t window_ms = 60'000;
  uint32_t per_window_max = 16;  // at least 3: smallest, largest, one more; the newest comes on top
  uint32_t per_window_native_max = 64;  // likewise, of a series of native histograms

  uint32_t max_of(const model::Histogram* buckets) const {
    return buckets == nullptr ? per_window_max : per_window_native_max;
  }
};

// One that is kept. The labels beside trace_id and span_id are packed in
// `labels` (model::Labels::packed) and usually empty.
struct StoredExemplar {
  int64_t time = 0;
  double value = 0;
  TraceId trace_id;
  SpanId span_id;
  bool has_time = true;
  uint64_t commit = 0;  // which commit brought it; in memory only
  std::shared_ptr<const std::string> labels;

  std::string_view packed_labels() const {
    return labels != nullptr ? std::string_view(*labels) : std::string_view();
  }
  model::Exemplar to_exemplar() const;
};

bool same_exemplar(const StoredExemplar& a, const StoredExemplar& b);  // but for the commit

// Removes exemplars, ascending by time, from windows that hold more than the
// budget. Looks only at those from index `from` on. `buckets` is a native histogram of the series, null when it has none.
void thin_exemplars(std::vector<StoredExemplar>& exemplars, const ExemplarBudget& budget,
                    size_t from = 0, const model::Histogram* buckets = nullptr);

// A column of blocks of version 1 and 2; later ones have pages (exemplar_pages.h). Appends to `out`; kCorrupt when the
// bytes do not check.
Status decode_exemplars(std::string_view bytes, std::vector<StoredExemplar>& out);

}  // namespace sightline::tsdb
