#pragma once
// What one target exposes on its way into the store, scrape after scrape: labels joined with the target's and relabelled,
// limits held, samples and exemplars appended, and series ended that are exposed no more.
//   Cache      a series as exposed leads to its id in the store, so that labels are read once.
//   Stale      a series without timestamps of its own that is missing in a scrape ends with a stale marker; when the scrape
//              failed, or the target is scraped no more, all of them do.
//   Limits     the configuration's sample, label and histogram bucket limits. Over one the scrape fails as a whole, is read
//              to its end for the sake of its counts where Prometheus does so, and stores nothing.
//   Refused    by the store: counted under Prometheus' names; the scrape goes on.
//   Threads    one thread at a time.
//   Source     Prometheus: scrape loop behaviour.
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/telemetry.h"
#include "base/time.h"
#include "scrape/exposition.h"
#include "scrape/relabel.h"
#include "scrape/target.h"
#include "tsdb/appender.h"

namespace sightline::scrape {

class SeriesIntake {
 public:
  // The target outlives it.
  static Result<SeriesIntake> create(const Target& target, Telemetry& telemetry);

  struct Tally {
    uint64_t scraped = 0;  // samples exposed
    uint64_t kept = 0;     // after relabelling
    uint64_t series_added = 0;
  };
  // A scrape begins; its samples without timestamps are of `time`.
  void begin(TimestampMs time);
  Status take(tsdb::Appender& appender, const ExposedSample& sample);
  // After the last sample: whether the scrape stayed within its limits.
  Status check_limits();
  const Tally& tally() const { return tally_; }
  // Ends what this scrape did not expose.
  void end_missing(tsdb::Appender& appender);
  // Ends everything: this scrape failed, nothing of it is kept, or there is no further one.
  void end_all(tsdb::Appender& appender);

 private:
  // What the cache knows of one exposed series.
  struct Series {
    model::Labels labels;              // empty: dropped by relabelling
    std::optional<tsdb::SeriesId> id;  // none: nothing of it was stored
    uint64_t added = 0;                // the scrape that brought it first
    uint64_t round = 0;                // of the last scrape that had it
    bool is_histogram = false;
    bool tracks_staleness = false;  // its last stored sample had no timestamp of its own
    bool is_live = false;           // a stale marker is to end it
  };
  struct Counters {
    Counter& out_of_order;
    Counter& duplicate;
    Counter& out_of_bounds;
    Counter& exemplars_refused;
    Counter& over_sample_limit;
    Counter& over_label_limits;
    Counter& over_bucket_limit;
  };
  SeriesIntake(const Target& target, RelabelRules rules, Counters counters)
      : target_(&target), rules_(std::move(rules)), counters_(counters) {}

  Result<Series*> find_or_add(const ExposedSample& sample);
  model::Labels stored_labels(model::LabelsBuilder exposed) const;
  Status check_names(const model::Labels& labels) const;
  Status check_label_limits(const model::Labels& labels);
  struct Measured {  // a sample as it is stored
    TimestampMs time;
    bool has_own_time = false;
    const model::Histogram* histogram = nullptr;
  };
  Status store(tsdb::Appender& appender, Series& series, const ExposedSample& sample,
               const Measured& measured);
  Status count_refusal(Status status, bool is_histogram);
  void append_exemplars(tsdb::Appender& appender, const Series& series, TimestampMs time,
                        const ExposedSample& sample);
  void end(tsdb::Appender& appender, Series& series);
  void forget_unused();

  const Target* target_;
  RelabelRules rules_;
  Counters counters_;
  std::unordered_map<std::string, Series> cache_;
  uint64_t round_ = 0;
  // Of the scrape under way.
  TimestampMs time_;
  Tally tally_;
  bool is_over_samples_ = false;
  bool is_over_buckets_ = false;
};

}  // namespace sightline::scrape
