#include "wire/zipkin/decode_spans.h"

#include <simdjson.h>

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>

#include "base/number_text.h"
#include "wire/zipkin/packed_texts.h"

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

// Tags that are about what sent the span, by the semantic conventions: sorted.
constexpr std::string_view kResourceTags[] = {"aws.ecs.cluster.arn",
                                              "aws.ecs.container.arn",
                                              "aws.ecs.launchtype",
                                              "aws.ecs.task.arn",
                                              "aws.ecs.task.family",
                                              "aws.ecs.task.revision",
                                              "aws.eks.cluster.arn",
                                              "aws.log.group.arns",
                                              "aws.log.group.names",
                                              "aws.log.stream.arns",
                                              "aws.log.stream.names",
                                              "cloud.account.id",
                                              "cloud.availability_zone",
                                              "cloud.platform",
                                              "cloud.provider",
                                              "cloud.region",
                                              "cloud.resource_id",
                                              "container.id",
                                              "container.image.name",
                                              "container.image.tag",
                                              "container.name",
                                              "container.runtime",
                                              "deployment.environment",
                                              "device.id",
                                              "device.manufacturer",
                                              "device.model.identifier",
                                              "device.model.name",
                                              "faas.id",
                                              "faas.instance",
                                              "faas.max_memory",
                                              "faas.name",
                                              "faas.version",
                                              "host.arch",
                                              "host.id",
                                              "host.image.id",
                                              "host.image.name",
                                              "host.image.version",
                                              "host.name",
                                              "host.type",
                                              "k8s.cluster.name",
                                              "k8s.container.name",
                                              "k8s.container.restart_count",
                                              "k8s.cronjob.name",
                                              "k8s.cronjob.uid",
                                              "k8s.daemonset.name",
                                              "k8s.daemonset.uid",
                                              "k8s.deployment.name",
                                              "k8s.deployment.uid",
                                              "k8s.job.name",
                                              "k8s.job.uid",
                                              "k8s.namespace.name",
                                              "k8s.node.name",
                                              "k8s.node.uid",
                                              "k8s.pod.name",
                                              "k8s.pod.uid",
                                              "k8s.replicaset.name",
                                              "k8s.replicaset.uid",
                                              "k8s.statefulset.name",
                                              "k8s.statefulset.uid",
                                              "opencensus.exporterversion",
                                              "opencensus.resourcetype",
                                              "opencensus.starttime",
                                              "os.description",
                                              "os.name",
                                              "os.type",
                                              "os.version",
                                              "process.command",
                                              "process.command_args",
                                              "process.command_line",
                                              "process.executable.name",
                                              "process.executable.path",
                                              "process.owner",
                                              "process.pid",
                                              "process.runtime.description",
                                              "process.runtime.name",
                                              "process.runtime.version",
                                              "service.instance.id",
                                              "service.name",
                                              "service.namespace",
                                              "service.version",
                                              "telemetry.auto.version",
                                              "telemetry.sdk.language",
                                              "telemetry.sdk.name",
                                              "telemetry.sdk.version",
                                              "webengine.description",
                                              "webengine.name",
                                              "webengine.version"};

bool is_of_resource(std::string_view key) { return std::ranges::binary_search(kResourceTags, key); }

// What is left after a sign and digits; the text itself where there are none.
std::string_view after_digits(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with('-')) rest.remove_prefix(1);
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  return digits == 0 ? text : rest.substr(digits);
}

// Only plain decimals are numbers, in tags: no exponent, no plus sign.
bool is_fraction(std::string_view text) {
  const std::string_view rest = after_digits(text);
  return rest.size() < text.size() && rest.size() > 1 && rest[0] == '.' && rest[1] != '-' &&
         after_digits(rest.substr(1)).empty();
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
  uint32_t scope_of_span();
  uint32_t resource_of_span();
  Status read_field(std::string_view key, const dom::element& value);
  Status read_tags(const dom::element& value);
  Status read_annotations(const dom::element& value);
  Status read_local(const dom::element& value);
  Status read_remote(const dom::element& value);
  bool takes_tag(std::string_view key, std::string_view text);
  bool has_room_for_tag() {
    const bool has_room = attributes_.size() < limits_.tags_max;
    if (!has_room) ++span_.dropped_attributes;
    return has_room;
  }
  void read_kind_tag();
  void read_links();
  Run keep_attributes(const PackedAttributes& packed);
  ValueView value_of(std::string_view text);
  std::unexpected<Error> wrong(std::string_view key, std::string_view wanted) const {
    return fail(Errc::kInvalidArgument, "span ", index_, ": ", key, " must be ", wanted);
  }
  Result<uint64_t> microseconds(std::string_view key, const dom::element& value) const;

  const bool parse_tags_;
  const ZipkinLimits limits_;
  std::shared_ptr<std::deque<std::string>> texts_ = std::make_shared<std::deque<std::string>>();
  std::shared_ptr<model::SpanBatch> batch_ = std::make_shared<model::SpanBatch>();
  std::map<std::string, uint32_t, std::less<>> resources_;
  std::map<std::tuple<uint32_t, std::string, std::string>, uint32_t> scopes_;
  uint64_t rejected_ = 0;
  size_t index_ = 0;
  // Of the span in hand.
  SpanView span_;
  bool ids_ok_ = true;
  std::string_view service_, service_key_, scope_name_, scope_version_;
  std::map<std::string_view, std::string_view> resource_tags_;
  uint64_t start_us_ = 0, duration_us_ = 0;
  std::vector<AttributeView> attributes_;
  std::vector<model::EventView> events_;
  std::map<uint32_t, AttributeView> link_tags_;  // by packed_link_index()
  std::vector<model::LinkView> links_;
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
    const auto whole = parse_int(text);
    if (whole && after_digits(text).empty()) return ValueView::of_int(*whole);
    const auto number = parse_float(text);
    if (number && is_fraction(text)) return ValueView::of_double(*number);
  }
  return ValueView::of_string(keep(text));
}

