#include "api/prometheus/remote_write.h"

#include <mutex>
#include <vector>

#include "api/prometheus/write_sink.h"
#include "net/compression.h"

namespace sightline::api::prometheus {
namespace {

// Memory for unpacked requests, used again by the next ones. Any thread.
class PlainBuffers {
 public:
  std::string take() {
    const std::lock_guard lock(mutex_);
    if (buffers_.empty()) return {};
    std::string buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }
  void give_back(std::string buffer) {
    if (buffer.capacity() > kBufferBytesMax) return;
    const std::lock_guard lock(mutex_);
    if (buffers_.size() < kBuffersMax) buffers_.push_back(std::move(buffer));
  }

 private:
  static constexpr size_t kBuffersMax = 4;
  static constexpr size_t kBufferBytesMax = 2u << 20;
  std::mutex mutex_;
  std::vector<std::string> buffers_;  // guarded by mutex_
};

struct Receiver {
  tsdb::Appendable& store;
  WriteCounters counters;
  SeriesIdCache cache;
  PlainBuffers buffers;
};

int status_of(const Error& error) {
  switch (error.code) {
    case Errc::kResourceExhausted: return 429;
    case Errc::kUnavailable: return 503;
    case Errc::kInternal:
    case Errc::kIo: return 500;
    default: return 400;
  }
}

net::HttpResponse refuse(const Error& error) {
  auto response = net::HttpResponse::text(status_of(error), error.message + "\n");
  if (response.status == 429 || response.status == 503) response.headers.set("Retry-After", "1");
  return response;
}

// 1.0 is the default message; a `proto` parameter names another one.
std::optional<WriteVersion> version_of(std::string_view content_type) {
  if (content_type.substr(0, content_type.find(';')) != "application/x-protobuf")
    return std::nullopt;
  const size_t at = content_type.find("proto=");
  if (at == std::string_view::npos) return WriteVersion::k1;
  const std::string_view proto = content_type.substr(at + 6, content_type.find(';', at) - at - 6);
  if (proto == "prometheus.WriteRequest") return WriteVersion::k1;
  if (proto == "io.prometheus.write.v2.Request") return WriteVersion::k2;
  return std::nullopt;
}

void say_written(net::HttpResponse& response, const WriteTransaction::Written& written) {
  response.headers.set("X-Prometheus-Remote-Write-Samples-Written",
                       std::to_string(written.samples));
  response.headers.set("X-Prometheus-Remote-Write-Histograms-Written",
                       std::to_string(written.histograms));
  response.headers.set("X-Prometheus-Remote-Write-Exemplars-Written",
                       std::to_string(written.exemplars));
}

net::HttpResponse write_plain(std::string_view plain, WriteVersion version, Receiver& receiver) {
  auto appender = receiver.store.appender();
  WriteTransaction transaction(*appender, receiver.cache, receiver.counters, version);
  auto status = version == WriteVersion::k1
                    ? wire::prometheus::decode_write_request(plain, transaction)
                    : wire::prometheus::decode_write_request_2(plain, transaction);
  transaction.end();
  if (status)
    status = appender->commit();
  else
    appender->rollback();
  if (!status) {
    receiver.counters.requests_refused.add();
    auto response = refuse(status.error());
    if (version == WriteVersion::k2) say_written(response, {});
    return response;
  }
  const WriteTransaction::Written& written = transaction.written();
  receiver.counters.samples.add(written.samples);
  receiver.counters.histograms.add(written.histograms);
  receiver.counters.exemplars.add(written.exemplars);
  net::HttpResponse response{.status = 204};
  if (const std::string refusals = transaction.refusals(); !refusals.empty())
    response = net::HttpResponse::text(400, refusals);
  if (version == WriteVersion::k2) say_written(response, written);
  return response;
}

net::HttpResponse write(net::HttpRequest& request, Receiver& receiver) {
  const auto type = request.headers.get("Content-Type");
  const auto version = version_of(type);
  if (!version)
    return net::HttpResponse::text(
        415, "content type \"" + std::string(type) +
                 "\" is not supported; send prometheus.WriteRequest or "
                 "io.prometheus.write.v2.Request as application/x-protobuf\n");
  if (const auto encoding = request.headers.get("Content-Encoding");
      !encoding.empty() && encoding != "snappy")
    return net::HttpResponse::text(
        415, "content encoding \"" + std::string(encoding) + "\" is not supported; use snappy\n");
  std::string plain = receiver.buffers.take();
  if (auto status = net::snappy_decompress_into(plain, request.body, kWriteRequestBytesMax);
      !status) {
    // Whatever is wrong with the bytes themselves is the sender's fault and never better by sending again.
    receiver.counters.requests_refused.add();
    return net::HttpResponse::text(400, status.error().message + "\n");
  }
  auto response = write_plain(plain, *version, receiver);
  receiver.buffers.give_back(std::move(plain));
  return response;
}

}  // namespace

void add_remote_write(net::HttpRouter& router, tsdb::Appendable& store, Telemetry& telemetry) {
  const auto receiver = std::shared_ptr<Receiver>(new Receiver{
      store,
      WriteCounters{telemetry.counter("sightline_remote_write_samples_total",
                                      "Samples stored by remote write."),
                    telemetry.counter("sightline_remote_write_histograms_total",
                                      "Native histograms stored by remote write."),
                    telemetry.counter("sightline_remote_write_exemplars_total",
                                      "Exemplars stored by remote write."),
                    telemetry.counter("sightline_remote_write_exemplars_refused_total",
                                      "Exemplars of remote write the store refused."),
                    telemetry.counter("sightline_remote_write_samples_refused_total",
                                      "Samples and histograms of remote write the store refused."),
                    telemetry.counter("sightline_remote_write_series_skipped_total",
                                      "Series of remote write skipped for their labels."),
                    telemetry.counter("sightline_remote_write_requests_refused_total",
                                      "Remote write requests refused whole.")},
      {},
      {}});
  router.add("POST", "/api/v1/write",
             [receiver](net::HttpRequest& request) { return write(request, *receiver); },
             {.body_bytes_max = kWriteRequestBytesMax, .raw_body = true});
}

}  // namespace sightline::api::prometheus
