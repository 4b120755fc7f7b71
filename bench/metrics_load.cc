// sightline_metrics_load: the metrics workload as a file of remote write requests, and that file
// sent to a receiver on this machine. Made once and sent as it lies there, so that several
// receivers get the same bytes and sending costs little.
//   make   writes the file: for each request a RequestHeader and its snappy-packed body
//   send   posts the requests; connection i takes every n-th request of each scrape, so that a
//   series keeps its order.
//          Prints one JSON object: what was sent and taken, and what the sender spent.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <thread>

#include "bench/metrics_workload.h"
#include "bench/process_usage.h"
#include "net/http_client.h"

namespace sightline::bench {
namespace {

constexpr uint32_t kMagic = 0x314c4d53;  // "SML1", little-endian
constexpr uint32_t kRequestBytesMax = 64u << 20;
constexpr uint32_t kScrapesAheadMax =
    20;  // of the slowest connection: receivers refuse samples that come an hour late
constexpr int kTriesMax = 100;
constexpr std::chrono::milliseconds kRetryAfter{100};

// Native byte order: the file is read on the machine that made it.
struct RequestHeader {
  uint32_t magic = kMagic;
  uint32_t bytes = 0;
  uint32_t scrape = 0;
  uint32_t place = 0;  // within the scrape
  uint64_t samples = 0;
};

struct Arguments {
  std::string file;
  size_t series = 20'000;
  size_t samples = 1'440;
  int64_t start_ms = 0;
  uint64_t seed = 1;
  std::string mix = "requests";
  std::string url;
  uint32_t connections = 2;
};

int complain(const std::string& message) {
  fmt::print(stderr, "sightline_metrics_load: {}\n", message);
  return 1;
}

int make(const Arguments& a) {
  std::ofstream out(a.file, std::ios::binary | std::ios::trunc);
  MetricsWorkload workload(a.series, a.seed,
                           a.mix == "requests" ? MetricsMix::kRequests : MetricsMix::kHistograms);
  uint64_t bytes = 0;
  for (size_t i = 0; i < a.samples; ++i) {
    RequestHeader header{.scrape = static_cast<uint32_t>(i)};
    for (const std::string& request :
         workload.scrape(a.start_ms + static_cast<int64_t>(i) * kScrapeMs)) {
      header.bytes = static_cast<uint32_t>(request.size());
      header.samples = std::min<uint64_t>(kRequestSeries, a.series - header.place * kRequestSeries);
      out.write(reinterpret_cast<const char*>(&header), sizeof header);
      out.write(request.data(), static_cast<std::streamsize>(request.size()));
      ++header.place;
      bytes += request.size();
    }
  }
  if (!out.flush()) return complain("cannot write " + a.file);
  fmt::print("{{\"series\": {}, \"samples\": {}, \"exemplars\": {}, \"bytes\": {}}}\n", a.series,
             workload.samples(), workload.exemplars(), bytes);
  return 0;
}

struct Sent {
  uint64_t requests = 0;
  uint64_t samples = 0;  // of requests that were taken
  uint64_t bytes = 0;
  uint64_t retried = 0;
  uint64_t failed = 0;
  std::string first_fault;
};

class Sender {
 public:
  explicit Sender(const Arguments& a) : arguments_(a), reached_(a.connections) {}
  // Blocks until every request was sent.
  Sent run() {
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < arguments_.connections; ++i)
      threads.emplace_back([this, i] { send_share(i); });
    for (std::thread& thread : threads) thread.join();
    return sum_;
  }

 private:
  void send_share(uint32_t own) {
    Sent sent;
    net::HttpClient client({.kept_max = 1});
    net::HttpClientRequest request{
        .method = "POST", .url = arguments_.url, .timeout = std::chrono::seconds(60)};
    request.headers.add("content-type", "application/x-protobuf");
    request.headers.add("content-encoding", "snappy");
    request.headers.add("x-prometheus-remote-write-version", "0.1.0");
    std::ifstream in(arguments_.file, std::ios::binary);
    for (RequestHeader header; in.read(reinterpret_cast<char*>(&header), sizeof header);) {
      if (header.magic != kMagic || header.bytes > kRequestBytesMax) {
        sent.first_fault = arguments_.file + " is not a workload file";
        ++sent.failed;
        break;
      }
      if (header.place % arguments_.connections != own) {
        in.seekg(header.bytes, std::ios::cur);
        continue;
      }
      request.body.resize(header.bytes);
      if (!in.read(request.body.data(), header.bytes)) break;
      wait_for_others(own, header.scrape);
      post(client, request, header, sent);
    }
    reached_[own] = UINT32_MAX;
    const std::lock_guard lock(mutex_);
    sum_.requests += sent.requests;
    sum_.samples += sent.samples;
    sum_.bytes += sent.bytes;
    sum_.retried += sent.retried;
    sum_.failed += sent.failed;
    if (sum_.first_fault.empty()) sum_.first_fault = sent.first_fault;
  }

