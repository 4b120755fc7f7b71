#include "bench/shop_topology.h"

#include <array>
#include <string_view>

namespace sightline::bench {
namespace {

struct Kind {
  std::string_view name;
  std::string_view language;
  uint8_t level;  // calls go to higher levels only
  uint8_t pods;
  Protocol protocol;
  std::string_view noun;
};

constexpr Kind kKinds[] = {
    {"storefront", "nodejs", 0, 4, Protocol::kHttp, "pages"},
    {"mobile-gateway", "go", 0, 3, Protocol::kHttp, "screens"},
    {"partner-api", "java", 0, 2, Protocol::kHttp, "feeds"},
    {"checkout", "java", 1, 3, Protocol::kHttp, "checkouts"},
    {"cart", "dotnet", 1, 3, Protocol::kGrpc, "carts"},
    {"catalogue", "go", 1, 3, Protocol::kGrpc, "products"},
    {"search", "java", 1, 2, Protocol::kHttp, "queries"},
    {"recommendation", "python", 1, 2, Protocol::kGrpc, "rankings"},
    {"account", "java", 1, 2, Protocol::kHttp, "accounts"},
    {"order", "java", 1, 2, Protocol::kGrpc, "orders"},
    {"payment", "nodejs", 2, 2, Protocol::kHttp, "charges"},
    {"fraud", "python", 2, 1, Protocol::kGrpc, "scores"},
    {"pricing", "go", 2, 2, Protocol::kGrpc, "prices"},
    {"promotion", "go", 2, 1, Protocol::kGrpc, "coupons"},
    {"inventory", "java", 2, 2, Protocol::kGrpc, "levels"},
    {"shipping", "rust", 2, 1, Protocol::kGrpc, "quotes"},
    {"review", "php", 2, 1, Protocol::kHttp, "reviews"},
    {"media", "go", 2, 1, Protocol::kHttp, "images"},
    {"session", "go", 2, 2, Protocol::kGrpc, "sessions"},
    {"currency", "cpp", 3, 1, Protocol::kGrpc, "rates"},
    {"tax", "dotnet", 3, 1, Protocol::kGrpc, "taxes"},
    {"feature-flags", "go", 3, 1, Protocol::kGrpc, "flags"},
    {"mail", "python", 3, 1, Protocol::kKafka, "mail"},
    {"warehouse", "java", 3, 2, Protocol::kKafka, "parcels"},
};
constexpr std::string_view kVerbs[] = {"Get",    "List",  "Create", "Update",
                                       "Remove", "Check", "Quote"};
constexpr std::string_view kMethods[] = {"GET", "GET", "POST", "PUT", "DELETE", "GET", "POST"};
constexpr std::array kInternalWords = {"validate",  "render",    "rank", "serialize",
                                       "authorize", "enrich",    "map",  "aggregate",
                                       "resolve",   "normalize", "sign", "price"};

std::string hex(Random& random, size_t digits) {
  std::string out;
  while (out.size() < digits) out += "0123456789abcdef"[random.below(16)];
  return out;
}

void add_statements(ShopTopology& shop) {
  constexpr std::string_view tables[] = {"orders",    "order_items", "products", "accounts",
                                         "addresses", "charges",     "coupons",  "stock_levels",
                                         "reviews",   "sessions",    "parcels"};
  for (const std::string_view table : tables) {
    const std::string t(table);
    shop.statements.push_back("SELECT id, created_at, updated_at, state, total FROM " + t +
                              " WHERE id = ?");
    shop.statement_names.push_back("SELECT shop." + t);
    shop.statements.push_back(
        "SELECT * FROM " + t +
        " WHERE account_id = ? AND state IN ('open', 'held') ORDER BY created_at DESC LIMIT ?");
    shop.statement_names.push_back("SELECT shop." + t);
    shop.statements.push_back("UPDATE " + t +
                              " SET state = 'done', version = ? WHERE id = ? AND version = ?");
    shop.statement_names.push_back("UPDATE shop." + t);
    if (table.size() % 2 == 0) {
      shop.statements.push_back("INSERT INTO " + t +
                                " (id, account_id, total, note) VALUES (?, ?, ?, 'web')");
      shop.statement_names.push_back("INSERT shop." + t);
    }
  }
  shop.redis = {"HGETALL cart:{user}",
                "GET session:{user}",
                "SETEX session:{user} 1800 ?",
                "ZREVRANGE trending:{small} 0 20",
                "MGET price:{item} price:{item} price:{item}",
                "INCRBY views:{item} 1"};
  for (const std::string_view word : kInternalWords)
    for (const std::string_view what : {"request", "response", "cart"})
      shop.internal.push_back(std::string(word) + " " + std::string(what));
}

void add_services(ShopTopology& shop, Random& random) {
  for (const Kind& kind : kKinds) {
    const auto number = static_cast<uint32_t>(shop.services.size());
    ShopService service{
        .name = std::string(kind.name),
        .language = std::string(kind.language),
        .version = "2." + std::to_string(random.below(40)) + "." + std::to_string(random.below(9)),
        .new_conventions =
            kind.language == "go" || kind.language == "rust" || kind.language == "nodejs",
        .pods = {},
        .operations = {}};
    const std::string replica_set = service.name + "-" + hex(random, 10);
    for (int pod = 0; pod < kind.pods; ++pod) {
      service.pods.push_back(static_cast<uint32_t>(shop.pods.size()));
      shop.pods.push_back({.service = number,
                           .name = replica_set + "-" + hex(random, 5),
                           .uid = random.uuid(),
                           .node = "node-pool-a-" + hex(random, 4),
                           .ip = "10.4." + std::to_string(random.below(8)) + "." +
                                 std::to_string(random.below(250)),
                           .instance = random.uuid(),
                           .container = hex(random, 64),
                           .process = static_cast<int64_t>(1 + random.below(40))});
    }
    const size_t operations = kind.protocol == Protocol::kKafka ? 2
                              : kind.level == 0                 ? 7
                                                                : 3 + random.below(3);
    for (size_t i = 0; i < operations; ++i) {
      ShopOperation operation{.service = number,
                              .protocol = kind.protocol,
                              .name = {},
                              .method = {},
                              .route = {},
                              .own_ms = 0.4 + 6 * random.unit(),
                              .calls = {}};
      const std::string noun(kind.noun);
      if (kind.protocol == Protocol::kHttp) {
        operation.method = kMethods[i];
        operation.route = "/api/v" + std::to_string(1 + i % 2) + "/" + noun +
                          (i % 3 == 1 ? "" : "/{id}") + (i > 4 ? "/summary" : "");
        operation.name = operation.method + " " + operation.route;
      } else if (kind.protocol == Protocol::kGrpc) {
        operation.method =
            std::string(kVerbs[i]) + static_cast<char>(noun[0] - 32) + noun.substr(1);
        operation.route = "shop." + service.name + ".v1." +
                          static_cast<char>(service.name[0] - 32) + service.name.substr(1) +
                          "Service";
        operation.name = operation.route + "/" + operation.method;
      } else {
        operation.method = "process";
        operation.route = noun + (i == 0 ? ".requested" : ".changed");
        operation.name = operation.route + " process";
      }
      service.operations.push_back(static_cast<uint32_t>(shop.operations.size()));
      if (kind.level == 0) shop.roots.push_back(service.operations.back());
      shop.operations.push_back(std::move(operation));
    }
    shop.services.push_back(std::move(service));
  }
}

void add_calls(ShopTopology& shop, Random& random) {
  for (ShopOperation& operation : shop.operations) {
    const uint8_t level = kKinds[operation.service].level;
    std::vector<uint32_t> callable;
    for (uint32_t i = 0; i < shop.operations.size(); ++i)
      if (kKinds[shop.operations[i].service].level > level) callable.push_back(i);
    const auto call = [&](Protocol protocol, uint64_t target, double probability,
                          uint32_t repeats) {
      operation.calls.push_back({.protocol = protocol,
                                 .target = static_cast<uint32_t>(target),
                                 .probability = probability,
                                 .repeats_max = repeats,
                                 .own_ms = 0.15 + 2 * random.unit()});
    };
    if (random.below(3) != 0) call(Protocol::kInternal, random.below(shop.internal.size()), 0.8, 1);
    if (random.below(2) == 0) call(Protocol::kRedis, random.below(shop.redis.size()), 0.9, 1);
    const uint64_t remote = callable.empty() ? 0
                            : level == 0     ? 3 + random.below(3)
                                             : 1 + random.below(2);
    for (uint64_t i = 0; i < remote; ++i) {
      const uint32_t target = callable[random.below(callable.size())];
      call(shop.operations[target].protocol, target, level == 0 ? 0.7 : 0.5, 1);
    }
    if (level > 0)
      call(Protocol::kSql, random.below(shop.statements.size()), 0.85,
           random.below(5) == 0 ? 4 : 1);
    if (random.below(4) == 0) call(Protocol::kInternal, random.below(shop.internal.size()), 0.5, 1);
  }
}

}  // namespace

ShopTopology make_shop_topology() {
  Random random(20'240'229);
  ShopTopology shop;
  add_statements(shop);
  add_services(shop, random);
  add_calls(shop, random);
  return shop;
}

}  // namespace sightline::bench
