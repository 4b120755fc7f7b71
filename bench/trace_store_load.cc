// trace_store_load: what the trace store alone costs for the traffic of a shop (shop_traffic.h): processor time by stage,
// resident memory, bytes on disk by column, trace by id, start again. Time is simulated, at the rate asked for.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <set>

#include "base/heap.h"
#include "base/log.h"
#include "base/time.h"
#include "bench/process_usage.h"
#include "bench/shop_traffic.h"
#include "io/file_system.h"
#include "tracestore/block/block_inspection.h"
#include "tracestore/trace_store.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::bench {
namespace {

struct Arguments {
  uint64_t spans = 1'000'000;
  ShopTrafficOptions traffic;
  std::string directory;
  bool keep_wal = false;  // stop before anything is cut and start again
  bool columns = false;
  uint32_t finds = 200;
  uint32_t row_group_rows = 0;
  bool keep_nothing_open = false;
};

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}
double wall_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Adds the processor time of its scope.
class Stage {
 public:
  explicit Stage(double& total) : total_(total), begin_(cpu_seconds()) {}
  ~Stage() { total_ += cpu_seconds() - begin_; }

 private:
  double& total_;
  const double begin_;
};

// Requests that the store read back from its WAL.
uint64_t requests_read_again = 0;

tracestore::TraceStoreOptions options_of(const Arguments& arguments,
                                         std::shared_ptr<tracestore::RowGroupCache> row_groups) {
  tracestore::TraceStoreOptions options;
  options.row_groups = std::move(row_groups);
  options.wal_directory = arguments.directory + "/wal";
  options.blocks_directory = arguments.directory + "/blocks";
  if (arguments.row_group_rows != 0) options.row_group_rows = arguments.row_group_rows;
  if (arguments.keep_wal) {
    options.max_block_bytes = 0;
    options.trace_idle_period = std::chrono::hours(1);
    options.max_block_duration = std::chrono::hours(1);
    options.limits.live_bytes_max = 0;
  }
  options.decode = [](std::shared_ptr<const std::string> bytes)
      -> Result<std::shared_ptr<const model::SpanBatch>> {
    auto decoded = wire::otlp::decode_traces(std::move(bytes));
    if (!decoded) return std::unexpected(std::move(decoded).error());
    ++requests_read_again;
    return decoded->batch;
  };
  options.decode_some =
      [](std::shared_ptr<const std::string> bytes,
         std::span<const uint32_t> wanted) -> Result<std::shared_ptr<const model::SpanBatch>> {
    auto decoded = wire::otlp::decode_traces(std::move(bytes), {.spans = wanted});
    if (!decoded) return std::unexpected(std::move(decoded).error());
    ++requests_read_again;
    return decoded->batch;
  };
  options.encode = [](const model::SpanBatch& batch) { return wire::otlp::encode_traces(batch); };
  return options;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<size_t>(q * static_cast<double>(values.size())))];
}

