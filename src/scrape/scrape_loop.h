#pragma once
// Scrapes one target again and again: fetches its exposition, appends samples, exemplars and metadata
// in one transaction with the target's own `up` and `scrape_*` series, and marks series stale that vanished.
//   Cache      a series' text as exposed leads to its id in the store, so that labels are read once.
//   Stale      a series without timestamps of its own that is missing in a scrape ends with a stale
//              marker; when the target is down, or stops being scraped, all of them do.
//   Threads    one thread at a time.
//   Limits     the configuration's body size and sample, label limits; over one, the scrape as a whole fails.
//   Source     Prometheus: scrape loop behaviour, automatically generated labels and series.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/telemetry.h"
#include "base/time.h"
#include "net/http.h"
#include "scrape/relabel.h"
#include "scrape/target.h"
#include "tsdb/appender.h"
#include "wire/openmetrics/exposition_parser.h"

namespace sightline::scrape {

struct FetchRequest {
  std::string url;
  std::string accept;
  std::vector<std::pair<std::string, std::string>> headers;
  std::chrono::milliseconds timeout{0};
  size_t body_bytes_max = 0;
};
struct Fetched {
  std::string content_type;
  std::string body;
};
// Brings a target's exposition, by socket or by function call. Any status but 200 is an error that names it.
using Fetch = std::function<Result<Fetched>(const FetchRequest&)>;

class ScrapeLoop {
 public:
  static Result<std::unique_ptr<ScrapeLoop>> create(std::shared_ptr<Target> target, Fetch fetch,
                                                    tsdb::Appendable& store, const Clock& clock,
                                                    Telemetry& telemetry);
  void scrape();
  // Ends every series: the target is scraped no more.
  void end();
  Target& target() { return *target_; }

 private:
  // What the cache knows of one exposed series.
  struct CachedSeries {
    std::optional<tsdb::SeriesId> id;  // none: dropped by relabelling
    model::Labels labels;
    uint64_t added = 0;             // the scrape that brought it first
    uint64_t round = 0;             // of the last scrape that had it
    bool tracks_staleness = false;  // it had no timestamp of its own
  };
  struct Round;
  class Sink;

  ScrapeLoop(std::shared_ptr<Target> target, RelabelRules metric_rules, Fetch fetch,
             tsdb::Appendable& store, const Clock& clock, Telemetry& telemetry);
  Result<Fetched> fetch();
  Status append_exposition(tsdb::Appender& appender, const Fetched& fetched, Round& round);
  Result<CachedSeries*> resolve(tsdb::Appender& appender,
                                const wire::openmetrics::ExpositionSample& sample);
  Status append_sample(tsdb::Appender& appender, const wire::openmetrics::ExpositionSample& sample,
                       Round& round);
  Status check_labels(const model::Labels& labels) const;
  model::Labels stored_labels(model::LabelsBuilder exposed) const;
  void mark_stale(tsdb::Appender& appender, const Round& round, bool all);
  void report(tsdb::Appender& appender, const Round& round, bool up, double seconds, bool stale);

  const std::shared_ptr<Target> target_;
  const RelabelRules metric_rules_;
  const Fetch fetch_;
  tsdb::Appendable& store_;
  const Clock& clock_;
  Counter& out_of_order_;
  Counter& duplicate_;
  Counter& out_of_bounds_;
  Counter& exemplars_refused_;
  FetchRequest request_;
  std::unordered_map<std::string, CachedSeries> cache_;
  std::unordered_map<std::string, tsdb::SeriesId> report_ids_;
  uint64_t round_ = 0;
  TimestampMs last_time_{0};
};

}  // namespace sightline::scrape
