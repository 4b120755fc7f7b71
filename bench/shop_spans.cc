#include "bench/shop_spans.h"

#include <array>
#include <protozero/pbf_writer.hpp>
#include <string_view>

#include "wire/otlp/testing/sample_request.h"

namespace sightline::bench {
namespace {

namespace otlp = wire::otlp::testing::detail;
using protozero::pbf_writer;

constexpr uint32_t kSpanAttributes = 9;

constexpr std::string_view kAgents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "ShopApp/7.3.1 (Android 15; Pixel 8)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15"};

std::string hex_of(uint64_t number) {
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[number >> shift & 15];
  return out;
}
std::string uuid_of(uint64_t high, uint64_t low) {
  std::string h = hex_of(high) + hex_of(low);
  h[12] = '4';
  for (const size_t dash : {20, 16, 12, 8}) h.insert(dash, "-");
  return h;
}

void put_double(pbf_writer& out, std::string_view key, double value) {
  pbf_writer pair(out, kSpanAttributes);
  otlp::put_string(pair, 1, key);
  pbf_writer any(pair, 2);
  any.add_double(4, value);
}
void put(pbf_writer& out, std::string_view key, std::string_view value) {
  otlp::put_attribute(out, kSpanAttributes, key, value);
}
void put(pbf_writer& out, std::string_view key, int64_t value) {
  otlp::put_attribute(out, kSpanAttributes, key, value);
}

// Takes chance out of one number, a few bits at a time.
class Dice {
 public:
  explicit Dice(uint64_t state) : state_(state) {}
  uint64_t next() { return otlp::next_random(state_); }
  uint64_t below(uint64_t bound) { return next() % bound; }

 private:
  uint64_t state_;
};

class SpanEncoder {
 public:
  SpanEncoder(const ShopTopology& shop, const ShopSpan& span, pbf_writer& out)
      : shop_(shop),
        span_(span),
        pod_(shop.pods[span.pod]),
        service_(shop.services[pod_.service]),
        out_(out),
        dice_(span.dice) {}

  static std::string_view scope_of(const ShopTopology& shop, const ShopSpan& span,
                                   std::string& out) {
    const std::string& language = shop.services[shop.pods[span.pod].service].language;
    const bool grpc = (span.kind == ShopSpanKind::kServer || span.kind == ShopSpanKind::kClient) &&
                      shop.operations[span.operation].protocol == Protocol::kGrpc;
    const std::string_view library =
        span.kind == ShopSpanKind::kSql                                                ? "sql"
        : span.kind == ShopSpanKind::kRedis                                            ? "redis"
        : span.kind == ShopSpanKind::kProducer || span.kind == ShopSpanKind::kConsumer ? "kafka"
        : span.kind == ShopSpanKind::kInternal                                         ? "app"
        : grpc                                                                         ? "grpc"
                                                                                       : "http";
    out = "io.opentelemetry." + language + "." + std::string(library);
    return out;
  }

  void encode() {
    out_.add_bytes(1, reinterpret_cast<const char*>(span_.trace_id.bytes.data()), 16);
    out_.add_bytes(2, reinterpret_cast<const char*>(span_.span_id.bytes.data()), 8);
    if (span_.parent_id.is_valid())
      out_.add_bytes(4, reinterpret_cast<const char*>(span_.parent_id.bytes.data()), 8);
    otlp::put_string(out_, 5, name());
    static constexpr uint32_t kKinds[] = {2, 3, 3, 3, 4, 5, 1};
    out_.add_uint32(6, kKinds[static_cast<size_t>(span_.kind)]);
    out_.add_fixed64(7, span_.start_ns);
    out_.add_fixed64(8, span_.end_ns);
    attributes();
    if (span_.failed)
      exception();
    else if (span_.kind == ShopSpanKind::kInternal && dice_.below(6) == 0)
      message();
    if (span_.linked_span.is_valid()) {
      pbf_writer link(out_, 13);
      link.add_bytes(1, reinterpret_cast<const char*>(span_.linked_trace.bytes.data()), 16);
      link.add_bytes(2, reinterpret_cast<const char*>(span_.linked_span.bytes.data()), 8);
      otlp::put_attribute(link, 4, "messaging.link.reason", "batch");
    }
    if (span_.failed) {
      pbf_writer status(out_, 15);
      if (span_.kind != ShopSpanKind::kServer)
        otlp::put_string(status, 2, "upstream request failed");
      status.add_uint32(3, 2);
    }
    out_.add_fixed32(16, span_.kind == ShopSpanKind::kServer ? 0x301 : 0x101);
  }

