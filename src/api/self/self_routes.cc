#include "api/self/self_routes.h"

#include "base/number_text.h"
#include "base/text_codec.h"

namespace sightline::api::self {
namespace {

// Writes an object's members one after the other, with commas between.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  ~JsonObject() { out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  std::string& member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    ((out_ += '"') += name) += "\":";
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    member(name) += '"';
    append_json_escaped(out_, value);
    out_ += '"';
  }
  void number(std::string_view name, uint64_t value) { member(name) += std::to_string(value); }
  void time(std::string_view name, TimestampNs value) { text(name, format_rfc3339(value.value)); }

 private:
  std::string& out_;
  bool first_ = true;
};

template <typename Items, typename Write>
void write_array(std::string& out, const Items& items, const Write& write) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    write(item);
  }
  out += ']';
}

void write_received(std::string& out, const SelfStatus::Received& received) {
  JsonObject object(out);
  object.number("spans_total", received.spans_total);
  append_float_json(object.member("spans_per_second"), received.spans_per_second);
  object.number("rejected_spans_total", received.rejected_spans_total);
  object.number("requests_total", received.requests_total);
  if (received.last_span_at)
    object.time("last_span_at", *received.last_span_at);
  else
    object.member("last_span_at") += "null";
  write_array(object.member("services"), received.services, [&](const ServiceStatus& service) {
    JsonObject each(out);
    each.text("name", service.name);
    each.number("spans_total", service.spans_total);
    each.time("last_seen", service.last_seen);
  });
}

void write_stored(std::string& out, const SelfStatus::Stored& stored) {
  JsonObject object(out);
  object.number("series", stored.series);
  object.number("samples_total", stored.samples_total);
  object.number("exemplars", stored.exemplars);
  object.number("live_traces", stored.live_traces);
  object.number("trace_blocks", stored.trace_blocks);
  object.number("spans", stored.spans);
  object.number("bytes_on_disk", stored.bytes_on_disk);
}

}  // namespace

std::string to_json(const SelfStatus& status) {
  std::string out;
  {
    JsonObject object(out);
    object.text("version", status.version);
    object.time("started_at", status.started_at);
    append_float_json(
        object.member("uptime_seconds"),
        static_cast<double>((status.now.value - status.started_at.value) / 1'000'000) / 1e3);
    object.text("data_dir", status.data_dir);
    write_array(object.member("roles"), status.roles, [&](const std::string& role) {
      out += '"';
      append_json_escaped(out, role);
      out += '"';
    });
    write_array(object.member("listeners"), status.listeners, [&](const ListenerStatus& listener) {
      JsonObject each(out);
      each.text("name", listener.name);
      each.text("address", listener.address);
      each.text("role", listener.role);
    });
    write_received(object.member("received"), status.received);
    write_stored(object.member("stored"), status.stored);
  }
  return out;
}

void add_self_routes(net::HttpRouter& router, const Telemetry& telemetry,
                     std::function<SelfStatus()> status) {
  router.add("GET", "/metrics", [&telemetry](net::HttpRequest&) {
    net::HttpResponse response = net::HttpResponse::text(200, telemetry.text());
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
  });
  router.add("GET", "/api/self/status", [status = std::move(status)](net::HttpRequest&) {
    return net::HttpResponse::json(to_json(status()));
  });
}

}  // namespace sightline::api::self
