// sightline_metrics_store: a remote write load through the real handler into the real store; prints what it cost.
// The load is made by a child process and comes through a pipe, so that processor time is the store's own. The store is a
// child too: it is killed with SIGKILL when all is written, and opened again. Clock time is the samples' time, so that blocks are cut and
// compacted as they would be in hours.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "api/prometheus/remote_write.h"
#include "base/log.h"
#include "bench/metrics_workload.h"
#include "bench/process_usage.h"
#include "tsdb/block/block_parts.h"
#include "tsdb/tsdb.h"

namespace sightline::bench {
namespace {

constexpr int64_t kStart = 1'700'000'000'000 / tsdb::kDayMs * tsdb::kDayMs;

struct Arguments {
  std::string directory;
  size_t series = 20'000;
  size_t samples = 1'440;
  uint64_t seed = 1;
  bool sync = false;
  bool only_write = false;
};

// Of the store's process, sent up the pipe when all is durable.
struct Outcome {
  double cpu_seconds = 0;
  double wall_seconds = 0;
  uint64_t empty_bytes = 0;  // anonymous, before the first request
  uint64_t rss_peak_bytes = 0;
  uint64_t anonymous_bytes = 0;
  uint64_t samples = 0;
  uint64_t exemplars = 0;
  uint64_t refused = 0;
};

uint64_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  std::string word;
  uint64_t kilobytes = 0;
  while (status >> word)
    if (word == "RssAnon:") status >> kilobytes;
  return kilobytes * 1024;
}

void write_all(int fd, const void* data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = ::write(fd, static_cast<const char*>(data) + done, size - done);
    if (n <= 0) ::_exit(1);
    done += static_cast<size_t>(n);
  }
}

