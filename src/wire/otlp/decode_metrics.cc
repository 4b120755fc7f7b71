#include "wire/otlp/decode_metrics.h"

#include <array>
#include <optional>

#include "base/typed_pbf_reader.h"

namespace sightline::wire::otlp {
namespace {

using model::AttributeView;
using model::DataPoint;
using model::MetricKind;
using model::MetricView;
using model::PointExemplar;
using model::Temporality;
using model::ValueKind;
using model::ValueView;
constexpr int kValueDepthMax = 32;

std::string_view text(TypedPbfReader& message) {
  const auto view = message.get_view();
  return {view.data(), view.size()};
}

// Arrays and maps stay encoded: whoever prints them walks them. Here they are walked once, so that what is damaged or
// too deep is known.
bool is_shallow(std::string_view message, ValueKind kind, int depth) {
  if (depth > kValueDepthMax) return false;
  TypedPbfReader list(message.data(), message.size());
  while (list.next()) {
    if (list.tag() != 1) {
      list.skip();
      continue;
    }
    TypedPbfReader value = list.get_message();
    if (kind == ValueKind::kKvlist) {
      while (value.next()) {
        if (value.tag() != 2) {
          value.skip();
          continue;
        }
        TypedPbfReader inner = value.get_message();
        while (inner.next()) {
          const uint32_t tag = inner.tag();
          if (tag != 5 && tag != 6)
            inner.skip();
          else if (!is_shallow(text(inner), tag == 5 ? ValueKind::kArray : ValueKind::kKvlist,
                               depth + 1))
            return false;
        }
      }
      continue;
    }
    while (value.next()) {
      const uint32_t tag = value.tag();
      if (tag != 5 && tag != 6)
        value.skip();
      else if (!is_shallow(text(value), tag == 5 ? ValueKind::kArray : ValueKind::kKvlist,
                           depth + 1))
        return false;
    }
  }
  return true;
}

ValueView read_value(TypedPbfReader message) {
  ValueView out;
  while (message.next()) {
    switch (message.tag()) {
      case 1: out = ValueView::of_string(text(message)); break;
      case 2: out = ValueView::of_bool(message.get_bool()); break;
      case 3: out = ValueView::of_int(message.get_int64()); break;
      case 4: out = ValueView::of_double(message.get_double()); break;
      case 5:
      case 6: {
        const ValueKind kind = message.tag() == 5 ? ValueKind::kArray : ValueKind::kKvlist;
        const std::string_view bytes = text(message);
        out = is_shallow(bytes, kind, 1) ? ValueView{.kind = kind, .bytes = bytes} : ValueView();
        break;
      }
      case 7: out = {.kind = ValueKind::kBytes, .bytes = text(message)}; break;
      default: message.skip();
    }
  }
  return out;
}

void read_attribute(TypedPbfReader message, std::vector<AttributeView>& out) {
  AttributeView attribute;
  while (message.next()) {
    if (message.tag() == 1)
      attribute.key = text(message);
    else if (message.tag() == 2)
      attribute.value = read_value(message.get_message());
    else
      message.skip();
  }
  out.push_back(attribute);
}

PointExemplar read_exemplar(TypedPbfReader message) {
  PointExemplar out;
  while (message.next()) {
    switch (message.tag()) {
      case 2: out.time_ns = message.get_fixed64(); break;
      case 3: out.value = message.get_double(); break;
      case 4: out.span_id = span_id_from_bytes(text(message)).value_or(SpanId{}); break;
      case 5: out.trace_id = trace_id_from_bytes(text(message)).value_or(TraceId{}); break;
      case 6:
        out.value = static_cast<double>(message.get_sfixed64());
        out.is_int = true;
        break;
      case 7: read_attribute(message.get_message(), out.attributes); break;
      default: message.skip();
    }
  }
  return out;
}

bool is_packed(const TypedPbfReader& message) {
  return message.wire_type() == protozero::pbf_wire_type::length_delimited;
}

void read_fixed64s(TypedPbfReader& message, std::vector<uint64_t>& out) {
  if (is_packed(message))
    for (const uint64_t v : message.get_packed_fixed64()) out.push_back(v);
  else
    out.push_back(message.get_fixed64());
}
void read_uint64s(TypedPbfReader& message, std::vector<uint64_t>& out) {
  if (is_packed(message))
    for (const uint64_t v : message.get_packed_uint64()) out.push_back(v);
  else
    out.push_back(message.get_uint64());
}
void read_doubles(TypedPbfReader& message, std::vector<double>& out) {
  if (is_packed(message))
    for (const double v : message.get_packed_double()) out.push_back(v);
  else
    out.push_back(message.get_double());
}

void read_buckets(TypedPbfReader message, DataPoint::Buckets& out) {
  while (message.next()) {
    if (message.tag() == 1)
      out.offset = message.get_sint32();
    else if (message.tag() == 2)
      read_uint64s(message, out.counts);
    else
      message.skip();
  }
}

DataPoint::Quantile read_quantile(TypedPbfReader message) {
  DataPoint::Quantile out;
  while (message.next()) {
    if (message.tag() == 1)
      out.quantile = message.get_double();
    else if (message.tag() == 2)
      out.value = message.get_double();
    else
      message.skip();
  }
  return out;
}

// What a field of a data point is. The kinds of points have the same fields under different numbers.
enum class Field : uint8_t {
  kOther,
  kAttribute,
  kStart,
  kTime,
  kDouble,
  kInt,
  kCount,
  kSum,
  kMin,
  kMax,
  kBucketCounts,
  kBounds,
  kScale,
  kZeroCount,
  kZeroThreshold,
  kPositive,
  kNegative,
  kQuantile,
  kExemplar,
  kFlags
};
using enum Field;
constexpr size_t kFieldNumbers = 15;
using FieldNumbers = std::array<Field, kFieldNumbers>;  // by number
constexpr FieldNumbers kNumberPoint = {kOther,    kOther, kStart,     kTime, kDouble,
                                       kExemplar, kInt,   kAttribute, kFlags};
constexpr FieldNumbers kHistogramPoint = {kOther, kOther,        kStart,  kTime,     kCount,
                                          kSum,   kBucketCounts, kBounds, kExemplar, kAttribute,
                                          kFlags, kMin,          kMax};
constexpr FieldNumbers kExponentialPoint = {
    kOther,    kAttribute, kStart, kTime,     kCount, kSum, kScale,        kZeroCount,
    kPositive, kNegative,  kFlags, kExemplar, kMin,   kMax, kZeroThreshold};
constexpr FieldNumbers kSummaryPoint = {kOther, kOther,    kStart,     kTime, kCount,
                                        kSum,   kQuantile, kAttribute, kFlags};

const FieldNumbers& fields_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kGauge:
    case MetricKind::kSum: return kNumberPoint;
    case MetricKind::kHistogram: return kHistogramPoint;
    case MetricKind::kExponentialHistogram: return kExponentialPoint;
    case MetricKind::kSummary: break;
  }
  return kSummaryPoint;
}

