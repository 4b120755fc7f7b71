#pragma once
// Scrapes one target again and again: fetches its exposition and appends what it holds, in one transaction with the target's
// own `up` and `scrape_*` series.
//   Failed     a scrape counts as a whole: of one that cannot be fetched, read, or held to its limits nothing is kept; `up`
//              is 0, and every series of the target ends.
//   Threads    one thread at a time.
//   Limits     body_size_limit, and kBodyBytesMax without it; the others: see series_intake.h.
//   Source     Prometheus: scrape loop behaviour, automatically generated labels and series.
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/telemetry.h"
#include "base/time.h"
#include "net/http.h"
#include "scrape/series_intake.h"
#include "scrape/target.h"
#include "tsdb/appender.h"

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
  bool is_too_large = false;  // body_bytes_max was reached; the body is not there then
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
  // How a scrape went, for its own series and for the target's health.
  struct Outcome {
    Status status;
    double seconds = 0;
    int64_t body_bytes = 0;  // -1: more than allowed
  };

  ScrapeLoop(std::shared_ptr<Target> target, SeriesIntake intake, Fetch fetch,
             tsdb::Appendable& store, const Clock& clock, Telemetry& telemetry);
  void begin_round();
  Result<Fetched> fetch();
  Status append_exposition(tsdb::Appender& appender, const Fetched& fetched);
  void report(tsdb::Appender& appender, const Outcome& outcome);
  void report_end(tsdb::Appender& appender);
  void append_own(tsdb::Appender& appender, std::string_view metric, double value);

  const std::shared_ptr<Target> target_;
  SeriesIntake intake_;
  const Fetch fetch_;
  tsdb::Appendable& store_;
  const Clock& clock_;
  Counter& over_body_size_limit_;
  FetchRequest request_;
  std::unordered_map<std::string, tsdb::SeriesId> own_ids_;  // by metric
  TimestampMs time_{0};                                      // of the last scrape
};

}  // namespace sightline::scrape
