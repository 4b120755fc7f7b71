#include "bench/shop_traffic.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <protozero/pbf_writer.hpp>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "bench/shop_spans.h"
#include "bench/shop_topology.h"

namespace sightline::bench {
namespace {

constexpr uint32_t kSpansPerTraceMin = 8;
constexpr uint32_t kSpansPerTraceMax = 60;

// Log-normal: most are near the median, a few take many times as long.
uint64_t time_ns(Random& random, double median_ms) {
  const double gauss =
      std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(6.283185307179586 * random.unit());
  return static_cast<uint64_t>(median_ms * 1e6 * std::exp(0.55 * gauss)) + 1'000;
}

}  // namespace

class ShopTraffic::State {
 public:
  explicit State(const ShopTrafficOptions& options)
      : options_(options),
        random_(options.seed),
        now_(options.start.value),
        pods_(shop_.pods.size()) {}

  Request next() {
    while (ready_.empty()) advance();
    Request request = std::move(ready_.front());
    ready_.pop_front();
    return request;
  }
  uint64_t traces = 0;
  uint64_t spans = 0;

 private:
  struct Waiting {  // spans of one pod
    std::vector<ShopSpan> spans;
    uint64_t oldest_end = 0;
  };

  // One more trace, then the batches that are due.
  void advance() {
    std::vector<ShopSpan> trace;
    for (;;) {
      trace.clear();
      make_trace(trace);
      if (trace.size() >= kSpansPerTraceMin && trace.size() <= kSpansPerTraceMax) break;
    }
    ++traces;
    spans += trace.size();
    // In the order in which they end, as a batch processor sees them.
    std::sort(trace.begin(), trace.end(),
              [](const ShopSpan& a, const ShopSpan& b) { return a.end_ns < b.end_ns; });
    for (ShopSpan& span : trace) {
      Waiting& pod = pods_[span.pod];
      if (pod.spans.empty()) pod.oldest_end = span.end_ns;
      const uint32_t number = span.pod;
      pod.spans.push_back(std::move(span));
      if (pod.spans.size() >= options_.spans_per_request_max) send(number);
    }
    const double gap = -std::log(1 - random_.unit()) * static_cast<double>(trace.size()) /
                       options_.spans_per_second;
    now_ += static_cast<uint64_t>(gap * 1e9);
    for (uint32_t pod = 0; pod < pods_.size(); ++pod)
      if (!pods_[pod].spans.empty() && pods_[pod].oldest_end + options_.flush_after_ns <= now_)
        send(pod);
  }

  void send(uint32_t pod) {
    std::vector<ShopSpan> batch = std::move(pods_[pod].spans);
    pods_[pod].spans.clear();
    Request request;
    request.spans = batch.size();
    request.sent = {std::max(now_, batch.back().end_ns)};
    request.first_trace = batch.front().trace_id;
    request.bytes = encode_pod_request(shop_, pod, batch);
    ready_.push_back(std::move(request));
  }

  uint32_t pod_of(uint32_t service) {
    const auto& pods = shop_.services[service].pods;
    return pods[random_.below(pods.size())];
  }
  SpanId new_span_id() {
    SpanId id;
    const uint64_t bits = random_.next() | 1;
    std::memcpy(id.bytes.data(), &bits, sizeof bits);
    return id;
  }

  struct Frame {
    TraceFacts facts;
    TraceId trace_id;
    bool failing = false;
  };

  void make_trace(std::vector<ShopSpan>& out) {
    Frame frame;
    const uint64_t ids[] = {random_.next(), random_.next() | 1};
    std::memcpy(frame.trace_id.bytes.data(), ids, sizeof ids);
    frame.facts = make_trace_facts(random_);
    frame.failing = random_.below(50) == 0;
    const double skew =
        random_.unit() * random_.unit();  // some pages are asked for much more often
    const uint32_t root =
        shop_.roots[static_cast<size_t>(skew * static_cast<double>(shop_.roots.size()))];
    run(out, frame, root, SpanId{}, UINT32_MAX, now_, 0);
  }

