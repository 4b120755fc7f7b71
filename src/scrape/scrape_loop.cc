#include "scrape/scrape_loop.h"

#include <algorithm>

#include "base/log.h"
#include "base/number_text.h"
#include "scrape/http_settings.h"

namespace sightline::scrape {
namespace {

using wire::openmetrics::ExpositionMetadata;
using wire::openmetrics::ExpositionSample;
using wire::openmetrics::MetadataKind;

constexpr size_t kBodyBytesMax = 256u << 20;  // unless the configuration says less
// A series' text stays cached this many scrapes after it was last seen.
constexpr uint64_t kCacheRounds = 10;

std::string_view media_range(config::ScrapeProtocol protocol) {
  switch (protocol) {
    case config::ScrapeProtocol::kOpenMetrics100:
      return "application/openmetrics-text;version=1.0.0";
    case config::ScrapeProtocol::kOpenMetrics001:
      return "application/openmetrics-text;version=0.0.1";
    case config::ScrapeProtocol::kPrometheusText100: return "text/plain;version=1.0.0";
    case config::ScrapeProtocol::kPrometheusText004: return "text/plain;version=0.0.4";
    case config::ScrapeProtocol::kPrometheusProto: return "";  // not read here, so not asked for
  }
  return "";
}

// The protocols in order of preference, with falling weights.
std::string accept_header(const std::vector<config::ScrapeProtocol>& protocols) {
  std::string out;
  int weight = 9;
  for (const config::ScrapeProtocol protocol : protocols) {
    const std::string_view range = media_range(protocol);
    if (range.empty()) continue;
    (out += range) += ";escaping=allow-utf-8;q=0." + std::to_string(std::max(2, weight--)) + ",";
  }
  return out + "*/*;q=0.1";
}

FetchRequest make_request(const Target& target) {
  const config::ScrapeConfig& config = target.config();
  FetchRequest request{.url = target.url(),
                       .accept = accept_header(config.scrape_protocols),
                       .timeout = target.timeout(),
                       .body_bytes_max = config.limits.body_size.bytes > 0
                                             ? static_cast<size_t>(config.limits.body_size.bytes)
                                             : kBodyBytesMax};
  request.headers.emplace_back(
      "X-Prometheus-Scrape-Timeout-Seconds",
      format_float_plain(std::chrono::duration<double>(target.timeout()).count()));
  for (const auto& [name, values] : config.http_headers)
    for (const std::string& value : values) request.headers.emplace_back(name, value);
  return request;
}

}  // namespace

// What one scrape has gathered.
struct ScrapeLoop::Round {
  TimestampMs time;
  uint64_t scraped = 0;  // samples exposed
  uint64_t kept = 0;     // after relabelling
  uint64_t series_added = 0;
  std::unordered_map<std::string, model::MetricMetadata> metadata;
};

class ScrapeLoop::Sink final : public wire::openmetrics::ExpositionSink {
 public:
  Sink(ScrapeLoop& loop, tsdb::Appender& appender, Round& round,
       wire::openmetrics::ExpositionFormat format)
      : loop_(loop), appender_(appender), round_(round), format_(format) {}

  Status on_metadata(const ExpositionMetadata& metadata) override {
    model::MetricMetadata& entry = round_.metadata[std::string(metadata.metric)];
    switch (metadata.kind) {
      case MetadataKind::kHelp: entry.help = wire::openmetrics::unescape_help(metadata.text); break;
      case MetadataKind::kType:
        entry.type = wire::openmetrics::parse_metric_type(metadata.text, format_)
                         .value_or(model::MetricType::kUnknown);
        break;
      case MetadataKind::kUnit: entry.unit = metadata.text; break;
    }
    return {};
  }

  Status on_sample(const ExpositionSample& sample) override {
    ++round_.scraped;
    auto status = loop_.append_sample(appender_, sample, round_);
    if (!status)
      return in_context("line " + std::to_string(sample.line), std::move(status).error());
    return {};
  }

