#include "pipeline/exporters/outgoing.h"

#include "wire/otlp/decode_metrics.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_metrics.h"
#include "wire/otlp/encode_traces.h"
#include "wire/otlp/encode_traces_json.h"

namespace sightline::pipeline {

Result<Outgoing> Outgoing::parse(config::Signal signal, std::string protobuf) {
  if (signal == config::Signal::kMetrics) {
    auto batch = make_metrics_batch(std::move(protobuf), wire::otlp::Encoding::kProtobuf);
    if (!batch) return std::unexpected(std::move(batch).error());
    return Outgoing(std::move(*batch));
  }
  auto decoded =
      wire::otlp::decode_traces(std::make_shared<const std::string>(std::move(protobuf)));
  if (!decoded) return std::unexpected(std::move(decoded).error());
  return Outgoing(decoded->batch);
}

Outgoing Outgoing::join(std::span<const Outgoing> parts) {
  Outgoing joined;
  joined.parts_ = std::make_shared<const std::vector<Outgoing>>(parts.begin(), parts.end());
  return joined;
}

size_t Outgoing::items() const {
  size_t items = 0;
  if (parts_) {
    for (const Outgoing& part : *parts_) items += part.items();
    return items;
  }
  if (encoded_) return static_cast<size_t>(encoded_->spans);
  return spans_ ? spans_->spans.size() : static_cast<size_t>(metrics_->points);
}

size_t Outgoing::bytes() const {
  size_t bytes = 0;
  if (parts_) {
    for (const Outgoing& part : *parts_) bytes += part.bytes();
    return bytes;
  }
  if (metrics_) return metrics_->protobuf->size();
  if (encoded_) return encoded_->protobuf->size();
  if (!spans_->encoded.empty()) return spans_->encoded.size();
  for (const model::SpanView& span : spans_->spans)
    bytes += span.encoded.size() + span.name.size() + 64;
  return bytes;
}

void Outgoing::append_protobuf(std::string& out) const {
  if (parts_)
    for (const Outgoing& part : *parts_) part.append_protobuf(out);
  else if (metrics_)
    out += *metrics_->protobuf;
  else if (encoded_)
    out += *encoded_->protobuf;
  else if (!spans_->encoded.empty())
    out += spans_->encoded;
  else
    out += wire::otlp::encode_traces(*spans_);
}

std::string Outgoing::protobuf() const {
  std::string out;
  out.reserve(bytes());
  append_protobuf(out);
  return out;
}

net::OwnedBytes Outgoing::shared_protobuf() const {
  if (metrics_) return {*metrics_->protobuf, metrics_->protobuf};
  if (encoded_) return {*encoded_->protobuf, encoded_->protobuf};
  if (spans_ && !spans_->encoded.empty()) return {spans_->encoded, spans_};
  return net::OwnedBytes::of(protobuf());
}

std::string Outgoing::json() const {
  if (parts_) {
    // Only what is sent as protobuf is joined; the first part stands for the signal.
    auto whole = parse(
        parts_->front().metrics_ ? config::Signal::kMetrics : config::Signal::kTraces, protobuf());
    return whole ? whole->json() : std::string();
  }
  if (encoded_) {
    auto whole = parse(config::Signal::kTraces, *encoded_->protobuf);
    return whole ? whole->json() : std::string();
  }
  if (spans_) return wire::otlp::encode_traces_json(*spans_);
  wire::otlp::MetricsJsonEncoder encoder;
  // The bytes were decoded once before: what they hold is known to be well formed.
  (void)wire::otlp::decode_metrics(*metrics_->protobuf, encoder);
  return encoder.take();
}

}  // namespace sightline::pipeline