  ShopSpan begin(Frame& frame, ShopSpanKind kind, uint32_t pod, SpanId parent, uint64_t start) {
    return {.trace_id = frame.trace_id,
            .span_id = new_span_id(),
            .parent_id = parent,
            .kind = kind,
            .pod = pod,
            .start_ns = start,
            .facts = frame.facts,
            .dice = random_.next()};
  }

  // The server side of an operation and all below; returns when it ended.
  uint64_t run(std::vector<ShopSpan>& out, Frame& frame, uint32_t number, SpanId parent,
               uint32_t caller_pod, uint64_t start, int depth) {
    const ShopOperation& operation = shop_.operations[number];
    ShopSpan span = begin(
        frame,
        operation.protocol == Protocol::kKafka ? ShopSpanKind::kConsumer : ShopSpanKind::kServer,
        pod_of(operation.service), parent, start);
    span.operation = number;
    span.peer_pod = caller_pod;
    const uint64_t own = time_ns(random_, operation.own_ms);
    uint64_t at = start + own / 3;
    if (depth < 6)
      for (const ShopCall& call : operation.calls) {
        if (out.size() > kSpansPerTraceMax || random_.unit() > call.probability) continue;
        const uint64_t repeats = 1 + random_.below(call.repeats_max);
        for (uint64_t i = 0; i < repeats; ++i) at = make_call(out, frame, call, span, at, depth);
      }
    span.end_ns = at + own - own / 3;
    if (frame.failing && (depth < 2 || random_.below(3) == 0)) span.failed = true;
    const uint64_t end = span.end_ns;
    out.push_back(std::move(span));
    return end;
  }

  uint64_t make_call(std::vector<ShopSpan>& out, Frame& frame, const ShopCall& call,
                     const ShopSpan& from, uint64_t start, int depth) {
    const bool remote = call.protocol == Protocol::kHttp || call.protocol == Protocol::kGrpc;
    const ShopSpanKind kind = remote                              ? ShopSpanKind::kClient
                              : call.protocol == Protocol::kKafka ? ShopSpanKind::kProducer
                              : call.protocol == Protocol::kSql   ? ShopSpanKind::kSql
                              : call.protocol == Protocol::kRedis ? ShopSpanKind::kRedis
                                                                  : ShopSpanKind::kInternal;
    ShopSpan span = begin(frame, kind, from.pod, from.span_id, start);
    span.operation = call.target;
    span.end_ns = start + time_ns(random_, call.own_ms);
    if (remote) {
      const uint64_t there = time_ns(random_, 0.25);
      span.end_ns = run(out, frame, call.target, span.span_id, from.pod, start + there, depth + 1) +
                    time_ns(random_, 0.2);
      span.failed = frame.failing && depth < 1 && random_.below(2) == 0;
    } else if (call.protocol == Protocol::kKafka) {
      // Consumed later: in the same trace, or in one of its own that links here.
      run(out, frame, call.target, span.span_id, from.pod, span.end_ns + time_ns(random_, 12),
          depth + 1);
      if (random_.below(4) == 0) {
        out.back().linked_trace = last_produced_trace_;
        out.back().linked_span = last_produced_span_;
      }
      last_produced_trace_ = span.trace_id;
      last_produced_span_ = span.span_id;
    }
    const uint64_t end = span.end_ns;
    out.push_back(std::move(span));
    return end + 1'000 + random_.below(60'000);
  }

  const ShopTrafficOptions options_;
  const ShopTopology shop_ = make_shop_topology();
  Random random_;
  uint64_t now_;
  std::vector<Waiting> pods_;
  std::deque<Request> ready_;
  TraceId last_produced_trace_;
  SpanId last_produced_span_;
};

ShopTraffic::ShopTraffic(const ShopTrafficOptions& options)
    : state_(std::make_unique<State>(options)) {}
ShopTraffic::~ShopTraffic() = default;
ShopTraffic::Request ShopTraffic::next() { return state_->next(); }
uint64_t ShopTraffic::traces_made() const { return state_->traces; }
uint64_t ShopTraffic::spans_made() const { return state_->spans; }

}  // namespace sightline::bench
