#pragma once
// How samples, exemplars and metadata come in: scrape, span metrics, remote
// write and import all write through this.
//   Transaction  nothing is visible or durable before commit(); commit is one
//                WAL record, all or nothing.
//   Threads      an Appender has one owner; many may be open at once.
//   Errors       kOutOfRange: out of order, too old or too far ahead (the message names series and times);
//                kAlreadyExists: same time, other value; kInvalidArgument: bad
//                labels or histogram; kResourceExhausted: a limit; kUnavailable: disk
//                full. An error refuses that one item only: the transaction goes on.
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/exemplar.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"

namespace sightline::tsdb {

// Names one series within one open Tsdb; never reused, never written to disk.
struct SeriesId {
  uint64_t value = 0;
  friend constexpr auto operator<=>(SeriesId, SeriesId) = default;
};

class Appender {
 public:
  virtual ~Appender() = default;  // without commit(): rolled back

  // Finds or creates the series. Keep the id for later transactions: series() again
  // is only needed when append() answers kNotFound (the series was garbage-collected).
  virtual Result<SeriesId> series(const model::Labels& labels) = 0;
  // A guess at which series come next: saves time when it is right, and nothing more happens when it is wrong.
  virtual void expect(std::span<const SeriesId> /*next*/) {}
  // `created`: when the counter started, if known. A sample equal to the newest one is accepted and ignored.
  virtual Status append(SeriesId series, TimestampMs time, double value,
                        std::optional<TimestampMs> created = std::nullopt) = 0;
  virtual Status append_histogram(SeriesId series, TimestampMs time,
                                  const model::Histogram& histogram,
                                  std::optional<TimestampMs> created = std::nullopt) = 0;
  // A repetition of the newest exemplar is accepted and ignored; older than the newest is kOutOfRange.
  virtual Status append_exemplar(SeriesId series, const model::Exemplar& exemplar) = 0;
  // Of a metric family, by name.
  virtual void set_metadata(std::string_view metric, const model::MetricMetadata& metadata) = 0;

  virtual Status commit() = 0;
  virtual void rollback() = 0;
};

class Appendable {
 public:
  virtual ~Appendable() = default;
  virtual std::unique_ptr<Appender> appender() = 0;
};

}  // namespace sightline::tsdb
