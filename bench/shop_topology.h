#pragma once
// The imagined shop that ShopTraffic sends spans of: 24 services in 45 pods, their operations and what each calls.
//   Fixed      the same for every seed: a deployment does not change from request to request.
//   Dialects   a service's instrumentation writes either the older HTTP and database conventions (http.method,
//              db.statement) or the newer ones (http.request.method, db.query.text), as mixed fleets do.
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace sightline::bench {

enum class Protocol : uint8_t { kHttp, kGrpc, kSql, kRedis, kKafka, kInternal };

// Something an operation does while it runs.
struct ShopCall {
  Protocol protocol = Protocol::kInternal;
  uint32_t target =
      0;  // kHttp, kGrpc, kKafka: operation called; otherwise an index into words of its kind
  double probability = 1;
  uint32_t repeats_max = 1;
  double own_ms = 1;  // median
};

struct ShopOperation {
  uint32_t service = 0;
  Protocol protocol = Protocol::kHttp;  // how it is called
  std::string name;    // of the server span: "GET /api/v2/carts/{id}", "shop.cart.v1.Cart/Get"
  std::string method;  // GET; Get
  std::string route;   // /api/v2/carts/{id}; shop.cart.v1.Cart
  double own_ms = 1;
  std::vector<ShopCall> calls;
};

struct ShopPod {
  uint32_t service = 0;
  std::string name;
  std::string uid;
  std::string node;
  std::string ip;
  std::string instance;
  std::string container;
  int64_t process = 0;
};

struct ShopService {
  std::string name;
  std::string language;
  std::string version;
  bool new_conventions = false;
  std::vector<uint32_t> pods;
  std::vector<uint32_t> operations;
};

struct ShopTopology {
  std::vector<ShopService> services;
  std::vector<ShopPod> pods;
  std::vector<ShopOperation> operations;
  std::vector<uint32_t> roots;          // operations that users call, the most frequent first
  std::vector<std::string> statements;  // of SQL; '?' where a literal goes
  std::vector<std::string> statement_names;
  std::vector<std::string> redis;     // "HGETALL cart:{user}"
  std::vector<std::string> internal;  // names of internal spans
};

ShopTopology make_shop_topology();

}  // namespace sightline::bench
