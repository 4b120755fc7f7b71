#include "wire/otlp/decode_metrics.h"

#include <protozero/pbf_reader.hpp>

namespace sightline::wire::otlp {
namespace {

using model::AttributeView;
using model::ValueKind;
using model::ValueView;
using protozero::pbf_reader;

constexpr int kValueDepthMax = 32;

std::string_view text(pbf_reader& message) {
  const auto view = message.get_view();
  return {view.data(), view.size()};
}

// Arrays and maps stay encoded: whoever prints them walks them. Here they are walked once, so that what is damaged or
// too deep is known.
bool is_shallow(std::string_view message, ValueKind kind, int depth) {
  if (depth > kValueDepthMax) return false;
  pbf_reader list(message.data(), message.size());
  while (list.next()) {
    if (list.tag() != 1) {
      list.skip();
      continue;
    }
    pbf_reader value = list.get_message();
    if (kind == ValueKind::kKvlist) {
      while (value.next()) {
        if (value.tag() != 2) {
          value.skip();
          continue;
        }
        pbf_reader inner = value.get_message();
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

ValueView read_value(pbf_reader message) {
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

void read_attribute(pbf_reader message, std::vector<AttributeView>& out) {
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

PointExemplar read_exemplar(pbf_reader message) {
  PointExemplar out;
  while (message.next()) {
    switch (message.tag()) {
      case 2: out.time_ns = message.get_fixed64(); break;
      case 3: out.value = message.get_double(); break;
      case 4: out.span_id = span_id_from_bytes(text(message)).value_or(SpanId{}); break;
      case 5: out.trace_id = trace_id_from_bytes(text(message)).value_or(TraceId{}); break;
      case 6: out.value = static_cast<double>(message.get_sfixed64()); break;
      case 7: read_attribute(message.get_message(), out.attributes); break;
      default: message.skip();
    }
  }
  return out;
}

bool is_packed(const pbf_reader& message) {
  return message.wire_type() == protozero::pbf_wire_type::length_delimited;
}

void read_fixed64s(pbf_reader& message, std::vector<uint64_t>& out) {
  if (is_packed(message))
    for (const uint64_t v : message.get_packed_fixed64()) out.push_back(v);
  else
    out.push_back(message.get_fixed64());
}
void read_uint64s(pbf_reader& message, std::vector<uint64_t>& out) {
  if (is_packed(message))
    for (const uint64_t v : message.get_packed_uint64()) out.push_back(v);
  else
    out.push_back(message.get_uint64());
}
void read_doubles(pbf_reader& message, std::vector<double>& out) {
  if (is_packed(message))
    for (const double v : message.get_packed_double()) out.push_back(v);
  else
    out.push_back(message.get_double());
}

void read_number_point(pbf_reader message, MetricPoint& out) {
  while (message.next()) {
    switch (message.tag()) {
      case 2: out.start_ns = message.get_fixed64(); break;
      case 3: out.time_ns = message.get_fixed64(); break;
      case 4: out.value = message.get_double(); break;
      case 5: out.exemplars.push_back(read_exemplar(message.get_message())); break;
      case 6: out.value = static_cast<double>(message.get_sfixed64()); break;
      case 7: read_attribute(message.get_message(), out.attributes); break;
      case 8: out.flags = message.get_uint32(); break;
      default: message.skip();
    }
  }
}

void read_histogram_point(pbf_reader message, MetricPoint& out) {
  while (message.next()) {
    switch (message.tag()) {
      case 2: out.start_ns = message.get_fixed64(); break;
      case 3: out.time_ns = message.get_fixed64(); break;
      case 4: out.count = message.get_fixed64(); break;
      case 5:
        out.sum = message.get_double();
        out.has_sum = true;
        break;
      case 6: read_fixed64s(message, out.bucket_counts); break;
      case 7: read_doubles(message, out.bounds); break;
      case 8: out.exemplars.push_back(read_exemplar(message.get_message())); break;
      case 9: read_attribute(message.get_message(), out.attributes); break;
      case 10: out.flags = message.get_uint32(); break;
      default: message.skip();
    }
  }
}

void read_buckets(pbf_reader message, MetricPoint::Buckets& out) {
  while (message.next()) {
    if (message.tag() == 1)
      out.offset = message.get_sint32();
    else if (message.tag() == 2)
      read_uint64s(message, out.counts);
    else
      message.skip();
  }
}

void read_exponential_point(pbf_reader message, MetricPoint& out) {
  while (message.next()) {
    switch (message.tag()) {
      case 1: read_attribute(message.get_message(), out.attributes); break;
      case 2: out.start_ns = message.get_fixed64(); break;
      case 3: out.time_ns = message.get_fixed64(); break;
      case 4: out.count = message.get_fixed64(); break;
      case 5:
        out.sum = message.get_double();
        out.has_sum = true;
        break;
      case 6: out.scale = message.get_sint32(); break;
      case 7: out.zero_count = message.get_fixed64(); break;
      case 8: read_buckets(message.get_message(), out.positive); break;
      case 9: read_buckets(message.get_message(), out.negative); break;
      case 10: out.flags = message.get_uint32(); break;
      case 11: out.exemplars.push_back(read_exemplar(message.get_message())); break;
      case 14: out.zero_threshold = message.get_double(); break;
      default: message.skip();
    }
  }
}

MetricPoint::Quantile read_quantile(pbf_reader message) {
  MetricPoint::Quantile out;
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

void read_summary_point(pbf_reader message, MetricPoint& out) {
  while (message.next()) {
    switch (message.tag()) {
      case 2: out.start_ns = message.get_fixed64(); break;
      case 3: out.time_ns = message.get_fixed64(); break;
      case 4: out.count = message.get_fixed64(); break;
      case 5:
        out.sum = message.get_double();
        out.has_sum = true;
        break;
      case 6: out.quantiles.push_back(read_quantile(message.get_message())); break;
      case 7: read_attribute(message.get_message(), out.attributes); break;
      case 8: out.flags = message.get_uint32(); break;
      default: message.skip();
    }
  }
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
Status read_points(std::string_view data, MetricView metric, MetricsSink& sink) {
  pbf_reader head(data.data(), data.size());
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
  pbf_reader points(data.data(), data.size());
  while (points.next(1)) {
    MetricPoint point;
    const pbf_reader message = points.get_message();
    switch (metric.kind) {
      case MetricKind::kGauge:
      case MetricKind::kSum: read_number_point(message, point); break;
      case MetricKind::kHistogram: read_histogram_point(message, point); break;
      case MetricKind::kExponentialHistogram: read_exponential_point(message, point); break;
      case MetricKind::kSummary: read_summary_point(message, point); break;
    }
    if (auto status = sink.on_point(metric, point); !status) return status;
  }
  return {};
}

Status read_metric(pbf_reader message, MetricsSink& sink) {
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

Status read_scope(pbf_reader message, MetricsSink& sink) {
  while (message.next(2))
    if (auto status = read_metric(message.get_message(), sink); !status) return status;
  return {};
}

Status read_resource_metrics(std::string_view bytes, MetricsSink& sink) {
  std::vector<AttributeView> attributes;
  pbf_reader head(bytes.data(), bytes.size());
  while (head.next(1)) {
    pbf_reader resource = head.get_message();
    while (resource.next(1)) read_attribute(resource.get_message(), attributes);
  }
  if (auto status = sink.on_resource(attributes); !status) return status;
  pbf_reader scopes(bytes.data(), bytes.size());
  while (scopes.next(2))
    if (auto status = read_scope(scopes.get_message(), sink); !status) return status;
  return {};
}

}  // namespace

Status decode_metrics(std::string_view protobuf, MetricsSink& sink) {
  pbf_reader request(protobuf.data(), protobuf.size());
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