 private:
  const ShopOperation& operation() const { return shop_.operations[span_.operation]; }
  bool is_java() const { return service_.language == "java"; }

  std::string name() const {
    switch (span_.kind) {
      case ShopSpanKind::kServer: return operation().name;
      case ShopSpanKind::kClient:
        if (operation().protocol == Protocol::kGrpc) return operation().name;
        return service_.new_conventions ? operation().method : "HTTP " + operation().method;
      case ShopSpanKind::kSql: return shop_.statement_names[span_.operation];
      case ShopSpanKind::kRedis:
        return shop_.redis[span_.operation].substr(0, shop_.redis[span_.operation].find(' '));
      case ShopSpanKind::kProducer: return operation().route + " publish";
      case ShopSpanKind::kConsumer: return operation().name;
      case ShopSpanKind::kInternal: return shop_.internal[span_.operation];
    }
    return {};
  }

  void attributes() {
    switch (span_.kind) {
      case ShopSpanKind::kServer:
        operation().protocol == Protocol::kGrpc ? grpc_server() : http_server();
        break;
      case ShopSpanKind::kClient:
        operation().protocol == Protocol::kGrpc ? grpc_client() : http_client();
        break;
      case ShopSpanKind::kSql: sql(); break;
      case ShopSpanKind::kRedis: redis(); break;
      case ShopSpanKind::kProducer:
      case ShopSpanKind::kConsumer: kafka(); break;
      case ShopSpanKind::kInternal: internal(); break;
    }
    put(out_, "app.region", pod_.node.size() % 2 == 0 ? "eu-central-1" : "eu-west-1");
    put(out_, "app.tenant", span_.facts.user % 5 == 0 ? "wholesale" : "retail");
    put(out_, "app.build", service_.version + "+" + pod_.uid.substr(0, 8));
    if (is_java()) {
      const bool http =
          span_.kind == ShopSpanKind::kServer && operation().protocol == Protocol::kHttp;
      const auto thread = static_cast<int64_t>(1 + dice_.below(http ? 40 : 12));
      put(out_, "thread.id", thread + 30);
      put(out_, "thread.name",
          http ? "http-nio-8080-exec-" + std::to_string(thread)
               : "grpc-default-executor-" + std::to_string(thread));
    }
  }

  std::string path() const {
    std::string path = operation().route;
    if (const size_t id = path.find("{id}"); id != std::string::npos) {
      const bool order = operation().service % 2 == 1;
      path.replace(id, 4, std::to_string(order ? span_.facts.order : span_.facts.item));
    }
    return path;
  }
  int64_t http_status() const {
    return span_.failed ? 500 : operation().method == "POST" ? 201 : 200;
  }