bool read_all(int fd, void* data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = ::read(fd, static_cast<char*>(data) + done, size - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

template <typename Work>
pid_t in_child(Work work) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  work();
  ::_exit(0);
}

void generate(const Arguments& a, int out) {
  MetricsWorkload workload(a.series, a.seed);
  for (size_t i = 0; i < a.samples; ++i) {
    const int64_t time = kStart + static_cast<int64_t>(i) * kScrapeMs;
    for (const std::string& request : workload.scrape(time)) {
      const uint64_t header[2] = {request.size(), static_cast<uint64_t>(time + 2 * kScrapeMs)};
      write_all(out, header, sizeof header);
      write_all(out, request.data(), request.size());
    }
  }
}

tsdb::TsdbOptions options_of(const Arguments& a) {
  tsdb::TsdbOptions options;
  options.directory = a.directory;
  options.sync = a.sync ? io::SyncPolicy::kAlways : io::SyncPolicy::kNone;
  options.limits.series_active_max =
      std::max<uint64_t>(options.limits.series_active_max, a.series + 1);
  return options;
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void store(const Arguments& a, int in, int out) {
  const auto fs = io::make_posix_file_system();
  ManualClock clock{TimestampNs{static_cast<uint64_t>(kStart) * 1'000'000}};
  Telemetry telemetry;
  auto db = tsdb::Tsdb::open(*fs, clock, telemetry, options_of(a));
  if (!db) ::_exit(1);
  net::HttpRouter router;
  api::prometheus::add_remote_write(router, **db, telemetry);
  Outcome outcome;
  outcome.empty_bytes = anonymous_memory();
  const auto begun = std::chrono::steady_clock::now();
  uint64_t header[2];
  uint64_t maintained = 0;
  while (read_all(in, header, sizeof header)) {
    net::HttpRequest request{
        .method = "POST", .path = "/api/v1/write", .body = std::string(header[0], '\0')};
    if (!read_all(in, request.body.data(), header[0])) break;
    request.headers.set("Content-Type", "application/x-protobuf");
    request.headers.set("Content-Encoding", "snappy");
    clock.set_wall(TimestampNs{header[1] * 1'000'000});
    if (const auto response = router.dispatch(request); response.status != 204) {
      if (outcome.refused++ == 0)
        std::fprintf(stderr, "first refused: %d %s", response.status, response.body.c_str());
    }
    if (header[1] / 60'000 == maintained) continue;
    maintained = header[1] / 60'000;
    (*db)->maintain();
    outcome.anonymous_bytes = std::max(outcome.anonymous_bytes, anonymous_memory());
  }
  outcome.cpu_seconds = cpu_seconds();
  outcome.wall_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (const auto usage = usage_of(::getpid())) outcome.rss_peak_bytes = usage->rss_peak_bytes;
  const auto stats = (*db)->stats();
  outcome.samples = stats.samples_appended;
  outcome.exemplars = stats.head.exemplars + stats.exemplars_in_blocks;
  write_all(out, &outcome, sizeof outcome);
  ::pause();  // for the kill
}

// Opens what was left, says how long that took, then flushes and compacts until nothing is left to do.
void reopen(const Arguments& a) {
  const auto fs = io::make_posix_file_system();
  ManualClock clock{TimestampNs{
      static_cast<uint64_t>(kStart + static_cast<int64_t>(a.samples) * kScrapeMs) * 1'000'000}};
  Telemetry telemetry;
  const auto begun = std::chrono::steady_clock::now();
  auto db = tsdb::Tsdb::open(*fs, clock, telemetry, options_of(a));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const double processor = cpu_seconds();
  if (!db) ::_exit(1);
  const auto ready = (*db)->stats();
  std::printf(
      "restart after kill -9     %8.3f s   of wall time, %.3f s of CPU, %.1f MB of log, %zu "
      "blocks, %.1f MB resident\n",
      took.count(), processor, static_cast<double>(ready.wal_bytes) / 1e6, ready.blocks.size(),
      static_cast<double>(usage_of(::getpid())->rss_bytes) / 1e6);
  // One sample half a day later: the windows of all the others are over then, and compaction joins them.
  const int64_t later = kStart + 18 * tsdb::kHourMs;
  clock.set_wall(TimestampNs{static_cast<uint64_t>(later) * 1'000'000});
  if (!(*db)->flush()) ::_exit(1);
  auto appender = (*db)->appender();
  (void)appender->append(*appender->series(model::make_labels({{"__name__", "later"}})), {later},
                         1);
  if (!appender->commit() || !(*db)->flush()) ::_exit(1);
  for (int i = 0; i < 20; ++i) (*db)->maintain();
  const auto stats = (*db)->stats();
  const auto samples = static_cast<double>(stats.samples_in_blocks);
  uint64_t bytes = 0;
  for (const auto& block : stats.blocks) bytes += block.bytes;
  std::printf("bytes a sample, blocks    %8.3f     %.0f samples in %zu blocks, %.1f MB\n",
              static_cast<double>(bytes) / samples, samples, stats.blocks.size(),
              static_cast<double>(bytes) / 1e6);
  std::printf("exemplars in blocks       %8llu\n",
              static_cast<unsigned long long>(stats.exemplars_in_blocks));
  tsdb::BlockParts parts;
  for (const auto& block : stats.blocks) {
    auto opened = tsdb::Block::open(*fs, a.directory + "/" + block.directory_name());
    auto found = opened ? tsdb::measure_block(**opened)
                        : Result<tsdb::BlockParts>(std::unexpected(opened.error()));
    if (!found) {
      std::fprintf(stderr, "%s\n", found.error().message.c_str());
      ::_exit(1);
    }
    parts.add(*found);
  }
  std::printf("%s", parts.to_text(stats.samples_in_blocks, stats.exemplars_in_blocks).c_str());
}

int run(const Arguments& a) {
  std::filesystem::remove_all(a.directory);
  int load[2];
  int result[2];
  if (::pipe2(load, O_CLOEXEC) != 0 || ::pipe2(result, O_CLOEXEC) != 0) return 1;
  const pid_t generator = in_child([&] {
    ::close(load[0]);
    generate(a, load[1]);
  });
  const pid_t server = in_child([&] {
    ::close(load[1]);
    store(a, load[0], result[1]);
  });
  ::close(load[0]);
  ::close(load[1]);
  ::close(result[1]);
  Outcome o;
  const bool good = read_all(result[0], &o, sizeof o);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  ::waitpid(generator, nullptr, 0);
  if (!good) return 1;
  const double millions = static_cast<double>(o.samples) / 1e6;
  std::printf(
      "samples                   %8.2f M   %llu exemplars, %llu requests refused, sync=%s\n",
      millions, static_cast<unsigned long long>(o.exemplars),
      static_cast<unsigned long long>(o.refused), a.sync ? "always" : "none");
  std::printf("CPU-seconds a million     %8.3f     %.1f s in all, %.1f s of wall time\n",
              o.cpu_seconds / millions, o.cpu_seconds, o.wall_seconds);
  std::printf("peak resident memory      %8.1f MB  of it at most %.1f MB anonymous\n",
              static_cast<double>(o.rss_peak_bytes) / 1e6,
              static_cast<double>(o.anonymous_bytes) / 1e6);
  std::printf(
      "resident a series         %8.0f B\n",
      static_cast<double>(o.anonymous_bytes - o.empty_bytes) / static_cast<double>(a.series));
  std::fflush(stdout);
  if (a.only_write) return 0;
  const pid_t again = in_child([&] {
    reopen(a);
    std::fflush(stdout);
  });
  int status = 0;
  ::waitpid(again, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace
}  // namespace sightline::bench

int main(int argc, char** argv) {
  sightline::bench::Arguments a;
  CLI::App app("Remote write into the metrics store, measured.");
  app.add_option("--dir", a.directory, "where the store goes; emptied first")->required();
  app.add_option("--series", a.series);
  app.add_option("--samples", a.samples, "of each series");
  app.add_option("--seed", a.seed);
  app.add_flag("--only-write", a.only_write, "without the restart and what lies on disk");
  app.add_flag("--sync", a.sync, "fdatasync before each answer");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::warn);
  return sightline::bench::run(a);
}
