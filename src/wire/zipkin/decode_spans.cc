#include "wire/zipkin/decode_spans.h"

#include <simdjson.h>

#include <deque>
#include <map>

#include "base/number_text.h"

namespace sightline::wire::zipkin {
namespace {

using model::AttributeView;
using model::Run;
using model::SpanView;
using model::ValueView;
namespace dom = simdjson::dom;

std::optional<std::string_view> text_of(const dom::element& value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? std::optional(text) : std::nullopt;
}

model::SpanKind kind_of(std::string_view kind) {
  if (kind == "CLIENT") return model::SpanKind::kClient;
  if (kind == "SERVER") return model::SpanKind::kServer;
  if (kind == "PRODUCER") return model::SpanKind::kProducer;
  if (kind == "CONSUMER") return model::SpanKind::kConsumer;
  return model::SpanKind::kUnspecified;
}

// A span's kind when only a tag says it, as exporters of other formats write it.
model::SpanKind kind_of_tag(std::string_view kind) {
  if (kind == "client") return model::SpanKind::kClient;
  if (kind == "server") return model::SpanKind::kServer;
  if (kind == "producer") return model::SpanKind::kProducer;
  if (kind == "consumer") return model::SpanKind::kConsumer;
  return kind == "internal" ? model::SpanKind::kInternal : model::SpanKind::kUnspecified;
}

class Decoder {
 public:
  Decoder(bool parse_tags, const ZipkinLimits& limits) : parse_tags_(parse_tags), limits_(limits) {}

  Status add(const dom::object& object);
  DecodedZipkin finish() {
    batch_->owner = texts_;
    return {std::move(batch_), rejected_};
  }

 private:
  std::string_view keep(std::string_view text) { return texts_->emplace_back(text); }
  uint32_t scope_of(std::string_view service);
  Status read_field(std::string_view key, const dom::element& value);
  Status read_tags(const dom::element& value);
  Status read_annotations(const dom::element& value);
  Status read_remote(const dom::element& value);
  Status set_status_and_kind(std::string_view key, std::string_view text, bool& is_attribute);
  ValueView value_of(std::string_view text);
  std::unexpected<Error> wrong(std::string_view key, std::string_view wanted) const {
    return fail(Errc::kInvalidArgument, "span ", index_, ": ", key, " must be ", wanted);
  }
  Result<uint64_t> microseconds(std::string_view key, const dom::element& value) const;