void read_optional(TypedPbfReader& message, bool& has, double& out) {
  out = message.get_double();
  has = true;
}

void read_field(Field field, TypedPbfReader& message, DataPoint& out) {
  switch (field) {
    case kOther: message.skip(); return;
    case kAttribute: read_attribute(message.get_message(), out.attributes); return;
    case kStart: out.start_ns = message.get_fixed64(); return;
    case kTime: out.time_ns = message.get_fixed64(); return;
    case kDouble: out.value = message.get_double(); return;
    case kInt:
      out.int_value = message.get_sfixed64();
      out.value = static_cast<double>(out.int_value);
      out.is_int = true;
      return;
    case kCount: out.count = message.get_fixed64(); return;
    case kSum: read_optional(message, out.has_sum, out.sum); return;
    case kMin: read_optional(message, out.has_min, out.min); return;
    case kMax: read_optional(message, out.has_max, out.max); return;
    case kBucketCounts: read_fixed64s(message, out.bucket_counts); return;
    case kBounds: read_doubles(message, out.bounds); return;
    case kScale: out.scale = message.get_sint32(); return;
    case kZeroCount: out.zero_count = message.get_fixed64(); return;
    case kZeroThreshold: out.zero_threshold = message.get_double(); return;
    case kPositive: read_buckets(message.get_message(), out.positive); return;
    case kNegative: read_buckets(message.get_message(), out.negative); return;
    case kQuantile: out.quantiles.push_back(read_quantile(message.get_message())); return;
    case kExemplar: out.exemplars.push_back(read_exemplar(message.get_message())); return;
    case kFlags: out.flags = message.get_uint32(); return;
  }
}

// Empties it and keeps its rooms.
void reset(DataPoint& point) {
  DataPoint fresh;
  fresh.attributes.swap(point.attributes);
  fresh.bucket_counts.swap(point.bucket_counts);
  fresh.bounds.swap(point.bounds);
  fresh.attributes.clear();
  fresh.bucket_counts.clear();
  fresh.bounds.clear();
  point = std::move(fresh);
}

void read_point(TypedPbfReader message, MetricKind kind, DataPoint& out) {
  reset(out);
  const FieldNumbers& fields = fields_of(kind);
  while (message.next())
    read_field(message.tag() < kFieldNumbers ? fields[message.tag()] : kOther, message, out);
}

