#pragma once
// `sightline demo`: the small service people try tracing with, in C++. "/" answers at once
// with a child span "index-span", "/slow" after half a second with "slow-span"; spans are named and
// attributed as the Flask instrumentation of OpenTelemetry Python does it, a W3C traceparent is
// honoured, and spans leave by OTLP/gRPC a fraction of a second after they end.
//   Threads   owns its servers and one exporting thread.
//   Limits    spans_waiting_max; beyond, the oldest are dropped and counted in the log.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/telemetry.h"
#include "base/time.h"
#include "base/work_pool.h"
#include "net/grpc_client.h"
#include "net/http_server.h"
#include "server/command_line.h"

namespace sightline::server {

// The "00-<trace id>-<parent id>-<flags>" header (W3C Trace Context, section 3.2).
struct TraceParent {
  TraceId trace_id;
  SpanId parent_id;
  bool sampled = true;
};
std::optional<TraceParent> parse_traceparent(std::string_view header);

// One finished span on its way out; owns its strings.
struct DemoSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;
  bool server = false;  // else internal
  std::string name;
  TimestampNs start;
  TimestampNs end;
  std::vector<std::pair<std::string, std::string>> text_attributes;
  std::vector<std::pair<std::string, int64_t>> int_attributes;
  bool error = false;
};

// ExportTraceServiceRequest with the demo's resource.
std::string encode_demo_spans(const std::vector<DemoSpan>& spans, std::string_view instance_id);

class DemoService {
 public:
  static Result<std::unique_ptr<DemoService>> start(const DemoCommand& command, const Clock& clock,
                                                    Telemetry& telemetry);
  ~DemoService();  // stops serving, exports what waits
  std::string address() const { return server_->local_address(); }

 private:
  DemoService(const DemoCommand& command, const Clock& clock);
  struct Page {
    std::string_view route;  // "/slow"; empty: not found
    std::string_view child;  // name of the child span
    std::string_view body;
    std::chrono::milliseconds work{0};
  };
  net::HttpResponse serve(const Page& page, const net::HttpRequest& request);
  void export_spans();
  void send(std::vector<DemoSpan> spans);
  SpanId new_span_id();
  TraceId new_trace_id();

  const DemoCommand command_;
  const Clock& clock_;
  const std::string instance_id_;
  // Where spans may go: the first that answers is kept. The exporting thread's.
  struct Receiver {
    std::string endpoint;
    std::unique_ptr<net::GrpcClient> client;
  };
  std::vector<Receiver> receivers_;
  size_t receiver_ = 0;
  net::HttpRouter router_;
  std::mutex mutex_;
  Random random_;                 // guarded by mutex_
  std::deque<DemoSpan> waiting_;  // guarded by mutex_
  uint64_t dropped_ = 0;          // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
  std::condition_variable changed_;
  std::unique_ptr<WorkPool> pool_;  // one thread per request being slow
  std::unique_ptr<net::HttpServer> server_;
  std::thread exporter_;
};

}  // namespace sightline::server