  const bool parse_tags_;
  const ZipkinLimits limits_;
  std::shared_ptr<std::deque<std::string>> texts_ = std::make_shared<std::deque<std::string>>();
  std::shared_ptr<model::SpanBatch> batch_ = std::make_shared<model::SpanBatch>();
  std::map<std::string, uint32_t, std::less<>> scopes_;
  uint64_t rejected_ = 0;
  size_t index_ = 0;
  // Of the span in hand.
  SpanView span_;
  bool ids_ok_ = true;
  std::string_view service_;
  uint64_t start_us_ = 0, duration_us_ = 0;
  std::vector<AttributeView> attributes_;
  std::vector<model::EventView> events_;
};

Result<uint64_t> Decoder::microseconds(std::string_view key, const dom::element& value) const {
  uint64_t whole = 0;
  if (value.get(whole) == simdjson::SUCCESS) return whole;
  double number = 0;
  if (value.get(number) == simdjson::SUCCESS && number >= 0 && number < 1e19)
    return static_cast<uint64_t>(number);
  return wrong(key, "a number of microseconds");
}

ValueView Decoder::value_of(std::string_view text) {
  if (parse_tags_) {
    if (text == "true" || text == "false") return ValueView::of_bool(text == "true");
    if (const auto whole = parse_int(text)) return ValueView::of_int(*whole);
    if (const auto number = parse_float(text);
        number && text.find_first_of("0123456789") != std::string_view::npos)
      return ValueView::of_double(*number);
  }
  return ValueView::of_string(keep(text));
}

Status Decoder::set_status_and_kind(std::string_view key, std::string_view text,
                                    bool& is_attribute) {
  is_attribute = false;
  if (key == "error") {
    span_.status = text == "false" ? span_.status : model::StatusCode::kError;
    if (text != "true" && text != "false") span_.status_message = keep(text);
  } else if (key == "otel.status_code") {
    span_.status = text == "OK"      ? model::StatusCode::kOk
                   : text == "ERROR" ? model::StatusCode::kError
                                     : model::StatusCode::kUnset;
  } else if (key == "otel.status_description") {
    span_.status_message = keep(text);
  } else if (key == "span.kind") {
    if (span_.kind == model::SpanKind::kUnspecified) span_.kind = kind_of_tag(text);
  } else if (key == "w3c.tracestate") {
    span_.trace_state = keep(text);
  } else {
    is_attribute = true;
  }
  return {};
}

Status Decoder::read_tags(const dom::element& value) {
  dom::object tags;
  if (value.get(tags) != simdjson::SUCCESS) return wrong("tags", "an object");
  for (const auto& [key, tag] : tags) {
    const auto text = text_of(tag);
    if (!text) return wrong("tags." + std::string(key), "a string");
    bool is_attribute = true;
    if (auto status = set_status_and_kind(key, *text, is_attribute); !status) return status;
    if (!is_attribute) continue;
    if (attributes_.size() >= limits_.tags_max)
      ++span_.dropped_attributes;
    else
      attributes_.push_back({keep(key), value_of(*text)});
  }
  return {};
}

Status Decoder::read_annotations(const dom::element& value) {
  dom::array annotations;
  if (value.get(annotations) != simdjson::SUCCESS) return wrong("annotations", "an array");
  for (const dom::element& annotation : annotations) {
    dom::element time, text;
    const bool has_time = annotation["timestamp"].get(time) == simdjson::SUCCESS;
    const bool has_text = annotation["value"].get(text) == simdjson::SUCCESS;
    if (!has_text || !text_of(text))
      return wrong("annotations", "objects with timestamp and value");
    model::EventView event{.name = keep(*text_of(text))};
    if (has_time) {
      const auto us = microseconds("annotations.timestamp", time);
      if (!us) return std::unexpected(us.error());
      event.time = {*us * 1000};
    }
    if (events_.size() >= limits_.annotations_max)
      ++span_.dropped_events;
    else
      events_.push_back(event);
  }
  return {};
}

Status Decoder::read_remote(const dom::element& value) {
  dom::object endpoint;
  if (value.get(endpoint) != simdjson::SUCCESS) return wrong("remoteEndpoint", "an object");
  for (const auto& [key, field] : endpoint) {
    int64_t port = 0;
    if (key == "port" && field.get(port) == simdjson::SUCCESS)
      attributes_.push_back({"net.peer.port", ValueView::of_int(port)});
    const auto text = text_of(field);
    if (!text || text->empty()) continue;
    if (key == "serviceName")
      attributes_.push_back({"peer.service", ValueView::of_string(keep(*text))});
    if (key == "ipv4" || key == "ipv6")
      attributes_.push_back({"net.peer.ip", ValueView::of_string(keep(*text))});
  }
  return {};
}

Status Decoder::read_field(std::string_view key, const dom::element& value) {
  if (value.is_null()) return {};
  if (key == "tags") return read_tags(value);
  if (key == "annotations") return read_annotations(value);
  if (key == "remoteEndpoint") return read_remote(value);
  if (key == "timestamp" || key == "duration") {
    const auto us = microseconds(key, value);
    if (!us) return std::unexpected(us.error());
    (key == "timestamp" ? start_us_ : duration_us_) = *us;
    return {};
  }
  if (key == "localEndpoint") {
    dom::element service;
    if (value["serviceName"].get(service) == simdjson::SUCCESS)
      service_ = text_of(service).value_or(std::string_view());
    return {};
  }
  if (key != "traceId" && key != "id" && key != "parentId" && key != "name" && key != "kind")
    return {};
  const auto text = text_of(value);
  if (!text) return wrong(key, "a string");
  if (key == "name") span_.name = keep(*text);
  if (key == "kind") span_.kind = kind_of(*text);
  if (key == "traceId") {
    const std::string padded =
        text->size() == 16 ? std::string(16, '0') + std::string(*text) : std::string(*text);
    const auto id = parse_trace_id(padded);
    ids_ok_ = ids_ok_ && id && id->is_valid();
    if (id) span_.trace_id = *id;
  }
  if (key == "id" || (key == "parentId" && !text->empty())) {
    const auto id = parse_span_id(*text);
    ids_ok_ = ids_ok_ && id && (key == "parentId" || id->is_valid());
    if (id) (key == "id" ? span_.span_id : span_.parent_span_id) = *id;
  }
  return {};
}

// One resource a service, with one scope.
uint32_t Decoder::scope_of(std::string_view service) {
  if (const auto known = scopes_.find(service); known != scopes_.end()) return known->second;
  Run run{static_cast<uint32_t>(batch_->attributes.size()), 0};
  if (!service.empty()) {
    batch_->attributes.push_back({"service.name", ValueView::of_string(keep(service))});
    run.count = 1;
  }
  batch_->resources.push_back({.attributes = run});
  batch_->scopes.push_back({.resource = static_cast<uint32_t>(batch_->resources.size() - 1)});
  return scopes_.emplace(service, static_cast<uint32_t>(batch_->scopes.size() - 1)).first->second;
}

Status Decoder::add(const dom::object& object) {
  span_ = {};
  ids_ok_ = true;
  service_ = {};
  start_us_ = duration_us_ = 0;
  attributes_.clear();
  events_.clear();
  for (const auto& [key, value] : object)
    if (auto status = read_field(key, value); !status) return status;
  ++index_;
  if (!ids_ok_ || !span_.trace_id.is_valid() || !span_.span_id.is_valid() ||
      batch_->spans.size() >= limits_.spans_max) {
    ++rejected_;
    return {};
  }
  span_.scope = scope_of(service_);
  span_.start = {start_us_ * 1000};
  span_.end = {(start_us_ + duration_us_) * 1000};
  span_.attributes = {static_cast<uint32_t>(batch_->attributes.size()),
                      static_cast<uint32_t>(attributes_.size())};
  batch_->attributes.insert(batch_->attributes.end(), attributes_.begin(), attributes_.end());
  span_.events = {static_cast<uint32_t>(batch_->events.size()),
                  static_cast<uint32_t>(events_.size())};
  batch_->events.insert(batch_->events.end(), events_.begin(), events_.end());
  batch_->spans.push_back(span_);
  return {};
}

}  // namespace

Result<DecodedZipkin> decode_zipkin_spans(std::string_view json, bool parse_tags,
                                          const ZipkinLimits& limits) {
  const simdjson::padded_string text(json);
  dom::parser parser;
  dom::array spans;
  dom::element root;
  if (const auto fault = parser.parse(text).get(root); fault != simdjson::SUCCESS)
    return fail(Errc::kInvalidArgument, "not JSON: ", simdjson::error_message(fault));
  if (root.get(spans) != simdjson::SUCCESS)
    return fail(Errc::kInvalidArgument, "a list of spans is expected");
  Decoder decoder(parse_tags, limits);
  for (const dom::element& item : spans) {
    dom::object object;
    if (item.get(object) != simdjson::SUCCESS)
      return fail(Errc::kInvalidArgument, "a span must be an object");
    if (auto status = decoder.add(object); !status)
      return std::unexpected(std::move(status).error());
  }
  return decoder.finish();
}

}  // namespace sightline::wire::zipkin
