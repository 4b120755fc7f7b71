#include "wire/prometheus/remote_write.h"

#include <protozero/pbf_reader.hpp>

namespace sightline::wire::prometheus {
namespace {

using protozero::pbf_reader;

std::string_view text(pbf_reader& message) {
  const auto view = message.get_view();
  return {view.data(), view.size()};
}

model::LabelView read_label(pbf_reader label) {
  model::LabelView out;
  while (label.next()) {
    if (label.tag() == 1) out.name = text(label);
    else if (label.tag() == 2) out.value = text(label);
    else label.skip();
  }
  return out;
}

WriteSample read_sample(pbf_reader sample) {
  WriteSample out;
  while (sample.next()) {
    if (sample.tag() == 1) out.value = sample.get_double();
    else if (sample.tag() == 2) out.time = {sample.get_int64()};
    else sample.skip();
  }
  return out;
}

WriteExemplar read_exemplar(pbf_reader exemplar) {
  WriteExemplar out;
  while (exemplar.next()) {
    if (exemplar.tag() == 1) out.labels.push_back(read_label(exemplar.get_message()));
    else if (exemplar.tag() == 2) out.value = exemplar.get_double();
    else if (exemplar.tag() == 3) out.time = {exemplar.get_int64()};
    else exemplar.skip();
  }
  return out;
}

void read_series(pbf_reader series, WriteSeries& out) {
  out.labels.clear();
  out.samples.clear();
  out.exemplars.clear();
  out.histograms = 0;
  while (series.next()) {
    switch (series.tag()) {
      case 1: out.labels.push_back(read_label(series.get_message())); break;
      case 2: out.samples.push_back(read_sample(series.get_message())); break;
      case 3: out.exemplars.push_back(read_exemplar(series.get_message())); break;
      case 4: ++out.histograms; series.skip(); break;
      default: series.skip();
    }
  }
}

// MetricMetadata.MetricType.
model::MetricType metric_type(int32_t number) {
  using model::MetricType;
  static constexpr MetricType kTypes[] = {MetricType::kUnknown, MetricType::kCounter, MetricType::kGauge, MetricType::kHistogram,
                                          MetricType::kGaugeHistogram, MetricType::kSummary, MetricType::kInfo, MetricType::kStateset};
  return number >= 0 && number < static_cast<int32_t>(std::size(kTypes)) ? kTypes[number] : MetricType::kUnknown;
}

Status read_metadata(pbf_reader metadata, WriteSink& sink) {
  std::string_view metric;
  model::MetricMetadata out;
  while (metadata.next()) {
    switch (metadata.tag()) {
      case 1: out.type = metric_type(metadata.get_enum()); break;
      case 2: metric = text(metadata); break;
      case 4: out.help = text(metadata); break;
      case 5: out.unit = text(metadata); break;
      default: metadata.skip();
    }
  }
  return sink.on_metadata(metric, out);
}

}  // namespace

Status decode_write_request(std::string_view bytes, WriteSink& sink) {
  pbf_reader request(bytes.data(), bytes.size());
  const auto offset = [&] { return bytes.size() - request.length(); };
  WriteSeries series;
  size_t at = 0;
  try {
    while (at = offset(), request.next()) {
      Status status;
      if (request.tag() == 1) {
        read_series(request.get_message(), series);
        status = sink.on_series(series);
      } else if (request.tag() == 3) {
        status = read_metadata(request.get_message(), sink);
      } else {
        request.skip();
      }
      if (!status) return status;
    }
  } catch (const protozero::exception& e) {
    return fail(Errc::kInvalidArgument, "no remote write request: ", e.what(), " in the field at byte ", at);
  }
  return {};
}

}  // namespace sightline::wire::prometheus
