#include "bench/load_run.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/protobuf_reader.h"
#include "base/random.h"
#include "net/grpc_client.h"
#include "net/http_client.h"

namespace sightline::bench {
namespace {

using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;

constexpr std::chrono::seconds kCallDeadline{30};
constexpr std::chrono::milliseconds kRetryAfterUnlessTold{100};
constexpr size_t kTracesPerConnection = 16;

bool is_loopback(std::string_view target) {
  const size_t colon = target.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = target.substr(0, colon);
  if (host == "localhost" || host == "[::1]") return true;
  // Digits and dots only: 127.example.org is not a loopback address.
  return host.starts_with("127.") &&
         std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

struct Answer {
  enum class Outcome { kAccepted, kRefused, kFailed } outcome = Outcome::kFailed;
  std::string body;   // of an accepted call
  std::string fault;  // of any other
  std::optional<std::chrono::milliseconds> retry_after;
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual Answer send(std::string request) = 0;
};

class GrpcConnection final : public Connection {
 public:
  explicit GrpcConnection(std::unique_ptr<net::GrpcClient> client) : client_(std::move(client)) {}
  Answer send(std::string request) override {
    using net::GrpcCode;
    auto reply = client_->call("/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                               std::move(request), kCallDeadline);
    if (reply.code == GrpcCode::kOk)
      return {.outcome = Answer::Outcome::kAccepted, .body = std::move(reply.payload)};
    const bool again =
        reply.code == GrpcCode::kResourceExhausted || reply.code == GrpcCode::kUnavailable;
    return {
        .outcome = again ? Answer::Outcome::kRefused : Answer::Outcome::kFailed,
        .fault = "gRPC code " + std::to_string(static_cast<int>(reply.code)) + ": " + reply.message,
        .retry_after = reply.retry_after};
  }

 private:
  const std::unique_ptr<net::GrpcClient> client_;
};

class HttpConnection final : public Connection {
 public:
  explicit HttpConnection(const std::string& target) : client_({.kept_max = 1}) {
    request_.method = "POST";
    request_.url = "http://" + target + "/v1/traces";
    request_.headers.add("content-type", "application/x-protobuf");
    request_.timeout = kCallDeadline;
  }
  Answer send(std::string request) override {
    request_.body = std::move(request);
    auto response = client_.send(request_);
    if (!response) return {.fault = std::move(response).error().message};
    if (response->status == 200)
      return {.outcome = Answer::Outcome::kAccepted, .body = std::move(response->body)};
    const int status = response->status;
    const bool again = status == 429 || (status >= 502 && status <= 504);
    return {.outcome = again ? Answer::Outcome::kRefused : Answer::Outcome::kFailed,
            .fault = "HTTP status " + std::to_string(status) + ": " + response->body.substr(0, 200),
            .retry_after = net::retry_after_of(*response)};
  }

 private:
  net::HttpClient client_;
  net::HttpClientRequest request_;
};

// ExportTraceServiceResponse.partial_success.rejected_spans.
uint64_t rejected_spans(std::string_view response) {
  uint64_t rejected = 0;
  for (ProtobufReader outer(response); outer.next();) {
    if (outer.tag() != protobuf_bytes(1)) {
      outer.skip();
      continue;
    }
    for (ProtobufReader partial(outer.bytes()); partial.next();) {
      if (partial.tag() == protobuf_varint(1))
        rejected = partial.varint();
      else
        partial.skip();
    }
  }
  return rejected;
}

// When the next request is due; shared by all connections.
class Schedule {
 public:
  Schedule(nanoseconds start, nanoseconds end, double requests_per_second)
      : start_(start), end_(end), requests_per_second_(requests_per_second) {}
  // The planned time of the caller's next request; nullopt when the run is over. Flat out: now.
  std::optional<nanoseconds> next(nanoseconds now) {
    if (requests_per_second_ <= 0) return now < end_ ? std::optional(now) : std::nullopt;
    const auto index = static_cast<double>(taken_.fetch_add(1, std::memory_order_relaxed));
    const nanoseconds due =
        start_ + std::chrono::duration_cast<nanoseconds>(Seconds(index / requests_per_second_));
    return due < end_ && now < end_ ? std::optional(due) : std::nullopt;
  }
  nanoseconds end() const { return end_; }

 private:
  const nanoseconds start_;
  const nanoseconds end_;
  const double requests_per_second_;
  std::atomic<uint64_t> taken_{0};  // relaxed: only the number counts
};

// One connection's share of the run, on a thread of its own.
class Sender {
 public:
  Sender(std::unique_ptr<Connection> connection, const std::vector<RequestTemplate>& templates,
         const Clock& clock, Schedule& schedule, uint64_t seed)
      : connection_(std::move(connection)),
        templates_(templates),
        clock_(clock),
        schedule_(schedule),
        random_(seed) {}

  void run() {
    for (size_t turn = random_.below(templates_.size());; ++turn) {
      const auto due = schedule_.next(clock_.monotonic());
      if (!due) break;
      wait_until(*due);
      send_one(templates_[turn % templates_.size()], *due);
    }
    ended_at_ = clock_.monotonic();
  }

  LoadReport report;
  nanoseconds ended_at() const { return ended_at_; }

 private:
  void wait_until(nanoseconds when) const {
    if (const nanoseconds now = clock_.monotonic(); when > now)
      std::this_thread::sleep_for(when - now);
  }

  void send_one(const RequestTemplate& request, nanoseconds due) {
    const uint64_t seed = random_.next();
    for (;;) {
      RequestTemplate::Stamped stamped = request.stamp(seed, clock_.now());
      const Answer answer = connection_->send(std::move(stamped.request));
      if (answer.outcome == Answer::Outcome::kAccepted)
        return note_accepted(request, stamped.first_trace, answer, due);
      if (report.first_fault.empty()) report.first_fault = answer.fault;
      const nanoseconds again_at =
          clock_.monotonic() + answer.retry_after.value_or(kRetryAfterUnlessTold);
      const bool is_refused = answer.outcome == Answer::Outcome::kRefused;
      report.refused += is_refused;
      if (is_refused) wait_until(std::min(again_at, schedule_.end()));
      if (!is_refused || again_at >= schedule_.end()) {
        ++report.failed;
        return;
      }
      ++report.retried;
    }
  }

  void note_accepted(const RequestTemplate& request, const TraceId& trace, const Answer& answer,
                     nanoseconds due) {
    const uint64_t rejected = std::min<uint64_t>(rejected_spans(answer.body), request.span_count());
    report.latencies_seconds.push_back(Seconds(clock_.monotonic() - due).count());
    ++report.calls;
    report.bytes += request.bytes();
    report.spans_rejected += rejected;
    report.spans_accepted += request.span_count() - rejected;
    if (rejected == 0 && report.traces.size() < kTracesPerConnection)
      report.traces.push_back(trace);
  }

  const std::unique_ptr<Connection> connection_;
  const std::vector<RequestTemplate>& templates_;
  const Clock& clock_;
  Schedule& schedule_;
  Random random_;
  nanoseconds ended_at_{0};
};

void add(LoadReport& sum, LoadReport&& part) {
  sum.calls += part.calls;
  sum.spans_accepted += part.spans_accepted;
  sum.spans_rejected += part.spans_rejected;
  sum.bytes += part.bytes;
  sum.refused += part.refused;
  sum.retried += part.retried;
  sum.failed += part.failed;
  if (sum.first_fault.empty()) sum.first_fault = std::move(part.first_fault);
  sum.latencies_seconds.insert(sum.latencies_seconds.end(), part.latencies_seconds.begin(),
                               part.latencies_seconds.end());
  sum.traces.insert(sum.traces.end(), part.traces.begin(), part.traces.end());
}

Status check(const LoadOptions& options) {
  if (!is_loopback(options.target))
    return fail(Errc::kInvalidArgument, "\"", options.target,
                "\" is not a loopback address; write 127.0.0.1:PORT");
  if (options.connections < 1 || options.connections > LoadOptions::kConnectionsMax)
    return fail(Errc::kInvalidArgument, "connections: 1 to ", LoadOptions::kConnectionsMax);
  if (!(options.duration > Seconds(0)) || options.duration > LoadOptions::kDurationMax)
    return fail(Errc::kInvalidArgument, "duration: above 0 and up to ",
                LoadOptions::kDurationMax.count(), " s");
  return {};
}

Result<std::unique_ptr<Connection>> connect(const LoadOptions& options) {
  if (options.transport == Transport::kHttp)
    return std::make_unique<HttpConnection>(options.target);
  auto client = net::GrpcClient::create({.target = options.target});
  if (!client) return std::unexpected(std::move(client).error());
  return std::make_unique<GrpcConnection>(std::move(*client));
}

double spans_per_request(const std::vector<RequestTemplate>& templates) {
  size_t spans = 0;
  for (const RequestTemplate& one : templates) spans += one.span_count();
  return static_cast<double>(spans) / static_cast<double>(templates.size());
}

}  // namespace

Result<LoadReport> run_load(const LoadOptions& options,
                            const std::vector<RequestTemplate>& templates, const Clock& clock) {
  if (auto status = check(options); !status) return std::unexpected(std::move(status).error());
  const nanoseconds start = clock.monotonic();
  Schedule schedule(start, start + std::chrono::duration_cast<nanoseconds>(options.duration),
                    options.spans_per_second / spans_per_request(templates));
  std::vector<std::unique_ptr<Sender>> senders;
  for (uint32_t i = 0; i < options.connections; ++i) {
    auto connection = connect(options);
    if (!connection) return std::unexpected(std::move(connection).error());
    senders.push_back(std::make_unique<Sender>(std::move(*connection), templates, clock, schedule,
                                               options.seed * 1'000'003 + i));
  }
  std::vector<std::thread> threads;
  for (const auto& sender : senders) threads.emplace_back([&sender = *sender] { sender.run(); });
  for (std::thread& thread : threads) thread.join();

  LoadReport report;
  nanoseconds end = start;
  for (const auto& sender : senders) {
    end = std::max(end, sender->ended_at());
    add(report, std::move(sender->report));
  }
  report.seconds = Seconds(end - start).count();
  std::ranges::sort(report.latencies_seconds);
  return report;
}

}  // namespace sightline::bench
