#include <cmath>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "model/value_text.h"
#include "pipeline/exporters/debug_text.h"
#include "wire/otlp/decode_metrics.h"

namespace sightline::pipeline {
namespace {

using model::AttributeView;
using model::DataPoint;
using model::MetricKind;
using model::MetricView;
using Verbosity = config::DebugExporterConfig::Verbosity;

std::string fixed(double value) {  // Go's %f
  char text[400];
  return std::isfinite(value)
             ? std::string(text, static_cast<size_t>(std::snprintf(text, sizeof text, "%f", value)))
             : format_float_go(value);
}

std::string_view type_title(MetricKind kind) {
  switch (kind) {
    case MetricKind::kGauge: return "Gauge";
    case MetricKind::kSum: return "Sum";
    case MetricKind::kHistogram: return "Histogram";
    case MetricKind::kExponentialHistogram: return "ExponentialHistogram";
    case MetricKind::kSummary: break;
  }
  return "Summary";
}

std::string_view temporality_title(model::Temporality temporality) {
  switch (temporality) {
    case model::Temporality::kDelta: return "Delta";
    case model::Temporality::kCumulative: return "Cumulative";
    case model::Temporality::kUnspecified: break;
  }
  return "Unspecified";
}

// The bounds of an exponential bucket are whole powers of this base, as a logarithm.
double bucket_factor(const DataPoint& point) { return std::ldexp(M_LN2, -point.scale); }

class CountingSink : public model::MetricsSink {
 public:
  Status on_resource(const model::MetricResource&) override { return ++resources, Status(); }
  Status on_metric(const MetricView&) override { return ++metrics, Status(); }
  Status on_point(const MetricView&, const DataPoint&) override { return ++points, Status(); }
  size_t resources = 0, metrics = 0, points = 0;
};

// One line a point.
class NormalText final : public model::MetricsSink {
 public:
  Status on_resource(const model::MetricResource& resource) override {
    out_ += "ResourceMetrics #" + std::to_string(resources_++);
    if (!resource.schema_url.empty()) ((out_ += " [") += resource.schema_url) += "]";
    attributes(resource.attributes);
    scopes_ = 0;
    return {};
  }
  Status on_scope(const model::MetricScope& scope) override {
    out_ += "ScopeMetrics #" + std::to_string(scopes_++);
    if (!scope.name.empty()) (out_ += " ") += scope.name;
    if (!scope.version.empty()) (out_ += "@") += scope.version;
    if (!scope.schema_url.empty()) ((out_ += " [") += scope.schema_url) += "]";
    attributes(scope.attributes);
    return {};
  }
  Status on_metric(const MetricView&) override { return {}; }
  Status on_point(const MetricView& metric, const DataPoint& point) override {
    (out_ += metric.name) += "{";
    for (size_t i = 0; i < point.attributes.size(); ++i)
      (((out_ += i > 0 ? "," : "") += point.attributes[i].key) += "=") +=
          model::value_text(point.attributes[i].value);
    out_ += "} ";
    value(metric.kind, point);
    out_ += '\n';
    return {};
  }
  std::string take() { return std::move(out_); }

 private:
  void attributes(const std::vector<AttributeView>& all) {
    for (const AttributeView& a : all)
      (((out_ += ' ') += a.key) += '=') += model::value_text(a.value);
    out_ += '\n';
  }

  void value(MetricKind kind, const DataPoint& p) {
    if (kind == MetricKind::kGauge || kind == MetricKind::kSum) {
      out_ += p.is_int ? std::to_string(p.int_value) : format_float_go(p.value);
      return;
    }
    out_ += "count=" + std::to_string(p.count);
    if (kind == MetricKind::kSummary) {
      out_ += " sum=" + fixed(p.sum);
      for (const auto& q : p.quantiles)
        out_ += " q" + format_float_go(q.quantile) + "=" + format_float_go(q.value);
      return;
    }
    if (p.has_sum) out_ += " sum=" + format_float_go(p.sum);
    if (p.has_min) out_ += " min=" + format_float_go(p.min);
    if (p.has_max) out_ += " max=" + format_float_go(p.max);
    if (kind == MetricKind::kHistogram)
      explicit_buckets(p);
    else
      exponential_buckets(p);
  }

