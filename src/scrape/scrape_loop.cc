#include "scrape/scrape_loop.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/number_text.h"
#include "scrape/http_settings.h"

namespace sightline::scrape {
namespace {

constexpr size_t kBodyBytesMax = 256u << 20;  // unless the configuration says something

constexpr std::array<std::string_view, 5> kOwnMetrics = {
    "up", "scrape_duration_seconds", "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling", "scrape_series_added"};
// With extra_scrape_metrics.
constexpr std::array<std::string_view, 3> kExtraMetrics = {
    "scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"};

FetchRequest make_request(const Target& target) {
  const config::ScrapeConfig& config = target.config();
  FetchRequest request{.url = target.url(),
                       .accept = accept_header(config),
                       .timeout = target.timeout(),
                       .body_bytes_max = config.limits.body_size.bytes > 0
                                             ? static_cast<size_t>(config.limits.body_size.bytes)
                                             : kBodyBytesMax};
  if (!config.enable_compression) request.headers.emplace_back("Accept-Encoding", "identity");
  request.headers.emplace_back(
      "X-Prometheus-Scrape-Timeout-Seconds",
      format_float_plain(std::chrono::duration<double>(target.timeout()).count()));
  for (const auto& [name, values] : config.http_headers)
    for (const std::string& value : values) request.headers.emplace_back(name, value);
  return request;
}

class Intake final : public ExposedSink {
 public:
  Intake(SeriesIntake& intake, tsdb::Appender& appender) : intake_(intake), appender_(appender) {}
  Status on_sample(const ExposedSample& sample) override { return intake_.take(appender_, sample); }
  void on_metadata(std::string_view metric, const model::MetricMetadata& metadata) override {
    appender_.set_metadata(metric, metadata);
  }

