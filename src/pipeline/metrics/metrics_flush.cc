#include "pipeline/metrics/metrics_flush.h"

#include "base/bytes.h"
#include "base/log.h"
#include "pipeline/metrics/attribute_key.h"
#include "pipeline/metrics/point_buckets.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::pipeline {
namespace {

using model::DataPoint;

void subtract(DataPoint::Buckets& from, const DataPoint::Buckets& before) {
  for (size_t i = 0; i < before.counts.size(); ++i) {
    const int64_t at = before.offset + static_cast<int64_t>(i) - from.offset;
    if (at >= 0 && static_cast<size_t>(at) < from.counts.size())
      from.counts[static_cast<size_t>(at)] -=
          std::min(from.counts[static_cast<size_t>(at)], before.counts[i]);
  }
}

// False: the series began anew, so all of it is new. Scales only fall, so what was before is coarsened.
bool subtract(DataPoint& point, DataPoint before) {
  if (point.start_ns != before.start_ns || point.scale > before.scale ||
      point.bucket_counts.size() != before.bucket_counts.size())
    return false;
  coarsen_to(before, point.scale);
  point.value -= before.value;
  point.int_value -= before.int_value;
  point.count -= before.count;
  point.sum -= before.sum;
  point.zero_count -= before.zero_count;
  for (size_t i = 0; i < point.bucket_counts.size(); ++i)
    point.bucket_counts[i] -= before.bucket_counts[i];
  subtract(point.positive, before.positive);
  subtract(point.negative, before.negative);
  point.has_min = point.has_max = false;  // of all, not of what is new
  point.start_ns = before.time_ns;
  return true;
}

// Hands on what was added since the totals in `told`, and keeps the new totals for when it was taken.
class DeltaSink final : public model::MetricsSink {
 public:
  using Totals = std::map<std::string, DataPoint>;
  using Ends = std::map<std::string, uint64_t>;
  // `ends` may be null: each resource has streams of its own.
  DeltaSink(const Totals& told, const Ends* ends, model::MetricsSink& next)
      : told_(told), next_(next), shares_streams_(ends != nullptr) {
    if (shares_streams_) ends_ = *ends;
  }

  Status on_resource(const model::MetricResource& resource) override {
    resource_.clear();
    append_attribute_key(resource.attributes, resource_);
    return next_.on_resource(resource);
  }
  Status on_scope(const model::MetricScope& scope) override { return next_.on_scope(scope); }
  Status on_metric(const model::MetricView& metric) override {
    return next_.on_metric(delta(metric));
  }
  Status on_point(const model::MetricView& metric, const DataPoint& point) override {
    std::string stream;
    append_sized(stream, metric.name);
    append_attribute_key(point.attributes, stream);
    std::string key = resource_ + stream;
    DataPoint added = point, total = point;
    total.attributes.clear();
    total.exemplars.clear();
    const auto before = told_.find(key);
    const bool continues = before != told_.end() && subtract(added, before->second);
    const bool is_new = added.count > 0 || added.value != 0;
    if (continues && !is_new) total.time_ns = before->second.time_ns;
    totals_.insert_or_assign(std::move(key), std::move(total));
    if (!is_new) return {};
    if (shares_streams_) {
      const auto [end, is_first] = ends_.try_emplace(std::move(stream), point.time_ns);
      if (!is_first) added.start_ns = std::exchange(end->second, point.time_ns);
    }
    return next_.on_point(delta(metric), added);
  }
  Totals take_totals() { return std::move(totals_); }
  Ends take_ends() { return std::move(ends_); }

 private:
  static model::MetricView delta(model::MetricView metric) {
    metric.temporality = model::Temporality::kDelta;
    return metric;
  }

  const Totals& told_;
  model::MetricsSink& next_;
  const bool shares_streams_;
  std::string resource_;
  Totals totals_;
  Ends ends_;
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
  DeltaSink deltas(told_, options_.streams_as_peer ? &ends_ : nullptr, encoder);
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
  if (options_.delta) {
    told_ = deltas.take_totals();
    ends_ = deltas.take_ends();
  }
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