// Blocks that nothing in memory remembers, as after a reboot.
void forget_cached(io::FileSystem& fs, const std::string& directory) {
  const auto names = fs.list(directory);
  if (!names) return;
  for (const std::string& name : *names) {
    const int file = ::open((directory + "/" + name).c_str(), O_RDONLY);
    if (file < 0) continue;
    (void)::fdatasync(file);
    (void)::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

class Run {
 public:
  explicit Run(const Arguments& arguments)
      : arguments_(arguments),
        row_groups_(std::make_shared<tracestore::RowGroupCache>(
            arguments.keep_nothing_open
                ? tracestore::RowGroupCache::Limits{.decoder_bytes_max = 0, .table_bytes_max = 0}
                : tracestore::RowGroupCache::Limits{})),
        clock_(arguments.traffic.start) {}

  int run() {
    if (auto status = open(); !status) return complain(status.error());
    if (auto status = feed(); !status) return complain(status.error());
    if (arguments_.keep_wal) return restart();
    if (auto status = settle(); !status) return complain(status.error());
    report();
    find("warm", false);
    find("cold", true);
    if (arguments_.columns) print_columns();
    return 0;
  }

 private:
  static int complain(const Error& error) {
    fmt::print(stderr, "trace_store_load: {}\n", error.message);
    return 1;
  }

  Status open() {
    store_.reset();
    auto store =
        tracestore::TraceStore::open(*fs_, clock_, telemetry_, options_of(arguments_, row_groups_));
    if (!store) return std::unexpected(std::move(store).error());
    store_ = std::move(*store);
    return {};
  }

  Status feed() {
    ShopTraffic traffic(arguments_.traffic);
    TimestampNs next_round = clock_.now();
    while (spans_ < arguments_.spans) {
      ShopTraffic::Request request = traffic.next();
      while (next_round < request.sent) {
        clock_.advance(std::chrono::nanoseconds(next_round.value - clock_.now().value));
        if (auto status = maintain(); !status) return status;
        next_round.value += 1'000'000'000;
      }
      spans_ += request.spans;
      wire_bytes_ += request.bytes.size();
      if (++requests_ % 97 == 0) ids_.push_back(request.first_trace);
      auto bytes = std::make_shared<const std::string>(std::move(request.bytes));
      Result<wire::otlp::DecodedTraces> decoded;
      {
        const Stage stage(decode_seconds_);
        decoded = wire::otlp::decode_traces(std::move(bytes));
      }
      if (!decoded) return std::unexpected(decoded.error());
      const Stage stage(append_seconds_);
      if (auto status = store_->append(std::move(decoded->batch)); !status) return status;
    }
    traces_ = traffic.traces_made();
    made_spans_ = traffic.spans_made();
    return {};
  }

  Status maintain() {
    const Stage stage(maintain_seconds_);
    const double begin = wall_seconds();
    const uint64_t live_before = store_->stats().live_spans;
    auto status = store_->maintain();
    if (store_->stats().live_spans + 5'000 < live_before) ::malloc_trim(0);
    longest_round_ = std::max(longest_round_, wall_seconds() - begin);
    return status;
  }

  // Until everything is in blocks and there is nothing left to merge.
  Status settle() {
    uint64_t same = 0;
    for (uint64_t blocks = UINT64_MAX; same < 30;) {
      clock_.advance(std::chrono::seconds(11));
      if (auto status = maintain(); !status) return status;
      const auto stats = store_->stats();
      same = stats.block_count == blocks && stats.live_spans == 0 ? same + 1 : 0;
      blocks = stats.block_count;
      if (store_->stats().live_spans > 0 && ++rounds_without_end_ > 60) return store_->flush();
    }
    return {};
  }

  void report() {
    const double million = static_cast<double>(spans_) / 1e6;
    const auto spans = static_cast<double>(spans_);
    const auto stats = store_->stats();
    fmt::print("spans {}  requests {}  spans a trace {:.1f}  wire bytes a span {:.1f}\n", spans_,
               requests_, static_cast<double>(made_spans_) / static_cast<double>(traces_),
               static_cast<double>(wire_bytes_) / spans);
    fmt::print(
        "CPU-seconds per million spans: decode {:.3f}  append {:.3f}  cut and merge {:.3f}  "
        "together {:.3f}\n",
        decode_seconds_ / million, append_seconds_ / million, maintain_seconds_ / million,
        (decode_seconds_ + append_seconds_ + maintain_seconds_) / million);
    const auto on_disk = fs_->size_of_tree(arguments_.directory).value_or(0);
    fmt::print("on disk {} bytes in {} blocks with {} spans, {:.2f} bytes a span; WAL {} bytes\n",
               on_disk, stats.block_count, stats.block_spans, static_cast<double>(on_disk) / spans,
               stats.wal_bytes);
    if (const auto usage = usage_of(getpid()))
      fmt::print("resident MiB: now {:.1f}, peak {:.1f}, without pages of files {:.1f}\n",
                 static_cast<double>(usage->rss_bytes) / (1 << 20),
                 static_cast<double>(usage->rss_peak_bytes) / (1 << 20),
                 static_cast<double>(own_memory_.bytes()) / (1 << 20));
    fmt::print("longest round of maintenance {:.0f} ms; {} requests read back from the WAL\n",
               longest_round_ * 1e3, requests_read_again);
  }

  void find(std::string_view how, bool cold) {
    if (cold) {
      store_.reset();
      forget_cached(*fs_, arguments_.directory + "/blocks");
      if (!open()) return;
    }
    std::vector<double> milliseconds;
    uint64_t found = 0;
    uint64_t spans = 0;
    double cpu = 0;
    for (uint32_t i = 0; i < arguments_.finds && !ids_.empty(); ++i) {
      const TraceId& id = ids_[uint64_t{i} * 7919 % ids_.size()];
      const double begin = wall_seconds();
      const Stage stage(cpu);
      const auto querier = store_->querier();
      const auto trace = (*querier)->find(id);
      milliseconds.push_back((wall_seconds() - begin) * 1e3);
      found += trace && *trace ? 1 : 0;
      spans += trace && *trace ? (*trace)->spans.size() : 0;
    }
    fmt::print(
        "trace by id, {}: {} of {} found, {} spans, p50 {:.3f} ms, p90 {:.3f} ms, p99 {:.3f} ms, "
        "max {:.3f} ms; processor time {:.3f} ms each\n",
        how, found, milliseconds.size(), spans, quantile(milliseconds, 0.5),
        quantile(milliseconds, 0.9), quantile(milliseconds, 0.99), quantile(milliseconds, 1),
        cpu * 1e3 / std::max<double>(1, static_cast<double>(milliseconds.size())));
    fmt::print("row groups kept open take {:.1f} MiB\n",
               static_cast<double>(row_groups_->bytes()) / (1 << 20));
  }

  int restart() {
    const auto stats = store_->stats();
    store_.reset();
    ::malloc_trim(0);
    const double cpu = cpu_seconds();
    const double begin = wall_seconds();
    if (auto status = open(); !status) return complain(status.error());
    fmt::print(
        "start with a WAL of {} bytes, {} spans: {:.3f} s, {:.3f} CPU-seconds; {} spans live "
        "again\n",
        stats.wal_bytes, stats.live_spans, wall_seconds() - begin, cpu_seconds() - cpu,
        store_->stats().live_spans);
    if (const auto usage = usage_of(getpid()))
      fmt::print("resident MiB: now {:.1f}, peak {:.1f}\n",
                 static_cast<double>(usage->rss_bytes) / (1 << 20),
                 static_cast<double>(usage->rss_peak_bytes) / (1 << 20));
    return 0;
  }

  void print_columns() {
    const std::string directory = arguments_.directory + "/blocks";
    const auto names = fs_->list(directory);
    if (!names) return;
    struct Use {
      uint64_t bytes = 0;
      std::set<std::string> encodings;
    };
    std::map<std::string, Use> uses;
    for (const std::string& name : *names) {
      if (!name.ends_with(".trace")) continue;
      const auto block = tracestore::Block::open(*fs_, directory + "/" + name, 0);
      if (!block) continue;
      const auto columns = tracestore::inspect_columns(**block);
      if (!columns) continue;
      for (const auto& column : *columns) {
        uses[column.name].bytes += column.bytes;
        uses[column.name].encodings.insert(column.encodings);
      }
    }
    std::vector<std::pair<std::string, Use>> sorted(uses.begin(), uses.end());
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
    for (const auto& [name, use] : sorted) {
      std::string encodings;
      for (const auto& e : use.encodings) encodings += (encodings.empty() ? "" : "; ") + e;
      if (encodings.size() > 90) encodings.resize(90);
      fmt::print("{:8.3f}  {:<48} {}\n",
                 static_cast<double>(use.bytes) / static_cast<double>(spans_), name, encodings);
    }
  }

  const OwnMemoryPeak own_memory_;
  const Arguments arguments_;
  const std::shared_ptr<tracestore::RowGroupCache> row_groups_;
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  ManualClock clock_;
  Telemetry telemetry_;
  std::unique_ptr<tracestore::TraceStore> store_;
  std::vector<TraceId> ids_;
  uint64_t spans_ = 0;
  uint64_t requests_ = 0;
  uint64_t wire_bytes_ = 0;
  uint64_t traces_ = 0;
  uint64_t made_spans_ = 0;
  uint64_t rounds_without_end_ = 0;
  double decode_seconds_ = 0;
  double append_seconds_ = 0;
  double maintain_seconds_ = 0;
  double longest_round_ = 0;
};

}  // namespace
}  // namespace sightline::bench

int main(int argc, char** argv) {
  using namespace sightline::bench;
  sightline::share_heaps();  // as the program does
  spdlog::set_level(spdlog::level::warn);
  Arguments arguments;
  CLI::App app("What the trace store costs for the traffic of a shop; no network, simulated time.",
               "trace_store_load");
  app.add_option("--directory", arguments.directory, "an empty directory for WAL and blocks")
      ->required();
  app.add_option("--spans", arguments.spans, "how many, about (default 1000000)");
  app.add_option("--rate", arguments.traffic.spans_per_second,
                 "spans per simulated second (default 40000)");
  app.add_option("--seed", arguments.traffic.seed, "of everything random (default 1)");
  app.add_option("--finds", arguments.finds, "traces looked up by id (default 200)");
  app.add_option("--row-group-rows", arguments.row_group_rows, "instead of the store's default");
  app.add_flag("--keep-nothing-open", arguments.keep_nothing_open,
               "every look-up opens its row group anew, as the first one does");
  app.add_flag("--columns", arguments.columns, "print bytes a span for each column");
  app.add_flag("--keep-wal", arguments.keep_wal,
               "cut nothing; measure starting again with all of it in the WAL");
  CLI11_PARSE(app, argc, argv);
  return Run(arguments).run();
}
