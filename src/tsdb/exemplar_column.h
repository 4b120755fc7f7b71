#pragma once
// The exemplars of one series: at most a budget of them in each time window,
// the informative ones (newest, smallest and largest value, then a uniform
// sample), so that a hot series keeps few and every window keeps some.
//   Which ones  depends only on the exemplars themselves (a hash of each decides
//               the sample), so replay, block cut and compaction agree, and thinning
//               twice is thinning once.
//   Format      docs/formats/tsdb_block.md, "Exemplars"
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/exemplar.h"

namespace sightline::tsdb {

struct ExemplarBudget {
  int64_t window_ms = 60'000;
  uint32_t per_window_max = 16;  // at least 3: smallest, largest, one more; the newest comes on top
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
// budget. Looks only at those from index `from` on.
void thin_exemplars(std::vector<StoredExemplar>& exemplars, const ExemplarBudget& budget,
                    size_t from = 0);

// `exemplars` ascend by time.
std::string encode_exemplars(const std::vector<StoredExemplar>& exemplars);
// Appends to `out`; kCorrupt when the bytes do not check.
Status decode_exemplars(std::string_view bytes, std::vector<StoredExemplar>& out);

}  // namespace sightline::tsdb