  void wait_for_others(uint32_t own, uint32_t scrape) {
    reached_[own] = scrape;
    for (const auto& other : reached_)
      while (other + uint64_t{kScrapesAheadMax} < scrape)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  static void post(net::HttpClient& client, const net::HttpClientRequest& request,
                   const RequestHeader& header, Sent& sent) {
    for (int tries = 0; tries < kTriesMax; ++tries) {
      const auto response = client.send(request);
      if (response && response->status / 100 == 2) {
        ++sent.requests;
        sent.samples += header.samples;
        sent.bytes += header.bytes;
        return;
      }
      if (sent.first_fault.empty())
        sent.first_fault = response ? fmt::format("HTTP status {}: {}", response->status,
                                                  response->body.substr(0, 200))
                                    : response.error().message;
      if (response && response->status != 429 && response->status < 500) break;
      ++sent.retried;
      std::this_thread::sleep_for(kRetryAfter);
    }
    ++sent.failed;
  }

  const Arguments& arguments_;
  std::vector<std::atomic<uint32_t>> reached_;  // the scrape each connection is at
  std::mutex mutex_;
  Sent sum_;  // under mutex_
};

int send(const Arguments& a) {
  if (!a.url.starts_with("http://127.0.0.1:"))
    return complain("--url: http://127.0.0.1:PORT/PATH, loopback only");
  const auto own_before = usage_of(getpid());
  const auto begun = std::chrono::steady_clock::now();
  const Sent sent = Sender(a).run();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  const auto own_after = usage_of(getpid());
  if (!own_before || !own_after) return complain("no figures of this process");
  std::string fault = sent.first_fault;
  std::erase_if(fault, [](char c) { return c == '"' || c == '\\' || c < 0x20 || c > 0x7e; });
  fmt::print(
      "{{\"seconds\": {:.3f}, \"requests\": {}, \"samples\": {}, \"bytes\": {}, \"retried\": {}, "
      "\"failed\": {}, \"first_fault\": \"{}\", \"sender_cpu_seconds\": {:.2f}}}\n",
      seconds, sent.requests, sent.samples, sent.bytes, sent.retried, sent.failed, fault,
      own_after->cpu_seconds() - own_before->cpu_seconds());
  return sent.failed == 0 ? 0 : 3;
}

}  // namespace
}  // namespace sightline::bench

int main(int argc, char** argv) {
  using namespace sightline::bench;
  Arguments a;
  CLI::App app(
      "Makes the remote write workload, or sends it to a receiver on this machine. Prints JSON; "
      "exit status 3 when a request failed.",
      "sightline_metrics_load");
  app.require_subcommand(1);
  auto* making = app.add_subcommand("make", "write the requests to a file");
  making->add_option("file", a.file)->required();
  making->add_option("--series", a.series, "default 20,000; a pod has 134")
      ->check(CLI::Range(1, 10'000'000));
  making->add_option("--samples", a.samples, "of each series, every 15 s (default 1,440)")
      ->check(CLI::Range(1, 1'000'000));
  making->add_option("--start", a.start_ms, "time of the first scrape")
      ->type_name("MS")
      ->required();
  making->add_option("--seed", a.seed);
  making->add_option("--mix", a.mix, "what a pod exposes: requests (default) or histograms")
      ->check(CLI::IsMember({"requests", "histograms"}));
  auto* sending = app.add_subcommand("send", "post the requests of a file");
  sending->add_option("file", a.file)->required()->check(CLI::ExistingFile);
  sending->add_option("--url", a.url, "http://127.0.0.1:PORT/api/v1/write")->required();
  sending->add_option("--connections", a.connections, "each with one request at a time (default 2)")
      ->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);
  return making->parsed() ? make(a) : send(a);
}