  void explicit_buckets(const DataPoint& p) {
    for (size_t i = 0; i < p.bucket_counts.size(); ++i) {
      out_ += ' ';
      if (i < p.bounds.size()) out_ += "le" + format_float_go(p.bounds[i]) + "=";
      out_ += std::to_string(p.bucket_counts[i]);
    }
  }

  void exponential_buckets(const DataPoint& p) {
    const double factor = bucket_factor(p);
    for (size_t i = p.negative.counts.size(); i-- > 0;)
      out_ += " le" +
              format_float_go(-std::exp((p.negative.offset + static_cast<double>(i)) * factor)) +
              "=" + std::to_string(p.negative.counts[i]);
    if (p.zero_count != 0) out_ += " zero=" + std::to_string(p.zero_count);
    for (size_t i = 0; i < p.positive.counts.size(); ++i)
      out_ += " le" +
              format_float_go(std::exp((p.positive.offset + static_cast<double>(i) + 1) * factor)) +
              "=" + std::to_string(p.positive.counts[i]);
  }

  std::string out_;
  size_t resources_ = 0, scopes_ = 0;
};

// Every field.
class DetailedMetrics final : public model::MetricsSink {
 public:
  Status on_resource(const model::MetricResource& resource) override {
    line("ResourceMetrics #", std::to_string(resources_++));
    line("Resource SchemaURL: ", resource.schema_url);
    attributes("Resource attributes", "", resource.attributes);
    scopes_ = 0;
    return {};
  }
  Status on_scope(const model::MetricScope& scope) override {
    line("ScopeMetrics #", std::to_string(scopes_++));
    line("ScopeMetrics SchemaURL: ", scope.schema_url);
    line("InstrumentationScope ", scope.name, " ", scope.version);
    attributes("InstrumentationScope attributes", "", scope.attributes);
    metrics_ = 0;
    return {};
  }
  Status on_metric(const MetricView& metric) override {
    line("Metric #", std::to_string(metrics_++));
    line("Descriptor:");
    line("     -> Name: ", metric.name);
    line("     -> Description: ", metric.description);
    line("     -> Unit: ", metric.unit);
    line("     -> DataType: ", type_title(metric.kind));
    attributes("     -> Metadata", "     ", metric.metadata);
    if (metric.kind == MetricKind::kSum)
      line("     -> IsMonotonic: ", metric.is_monotonic ? "true" : "false");
    if (metric.kind != MetricKind::kGauge && metric.kind != MetricKind::kSummary)
      line("     -> AggregationTemporality: ", temporality_title(metric.temporality));
    points_ = 0;
    return {};
  }
  Status on_point(const MetricView& metric, const DataPoint& p) override {
    const bool is_number = metric.kind == MetricKind::kGauge || metric.kind == MetricKind::kSum;
    line(is_number ? "Number" : type_title(metric.kind), "DataPoints #", std::to_string(points_++));
    attributes("Data point attributes", "", p.attributes);
    line("StartTimestamp: ", debug_time({p.start_ns}));
    line("Timestamp: ", debug_time({p.time_ns}));
    if (is_number)
      line("Value: ", p.is_int ? std::to_string(p.int_value) : fixed(p.value));
    else
      distribution(metric.kind, p);
    exemplars(p.exemplars);
    return {};
  }
  std::string take() { return std::move(out_); }

 private:
  template <typename... Parts>
  void line(const Parts&... parts) {
    ((out_ += parts), ...);
    out_ += '\n';
  }