// Whether a tag says something else than an attribute: of the span's status, its scope, its resource.
bool Decoder::takes_tag(std::string_view key, std::string_view text) {
  if (key == "error") {
    span_.status = model::StatusCode::kError;
    return text == "true";
  }
  if (key == "otel.status_code") {
    if (span_.status == model::StatusCode::kError) return true;  // `error` wins
    span_.status = text.ends_with("OK")      ? model::StatusCode::kOk
                   : text.ends_with("ERROR") ? model::StatusCode::kError
                                             : model::StatusCode::kUnset;
  } else if (key == "otel.status_description") {
    span_.status_message = keep(text);
  } else if (key == "w3c.tracestate") {
    span_.trace_state = keep(text);
  } else if (key == "otel.scope.name" || (key == "otel.library.name" && scope_name_.empty())) {
    scope_name_ = keep(text);
  } else if (key == "otel.scope.version" ||
             (key == "otel.library.version" && scope_version_.empty())) {
    scope_version_ = keep(text);
  } else if (key == "otlp.service.name.source") {
    service_key_ = keep(text);
  } else if (is_of_resource(key)) {
    resource_tags_[keep(key)] = keep(text);
  } else {
    return key == "otel.library.name" || key == "otel.library.version";
  }
  return true;
}

// Of a span without a kind of its own the tag is the kind, and no attribute.
void Decoder::read_kind_tag() {
  const auto tag = std::ranges::find(attributes_, "span.kind", &AttributeView::key);
  if (span_.kind != model::SpanKind::kUnspecified || tag == attributes_.end()) return;
  if (tag->value.bytes == "internal") span_.kind = model::SpanKind::kInternal;
  attributes_.erase(tag);
}

Status Decoder::read_tags(const dom::element& value) {
  dom::object tags;
  if (value.get(tags) != simdjson::SUCCESS) return wrong("tags", "an object");
  for (const auto& [key, tag] : tags) {
    const auto text = text_of(tag);
    if (!text) return wrong("tags." + std::string(key), "a string");
    if (takes_tag(key, *text)) continue;
    if (const auto link = packed_link_index(key)) {
      link_tags_[*link] = {keep(key), ValueView::of_string(keep(*text))};
      continue;
    }
    if (has_room_for_tag()) attributes_.push_back({keep(key), value_of(*text)});
  }
  return {};
}

Run Decoder::keep_attributes(const PackedAttributes& packed) {
  auto& all = batch_->attributes;
  const Run run{static_cast<uint32_t>(all.size()), static_cast<uint32_t>(packed.attributes.size())};
  all.insert(all.end(), packed.attributes.begin(), packed.attributes.end());
  return run;
}

