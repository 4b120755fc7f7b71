#include "pipeline/metrics/metrics_flush.h"

#include "base/bytes.h"
#include "base/log.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::pipeline {
namespace {

using model::DataPoint;

void append_attributes(const std::vector<model::AttributeView>& attributes, std::string& key) {
  for (const model::AttributeView& a : attributes) {
    append_sized(key, a.key);
    key += static_cast<char>(a.value.kind);
    append_le(key, a.value.int_value);
    append_sized(key, a.value.bytes);
  }
}

void subtract(DataPoint::Buckets& from, const DataPoint::Buckets& before) {
  for (size_t i = 0; i < before.counts.size(); ++i) {
    const int64_t at = before.offset + static_cast<int64_t>(i) - from.offset;
    if (at >= 0 && static_cast<size_t>(at) < from.counts.size())
      from.counts[static_cast<size_t>(at)] -=
          std::min(from.counts[static_cast<size_t>(at)], before.counts[i]);
  }
}

// False: the series began anew, so all of it is new.
bool subtract(DataPoint& point, const DataPoint& before) {
  if (point.start_ns != before.start_ns || point.scale != before.scale ||
      point.bucket_counts.size() != before.bucket_counts.size())
    return false;
  point.value -= before.value;
  point.int_value -= before.int_value;
  point.count -= before.count;
  point.sum -= before.sum;
  point.zero_count -= before.zero_count;
  for (size_t i = 0; i < point.bucket_counts.size(); ++i)
    point.bucket_counts[i] -= before.bucket_counts[i];
  subtract(point.positive, before.positive);
  subtract(point.negative, before.negative);
  point.start_ns = before.time_ns;
  return true;
}

// Hands on what was added since the totals in `told`, and keeps the new totals for when it was taken.
class DeltaSink final : public model::MetricsSink {
 public:
  DeltaSink(const std::map<std::string, DataPoint>& told, model::MetricsSink& next)
      : told_(told), next_(next) {}

  Status on_resource(const model::MetricResource& resource) override {
    resource_.clear();
    append_attributes(resource.attributes, resource_);
    return next_.on_resource(resource);
  }
  Status on_scope(const model::MetricScope& scope) override { return next_.on_scope(scope); }
  Status on_metric(const model::MetricView& metric) override {
    return next_.on_metric(delta(metric));
  }
  Status on_point(const model::MetricView& metric, const DataPoint& point) override {
    std::string key = resource_;
    append_sized(key, metric.name);
    append_attributes(point.attributes, key);
    DataPoint added = point;
    const auto before = told_.find(key);
    if (before != told_.end()) subtract(added, before->second);
    DataPoint total = point;
    total.attributes.clear();
    total.exemplars.clear();
    totals_.insert_or_assign(std::move(key), std::move(total));
    const bool is_new = added.count > 0 || added.value != 0;
    return is_new ? next_.on_point(delta(metric), added) : Status();
  }
  std::map<std::string, DataPoint> take_totals() { return std::move(totals_); }

 private:
  static model::MetricView delta(model::MetricView metric) {
    metric.temporality = model::Temporality::kDelta;
    return metric;
  }

  const std::map<std::string, DataPoint>& told_;
  model::MetricsSink& next_;
  std::string resource_;
  std::map<std::string, DataPoint> totals_;
};

}  // namespace

MetricsFlush::MetricsFlush(MetricsFlushOptions options, SpanToMetrics& source,
                           MetricsConsumer& head)
    : options_(std::move(options)), source_(source), head_(head) {}

MetricsFlush::~MetricsFlush() { stop(); }

void MetricsFlush::start() {
  thread_ = std::thread([this] { run(); });
}

Status MetricsFlush::flush() {
  wire::otlp::MetricsEncoder encoder;
  DeltaSink deltas(told_, encoder);
  const auto epoch = source_.export_points(
      options_.delta ? static_cast<model::MetricsSink&>(deltas) : encoder, epoch_);
  if (!epoch) return std::unexpected(epoch.error());
  const uint64_t points = encoder.points();
  if (points > 0) {
    const auto answer = head_.consume(std::make_shared<const MetricsBatch>(
        MetricsBatch{std::make_shared<const std::string>(encoder.take()), points}));
    if (!answer) return std::unexpected(answer.error());
    if (answer->rejected > 0)
      SL_LOG_WARN("connector {}: {} data points were rejected: {}", options_.connector,
                  answer->rejected, answer->message);
  }
  epoch_ = *epoch;
  if (options_.delta) told_ = deltas.take_totals();
  return {};
}

void MetricsFlush::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool last = changed_.wait_for(lock, options_.interval, [&] { return stopping_; });
    lock.unlock();
    if (auto status = flush(); !status)
      SL_LOG_WARN("connector {}: metrics are told with the next flush: {}", options_.connector,
                  status.error().message);
    lock.lock();
    if (last) return;
  }
}

void MetricsFlush::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sightline::pipeline
