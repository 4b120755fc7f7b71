#pragma once
// The collector of this process: receivers, connectors and exporters, joined as the
// configuration's pipelines say. An edge whose two ends are both in this process is a function
// call; an edge that leaves it is a socket.
//   Lifetime  the configuration and what GraphEnvironment names outlive the graph. start() opens the sockets, stop()
//             closes receivers first, then drains exporters.
//   Errors    build() and start() name the component's place in its file.
//   Threads   start() and stop() from one thread; status from any.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "base/time.h"
#include "base/work_pool.h"
#include "config/otelcol/otelcol_config.h"
#include "net/http_server.h"
#include "pipeline/receivers/otlp_listeners.h"
#include "pipeline/receivers/scraping.h"
#include "tracestore/writer.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

struct GraphEnvironment {
  const Clock& clock;
  Telemetry& telemetry;
  WorkPool& pool;
  std::shared_ptr<net::IoThreads> io_threads;
  tracestore::TraceWriter* trace_store = nullptr;  // null: no trace store in this process
  TenantConsumer trace_tenants;  // of a trace store with tenants, in place of trace_store
  tsdb::Appendable* metrics_store = nullptr;  // null: no metrics store in this process
  MakeScraping make_scraping;                 // empty: no prometheus receiver can be
  // Whether an OTLP endpoint ("http://localhost:4318", "localhost:4317") is the trace store's own receiver.
  std::function<bool(std::string_view endpoint)> is_own_trace_receiver;
};

class Graph {
 public:
  static Result<std::unique_ptr<Graph>> build(const config::OtelcolConfig& config,
                                              GraphEnvironment environment);
  virtual ~Graph() = default;

  virtual Status start() = 0;
  virtual void stop(std::chrono::milliseconds deadline) = 0;
  // Ends what has expired; called every few seconds.
  virtual void maintain() = 0;
  virtual std::vector<OpenListener> listeners() const = 0;
  virtual ReceivedServices received() const = 0;
  // The router of the prometheus exporter that listens on `port`, for scraping without a socket; null when none does.
  virtual const net::HttpRouter* exposition_at(uint16_t port) const = 0;
};

}  // namespace sightline::pipeline