std::optional<MetricKind> kind_of(uint32_t field) {
  switch (field) {
    case 5: return MetricKind::kGauge;
    case 7: return MetricKind::kSum;
    case 9: return MetricKind::kHistogram;
    case 10: return MetricKind::kExponentialHistogram;
    case 11: return MetricKind::kSummary;
    default: return std::nullopt;
  }
}

// The points of one Gauge, Sum, Histogram, ExponentialHistogram or Summary message.
Status read_points(std::string_view data, MetricView metric, model::MetricsSink& sink) {
  TypedPbfReader head(data.data(), data.size());
  while (head.next()) {
    if (head.tag() == 2 && metric.kind != MetricKind::kSummary &&
        metric.kind != MetricKind::kGauge) {
      const int32_t number = head.get_enum();
      if (number == 1 || number == 2) metric.temporality = static_cast<Temporality>(number);
    } else if (head.tag() == 3 && metric.kind == MetricKind::kSum) {
      metric.is_monotonic = head.get_bool();
    } else {
      head.skip();
    }
  }
  if (auto status = sink.on_metric(metric); !status) return status;
  TypedPbfReader points(data.data(), data.size());
  DataPoint point;
  while (points.next(1)) {
    read_point(points.get_message(), metric.kind, point);
    if (auto status = sink.on_point(metric, point); !status) return status;
  }
  return {};
}

Status read_metric(TypedPbfReader message, model::MetricsSink& sink) {
  MetricView metric;
  std::string_view data;
  bool has_data = false;
  while (message.next()) {
    if (message.tag() == 1)
      metric.name = text(message);
    else if (message.tag() == 2)
      metric.description = text(message);
    else if (message.tag() == 3)
      metric.unit = text(message);
    else if (message.tag() == 12)
      read_attribute(message.get_message(), metric.metadata);
    else if (const auto kind = kind_of(message.tag())) {
      metric.kind = *kind;
      data = text(message);
      has_data = true;
    } else {
      message.skip();
    }
  }
  return has_data ? read_points(data, metric, sink) : Status();
}

Status read_scope_metrics(std::string_view bytes, model::MetricsSink& sink) {
  model::MetricScope scope;
  TypedPbfReader head(bytes.data(), bytes.size());
  while (head.next()) {
    if (head.tag() == 3) {
      scope.schema_url = text(head);
    } else if (head.tag() == 1) {
      TypedPbfReader message = head.get_message();
      while (message.next()) {
        switch (message.tag()) {
          case 1: scope.name = text(message); break;
          case 2: scope.version = text(message); break;
          case 3: read_attribute(message.get_message(), scope.attributes); break;
          case 4: scope.dropped_attributes = message.get_uint32(); break;
          default: message.skip();
        }
      }
    } else {
      head.skip();
    }
  }
  if (auto status = sink.on_scope(scope); !status) return status;
  TypedPbfReader metrics(bytes.data(), bytes.size());
  while (metrics.next(2))
    if (auto status = read_metric(metrics.get_message(), sink); !status) return status;
  return {};
}

Status read_resource_metrics(std::string_view bytes, model::MetricsSink& sink) {
  model::MetricResource resource;
  TypedPbfReader head(bytes.data(), bytes.size());
  while (head.next()) {
    if (head.tag() == 3) {
      resource.schema_url = text(head);
    } else if (head.tag() == 1) {
      TypedPbfReader message = head.get_message();
      while (message.next()) {
        switch (message.tag()) {
          case 1: read_attribute(message.get_message(), resource.attributes); break;
          case 2: resource.dropped_attributes = message.get_uint32(); break;
          default: message.skip();
        }
      }
    } else {
      head.skip();
    }
  }
  if (auto status = sink.on_resource(resource); !status) return status;
  TypedPbfReader scopes(bytes.data(), bytes.size());
  while (scopes.next(2))
    if (auto status = read_scope_metrics(text(scopes), sink); !status) return status;
  return {};
}

}  // namespace

Status decode_metrics(std::string_view protobuf, model::MetricsSink& sink) {
  TypedPbfReader request(protobuf.data(), protobuf.size());
  size_t at = 0;
  try {
    while (at = protobuf.size() - request.length(), request.next()) {
      if (request.tag() != 1) {
        request.skip();
        continue;
      }
      if (auto status = read_resource_metrics(text(request), sink); !status) return status;
    }
  } catch (const protozero::exception& e) {
    return fail(Errc::kInvalidArgument, "no OTLP metrics request: ", e.what(),
                " in the resource metrics at byte ", at);
  }
  return {};
}

}  // namespace sightline::wire::otlp
