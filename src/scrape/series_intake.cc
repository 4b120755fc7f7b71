#include "scrape/series_intake.h"

#include "base/text_codec.h"
#include "scrape/histogram_limits.h"

namespace sightline::scrape {
namespace {

// A series stays cached this many scrapes after it was last seen.
constexpr uint64_t kCacheRounds = 10;
constexpr size_t kShownCharacters = 50;  // of a name or value in an error

// Its first characters.
std::string_view shortened(std::string_view text) {
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && characters++ == kShownCharacters)
      return text.substr(0, i);
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out + "\"";
}

}  // namespace

Result<SeriesIntake> SeriesIntake::create(const Target& target, Telemetry& telemetry) {
  auto rules = RelabelRules::compile(target.config().metric_relabel_configs);
  if (!rules) return std::unexpected(std::move(rules).error());
  const Counters counters{
      telemetry.counter("prometheus_target_scrapes_sample_out_of_order_total",
                        "Samples refused because they were out of order."),
      telemetry.counter("prometheus_target_scrapes_sample_duplicate_timestamp_total",
                        "Samples refused because another value has their time."),
      telemetry.counter("prometheus_target_scrapes_sample_out_of_bounds_total",
                        "Samples refused for other reasons of the store."),
      telemetry.counter("prometheus_target_scrapes_exemplar_out_of_order_total",
                        "Exemplars refused by the store."),
      telemetry.counter("prometheus_target_scrapes_exceeded_sample_limit_total",
                        "Scrapes that failed because they had more samples than sample_limit."),
      telemetry.counter("prometheus_target_scrape_pool_exceeded_label_limits_total",
                        "Scrapes that failed because of a series beyond the label limits."),
      telemetry.counter("prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
                        "Scrapes that failed because of a native histogram beyond "
                        "native_histogram_bucket_limit."),
  };
  return SeriesIntake(target, std::move(*rules), counters);
}

void SeriesIntake::begin(TimestampMs time) {
  ++round_;
  time_ = time;
  tally_ = {};
  is_over_samples_ = is_over_buckets_ = false;
}

Status SeriesIntake::check_limits() {
  if (is_over_samples_) counters_.over_sample_limit.add();
  if (is_over_buckets_) counters_.over_bucket_limit.add();
  if (is_over_samples_) return fail(Errc::kResourceExhausted, "sample limit exceeded");
  if (is_over_buckets_) return fail(Errc::kResourceExhausted, "histogram bucket limit exceeded");
  return {};
}

// The exposed labels and the target's: the exposed ones win with honor_labels,
// else they step aside as exported_<name>.
model::Labels SeriesIntake::stored_labels(model::LabelsBuilder exposed) const {
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
  if (!rules_.apply(exposed)) return {};
  return exposed.build();
}

Status SeriesIntake::check_names(const model::Labels& labels) const {
  if (labels.metric_name().empty())
    return fail(Errc::kInvalidArgument, "missing metric name (__name__ label)");
  if (!target_->config().legacy_names) return {};
  bool valid = model::is_valid_metric_name_legacy(labels.metric_name());
  for (const model::LabelView label : labels)
    valid = valid && model::is_valid_label_name_legacy(label.name);
  if (valid) return {};
  return fail(Errc::kInvalidArgument, "invalid metric name or label names: ", labels.to_string());
}

Status SeriesIntake::check_label_limits(const model::Labels& labels) {
  const config::SampleLimits& limits = target_->config().limits;
  const auto over = [&](std::string_view key, const auto&... parts) {
    counters_.over_label_limits.add();
    return fail(Errc::kResourceExhausted, key,
                " exceeded (metric: ", shortened(labels.metric_name()), ", ", parts..., ")");
  };
  if (limits.labels > 0 && labels.size() > limits.labels)
    return over("label_limit", "number of labels: ", labels.size(), ", limit: ", limits.labels);
  for (const model::LabelView label : labels) {
    if (limits.label_name_length > 0 && label.name.size() > limits.label_name_length)
      return over("label_name_length_limit", "label name: ", shortened(label.name),
                  ", length: ", label.name.size(), ", limit: ", limits.label_name_length);
    if (limits.label_value_length > 0 && label.value.size() > limits.label_value_length)
      return over("label_value_length_limit", "label name: ", shortened(label.name),
                  ", value: ", quoted(shortened(label.value)), ", length: ", label.value.size(),
                  ", limit: ", limits.label_value_length);
  }
  return {};
}

Result<SeriesIntake::Series*> SeriesIntake::find_or_add(const ExposedSample& sample) {
  std::string key(sample.series);
  if (const auto known = cache_.find(key); known != cache_.end()) return &known->second;
  model::LabelsBuilder exposed;
  if (auto status = sample.read_labels(exposed); !status)
    return std::unexpected(std::move(status).error());
  Series series{.labels = stored_labels(std::move(exposed)), .added = round_};
  if (!series.labels.empty()) {
    if (auto status = check_names(series.labels); !status)
      return std::unexpected(std::move(status).error());
    if (auto status = check_label_limits(series.labels); !status)
      return std::unexpected(std::move(status).error());
  }
  return &cache_.emplace(std::move(key), std::move(series)).first->second;
}