  void attributes(std::string_view header, std::string_view indent,
                  const std::vector<AttributeView>& all) {
    if (all.empty()) return;
    line(header, ":");
    for (const AttributeView& a : all)
      line(indent, "     -> ", a.key, ": ", kind_title(a.value.kind), "(",
           model::value_text(a.value), ")");
  }

  void distribution(MetricKind kind, const DataPoint& p) {
    line("Count: ", std::to_string(p.count));
    if (p.has_sum || kind == MetricKind::kSummary) line("Sum: ", fixed(p.sum));
    if (p.has_min) line("Min: ", fixed(p.min));
    if (p.has_max) line("Max: ", fixed(p.max));
    for (size_t i = 0; i < p.bounds.size(); ++i)
      line("ExplicitBounds #", std::to_string(i), ": ", fixed(p.bounds[i]));
    for (size_t i = 0; i < p.bucket_counts.size(); ++i)
      line("Buckets #", std::to_string(i), ", Count: ", std::to_string(p.bucket_counts[i]));
    for (size_t i = 0; i < p.quantiles.size(); ++i)
      line("QuantileValue #", std::to_string(i), ": Quantile ", fixed(p.quantiles[i].quantile),
           ", Value ", fixed(p.quantiles[i].value));
    if (kind == MetricKind::kExponentialHistogram) exponential_buckets(p);
  }

  void exponential_buckets(const DataPoint& p) {
    const double factor = bucket_factor(p);
    const auto bound = [&](const DataPoint::Buckets& b, size_t i) {
      return std::exp((b.offset + static_cast<double>(i)) * factor);
    };
    for (size_t i = p.negative.counts.size(); i-- > 0;)
      line("Bucket [", fixed(-bound(p.negative, i + 1)), ", ", fixed(-bound(p.negative, i)),
           "), Count: ", std::to_string(p.negative.counts[i]));
    if (p.zero_count != 0) line("Bucket [0, 0], Count: ", std::to_string(p.zero_count));
    for (size_t i = 0; i < p.positive.counts.size(); ++i)
      line("Bucket (", fixed(bound(p.positive, i)), ", ", fixed(bound(p.positive, i + 1)),
           "], Count: ", std::to_string(p.positive.counts[i]));
  }

  void exemplars(const std::vector<model::PointExemplar>& all) {
    if (all.empty()) return;
    line("Exemplars:");
    for (size_t i = 0; i < all.size(); ++i) {
      const model::PointExemplar& e = all[i];
      line("Exemplar #", std::to_string(i));
      line("     -> Trace ID: ", e.trace_id.is_valid() ? to_hex(e.trace_id) : "");
      line("     -> Span ID: ", e.span_id.is_valid() ? to_hex(e.span_id) : "");
      line("     -> Timestamp: ", debug_time({e.time_ns}));
      line("     -> Value: ",
           e.is_int ? std::to_string(static_cast<int64_t>(e.value)) : fixed(e.value));
      attributes("     -> FilteredAttributes", "     ", e.attributes);
    }
  }

  std::string out_;
  size_t resources_ = 0, scopes_ = 0, metrics_ = 0, points_ = 0;
};

}  // namespace

std::string debug_text(std::string_view metrics, Verbosity verbosity) {
  CountingSink counts;
  (void)wire::otlp::decode_metrics(metrics, counts);
  std::string out = "Metrics\t{\"resource metrics\": " + std::to_string(counts.resources) +
                    ", \"metrics\": " + std::to_string(counts.metrics) +
                    ", \"data points\": " + std::to_string(counts.points) + "}\n";
  if (verbosity == Verbosity::kNormal) {
    NormalText text;
    (void)wire::otlp::decode_metrics(metrics, text);
    out += text.take();
  }
  if (verbosity == Verbosity::kDetailed) {
    DetailedMetrics text;
    (void)wire::otlp::decode_metrics(metrics, text);
    out += text.take();
  }
  return out;
}

}  // namespace sightline::pipeline