  void http_server() {
    const std::string url = path();
    const std::string caller = span_.peer_pod == UINT32_MAX
                                   ? std::to_string(20 + span_.facts.user % 180) + "." +
                                         std::to_string(span_.facts.user / 180 % 250) + "." +
                                         std::to_string(span_.facts.user / 997 % 250) + ".17"
                                   : shop_.pods[span_.peer_pod].ip;
    const auto port = static_cast<int64_t>(32'768 + dice_.below(28'000));
    const std::string_view agent = span_.peer_pod == UINT32_MAX
                                       ? kAgents[span_.facts.user % std::size(kAgents)]
                                       : std::string_view("okhttp/4.12.0");
    if (service_.new_conventions) {
      put(out_, "http.request.method", operation().method);
      put(out_, "http.response.status_code", http_status());
      put(out_, "http.route", operation().route);
      put(out_, "url.path", url);
      put(out_, "url.scheme", "https");
      put(out_, "server.address", service_.name + ".shop.svc");
      put(out_, "server.port", int64_t{8080});
      put(out_, "client.address", caller);
      put(out_, "network.peer.address", caller);
      put(out_, "network.peer.port", port);
      put(out_, "network.protocol.version", "1.1");
      put(out_, "user_agent.original", agent);
    } else {
      put(out_, "http.method", operation().method);
      put(out_, "http.status_code", http_status());
      put(out_, "http.route", operation().route);
      put(out_, "http.target", url);
      put(out_, "http.scheme", "http");
      put(out_, "http.flavor", "1.1");
      put(out_, "net.host.name", service_.name + ".shop.svc");
      put(out_, "net.host.port", int64_t{8080});
      put(out_, "net.sock.peer.addr", caller);
      put(out_, "net.sock.peer.port", port);
      put(out_, "http.user_agent", agent);
    }
    put(out_, service_.new_conventions ? "http.response.body.size" : "http.response_content_length",
        static_cast<int64_t>(200 + dice_.below(64) * dice_.below(64)));
    if (span_.peer_pod == UINT32_MAX) {
      put(out_, "http.request.header.x-request-id",
          uuid_of(span_.facts.request[0], span_.facts.request[1]));
      put(out_, "enduser.id", "u-" + std::to_string(span_.facts.user));
    }
  }

  void http_client() {
    const std::string host = shop_.services[operation().service].name + ".shop.svc";
    if (service_.new_conventions) {
      put(out_, "http.request.method", operation().method);
      put(out_, "http.response.status_code", http_status());
      put(out_, "url.full", "http://" + host + ":8080" + path());
      put(out_, "server.address", host);
      put(out_, "server.port", int64_t{8080});
      put(out_, "network.protocol.version", "1.1");
    } else {
      put(out_, "http.method", operation().method);
      put(out_, "http.status_code", http_status());
      put(out_, "http.url", "http://" + host + ":8080" + path());
      put(out_, "net.peer.name", host);
      put(out_, "net.peer.port", int64_t{8080});
      put(out_, "http.flavor", "1.1");
    }
  }

