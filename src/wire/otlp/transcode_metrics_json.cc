#include "wire/otlp/decode_metrics.h"
#include "wire/otlp/json_transcoder.h"

namespace sightline::wire::otlp {
namespace {

constexpr EnumName kTemporalities[] = {{"AGGREGATION_TEMPORALITY_UNSPECIFIED", 0},
                                       {"AGGREGATION_TEMPORALITY_DELTA", 1},
                                       {"AGGREGATION_TEMPORALITY_CUMULATIVE", 2}};

// "fooBar" or "foo_bar": both are accepted on input.
bool is(std::string_view key, std::string_view camel) {
  if (key == camel) return true;
  size_t at = 0;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && (at >= key.size() || key[at++] != '_')) return false;
    if (at >= key.size() || key[at++] != (upper ? static_cast<char>(c + ('a' - 'A')) : c))
      return false;
  }
  return at == key.size();
}

class MetricsTranscoder final : public JsonTranscoder<MetricsTranscoder> {
 public:
  MetricsTranscoder(const std::string& out, Error& error) : JsonTranscoder(out, error) {}

  bool write_request(element root, pbf_writer& out) {
    return fields(root, Place{}, [&](std::string_view key, element value, const Place& at) {
      return !is(key, "resourceMetrics") ||
             repeated(out, 1, value, at, &MetricsTranscoder::write_resource_metrics);
    });
  }

 private:
  using Self = MetricsTranscoder;

