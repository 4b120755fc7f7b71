#include "api/prometheus/remote_write.h"

#include "base/text_codec.h"
#include "net/compression.h"
#include "wire/prometheus/remote_write.h"

namespace sightline::api::prometheus {
namespace {

struct WriteCounters {
  Counter& samples;
  Counter& exemplars_refused;
  Counter& series_skipped;
  Counter& requests_refused;
};

bool has_good_labels(const std::vector<model::LabelView>& labels) {
  std::string_view previous;
  bool has_name = false;
  for (const model::LabelView& label : labels) {
    if (label.name.empty() || label.name <= previous || !is_valid_utf8(label.name) || !is_valid_utf8(label.value)) return false;
    previous = label.name;
    has_name = has_name || (label.name == model::kMetricName && !label.value.empty());
  }
  return has_name;
}

model::Labels make(const std::vector<model::LabelView>& labels) {
  model::LabelsBuilder builder;
  for (const model::LabelView& label : labels) builder.set(label.name, label.value);
  return builder.build();
}

class StoreSink final : public wire::prometheus::WriteSink {
 public:
  StoreSink(tsdb::Appender& appender, WriteCounters& counters) : appender_(appender), counters_(counters) {}

  Status on_series(const wire::prometheus::WriteSeries& series) override {
    if (!has_good_labels(series.labels)) {
      counters_.series_skipped.add();
      return {};
    }
    if (series.histograms > 0)
      return fail(Errc::kInvalidArgument, "native histograms are not taken by this receiver: ", make(series.labels).to_string());
    auto id = appender_.series(make(series.labels));
    if (!id) return std::unexpected(std::move(id).error());
    for (const auto& sample : series.samples) {
      if (auto status = appender_.append(*id, sample.time, sample.value); !status) return status;
      ++samples_;
    }
    for (const auto& exemplar : series.exemplars)
      if (!appender_.append_exemplar(*id, model::Exemplar::from_labels(make(exemplar.labels), exemplar.value, exemplar.time)))
        counters_.exemplars_refused.add();
    return {};
  }
  Status on_metadata(std::string_view metric, const model::MetricMetadata& metadata) override {
    appender_.set_metadata(metric, metadata);
    return {};
  }
  uint64_t samples() const { return samples_; }

 private:
  tsdb::Appender& appender_;
  WriteCounters& counters_;
  uint64_t samples_ = 0;
};

net::HttpResponse refuse(const Error& error) {
  int status = 400;
  if (error.code == Errc::kResourceExhausted) status = 429;
  if (error.code == Errc::kUnavailable) status = 503;
  if (error.code == Errc::kInternal || error.code == Errc::kIo) status = 500;
  auto response = net::HttpResponse::text(status, error.message + "\n");
  if (status == 429 || status == 503) response.headers.set("Retry-After", "1");
  return response;
}

// Version 1 is the default message; a `proto` parameter names another one.
bool is_version_1(std::string_view content_type) {
  if (content_type.substr(0, content_type.find(';')) != "application/x-protobuf") return false;
  const size_t proto = content_type.find("proto=");
  return proto == std::string_view::npos || content_type.substr(proto + 6) == "prometheus.WriteRequest";
}

net::HttpResponse write(net::HttpRequest& request, tsdb::Appendable& store, WriteCounters& counters) {
  if (const auto type = request.headers.get("Content-Type"); !is_version_1(type))
    return net::HttpResponse::text(415, "content type \"" + std::string(type) + "\" is not supported; send prometheus.WriteRequest as application/x-protobuf\n");
  if (const auto encoding = request.headers.get("Content-Encoding"); !encoding.empty() && encoding != "snappy")
    return net::HttpResponse::text(415, "content encoding \"" + std::string(encoding) + "\" is not supported; use snappy\n");
  const auto plain = net::snappy_decompress(request.body, kWriteRequestBytesMax);
  Status status = plain ? Status() : std::unexpected(plain.error());
  auto appender = store.appender();
  StoreSink sink(*appender, counters);
  // Whatever is wrong with the bytes themselves is the sender's fault and never better by sending again.
  if (!plain && status.error().code == Errc::kResourceExhausted) status.error().code = Errc::kInvalidArgument;
  if (status) status = wire::prometheus::decode_write_request(*plain, sink);
  if (status) status = appender->commit();
  else appender->rollback();
  if (!status) {
    counters.requests_refused.add();
    return refuse(status.error());
  }
  counters.samples.add(sink.samples());
  return {.status = 204};
}

}  // namespace

void add_remote_write(net::HttpRouter& router, tsdb::Appendable& store, Telemetry& telemetry) {
  const auto counters = std::make_shared<WriteCounters>(WriteCounters{
      telemetry.counter("sightline_remote_write_samples_total", "Samples stored by remote write."),
      telemetry.counter("sightline_remote_write_exemplars_refused_total", "Exemplars of remote write the store refused."),
      telemetry.counter("sightline_remote_write_series_skipped_total", "Series of remote write skipped for their labels."),
      telemetry.counter("sightline_remote_write_requests_refused_total", "Remote write requests refused whole.")});
  router.add("POST", "/api/v1/write", [&store, counters](net::HttpRequest& request) { return write(request, store, *counters); },
             {.body_bytes_max = kWriteRequestBytesMax, .raw_body = true});
}

}  // namespace sightline::api::prometheus