  void rpc() {
    put(out_, "rpc.system", "grpc");
    put(out_, "rpc.service", operation().route);
    put(out_, "rpc.method", operation().method);
    put(out_, "rpc.grpc.status_code", span_.failed ? int64_t{13} : int64_t{0});
  }
  void grpc_server() {
    rpc();
    const std::string& ip =
        shop_.pods[span_.peer_pod == UINT32_MAX ? span_.pod : span_.peer_pod].ip;
    const auto port = static_cast<int64_t>(32'768 + dice_.below(28'000));
    if (service_.new_conventions) {
      put(out_, "server.address", service_.name + ".shop.svc");
      put(out_, "network.peer.address", ip);
      put(out_, "network.peer.port", port);
    } else {
      put(out_, "net.host.name", service_.name + ".shop.svc");
      put(out_, "net.sock.peer.addr", ip);
      put(out_, "net.sock.peer.port", port);
      put(out_, "net.transport", "ip_tcp");
    }
    if (span_.facts.user % 3 == 0)
      put(out_, "app.user.id", "u-" + std::to_string(span_.facts.user));
  }
  void grpc_client() {
    rpc();
    const std::string host = shop_.services[operation().service].name + ".shop.svc";
    if (service_.new_conventions) {
      put(out_, "server.address", host);
      put(out_, "server.port", int64_t{9090});
    } else {
      put(out_, "net.peer.name", host);
      put(out_, "net.peer.port", int64_t{9090});
      put(out_, "net.transport", "ip_tcp");
    }
  }

  void sql() {
    std::string statement = shop_.statements[span_.operation];
    const uint64_t literals[] = {span_.facts.order, 100'000 + dice_.below(900'000),
                                 span_.facts.user, 1 + dice_.below(50)};
    size_t used = dice_.below(2);
    for (size_t at = statement.find('?'); at != std::string::npos; at = statement.find('?', at)) {
      const std::string literal = std::to_string(literals[used++ % std::size(literals)]);
      statement.replace(at, 1, literal);
      at += literal.size();
    }
    const std::string operation_name = statement.substr(0, statement.find(' '));
    const std::string& named = shop_.statement_names[span_.operation];
    const std::string table = named.substr(named.find('.') + 1);
    const std::string host = "pg-" + std::to_string(span_.operation % 4) + ".db.shop.svc";
    if (service_.new_conventions) {
      put(out_, "db.system.name", "postgresql");
      put(out_, "db.namespace", "shop");
      put(out_, "db.operation.name", operation_name);
      put(out_, "db.collection.name", table);
      put(out_, "db.query.text", statement);
      put(out_, "server.address", host);
      put(out_, "server.port", int64_t{5432});
    } else {
      put(out_, "db.system", "postgresql");
      put(out_, "db.name", "shop");
      put(out_, "db.user", service_.name);
      put(out_, "db.operation", operation_name);
      put(out_, "db.sql.table", table);
      put(out_, "db.statement", statement);
      put(out_, "net.peer.name", host);
      put(out_, "net.peer.port", int64_t{5432});
    }
    if (dice_.below(3) == 0)
      put(out_, "db.response.returned_rows", static_cast<int64_t>(dice_.below(20)));
  }

  void redis() {
    std::string statement = shop_.redis[span_.operation];
    const auto fill = [&](std::string_view mark, const std::string& with) {
      for (size_t at = statement.find(mark); at != std::string::npos; at = statement.find(mark))
        statement.replace(at, mark.size(), with);
    };
    fill("{user}", std::to_string(span_.facts.user));
    fill("{item}", std::to_string(span_.facts.item));
    fill("{small}", std::to_string(dice_.below(12)));
    put(out_, service_.new_conventions ? "db.system.name" : "db.system", "redis");
    put(out_, service_.new_conventions ? "db.query.text" : "db.statement", statement);
    put(out_, service_.new_conventions ? "server.address" : "net.peer.name",
        "redis-cart.db.shop.svc");
    put(out_, service_.new_conventions ? "server.port" : "net.peer.port", int64_t{6379});
    put(out_, "db.redis.database_index", static_cast<int64_t>(span_.operation % 2));
  }

  void kafka() {
    const bool producer = span_.kind == ShopSpanKind::kProducer;
    put(out_, "messaging.system", "kafka");
    put(out_, "messaging.destination.name", operation().route);
    put(out_, "messaging.operation", producer ? "publish" : "process");
    put(out_, "messaging.destination.partition.id", std::to_string(span_.facts.order % 12));
    put(out_, "messaging.kafka.message.offset",
        static_cast<int64_t>(81'000'000 + span_.facts.order / 64 + dice_.below(4'000)));
    put(out_, "messaging.kafka.message.key", std::to_string(span_.facts.order));
    put(out_, "messaging.message.body.size", static_cast<int64_t>(300 + dice_.below(900)));
    if (!producer) put(out_, "messaging.kafka.consumer.group", service_.name);
    put(out_, "messaging.client_id",
        service_.name + "-" + pod_.name.substr(pod_.name.size() - 5) + "-1");
  }

  void internal() {
    put(out_, "code.function",
        shop_.internal[span_.operation].substr(0, shop_.internal[span_.operation].find(' ')));
    put(out_, "code.namespace", "com.example.shop." + service_.name + ".Handler");
    if (dice_.below(2) == 0)
      put(out_, "app.order.id",
          uuid_of(span_.facts.order * 0x9e3779b97f4a7c15ULL, span_.facts.request[1]));
    if (dice_.below(3) == 0)
      put_double(out_, "app.cart.total", static_cast<double>(100 + dice_.below(40'000)) / 100);
    put(out_, "app.items.count", static_cast<int64_t>(1 + dice_.below(9)));
  }

  void exception() {
    const uint64_t which = dice_.below(3);
    static constexpr std::string_view kTypes[] = {"java.net.SocketTimeoutException",
                                                  "shop.OutOfStockError", "StatusRuntimeException"};
    const std::string message =
        which == 0   ? "Read timed out after " + std::to_string(1000 + dice_.below(4000)) + " ms"
        : which == 1 ? "item " + std::to_string(span_.facts.item) + " is out of stock"
                     : std::string("UNAVAILABLE: upstream connect error");
    std::string trace = std::string(kTypes[which]) + ": " + message + "\n";
    for (uint64_t frame = 0, frames = 14 + dice_.below(10); frame < frames; ++frame)
      trace += "\tat com.example.shop." + service_.name + ".Layer" + std::to_string(frame) +
               ".call(Layer" + std::to_string(frame) +
               ".java:" + std::to_string(40 + frame * 13 % 300) + ")\n";
    pbf_writer event(out_, 11);
    event.add_fixed64(1, span_.end_ns - std::min<uint64_t>(span_.end_ns - span_.start_ns,
                                                           20'000 + dice_.below(200'000)));
    otlp::put_string(event, 2, "exception");
    otlp::put_attribute(event, 3, "exception.type", kTypes[which]);
    otlp::put_attribute(event, 3, "exception.message", message);
    otlp::put_attribute(event, 3, "exception.stacktrace", trace);
  }

  void message() {
    pbf_writer event(out_, 11);
    event.add_fixed64(1, span_.start_ns + dice_.below(1 + span_.end_ns - span_.start_ns));
    otlp::put_string(event, 2, dice_.below(2) == 0 ? "cache miss" : "retry scheduled");
    otlp::put_attribute(event, 3, "app.attempt", static_cast<int64_t>(dice_.below(4)));
  }

  const ShopTopology& shop_;
  const ShopSpan& span_;
  const ShopPod& pod_;
  const ShopService& service_;
  pbf_writer& out_;
  Dice dice_;
};

void put_resource(pbf_writer& out, const ShopPod& pod, const ShopService& service) {
  pbf_writer resource(out, 1);
  const auto put_text = [&](std::string_view key, std::string_view value) {
    otlp::put_attribute(resource, 1, key, value);
  };
  put_text("service.name", service.name);
  put_text("service.namespace", "shop");
  put_text("service.version", service.version);
  put_text("service.instance.id", pod.instance);
  put_text("deployment.environment", "production");
  put_text("k8s.cluster.name", "shop-eu-1");
  put_text("k8s.namespace.name", "shop");
  put_text("k8s.deployment.name", service.name);
  put_text("k8s.pod.name", pod.name);
  put_text("k8s.pod.uid", pod.uid);
  put_text("k8s.node.name", pod.node);
  put_text("host.name", pod.name);
  put_text("container.id", pod.container);
  put_text("os.type", "linux");
  otlp::put_attribute(resource, 1, "process.pid", pod.process);
  put_text("telemetry.sdk.language", service.language);
  put_text("telemetry.sdk.name", "opentelemetry");
  put_text("telemetry.sdk.version", "1.28.0");
}

}  // namespace

TraceFacts make_trace_facts(Random& random) {
  const double skew = random.unit();
  return {.user = static_cast<uint32_t>(skew * skew * 400'000),
          .order = 7'000'000'000 + random.below(900'000'000),
          .item = static_cast<uint32_t>(random.unit() * random.unit() * 60'000),
          .request = {random.next(), random.next()}};
}

std::string encode_pod_request(const ShopTopology& shop, uint32_t pod,
                               std::span<const ShopSpan> spans) {
  std::vector<std::string> scopes;
  std::vector<std::vector<const ShopSpan*>> spans_of;
  std::string name;
  for (const ShopSpan& span : spans) {
    SpanEncoder::scope_of(shop, span, name);
    size_t at = 0;
    while (at < scopes.size() && scopes[at] != name) ++at;
    if (at == scopes.size()) {
      scopes.push_back(name);
      spans_of.emplace_back();
    }
    spans_of[at].push_back(&span);
  }
  std::string bytes;
  {
    pbf_writer request(bytes);
    pbf_writer resource_spans(request, 1);
    put_resource(resource_spans, shop.pods[pod], shop.services[shop.pods[pod].service]);
    for (size_t i = 0; i < scopes.size(); ++i) {
      pbf_writer scope_spans(resource_spans, 2);
      {
        pbf_writer scope(scope_spans, 1);
        otlp::put_string(scope, 1, scopes[i]);
        otlp::put_string(scope, 2, "2.10.0-alpha");
      }
      for (const ShopSpan* span : spans_of[i]) {
        pbf_writer one(scope_spans, 2);
        SpanEncoder(shop, *span, one).encode();
      }
    }
  }
  return bytes;
}

}  // namespace sightline::bench