 private:
  SeriesIntake& intake_;
  tsdb::Appender& appender_;
};

}  // namespace

Result<std::unique_ptr<ScrapeLoop>> ScrapeLoop::create(std::shared_ptr<Target> target, Fetch fetch,
                                                       tsdb::Appendable& store, const Clock& clock,
                                                       Telemetry& telemetry) {
  auto intake = SeriesIntake::create(*target, telemetry);
  if (!intake) return std::unexpected(std::move(intake).error());
  return std::unique_ptr<ScrapeLoop>(new ScrapeLoop(std::move(target), std::move(*intake),
                                                    std::move(fetch), store, clock, telemetry));
}

ScrapeLoop::ScrapeLoop(std::shared_ptr<Target> target, SeriesIntake intake, Fetch fetch,
                       tsdb::Appendable& store, const Clock& clock, Telemetry& telemetry)
    : target_(std::move(target)),
      intake_(std::move(intake)),
      fetch_(std::move(fetch)),
      store_(store),
      clock_(clock),
      over_body_size_limit_(
          telemetry.counter("prometheus_target_scrapes_exceeded_body_size_limit_total",
                            "Scrapes that failed because of a body beyond body_size_limit.")),
      request_(make_request(*target_)) {}

Result<Fetched> ScrapeLoop::fetch() {
  auto value = authorization_of(target_->config().auth);
  if (!value) return std::unexpected(std::move(value).error());
  if (value->empty()) return fetch_(request_);
  FetchRequest request = request_;
  request.headers.emplace_back("Authorization", std::move(*value));
  return fetch_(request);
}

void ScrapeLoop::begin_round() {
  time_ = {std::max(clock_.now_ms().value, time_.value + 1)};
  intake_.begin(time_);
}

void ScrapeLoop::scrape() {
  begin_round();
  const auto began = clock_.monotonic();
  const TimestampNs scraped_at = clock_.now();
  auto fetched = fetch();
  Outcome outcome{.seconds = std::chrono::duration<double>(clock_.monotonic() - began).count()};
  auto appender = store_.appender();
  if (!fetched) {
    outcome.status = std::unexpected(fetched.error());
  } else if (fetched->is_too_large) {
    over_body_size_limit_.add();
    outcome.body_bytes = -1;
    outcome.status = fail(Errc::kResourceExhausted, "body size limit exceeded");
  } else {
    outcome.body_bytes = static_cast<int64_t>(fetched->body.size());
    outcome.status = append_exposition(*appender, *fetched);
  }
  if (outcome.status) {
    intake_.end_missing(*appender);
  } else {
    appender->rollback();
    appender = store_.appender();
    intake_.end_all(*appender);
  }
  report(*appender, outcome);
  if (auto committed = appender->commit(); !committed) {
    SL_LOG_WARN("scrape of {}: {}", target_->url(), committed.error().message);
    if (outcome.status) outcome.status = std::move(committed);
  }
  target_->set_health({.health = outcome.status ? Health::kUp : Health::kDown,
                       .last_error = outcome.status ? "" : outcome.status.error().message,
                       .last_scrape = scraped_at,
                       .last_duration_seconds = outcome.seconds});
}

void ScrapeLoop::end() {
  begin_round();
  auto appender = store_.appender();
  intake_.end_all(*appender);
  report_end(*appender);
  if (auto status = appender->commit(); !status)
    SL_LOG_WARN("end of {}: {}", target_->url(), status.error().message);
}

Status ScrapeLoop::append_exposition(tsdb::Appender& appender, const Fetched& fetched) {
  if (fetched.body.empty()) return {};
  const config::ScrapeConfig& config = target_->config();
  const auto format = exposed_format(fetched.content_type, config.fallback_scrape_protocol);
  if (!format) return std::unexpected(format.error());
  Intake sink(intake_, appender);
  if (auto status =
          read_exposition(*format, fetched.body,
                          {.native = config.scrape_native_histograms,
                           .classic_beside_native = config.always_scrape_classic_histograms},
                          sink);
      !status)
    return status;
  return intake_.check_limits();
}

void ScrapeLoop::report(tsdb::Appender& appender, const Outcome& outcome) {
  const SeriesIntake::Tally& tally = intake_.tally();
  const std::array<double, kOwnMetrics.size()> values = {
      outcome.status ? 1.0 : 0.0, outcome.seconds, static_cast<double>(tally.scraped),
      static_cast<double>(tally.kept), static_cast<double>(tally.series_added)};
  for (size_t i = 0; i < kOwnMetrics.size(); ++i) append_own(appender, kOwnMetrics[i], values[i]);
  if (!target_->config().extra_scrape_metrics) return;
  const std::array<double, kExtraMetrics.size()> extra = {
      std::chrono::duration<double>(target_->timeout()).count(),
      static_cast<double>(target_->config().limits.samples),
      static_cast<double>(outcome.body_bytes)};
  for (size_t i = 0; i < kExtraMetrics.size(); ++i)
    append_own(appender, kExtraMetrics[i], extra[i]);
}

void ScrapeLoop::report_end(tsdb::Appender& appender) {
  for (const std::string_view metric : kOwnMetrics)
    append_own(appender, metric, model::stale_marker());
  if (!target_->config().extra_scrape_metrics) return;
  for (const std::string_view metric : kExtraMetrics)
    append_own(appender, metric, model::stale_marker());
}

void ScrapeLoop::append_own(tsdb::Appender& appender, std::string_view metric, double value) {
  const auto find = [&] {
    return appender.series(
        model::LabelsBuilder(target_->labels()).set(model::kMetricName, metric).build());
  };
  auto known = own_ids_.find(std::string(metric));
  if (known == own_ids_.end()) {
    auto id = find();
    if (!id) return;
    known = own_ids_.emplace(std::string(metric), *id).first;
  }
  auto status = appender.append(known->second, time_, value);
  if (status || status.error().code != Errc::kNotFound) return;
  if (auto id = find()) {
    known->second = *id;
    (void)appender.append(*id, time_, value);
  }
}

}  // namespace sightline::scrape
