#include "bench/shop_request.h"

#include <cmath>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::bench {
namespace {

namespace otlp = wire::otlp::testing::detail;
using protozero::pbf_writer;

// Numbers of Span.SpanKind.
enum class Kind : uint8_t { kInternal = 1, kServer = 2, kClient = 3, kProducer = 4 };

struct Service {
  std::string_view name;
  std::string_view language;
};
constexpr Service kServices[] = {{"frontend", "nodejs"}, {"cart", "dotnet"},
                                 {"catalogue", "go"},    {"checkout", "go"},
                                 {"payment", "nodejs"},  {"shipping", "rust"},
                                 {"currency", "cpp"},    {"recommendation", "python"}};
enum : uint8_t {
  kFrontend,
  kCart,
  kCatalogue,
  kCheckout,
  kPayment,
  kShipping,
  kCurrency,
  kRecommendation
};

// One operation of a request's tree; parents come before their children.
struct Step {
  int8_t parent;  // index; -1: the root
  uint8_t service;
  Kind kind;
  std::string_view name;
  std::string_view system;  // "http", "grpc", a database, or none
  double own_ms;            // median of the time spent here and not below
};

constexpr Step kBrowse[] = {
    {-1, kFrontend, Kind::kServer, "GET /products/{id}", "http", 2.0},
    {0, kFrontend, Kind::kClient, "shop.Catalogue/GetProduct", "grpc", 0.4},
    {1, kCatalogue, Kind::kServer, "shop.Catalogue/GetProduct", "grpc", 0.6},
    {2, kCatalogue, Kind::kClient, "SELECT products", "postgresql", 3.0},
    {0, kFrontend, Kind::kClient, "shop.Recommendation/List", "grpc", 0.4},
    {4, kRecommendation, Kind::kServer, "shop.Recommendation/List", "grpc", 8.0},
    {5, kRecommendation, Kind::kInternal, "rank", "", 12.0},
    {0, kFrontend, Kind::kInternal, "render product", "", 5.0},
};
constexpr Step kAddToCart[] = {
    {-1, kFrontend, Kind::kServer, "POST /cart", "http", 1.5},
    {0, kFrontend, Kind::kClient, "shop.Cart/AddItem", "grpc", 0.4},
    {1, kCart, Kind::kServer, "shop.Cart/AddItem", "grpc", 0.8},
    {2, kCart, Kind::kClient, "HSET cart", "redis", 0.7},
    {0, kFrontend, Kind::kClient, "shop.Catalogue/GetProduct", "grpc", 0.4},
    {4, kCatalogue, Kind::kServer, "shop.Catalogue/GetProduct", "grpc", 0.6},
};
constexpr Step kPlaceOrder[] = {
    {-1, kFrontend, Kind::kServer, "POST /checkout", "http", 3.0},
    {0, kFrontend, Kind::kClient, "shop.Checkout/PlaceOrder", "grpc", 0.5},
    {1, kCheckout, Kind::kServer, "shop.Checkout/PlaceOrder", "grpc", 4.0},
    {2, kCheckout, Kind::kClient, "shop.Cart/GetCart", "grpc", 0.4},
    {3, kCart, Kind::kServer, "shop.Cart/GetCart", "grpc", 0.6},
    {4, kCart, Kind::kClient, "HGETALL cart", "redis", 0.7},
    {2, kCheckout, Kind::kClient, "shop.Currency/Convert", "grpc", 0.4},
    {6, kCurrency, Kind::kServer, "shop.Currency/Convert", "grpc", 0.2},
    {2, kCheckout, Kind::kClient, "shop.Shipping/GetQuote", "grpc", 0.4},
    {8, kShipping, Kind::kServer, "shop.Shipping/GetQuote", "grpc", 2.5},
    {2, kCheckout, Kind::kClient, "POST /charge", "http", 0.6},
    {10, kPayment, Kind::kServer, "POST /charge", "http", 45.0},
    {11, kPayment, Kind::kClient, "INSERT payments", "postgresql", 6.0},
    {2, kCheckout, Kind::kProducer, "orders publish", "kafka", 1.2},
};

struct Span {
  const Step* step;
  uint64_t trace_hi, trace_lo, id, parent_id;
  uint64_t start_ns, end_ns;
  bool failed;
};

// Log-normal: most are near the median, a few take many times as long.
uint64_t own_time_ns(Random& random, double median_ms) {
  const double gauss =
      std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(6.283185307179586 * random.unit());
  return static_cast<uint64_t>(median_ms * 1e6 * std::exp(0.5 * gauss)) + 1'000;
}

std::span<const Step> choose_steps(Random& random) {
  const uint64_t dice = random.below(100);
  if (dice < 60) return kBrowse;
  if (dice < 85) return kAddToCart;
  return kPlaceOrder;
}

// The spans of one trace, in the order of its steps; children run one after the other inside their parent.
std::vector<Span> make_trace(Random& random, uint64_t start_ns) {
  const std::span<const Step> steps = choose_steps(random);
  std::vector<uint64_t> own(steps.size());
  std::vector<uint64_t> whole(steps.size());
  for (size_t i = steps.size(); i-- > 0;) {
    own[i] = own_time_ns(random, steps[i].own_ms);
    whole[i] += own[i];
    if (steps[i].parent >= 0) whole[static_cast<size_t>(steps[i].parent)] += whole[i];
  }
  // Two payments in a hundred are declined, and everything above them fails.
  const bool declined = steps.data() == kPlaceOrder && random.below(50) == 0;
  const uint64_t hi = random.next() | 1;
  const uint64_t lo = random.next() | 1;
  std::vector<Span> spans;
  std::vector<uint64_t> next_child_ns(steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const bool root = step.parent < 0;
    const auto parent = static_cast<size_t>(root ? 0 : step.parent);
    const uint64_t start = root ? start_ns : next_child_ns[parent];
    if (!root) next_child_ns[parent] = start + whole[i];
    next_child_ns[i] = start + own[i] / 2;
    const bool on_the_way = i <= 2 || i == 10 || i == 11;
    spans.push_back({&step, hi, lo, random.next() | 1, root ? 0 : spans[parent].id, start,
                     start + whole[i], declined && on_the_way});
  }
  return spans;
}

void put_step_attributes(pbf_writer& out, const Span& span, uint64_t peer) {
  const Step& step = *span.step;
  const bool server = step.kind == Kind::kServer;
  const std::string_view method = step.name.substr(0, step.name.find(' '));
  if (step.system == "http") {
    const std::string_view route = step.name.substr(method.size() + 1);
    otlp::put_attribute(out, 9, "http.request.method", method);
    otlp::put_attribute(out, 9, "http.response.status_code",
                        span.failed ? int64_t{500} : int64_t{200});
    otlp::put_attribute(out, 9, server ? "http.route" : "url.full", route);
    otlp::put_attribute(out, 9, "network.protocol.version", "1.1");
    otlp::put_attribute(out, 9, "url.scheme", "http");
    if (server)
      otlp::put_attribute(out, 9, "user_agent.original",
                          "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101");
  } else if (step.system == "grpc") {
    const size_t slash = step.name.find('/');
    otlp::put_attribute(out, 9, "rpc.system", "grpc");
    otlp::put_attribute(out, 9, "rpc.service", step.name.substr(0, slash));
    otlp::put_attribute(out, 9, "rpc.method", step.name.substr(slash + 1));
    otlp::put_attribute(out, 9, "rpc.grpc.status_code", span.failed ? int64_t{13} : int64_t{0});
  } else if (step.system == "kafka") {
    otlp::put_attribute(out, 9, "messaging.system", "kafka");
    otlp::put_attribute(out, 9, "messaging.destination.name", "orders");
  } else if (!step.system.empty()) {
    otlp::put_attribute(out, 9, "db.system", step.system);
    otlp::put_attribute(out, 9, "db.operation", method);
    otlp::put_attribute(out, 9, "db.statement", step.name);
  }
  if (step.kind == Kind::kClient || server) {
    otlp::put_attribute(out, 9, "server.address", kServices[step.service].name);
    otlp::put_attribute(out, 9, "network.peer.address", "10.0.0." + std::to_string(peer % 250));
    otlp::put_attribute(out, 9, "network.peer.port", static_cast<int64_t>(30'000 + peer % 30'000));
  }
}

void put_span(pbf_writer& out, const Span& span, uint64_t peer) {
  otlp::put_id(out, 1, span.trace_hi, span.trace_lo, 16);
  otlp::put_id(out, 2, span.id, 0, 8);
  if (span.parent_id != 0) otlp::put_id(out, 4, span.parent_id, 0, 8);
  otlp::put_string(out, 5, span.step->name);
  out.add_uint32(6, static_cast<uint32_t>(span.step->kind));
  out.add_fixed64(7, span.start_ns);
  out.add_fixed64(8, span.end_ns);
  put_step_attributes(out, span, peer);
  if (span.failed) {
    pbf_writer status(out, 15);
    otlp::put_string(status, 2, "payment declined");
    status.add_uint32(3, 2);
  }
  out.add_fixed32(16, 0x100);
}

void put_resource(pbf_writer& out, const Service& service) {
  pbf_writer resource(out, 1);
  otlp::put_attribute(resource, 1, "service.name", service.name);
  otlp::put_attribute(resource, 1, "service.namespace", "shop");
  otlp::put_attribute(resource, 1, "service.instance.id",
                      std::string(service.name) + "-7c5ddbdf54-x2x9k");
  otlp::put_attribute(resource, 1, "telemetry.sdk.language", service.language);
  otlp::put_attribute(resource, 1, "telemetry.sdk.name", "opentelemetry");
  otlp::put_attribute(resource, 1, "deployment.environment", "production");
}

}  // namespace

std::string make_shop_request(const ShopRequest& shop) {
  constexpr uint64_t kStartNs = 1'795'485'322'988'000'000;
  Random random(shop.seed);
  std::vector<std::vector<Span>> by_service(std::size(kServices));
  for (uint32_t i = 0; i < shop.traces; ++i)
    for (const Span& span : make_trace(random, kStartNs + i * 7'000'000))
      by_service[span.step->service].push_back(span);

  std::string bytes;
  pbf_writer request(bytes);
  for (size_t service = 0; service < by_service.size(); ++service) {
    if (by_service[service].empty()) continue;
    pbf_writer resource_spans(request, 1);
    put_resource(resource_spans, kServices[service]);
    pbf_writer scope_spans(resource_spans, 2);
    {
      pbf_writer scope(scope_spans, 1);
      otlp::put_string(scope, 1, "shop.instrumentation");
      otlp::put_string(scope, 2, "1.0.0");
    }
    for (const Span& span : by_service[service]) {
      pbf_writer one(scope_spans, 2);
      put_span(one, span, random.next());
    }
  }
  return bytes;
}

}  // namespace sightline::bench
