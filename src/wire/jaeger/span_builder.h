#pragma once
// Jaeger's spans, as either wire form reads them, to a SpanBatch, as the collector's jaeger receiver translates them:
// the process is the resource, tags are attributes, logs are events, references are links; the tags span.kind, error,
// otel.status_code and http.status_code say kind and status.
//   Ownership  texts stay views into the request, which the batch keeps alive; what is made new is owned by the batch.
//   Rejected   a span without trace id or span id; the others are kept.
//   Limits     JaegerLimits.
//   Threads    one owner.
//   Source     opentelemetry-collector-contrib, pkg/translator/jaeger.
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/span_batch.h"

namespace sightline::wire::jaeger {

struct JaegerLimits {
  size_t spans_max = 50'000;
  size_t tags_max =
      256;  // of one span, log or process; further ones are dropped and counted on the span
  size_t logs_max = 4'096;
  size_t references_max = 1'024;
};

struct DecodedJaeger {
  std::shared_ptr<const model::SpanBatch> batch;  // never null
  uint64_t rejected = 0;
};

struct JaegerReference {
  TraceId trace_id;
  SpanId span_id;
  bool is_child_of = true;  // else: follows from
};
struct JaegerLog {
  uint64_t time_ns = 0;
  std::vector<model::AttributeView> fields;
};
struct JaegerSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;
  std::string_view name;
  uint32_t flags = 0;
  uint64_t start_ns = 0;
  uint64_t duration_ns = 0;
  std::vector<model::AttributeView> tags;
  std::vector<JaegerLog> logs;
  std::vector<JaegerReference> references;
  uint32_t dropped_tags = 0;
};
struct JaegerProcess {
  std::string_view service;
  std::vector<model::AttributeView> tags;
};

// The later of two tags with one key counts.
void put_tag(std::vector<model::AttributeView>& tags, const model::AttributeView& tag);

class SpanBuilder {
 public:
  // `request` is what all views point into. `scope_from_tags`: the tags otel.scope.name and .version are the scope, and
  // w3c.tracestate the trace state, as in the protobuf form.
  SpanBuilder(std::shared_ptr<const std::string> request, bool scope_from_tags,
              const JaegerLimits& limits);
  // The resource of the spans to come.
  void set_process(const JaegerProcess& process);
  void add(JaegerSpan span);
  DecodedJaeger finish();

 private:
  struct Owner {
    std::shared_ptr<const std::string> request;
    std::vector<std::unique_ptr<std::string>> texts;
  };
  std::string_view keep(std::string text);
  model::Run append(const std::vector<model::AttributeView>& attributes);
  uint32_t scope_of(std::string_view name, std::string_view version);
  void set_kind_and_status(std::vector<model::AttributeView>& tags, model::SpanView& span);
  void add_events(const JaegerSpan& from, model::SpanView& span);
  void add_links(const JaegerSpan& from, model::SpanView& span);

  const bool scope_from_tags_;
  const JaegerLimits limits_;
  std::shared_ptr<Owner> owner_ = std::make_shared<Owner>();
  std::shared_ptr<model::SpanBatch> batch_ = std::make_shared<model::SpanBatch>();
  std::map<std::string, uint32_t> resources_;  // by what they hold
  std::map<std::tuple<uint32_t, std::string, std::string>, uint32_t> scopes_;
  uint32_t resource_ = 0;
  uint64_t rejected_ = 0;
};

}  // namespace sightline::wire::jaeger