  bool write_resource_metrics(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "resource") return nested(out, 1, value, p, &Self::write_resource);
      if (is(key, "scopeMetrics")) return repeated(out, 2, value, p, &Self::write_scope_metrics);
      if (is(key, "schemaUrl")) return text(out, 3, value, p);
      return true;
    });
  }
  bool write_scope_metrics(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "scope") return nested(out, 1, value, p, &Self::write_scope);
      if (key == "metrics") return repeated(out, 2, value, p, &Self::write_metric);
      if (is(key, "schemaUrl")) return text(out, 3, value, p);
      return true;
    });
  }
  bool write_metric(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "name") return text(out, 1, value, p);
      if (key == "description") return text(out, 2, value, p);
      if (key == "unit") return text(out, 3, value, p);
      if (key == "gauge") return nested(out, 5, value, p, &Self::write_numbers);
      if (key == "sum") return nested(out, 7, value, p, &Self::write_numbers);
      if (key == "histogram") return nested(out, 9, value, p, &Self::write_histogram);
      if (is(key, "exponentialHistogram"))
        return nested(out, 10, value, p, &Self::write_exponential);
      if (key == "summary") return nested(out, 11, value, p, &Self::write_summary);
      if (key == "metadata") return repeated(out, 12, value, p, &Self::write_key_value);
      return true;
    });
  }
  bool write_data(element e, const Place& at, pbf_writer& out, Writer point) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (is(key, "dataPoints")) return repeated(out, 1, value, p, point);
      if (is(key, "aggregationTemporality")) return enumeration(out, 2, value, p, kTemporalities);
      if (!is(key, "isMonotonic")) return true;
      bool monotonic = false;
      if (value.get_bool().get(monotonic) != simdjson::SUCCESS)
        return wrong(p, "expected true or false");
      out.add_bool(3, monotonic);
      return true;
    });
  }
  bool write_numbers(element e, const Place& at, pbf_writer& out) {
    return write_data(e, at, out, &Self::write_number_point);
  }
  bool write_histogram(element e, const Place& at, pbf_writer& out) {
    return write_data(e, at, out, &Self::write_histogram_point);
  }
  bool write_exponential(element e, const Place& at, pbf_writer& out) {
    return write_data(e, at, out, &Self::write_exponential_point);
  }
  bool write_summary(element e, const Place& at, pbf_writer& out) {
    return write_data(e, at, out, &Self::write_summary_point);
  }

  bool whole(pbf_writer& out, uint32_t field, element e, const Place& at) {  // sfixed64
    int64_t value = 0;
    if (!number(e, at, value)) return false;
    out.add_sfixed64(field, value);
    return true;
  }
  bool signed32(pbf_writer& out, uint32_t field, element e, const Place& at) {
    int64_t value = 0;
    if (!number(e, at, value)) return false;
    if (value < INT32_MIN || value > INT32_MAX) return wrong(at, "does not fit 32 bits");
    out.add_sint32(field, static_cast<int32_t>(value));
    return true;
  }
  bool write_number_point(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (is(key, "startTimeUnixNano")) return time(out, 2, value, p);
      if (is(key, "timeUnixNano")) return time(out, 3, value, p);
      if (is(key, "asDouble")) return real(out, 4, value, p);
      if (key == "exemplars") return repeated(out, 5, value, p, &Self::write_exemplar);
      if (is(key, "asInt")) return whole(out, 6, value, p);
      if (key == "attributes") return repeated(out, 7, value, p, &Self::write_key_value);
      if (key == "flags") return uint32(out, 8, value, p);
      return true;
    });
  }
  bool write_histogram_point(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (is(key, "startTimeUnixNano")) return time(out, 2, value, p);
      if (is(key, "timeUnixNano")) return time(out, 3, value, p);
      if (key == "count") return time(out, 4, value, p);  // fixed64, as times are
      if (key == "sum") return real(out, 5, value, p);
      if (is(key, "bucketCounts"))
        return each(value, p, [&](element item, const Place& i) { return time(out, 6, item, i); });
      if (is(key, "explicitBounds"))
        return each(value, p, [&](element item, const Place& i) { return real(out, 7, item, i); });
      if (key == "exemplars") return repeated(out, 8, value, p, &Self::write_exemplar);
      if (key == "attributes") return repeated(out, 9, value, p, &Self::write_key_value);
      if (key == "flags") return uint32(out, 10, value, p);
      if (key == "min") return real(out, 11, value, p);
      if (key == "max") return real(out, 12, value, p);
      return true;
    });
  }
  bool write_buckets(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "offset") return signed32(out, 1, value, p);
      if (!is(key, "bucketCounts")) return true;
      return each(value, p, [&](element item, const Place& i) {
        uint64_t count = 0;
        if (!number(item, i, count)) return false;
        out.add_uint64(2, count);
        return true;
      });
    });
  }
  bool write_exponential_point(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "attributes") return repeated(out, 1, value, p, &Self::write_key_value);
      if (is(key, "startTimeUnixNano")) return time(out, 2, value, p);
      if (is(key, "timeUnixNano")) return time(out, 3, value, p);
      if (key == "count") return time(out, 4, value, p);
      if (key == "sum") return real(out, 5, value, p);
      if (key == "scale") return signed32(out, 6, value, p);
      if (is(key, "zeroCount")) return time(out, 7, value, p);
      if (key == "positive") return nested(out, 8, value, p, &Self::write_buckets);
      if (key == "negative") return nested(out, 9, value, p, &Self::write_buckets);
      if (key == "flags") return uint32(out, 10, value, p);
      if (key == "exemplars") return repeated(out, 11, value, p, &Self::write_exemplar);
      if (key == "min") return real(out, 12, value, p);
      if (key == "max") return real(out, 13, value, p);
      if (is(key, "zeroThreshold")) return real(out, 14, value, p);
      return true;
    });
  }
  bool write_quantile(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (key == "quantile") return real(out, 1, value, p);
      if (key == "value") return real(out, 2, value, p);
      return true;
    });
  }
  bool write_summary_point(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (is(key, "startTimeUnixNano")) return time(out, 2, value, p);
      if (is(key, "timeUnixNano")) return time(out, 3, value, p);
      if (key == "count") return time(out, 4, value, p);
      if (key == "sum") return real(out, 5, value, p);
      if (is(key, "quantileValues")) return repeated(out, 6, value, p, &Self::write_quantile);
      if (key == "attributes") return repeated(out, 7, value, p, &Self::write_key_value);
      if (key == "flags") return uint32(out, 8, value, p);
      return true;
    });
  }
  bool write_exemplar(element e, const Place& at, pbf_writer& out) {
    return fields(e, at, [&](std::string_view key, element value, const Place& p) {
      if (is(key, "timeUnixNano")) return time(out, 2, value, p);
      if (is(key, "asDouble")) return real(out, 3, value, p);
      if (is(key, "spanId")) return id(out, 4, value, p);
      if (is(key, "traceId")) return id(out, 5, value, p);
      if (is(key, "asInt")) return whole(out, 6, value, p);
      if (is(key, "filteredAttributes")) return repeated(out, 7, value, p, &Self::write_key_value);
      return true;
    });
  }

  friend class JsonTranscoder<MetricsTranscoder>;
};

}  // namespace

Result<std::string> transcode_metrics_json(std::string_view json) {
  return MetricsTranscoder::transcode(json);
}

}  // namespace sightline::wire::otlp
