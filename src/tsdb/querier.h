#pragma once
// The one narrow way to read metrics: select series by matchers and time,
// decode column-wise into arrays, exemplars beside them.
//   Snapshot   a Querier sees what was committed when it was made, and goes on
//              seeing it while writes, compaction and retention continue.
//   Threads    a Querier may be read from several threads at once; columns are
//              filled into the caller's own arrays.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/pacer.h"
#include "base/result.h"
#include "base/time.h"
#include "model/exemplar.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"
#include "tsdb/matcher.h"

namespace sightline::tsdb {

// Inclusive at both ends.
struct TimeRange {
  TimestampMs min = TimestampMs::min();
  TimestampMs max = TimestampMs::max();
};

// The samples of one series in time order, as parallel arrays. Reused between
// series: read() clears and refills them.
struct SampleColumns {
  std::vector<int64_t> times;    // ms, strictly ascending
  std::vector<double> values;    // stale markers included
  std::vector<int64_t> created;  // ms, 0 = unknown; empty when unknown for all
  std::vector<int64_t> histogram_times;
  std::vector<std::shared_ptr<const model::Histogram>>
      histograms;  // a sum that is the stale marker marks staleness
  std::vector<int64_t> histogram_created;
  void clear();
};

// Of presence, only whether a value is the stale marker holds: what takes long to decode is left out.
enum class ValueNeed : uint8_t { kAll, kPresence };

// Series found by select(), sorted by labels.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  virtual size_t size() const = 0;
  virtual const model::Labels& labels(size_t index) const = 0;
  // Samples within `range`, which must lie within the selected one.
  virtual Status read(size_t index, TimeRange range, SampleColumns& out) const = 0;
  // The same for whoever asks for times alone; the values of floats are as for ValueNeed::kPresence.
  virtual Status read_presence(size_t index, TimeRange range, SampleColumns& out) const {
    return read(index, range, out);
  }
  // Exemplars within `range`, ascending by time, appended to `out`.
  virtual Status read_exemplars(size_t index, TimeRange range,
                                std::vector<model::Exemplar>& out) const = 0;
};

class Querier {
 public:
  virtual ~Querier() = default;
  // All matchers must hold. Series without data in `range` may be among the results.
  virtual Result<std::unique_ptr<SeriesSet>> select(std::span<const Matcher> matchers,
                                                    TimeRange range) const = 0;
  // Sorted; of all series when there are no matchers.
  virtual Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                                       TimeRange range) const = 0;
  virtual Result<std::vector<std::string>> label_values(std::string_view name,
                                                        std::span<const Matcher> matchers,
                                                        TimeRange range) const = 0;
  // Metadata by family name; all of them when `metric` is empty.
  virtual std::map<std::string, model::MetricMetadata> metadata(std::string_view metric) const = 0;
};

class Queryable {
 public:
  virtual ~Queryable() = default;
  // What the querier has to look for a long time for, it gives up with the error of `wanted`.
  virtual Result<std::unique_ptr<Querier>> querier(StillWanted wanted = {}) const = 0;
};

}  // namespace sightline::tsdb