 private:
  ScrapeLoop& loop_;
  tsdb::Appender& appender_;
  Round& round_;
  const wire::openmetrics::ExpositionFormat format_;
};

Result<std::unique_ptr<ScrapeLoop>> ScrapeLoop::create(std::shared_ptr<Target> target, Fetch fetch,
                                                       tsdb::Appendable& store, const Clock& clock,
                                                       Telemetry& telemetry) {
  auto rules = RelabelRules::compile(target->config().metric_relabel_configs);
  if (!rules) return std::unexpected(std::move(rules).error());
  return std::unique_ptr<ScrapeLoop>(new ScrapeLoop(std::move(target), std::move(*rules),
                                                    std::move(fetch), store, clock, telemetry));
}

ScrapeLoop::ScrapeLoop(std::shared_ptr<Target> target, RelabelRules metric_rules, Fetch fetch,
                       tsdb::Appendable& store, const Clock& clock, Telemetry& telemetry)
    : target_(std::move(target)),
      metric_rules_(std::move(metric_rules)),
      fetch_(std::move(fetch)),
      store_(store),
      clock_(clock),
      out_of_order_(telemetry.counter("prometheus_target_scrapes_sample_out_of_order_total",
                                      "Samples refused because they were out of order.")),
      duplicate_(telemetry.counter("prometheus_target_scrapes_sample_duplicate_timestamp_total",
                                   "Samples refused because another value has their time.")),
      out_of_bounds_(telemetry.counter("prometheus_target_scrapes_sample_out_of_bounds_total",
                                       "Samples refused for other reasons of the store.")),
      exemplars_refused_(telemetry.counter("prometheus_target_scrapes_exemplar_out_of_order_total",
                                           "Exemplars refused by the store.")),
      request_(make_request(*target_)) {}

Result<Fetched> ScrapeLoop::fetch() {
  auto value = authorization_of(target_->config().auth);
  if (!value) return std::unexpected(std::move(value).error());
  if (value->empty()) return fetch_(request_);
  FetchRequest request = request_;
  request.headers.emplace_back("Authorization", std::move(*value));
  return fetch_(request);
}

void ScrapeLoop::scrape() {
  ++round_;
  Round round{.time = {std::max(clock_.now_ms().value, last_time_.value + 1)}};
  const auto began = clock_.monotonic();
  const TimestampNs scraped_at = clock_.now();
  auto fetched = fetch();
  const double seconds = std::chrono::duration<double>(clock_.monotonic() - began).count();
  Status status = fetched ? Status() : std::unexpected(fetched.error());
  auto appender = store_.appender();
  if (fetched) status = append_exposition(*appender, *fetched, round);
  if (!status) {
    // A scrape counts as a whole: nothing of a bad one is kept, nor of what it taught the cache.
    appender->rollback();
    appender = store_.appender();
    std::erase_if(cache_, [&](const auto& entry) { return entry.second.added == round_; });
    round.kept = round.scraped = round.series_added = 0;
  }
  mark_stale(*appender, round, !status);
  report(*appender, round, status.has_value(), seconds, false);
  if (auto committed = appender->commit(); !committed) {
    SL_LOG_WARN("scrape of {}: {}", target_->url(), committed.error().message);
    if (status) status = std::move(committed);
  }
  last_time_ = round.time;
  target_->set_health({.health = status ? Health::kUp : Health::kDown,
                       .last_error = status ? "" : status.error().message,
                       .last_scrape = scraped_at,
                       .last_duration_seconds = seconds});
}

void ScrapeLoop::end() {
  ++round_;
  const Round round{.time = {std::max(clock_.now_ms().value, last_time_.value + 1)}};
  auto appender = store_.appender();
  mark_stale(*appender, round, true);
  report(*appender, round, false, 0, true);
  if (auto status = appender->commit(); !status)
    SL_LOG_WARN("end of {}: {}", target_->url(), status.error().message);
}

Status ScrapeLoop::append_exposition(tsdb::Appender& appender, const Fetched& fetched,
                                     Round& round) {
  const auto format = wire::openmetrics::exposition_format(fetched.content_type);
  Sink sink(*this, appender, round, format);
  if (auto status = wire::openmetrics::parse_exposition(fetched.body, format, sink); !status)
    return status;
  const uint64_t limit = target_->config().limits.samples;
  if (limit > 0 && round.kept > limit)
    return fail(Errc::kResourceExhausted, "sample limit exceeded");
  for (const auto& [metric, metadata] : round.metadata) appender.set_metadata(metric, metadata);
  return {};
}

// The exposed labels and the target's: the exposed ones win with honor_labels,
// else they step aside as exported_<name>.
model::Labels ScrapeLoop::stored_labels(model::LabelsBuilder exposed) const {
  const bool honor = target_->config().honor_labels;
  for (const model::LabelView label : target_->labels()) {
    const std::string_view there = exposed.get(label.name);
    if (!there.empty() && honor) continue;
    if (!there.empty()) {
      std::string renamed = "exported_" + std::string(label.name);
      while (!exposed.get(renamed).empty()) renamed.insert(0, "exported_");
      exposed.set(renamed, std::string(there));
    }
    exposed.set(label.name, label.value);
  }
  if (!metric_rules_.apply(exposed)) return {};
  return exposed.build();
}

Status ScrapeLoop::check_labels(const model::Labels& labels) const {
  const config::SampleLimits& limits = target_->config().limits;
  if (limits.labels > 0 && labels.size() > limits.labels)
    return fail(Errc::kResourceExhausted, "label_limit exceeded: ", labels.to_string(), " has ",
                labels.size(), " labels");
  for (const model::LabelView label : labels) {
    if (limits.label_name_length > 0 && label.name.size() > limits.label_name_length)
      return fail(Errc::kResourceExhausted, "label_name_length_limit exceeded by \"", label.name,
                  "\"");
    if (limits.label_value_length > 0 && label.value.size() > limits.label_value_length)
      return fail(Errc::kResourceExhausted, "label_value_length_limit exceeded by label \"",
                  label.name, "\"");
  }
  return {};
}

Result<ScrapeLoop::CachedSeries*> ScrapeLoop::resolve(tsdb::Appender& appender,
                                                      const ExpositionSample& sample) {
  model::LabelsBuilder exposed;
  if (auto status = wire::openmetrics::parse_series(
          sample.series, wire::openmetrics::BoundText::kNormalized, exposed);
      !status)
    return std::unexpected(std::move(status).error());
  CachedSeries series{.labels = stored_labels(std::move(exposed)), .added = round_};
  if (!series.labels.empty()) {
    if (auto status = check_labels(series.labels); !status)
      return std::unexpected(std::move(status).error());
    auto id = appender.series(series.labels);
    if (!id) return std::unexpected(std::move(id).error());
    series.id = *id;
  }
  return &cache_.insert_or_assign(std::string(sample.series), std::move(series)).first->second;
}

Status ScrapeLoop::append_sample(tsdb::Appender& appender, const ExpositionSample& sample,
                                 Round& round) {
  const auto known = cache_.find(std::string(sample.series));
  CachedSeries* series = known != cache_.end() ? &known->second : nullptr;
  if (series == nullptr) {
    auto made = resolve(appender, sample);
    if (!made) return std::unexpected(std::move(made).error());
    series = *made;
    round.series_added += series->id ? 1 : 0;
  }
  if (!series->id) {
    series->round = round_;
    return {};
  }
  ++round.kept;
  const bool own_time = sample.time && target_->config().honor_timestamps;
  const TimestampMs time = own_time ? *sample.time : round.time;
  auto status = appender.append(*series->id, time, sample.value);
  if (!status && status.error().code == Errc::kNotFound) {
    // The store forgot the series while it was not written to.
    auto made = resolve(appender, sample);
    if (!made) return std::unexpected(std::move(made).error());
    series = *made;
    status = appender.append(*series->id, time, sample.value);
  }
  series->round = round_;
  series->tracks_staleness = !own_time || target_->config().track_timestamps_staleness;
  if (!status) {
    switch (status.error().code) {
      case Errc::kOutOfRange: out_of_order_.add(); return {};
      case Errc::kAlreadyExists: duplicate_.add(); return {};
      case Errc::kInvalidArgument: out_of_bounds_.add(); return {};
      default: return status;
    }
  }
  if (!sample.exemplar) return {};
  model::LabelsBuilder labels;
  if (auto parsed = wire::openmetrics::parse_exemplar_labels(sample.exemplar->labels, labels);
      !parsed)
    return parsed;
  auto exemplar = model::Exemplar::from_labels(labels.build(), sample.exemplar->value,
                                               sample.exemplar->time.value_or(time));
  exemplar.has_time = sample.exemplar->time.has_value();
  if (!appender.append_exemplar(*series->id, exemplar)) exemplars_refused_.add();
  return {};
}

void ScrapeLoop::mark_stale(tsdb::Appender& appender, const Round& round, bool all) {
  for (auto entry = cache_.begin(); entry != cache_.end();) {
    CachedSeries& series = entry->second;
    const bool missing = series.round != round_ || all;
    if (missing && series.id && series.tracks_staleness) {
      if (!appender.append(*series.id, round.time, model::stale_marker())) out_of_bounds_.add();
      series.tracks_staleness = false;
    }
    if (series.round + kCacheRounds < round_)
      entry = cache_.erase(entry);
    else
      ++entry;
  }
}

void ScrapeLoop::report(tsdb::Appender& appender, const Round& round, bool up, double seconds,
                        bool stale) {
  const std::pair<std::string_view, double> series[] = {
      {"up", up ? 1 : 0},
      {"scrape_duration_seconds", seconds},
      {"scrape_samples_scraped", static_cast<double>(round.scraped)},
      {"scrape_samples_post_metric_relabeling", static_cast<double>(round.kept)},
      {"scrape_series_added", static_cast<double>(round.series_added)},
  };
  for (const auto& [name, value] : series) {
    const auto labels = [&, metric = name] {
      return model::LabelsBuilder(target_->labels()).set(model::kMetricName, metric).build();
    };
    auto known = report_ids_.find(std::string(name));
    if (known == report_ids_.end()) {
      auto id = appender.series(labels());
      if (!id) continue;
      known = report_ids_.emplace(std::string(name), *id).first;
    }
    auto status = appender.append(known->second, round.time, stale ? model::stale_marker() : value);
    if (status || status.error().code != Errc::kNotFound) continue;
    if (auto id = appender.series(labels())) {
      known->second = *id;
      (void)appender.append(*id, round.time, stale ? model::stale_marker() : value);
    }
  }
}

}  // namespace sightline::scrape
