#pragma once
// The edge from the collector's graph into the trace store of this process: a
// function call where the chain has OTLP over a socket.
#include "base/telemetry.h"
#include "pipeline/graph/consumer.h"
#include "tracestore/writer.h"

namespace sightline::pipeline {

class StoreExporter final : public SpanConsumer {
 public:
  // `store` outlives this object.
  explicit StoreExporter(tracestore::TraceWriter& store) : store_(store) {}
  Status consume(const SharedBatch& batch) override { return store_.append(batch); }

 private:
  tracestore::TraceWriter& store_;
};

// Likewise, as the tenant that an exporter's headers name.
class TenantExporter final : public SpanConsumer {
 public:
  TenantExporter(TenantConsumer tenants, std::string org_id)
      : tenants_(std::move(tenants)), org_id_(std::move(org_id)) {}
  Status consume(const SharedBatch& batch) override { return tenants_(org_id_, batch); }

 private:
  const TenantConsumer tenants_;
  const std::string org_id_;
};

}  // namespace sightline::pipeline