// Links are counted from 0 without a gap; what comes after one, or is no link, is an attribute.
void Decoder::read_links() {
  const auto keep_text = [this](std::string_view text) { return keep(text); };
  uint32_t next = 0;
  for (const auto& [index, tag] : link_tags_) {
    const auto packed =
        index == next ? unpack_link(tag.value.bytes, keep_text) : std::optional<PackedLink>();
    if (index == next) ++next;
    if (packed) {
      model::LinkView& link = links_.emplace_back(packed->link);
      link.attributes = keep_attributes(packed->more);
      link.dropped_attributes = packed->more.dropped;
    } else if (has_room_for_tag()) {
      attributes_.push_back(tag);
    }
  }
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
    const auto packed =
        unpack_event(*text_of(text), [this](std::string_view each) { return keep(each); });
    model::EventView event{.name = keep(packed ? packed->name : *text_of(text))};
    if (packed) {
      event.attributes = keep_attributes(packed->more);
      event.dropped_attributes = packed->more.dropped;
    }
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

Status Decoder::read_local(const dom::element& value) {
  dom::object endpoint;
  if (value.get(endpoint) != simdjson::SUCCESS) return wrong("localEndpoint", "an object");
  for (const auto& [key, field] : endpoint) {
    int64_t port = 0;
    if (key == "port" && field.get(port) == simdjson::SUCCESS && port > 0)
      attributes_.push_back({"net.host.port", ValueView::of_int(port)});
    const auto text = text_of(field);
    if (!text || text->empty()) continue;
    if (key == "serviceName") service_ = keep(*text);
    if (key == "ipv4" || key == "ipv6")
      attributes_.push_back({"network.local.address", ValueView::of_string(keep(*text))});
  }
  return {};
}

Status Decoder::read_remote(const dom::element& value) {
  dom::object endpoint;
  if (value.get(endpoint) != simdjson::SUCCESS) return wrong("remoteEndpoint", "an object");
  for (const auto& [key, field] : endpoint) {
    int64_t port = 0;
    if (key == "port" && field.get(port) == simdjson::SUCCESS && port > 0)
      attributes_.push_back({"net.peer.port", ValueView::of_int(port)});
    const auto text = text_of(field);
    if (!text || text->empty()) continue;
    if (key == "serviceName")
      attributes_.push_back({"service.peer.name", ValueView::of_string(keep(*text))});
    if (key == "ipv4" || key == "ipv6")
      attributes_.push_back({"network.peer.address", ValueView::of_string(keep(*text))});
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
  if (key == "localEndpoint") return read_local(value);
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

// One for each service and what else its spans' tags say of it.
uint32_t Decoder::resource_of_span() {
  const std::string_view service_key = service_key_.empty() ? "service.name" : service_key_;
  std::string key(service_);
  (key += '\0') += service_key;
  for (const auto& [name, value] : resource_tags_) (((key += '\0') += name) += '\0') += value;
  if (const auto known = resources_.find(key); known != resources_.end()) return known->second;
  Run run{static_cast<uint32_t>(batch_->attributes.size()), 0};
  const auto add = [&](std::string_view name, std::string_view value) {
    batch_->attributes.push_back({name, ValueView::of_string(value)});
    ++run.count;
  };
  if (!service_.empty()) add(service_key, service_);
  for (const auto& [name, value] : resource_tags_)
    if (name != service_key || service_.empty()) add(name, value);
  batch_->resources.push_back({.attributes = run});
  return resources_.emplace(std::move(key), static_cast<uint32_t>(batch_->resources.size() - 1))
      .first->second;
}

uint32_t Decoder::scope_of_span() {
  const uint32_t resource = resource_of_span();
  const auto [known, is_new] =
      scopes_.try_emplace({resource, std::string(scope_name_), std::string(scope_version_)},
                          static_cast<uint32_t>(batch_->scopes.size()));
  if (is_new)
    batch_->scopes.push_back(
        {.resource = resource, .name = scope_name_, .version = scope_version_});
  return known->second;
}

Status Decoder::add(const dom::object& object) {
  span_ = {};
  ids_ok_ = true;
  service_ = service_key_ = scope_name_ = scope_version_ = {};
  resource_tags_.clear();
  start_us_ = duration_us_ = 0;
  attributes_.clear();
  events_.clear();
  link_tags_.clear();
  links_.clear();
  for (const auto& [key, value] : object)
    if (auto status = read_field(key, value); !status) return status;
  ++index_;
  if (!ids_ok_ || !span_.trace_id.is_valid() || !span_.span_id.is_valid() ||
      batch_->spans.size() >= limits_.spans_max) {
    ++rejected_;
    return {};
  }
  read_kind_tag();
  read_links();
  if (span_.parent_span_id == span_.span_id) span_.parent_span_id = {};  // a root, in Zipkin
  if (start_us_ == 0)
    attributes_.push_back({"otel.zipkin.absentField.startTime", ValueView::of_bool(true)});
  span_.scope = scope_of_span();
  span_.start = {start_us_ * 1000};
  span_.end = {(start_us_ + duration_us_) * 1000};
  span_.attributes = {static_cast<uint32_t>(batch_->attributes.size()),
                      static_cast<uint32_t>(attributes_.size())};
  batch_->attributes.insert(batch_->attributes.end(), attributes_.begin(), attributes_.end());
  span_.events = {static_cast<uint32_t>(batch_->events.size()),
                  static_cast<uint32_t>(events_.size())};
  batch_->events.insert(batch_->events.end(), events_.begin(), events_.end());
  span_.links = {static_cast<uint32_t>(batch_->links.size()), static_cast<uint32_t>(links_.size())};
  batch_->links.insert(batch_->links.end(), links_.begin(), links_.end());
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
