#include "pipeline/exporters/exposition_cache.h"

#include <algorithm>
#include <numeric>

#include "model/exposition_order.h"

namespace sightline::pipeline {

using wire::openmetrics::Escaping;
using wire::openmetrics::ExpositionFormat;
using wire::openmetrics::RenderedPoint;

ExpositionCache::ExpositionCache(const connectors::spanmetrics::SpanMetrics& metrics, Look look)
    : metrics_(metrics), look_(std::move(look)) {
  start_anew();
}
ExpositionCache::~ExpositionCache() = default;

void ExpositionCache::start_anew() {
  shown_.clear();
  shown_.resize(kFamilies);
  epoch_ = 0;
  kept_bytes_ = 0;
  auto heads = metrics_.family_heads();
  look_.change_heads(heads);
  for (size_t i = 0; i < kFamilies; ++i) {
    Shown& shown = shown_[i];
    shown.head = std::move(heads[i]);
    shown.head_text = write_family_head(shown.head, format_, escaping_);
    shown.renderer =
        std::make_unique<wire::openmetrics::PointRenderer>(shown.head, format_, escaping_);
  }
  order_.resize(kFamilies);
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::ranges::sort(order_, {}, [&](size_t i) { return shown_[i].head.name; });
}

void ExpositionCache::keep(Shown& shown, uint64_t series, model::MetricPoint point) {
  look_.change_point(point);
  RenderedPoint text = shown.renderer->render(point);
  kept_bytes_ += text.text.size();
  const auto known = shown.by_series.find(series);
  if (known != shown.by_series.end()) {
    kept_bytes_ -= known->second->second.text.size();
    known->second->second = std::move(text);
    return;
  }
  const auto [place, is_new] =
      shown.texts.insert_or_assign(model::exposition_key(point.labels), std::move(text));
  shown.by_series.emplace(series, place);
}

void ExpositionCache::keep_targets(const std::vector<model::Labels>& targets) {
  Shown& shown = shown_[kTargetInfo];
  shown.texts.clear();
  for (const model::Labels& labels : targets) {
    model::MetricPoint point{.labels = labels, .has_time = false, .value = 1};
    std::string key = model::exposition_key(point.labels);
    shown.texts.insert_or_assign(std::move(key), shown.renderer->render(point));
  }
}

std::string ExpositionCache::put_together(TimestampMs now) const {
  const std::string time = time_text(now, format_);
  size_t bytes = 64;
  for (const Shown& shown : shown_) {
    bytes += shown.head_text.size();
    for (const auto& [key, text] : shown.texts)
      bytes += text.text.size() + text.times.size() * time.size();
  }
  std::string out;
  out.reserve(bytes);
  for (const size_t i : order_) {
    const Shown& shown = shown_[i];
    if (shown.texts.empty()) continue;
    out += shown.head_text;
    for (const auto& [key, text] : shown.texts) append_rendered(out, text, time);
  }
  if (format_ == ExpositionFormat::kOpenMetrics) out += "# EOF\n";
  return out;
}

std::optional<std::string> ExpositionCache::write(ExpositionFormat format, Escaping escaping,
                                                  TimestampMs now) {
  const std::lock_guard lock(mutex_);
  if (is_full_) return std::nullopt;
  if (format != format_ || escaping != escaping_) {
    format_ = format;
    escaping_ = escaping;
    start_anew();
  }
  auto changes = metrics_.exposed_since(epoch_);
  if (epoch_ != 0 && changes.expired != expired_) {
    start_anew();
    changes = metrics_.exposed_since(0);
  }
  epoch_ = changes.epoch;
  expired_ = changes.expired;
  for (auto& series : changes.series) {
    const uint64_t id = series.identity->id;
    if (series.counter)
      keep(shown_[series.is_events ? kEvents : kCalls], id, std::move(*series.counter));
    if (series.histogram) keep(shown_[kDurations], id, std::move(*series.histogram));
    if (kept_bytes_ <= kKeptBytesMax) continue;
    is_full_ = true;
    start_anew();
    return std::nullopt;
  }
  keep_targets(changes.targets);
  return put_together(now);
}

}  // namespace sightline::pipeline
