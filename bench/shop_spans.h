#pragma once
// One span of the shop, and how the instrumentation of its pod's language writes it in OTLP.
#include <cstdint>
#include <span>
#include <string>

#include "base/ids.h"
#include "base/random.h"
#include "bench/shop_topology.h"

namespace sightline::bench {

enum class ShopSpanKind : uint8_t {
  kServer,
  kClient,
  kSql,
  kRedis,
  kProducer,
  kConsumer,
  kInternal
};

// What all spans of a trace are about.
struct TraceFacts {
  uint32_t user = 0;
  uint64_t order = 0;
  uint32_t item = 0;
  uint64_t request[2] = {0, 0};  // a request id
};
TraceFacts make_trace_facts(Random& random);

struct ShopSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;
  ShopSpanKind kind = ShopSpanKind::kInternal;
  uint32_t pod = 0;
  uint32_t peer_pod = UINT32_MAX;  // who called; none: a browser
  uint32_t operation =
      0;  // server, client, consumer, producer: the operation; otherwise an index into words
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  bool failed = false;
  TraceFacts facts;
  uint64_t dice = 0;  // what else is chance
  TraceId linked_trace;
  SpanId linked_span;
};

// An ExportTraceServiceRequest of one pod's resource; one scope for each instrumentation library.
std::string encode_pod_request(const ShopTopology& shop, uint32_t pod,
                               std::span<const ShopSpan> spans);

}  // namespace sightline::bench
