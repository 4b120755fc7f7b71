#include "scrape/exposition.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "wire/openmetrics/exposition_parser.h"

namespace sightline::scrape {
namespace {

using config::ScrapeProtocol;
using wire::openmetrics::ExpositionFormat;
using wire::openmetrics::ExpositionMetadata;
using wire::openmetrics::ExpositionSample;
using wire::openmetrics::MetadataKind;

constexpr int kWeightMax = 6;  // one more than there are protocols
constexpr std::string_view kProtobufMedia = "application/vnd.google.protobuf";
constexpr std::string_view kOpenMetricsMedia = "application/openmetrics-text";
constexpr std::string_view kTextMedia = "text/plain";

std::string media_range(ScrapeProtocol protocol, const std::string& escaping) {
  switch (protocol) {
    case ScrapeProtocol::kPrometheusProto:
      return std::string(kProtobufMedia) +
             ";proto=io.prometheus.client.MetricFamily;encoding=delimited";
    case ScrapeProtocol::kOpenMetrics100:
      return std::string(kOpenMetricsMedia) + ";version=1.0.0;escaping=" + escaping;
    case ScrapeProtocol::kOpenMetrics001: return std::string(kOpenMetricsMedia) + ";version=0.0.1";
    case ScrapeProtocol::kPrometheusText100:
      return std::string(kTextMedia) + ";version=1.0.0;escaping=" + escaping;
    case ScrapeProtocol::kPrometheusText004: return std::string(kTextMedia) + ";version=0.0.4";
  }
  return "";
}

ExposedFormat format_of(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::kPrometheusProto: return ExposedFormat::kProtobuf;
    case ScrapeProtocol::kOpenMetrics100:
    case ScrapeProtocol::kOpenMetrics001: return ExposedFormat::kOpenMetrics;
    default: return ExposedFormat::kPrometheusText;
  }
}

// "Text/Plain ; version=0.0.4" is "text/plain".
std::string media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  const size_t first = content_type.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  content_type = content_type.substr(first, content_type.find_last_not_of(" \t") + 1 - first);
  std::string out(content_type);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// A fault of one sample gets its place; a limit is one of the whole scrape.
Status placed(Status status, std::string_view unit, uint64_t place) {
  if (status || status.error().code == Errc::kResourceExhausted) return status;
  return in_context(std::string(unit) + " " + std::to_string(place), std::move(status).error());
}

// What an exposition says of its metrics, told at its end.
class MetadataTable {
 public:
  model::MetricMetadata& of(std::string_view metric) { return entries_[std::string(metric)]; }
  void tell(ExposedSink& sink) const {
    for (const auto& [metric, metadata] : entries_) sink.on_metadata(metric, metadata);
  }

 private:
  std::map<std::string, model::MetricMetadata> entries_;
};

class TextSample final : public ExposedSample {
 public:
  Status read_labels(model::LabelsBuilder& out) const override {
    return wire::openmetrics::parse_series(series, wire::openmetrics::BoundText::kNormalized, out);
  }
};

class TextAdapter final : public wire::openmetrics::ExpositionSink {
 public:
  TextAdapter(ExpositionFormat format, ExposedSink& sink) : format_(format), sink_(sink) {}

  Status on_metadata(const ExpositionMetadata& metadata) override {
    model::MetricMetadata& entry = metadata_.of(metadata.metric);
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

  Status on_sample(const ExpositionSample& from) override {
    TextSample sample;
    sample.series = from.series;
    sample.value = from.value;
    sample.time = from.time;
    std::optional<model::Exemplar> exemplar;
    if (from.exemplar) {
      model::LabelsBuilder labels;
      if (auto status = wire::openmetrics::parse_exemplar_labels(from.exemplar->labels, labels);
          !status)
        return placed(std::move(status), "line", from.line);
      exemplar = model::Exemplar::from_labels(labels.build(), from.exemplar->value,
                                              from.exemplar->time.value_or(TimestampMs{0}));
      exemplar->has_time = from.exemplar->time.has_value();
      sample.exemplars = {&*exemplar, 1};
    }
    return placed(sink_.on_sample(sample), "line", from.line);
  }

  void finish() const { metadata_.tell(sink_); }

 private:
  const ExpositionFormat format_;
  ExposedSink& sink_;
  MetadataTable metadata_;
};

class ProtobufSample final : public ExposedSample {
 public:
  explicit ProtobufSample(const wire::prometheus::FamilySample& from) : from_(from) {
    series = from.series;
    value = from.value;
    histogram = from.histogram;
    time = from.time;
    created = from.created;
    exemplars = from.exemplars;
  }
  Status read_labels(model::LabelsBuilder& out) const override {
    from_.read_labels(out);
    return {};
  }

 private:
  const wire::prometheus::FamilySample& from_;
};

class ProtobufAdapter final : public wire::prometheus::FamilySink {
 public:
  explicit ProtobufAdapter(ExposedSink& sink) : sink_(sink) {}

  Status on_family(const wire::prometheus::FamilyHead& head) override {
    metadata_.of(head.name) = {
        .type = head.type, .unit = std::string(head.unit), .help = std::string(head.help)};
    return {};
  }
  Status on_sample(const wire::prometheus::FamilySample& sample) override {
    return placed(sink_.on_sample(ProtobufSample(sample)), "byte", sample.offset);
  }
  void finish() const { metadata_.tell(sink_); }

 private:
  ExposedSink& sink_;
  MetadataTable metadata_;
};

}  // namespace

std::string accept_header(const config::ScrapeConfig& config) {
  std::string out;
  int weight = kWeightMax;
  for (const ScrapeProtocol protocol : config.scrape_protocols)
    out += media_range(protocol, config.name_escaping) + ";q=0." + std::to_string(weight--) + ",";
  return out + "*/*;q=0." + std::to_string(weight);
}

Result<ExposedFormat> exposed_format(std::string_view content_type,
                                     std::optional<ScrapeProtocol> fallback) {
  const std::string media = media_type(content_type);
  if (media == kOpenMetricsMedia) return ExposedFormat::kOpenMetrics;
  if (media == kProtobufMedia) return ExposedFormat::kProtobuf;
  if (media == kTextMedia) return ExposedFormat::kPrometheusText;
  if (fallback) return format_of(*fallback);
  if (content_type.empty())
    return fail(Errc::kUnsupported,
                "non-compliant scrape target sending blank Content-Type and no "
                "fallback_scrape_protocol specified for target");
  return fail(Errc::kUnsupported, "received unsupported Content-Type \"", content_type,
              "\" and no fallback_scrape_protocol specified for target");
}

Status read_exposition(ExposedFormat format, std::string_view body,
                       wire::prometheus::HistogramReading reading, ExposedSink& sink) {
  if (format == ExposedFormat::kProtobuf) {
    ProtobufAdapter adapter(sink);
    if (auto status = wire::prometheus::decode_protobuf_exposition(body, reading, adapter); !status)
      return status;
    adapter.finish();
    return {};
  }
  const auto text = format == ExposedFormat::kOpenMetrics ? ExpositionFormat::kOpenMetrics
                                                          : ExpositionFormat::kPrometheusText;
  TextAdapter adapter(text, sink);
  if (auto status = wire::openmetrics::parse_exposition(body, text, adapter); !status)
    return status;
  adapter.finish();
  return {};
}

}  // namespace sightline::scrape
