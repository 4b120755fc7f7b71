// sightline_load: sends trace requests to a receiver on this machine and prints, as one JSON object, how many spans
// went through, how long the calls took, and what sender and server spent on them.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "bench/load_run.h"
#include "bench/process_usage.h"
#include "bench/request_template.h"
#include "bench/shop_request.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::bench {
namespace {

struct Arguments {
  LoadOptions load;
  std::string protocol = "grpc";
  std::string mix = "web";
  uint32_t spans = 395;
  uint32_t routes = 20;
  uint32_t templates = 8;
  pid_t server_pid = 0;
  double seconds = 10;
  double settle_seconds = 0;
};

// The requests that are sent in turn. All differ, so that nothing is cached by its bytes.
Result<std::vector<RequestTemplate>> make_templates(const Arguments& arguments) {
  std::vector<RequestTemplate> templates;
  for (uint32_t i = 0; i < arguments.templates; ++i) {
    const uint64_t seed = arguments.load.seed + i;
    std::string request =
        arguments.mix == "shop"
            ? make_shop_request({.traces = std::max(1u, arguments.spans / 8), .seed = seed})
            : wire::otlp::testing::make_sample_request(
                  {.spans = arguments.spans, .seed = seed, .routes = arguments.routes});
    auto one = RequestTemplate::create(std::move(request));
    if (!one) return std::unexpected(std::move(one).error());
    templates.push_back(std::move(*one));
  }
  return templates;
}

double quantile(const std::vector<double>& ascending, double q) {
  if (ascending.empty()) return 0;
  const auto index = static_cast<size_t>(q * static_cast<double>(ascending.size()));
  return ascending[std::min(index, ascending.size() - 1)];
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c < 0x20 || c > 0x7e ? ' ' : c;  // a fault may quote bytes that are no text
  }
  return out + '"';
}

// What a process spent between two looks, as JSON members under `name`.
std::string spent(std::string_view name, const ProcessUsage& before, const ProcessUsage& after,
                  uint64_t spans) {
  const double million = spans == 0 ? 1 : static_cast<double>(spans) / 1e6;
  return fmt::format(
      "  \"{}\": {{\"cpu_seconds\": {:.2f}, \"cpu_seconds_user\": {:.2f}, "
      "\"cpu_seconds_per_million_spans\": {:.3f}, "
      "\"rss_mib\": {:.1f}, \"rss_peak_mib\": {:.1f}, \"threads\": {}}},\n",
      name, after.cpu_seconds() - before.cpu_seconds(), after.user_seconds - before.user_seconds,
      (after.cpu_seconds() - before.cpu_seconds()) / million,
      static_cast<double>(after.rss_bytes) / (1 << 20),
      static_cast<double>(after.rss_peak_bytes) / (1 << 20), after.threads);
}

void print(const LoadReport& report, const std::string& processes) {
  const auto& latencies = report.latencies_seconds;
  std::string traces;
  for (const TraceId& id : report.traces)
    traces += (traces.empty() ? "" : ", ") + json_string(to_hex(id));
  fmt::print(
      "{{\n  \"seconds\": {:.3f}, \"calls\": {}, \"spans_accepted\": {}, \"spans_rejected\": {}, "
      "\"spans_per_second\": {:.0f},\n"
      "  \"mib_per_second\": {:.1f}, \"refused\": {}, \"retried\": {}, \"failed\": {}, "
      "\"first_fault\": {},\n"
      "  \"latency_ms\": {{\"p50\": {:.3f}, \"p90\": {:.3f}, \"p99\": {:.3f}, \"max\": "
      "{:.3f}}},\n{}  \"traces\": [{}]\n}}\n",
      report.seconds, report.calls, report.spans_accepted, report.spans_rejected,
      static_cast<double>(report.spans_accepted) / report.seconds,
      static_cast<double>(report.bytes) / report.seconds / (1 << 20), report.refused,
      report.retried, report.failed, json_string(report.first_fault),
      quantile(latencies, 0.5) * 1e3, quantile(latencies, 0.9) * 1e3,
      quantile(latencies, 0.99) * 1e3, quantile(latencies, 1) * 1e3, processes, traces);
}

int complain(const Error& error) {
  fmt::print(stderr, "sightline_load: {}\n", error.message);
  return 1;
}

int run(const Arguments& arguments) {
  const auto templates = make_templates(arguments);
  if (!templates) return complain(templates.error());
  const auto own_before = usage_of(getpid());
  if (!own_before) return complain(own_before.error());
  Result<ProcessUsage> server_before;
  if (arguments.server_pid != 0 && !(server_before = usage_of(arguments.server_pid)))
    return complain(server_before.error());

  const auto report = run_load(arguments.load, *templates, SystemClock());
  if (!report) return complain(report.error());

  std::string processes;
  if (const auto own_after = usage_of(getpid()))
    processes += spent("sender", *own_before, *own_after, report->spans_accepted);
  if (arguments.server_pid != 0) {
    // Answered is not yet worked off: traces become blocks when they have been idle for a while.
    std::this_thread::sleep_for(std::chrono::duration<double>(arguments.settle_seconds));
    const auto server_after = usage_of(arguments.server_pid);
    if (!server_after) return complain(server_after.error());
    processes += spent("server", *server_before, *server_after, report->spans_accepted);
  }
  print(*report, processes);
  return report->calls > 0 && report->failed == 0 ? 0 : 3;
}

}  // namespace
}  // namespace sightline::bench

int main(int argc, char** argv) {
  using namespace sightline::bench;
  Arguments arguments;
  CLI::App app(
      "Sends OTLP trace requests to a receiver on this machine. Prints JSON; exit status 3 when a "
      "call failed.",
      "sightline_load");
  app.add_option("--target", arguments.load.target, "receiver, loopback only")
      ->type_name("HOST:PORT")
      ->required();
  app.add_option("--protocol", arguments.protocol, "grpc or http")
      ->check(CLI::IsMember({"grpc", "http"}));
  app.add_option("--mix", arguments.mix,
                 "web: one service, two spans a trace; shop: eight services, whole traces")
      ->check(CLI::IsMember({"web", "shop"}));
  app.add_option("--rate", arguments.load.spans_per_second,
                 "spans per second; 0, the default: flat out");
  app.add_option("--connections", arguments.load.connections,
                 "each with one call at a time (default 2)");
  app.add_option("--seconds", arguments.seconds, "how long to send (default 10, at most 600)");
  app.add_option("--spans", arguments.spans, "per request, about (default 395)")
      ->check(CLI::Range(1, 50'000));
  app.add_option("--routes", arguments.routes, "distinct span names of the web mix (default 20)")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--templates", arguments.templates, "distinct requests (default 8)")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--seed", arguments.load.seed, "of ids, choices and durations (default 1)");
  app.add_option("--server-pid", arguments.server_pid, "measure this process as well");
  app.add_option("--settle", arguments.settle_seconds,
                 "seconds after the last answer that count to the server's use (default 0)")
      ->check(CLI::Range(0, 600));
  CLI11_PARSE(app, argc, argv);
  arguments.load.duration = std::chrono::duration<double>(arguments.seconds);
  arguments.load.transport = arguments.protocol == "http" ? Transport::kHttp : Transport::kGrpc;
  return run(arguments);
}