Status SeriesIntake::take(tsdb::Appender& appender, const ExposedSample& sample) {
  ++tally_.scraped;
  auto found = find_or_add(sample);
  if (!found) return std::unexpected(std::move(found).error());
  Series& series = **found;
  const bool is_repeated = series.round == round_;
  series.round = round_;
  if (series.labels.empty()) return {};
  ++tally_.kept;
  const bool own_time = sample.time && target_->config().honor_timestamps;
  if (is_repeated && !own_time) {
    counters_.duplicate.add();
    return {};
  }
  const config::SampleLimits& limits = target_->config().limits;
  if (limits.samples > 0 && tally_.kept > limits.samples) {
    is_over_samples_ = true;
    return {};
  }
  const Measured measured{.time = own_time ? *sample.time : time_,
                          .has_own_time = own_time,
                          .histogram = sample.histogram};
  if (sample.histogram == nullptr ||
      (limits.native_histogram_buckets == 0 && limits.native_histogram_factor_min == 0))
    return store(appender, series, sample, measured);
  model::Histogram fitted = *sample.histogram;
  if (fit_histogram(fitted, limits))
    return store(appender, series, sample,
                 {.time = measured.time, .has_own_time = own_time, .histogram = &fitted});
  is_over_buckets_ = true;
  return {};
}

Status SeriesIntake::store(tsdb::Appender& appender, Series& series, const ExposedSample& sample,
                           const Measured& measured) {
  const auto append = [&] {
    if (measured.histogram != nullptr)
      return appender.append_histogram(*series.id, measured.time, *measured.histogram,
                                       sample.created);
    return appender.append(*series.id, measured.time, sample.value, sample.created);
  };
  const bool is_new = !series.id;
  Status status = is_new ? Status() : append();
  // The store may have forgotten a series that was not written to for long.
  if (is_new || (!status && status.error().code == Errc::kNotFound)) {
    auto id = appender.series(series.labels);
    if (!id) return std::unexpected(std::move(id).error());
    series.id = *id;
    status = append();
  }
  if (!status) return count_refusal(std::move(status), measured.histogram != nullptr);
  series.is_histogram = measured.histogram != nullptr;
  series.tracks_staleness = !measured.has_own_time || target_->config().track_timestamps_staleness;
  tally_.series_added += is_new ? 1 : 0;
  append_exemplars(appender, series, measured.time, sample);
  return {};
}

// What the store refused of a good exposition is counted; a histogram that is none fails the scrape.
Status SeriesIntake::count_refusal(Status status, bool is_histogram) {
  switch (status.error().code) {
    case Errc::kOutOfRange: counters_.out_of_order.add(); return {};
    case Errc::kAlreadyExists: counters_.duplicate.add(); return {};
    case Errc::kInvalidArgument:
      if (is_histogram) return status;
      counters_.out_of_bounds.add();
      return {};
    default: return status;
  }
}

// Of several, as native histograms have them, some may be known from the scrape before.
void SeriesIntake::append_exemplars(tsdb::Appender& appender, const Series& series,
                                    TimestampMs time, const ExposedSample& sample) {
  size_t refused = 0;
  for (const model::Exemplar& exposed : sample.exemplars) {
    model::Exemplar exemplar = exposed;
    if (!exemplar.has_time) exemplar.time = time;
    if (!appender.append_exemplar(*series.id, exemplar)) ++refused;
  }
  if (refused > 0 && refused == sample.exemplars.size()) counters_.exemplars_refused.add(refused);
}

void SeriesIntake::end(tsdb::Appender& appender, Series& series) {
  series.is_live = false;
  model::Histogram ended{.sum = model::stale_marker()};
  const auto status = series.is_histogram
                          ? appender.append_histogram(*series.id, time_, ended)
                          : appender.append(*series.id, time_, model::stale_marker());
  if (status) return;
  // What another target, or this one under another name, brought in the meantime is not to be ended.
  if (status.error().code != Errc::kOutOfRange && status.error().code != Errc::kAlreadyExists &&
      status.error().code != Errc::kNotFound)
    counters_.out_of_bounds.add();
}

void SeriesIntake::end_missing(tsdb::Appender& appender) {
  for (auto& [key, series] : cache_) {
    if (!series.id) continue;
    if (series.round == round_)
      series.is_live = series.tracks_staleness;
    else if (series.is_live)
      end(appender, series);
  }
  forget_unused();
}

void SeriesIntake::end_all(tsdb::Appender& appender) {
  std::erase_if(cache_, [&](const auto& entry) { return entry.second.added == round_; });
  for (auto& [key, series] : cache_)
    if (series.is_live) end(appender, series);
  forget_unused();
}

void SeriesIntake::forget_unused() {
  std::erase_if(cache_,
                [&](const auto& entry) { return entry.second.round + kCacheRounds < round_; });
}

}  // namespace sightline::scrape
