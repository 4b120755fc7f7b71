// sightline blocks ls | inspect | verify | import | export
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "base/number_text.h"
#include "server/commands.h"
#include "server/openmetrics_export.h"
#include "server/openmetrics_source.h"
#include "tsdb/block/block_parts.h"
#include "tsdb/block/block_tools.h"
#include "tsdb/prometheus/prometheus_block.h"
#include "tsdb/prometheus/prometheus_block_writer.h"
#include "tsdb/tsdb.h"

namespace sightline::server {
namespace {

using tsdb::Block;
using tsdb::BlockMeta;
using tsdb::ClosedStore;

// The newest that may be imported: what a server takes, too.
int64_t time_max() { return SystemClock().now_ms().value + tsdb::TsdbOptions().future_max_ms; }

int failed(const Error& error) {
  std::fprintf(stderr, "sightline: %s\n", error.message.c_str());
  return 1;
}

// Work done out of work to do, on a terminal.
class Progress {
 public:
  explicit Progress(uint64_t total) : total_(total), shown_(::isatty(2) == 1 && total > 1) {}
  ~Progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);  // what is printed next takes its line
  }
  void step(uint64_t by = 1) {
    done_ = std::min(done_ + by, total_);
    const uint64_t percent = total_ == 0 ? 100 : done_ * 100 / total_;
    if (!shown_ || percent == percent_) return;
    percent_ = percent;
    std::fputs(fmt::format("\r[{:<50}] {}%", std::string(percent / 2, '='), percent).c_str(),
               stderr);
  }
  // For what calls back once a series.
  std::function<void()> stepper() {
    return [this] { step(); };
  }
  // Lines of results go above the bar.
  void clear() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    percent_ = UINT64_MAX;
  }

 private:
  const uint64_t total_;
  uint64_t done_ = 0;
  uint64_t percent_ = UINT64_MAX;
  const bool shown_;
};

uint64_t series_of(const std::vector<ClosedStore::Entry>& entries) {
  uint64_t series = 0;
  for (const auto& entry : entries)
    if (entry.block != nullptr) series += entry.block->series_count();
  return series;
}

// Tells how far a block that is being added has been read: each of its series is read twice.
class WatchedSource final : public tsdb::BlockSource {
 public:
  WatchedSource(tsdb::BlockSource& source, Progress& progress)
      : source_(source), progress_(progress) {}
  Result<bool> next(model::Labels& labels) override {
    progress_.step();
    return source_.next(labels);
  }
  Status read_times(uint32_t number, std::vector<int64_t>& out) override {
    return source_.read_times(number, out);
  }
  Status read_floats(uint32_t number, tsdb::SampleColumns& out) override {
    progress_.step();
    return source_.read_floats(number, out);
  }
  Status read_histograms(uint32_t number, tsdb::SampleColumns& out) override {
    return source_.read_histograms(number, out);
  }
  Status read_exemplars(uint32_t number, std::vector<tsdb::StoredExemplar>& out) override {
    return source_.read_exemplars(number, out);
  }

 private:
  tsdb::BlockSource& source_;
  Progress& progress_;
};

std::string time_text(int64_t ms) {
  return format_rfc3339(static_cast<uint64_t>(std::max<int64_t>(ms, 0)) * 1'000'000);
}

int list(const std::vector<ClosedStore::Entry>& entries) {
  std::printf("%-16s %-26s %-26s %9s %12s %10s %12s %5s\n", "block", "from", "to", "series",
              "samples", "exemplars", "bytes", "level");
  for (const auto& entry : entries) {
    if (entry.block == nullptr) {
      std::printf("%-16s %s\n", entry.name.c_str(), entry.fault.c_str());
      continue;
    }
    const BlockMeta& m = entry.block->meta();
    std::printf("%-16s %-26s %-26s %9llu %12llu %10llu %12llu %5u\n", entry.name.c_str(),
                time_text(m.min_time).c_str(), time_text(m.max_time).c_str(),
                static_cast<unsigned long long>(m.series),
                static_cast<unsigned long long>(m.samples),
                static_cast<unsigned long long>(m.exemplars),
                static_cast<unsigned long long>(m.bytes), m.level);
  }
  return 0;
}

int inspect(const std::vector<ClosedStore::Entry>& entries) {
  for (const auto& entry : entries) {
    if (entry.block == nullptr) {
      std::printf("%s: %s\n", entry.name.c_str(), entry.fault.c_str());
      continue;
    }
    const BlockMeta& m = entry.block->meta();
    auto parts = tsdb::measure_block(*entry.block);
    if (!parts) return failed(parts.error());
    std::printf("%s: %llu samples in %llu bytes\n%s\n", entry.name.c_str(),
                static_cast<unsigned long long>(m.samples),
                static_cast<unsigned long long>(m.bytes),
                parts->to_text(m.samples, m.exemplars).c_str());
  }
  return 0;
}

int verify(ClosedStore& store, const std::vector<ClosedStore::Entry>& entries) {
  int broken = 0;
  Progress progress(series_of(entries));
  for (const auto& entry : entries) {
    const Status status = entry.block != nullptr
                              ? tsdb::verify_block(*entry.block, progress.stepper())
                              : Status(fail(Errc::kCorrupt, entry.fault));
    progress.clear();
    if (status) {
      std::printf("%s: OK\n", entry.name.c_str());
      continue;
    }
    ++broken;
    std::printf("%s: %s; set aside as %s.corrupt\n", entry.name.c_str(),
                status.error().message.c_str(), entry.name.c_str());
    if (auto moved = store.quarantine(entry.name); !moved) return failed(moved.error());
  }
  return broken == 0 ? 0 : 1;
}

Status add(ClosedStore& store, tsdb::BlockSource& source, uint64_t series,
           const std::string& from) {
  Progress progress(2 * series);
  WatchedSource watched(source, progress);
  auto meta = store.add(watched, time_max());
  progress.clear();
  if (!meta) return in_context(from, std::move(meta).error());
  if (!*meta)
    std::printf("%s: holds nothing\n", from.c_str());
  else
    std::printf("%s: %s, %llu series, %llu samples, %llu exemplars\n", from.c_str(),
                (*meta)->directory_name().c_str(), static_cast<unsigned long long>((*meta)->series),
                static_cast<unsigned long long>((*meta)->samples),
                static_cast<unsigned long long>((*meta)->exemplars));
  return {};
}

// What the text says of its metrics is added to `metadata`.
Status import_text(ClosedStore& store, io::FileSystem& fs, const std::string& path,
                   MetadataByName& metadata) {
  auto text = fs.read_all(path);
  if (!text) return std::unexpected(std::move(text).error());
  auto parsed = OpenMetricsText::parse(*text);
  if (!parsed) return fail(parsed.error().code, path, ":", parsed.error().message);
  for (const auto& day : parsed->days())
    if (auto status = add(store, *day, parsed->series(), path); !status) return status;
  for (const auto& [name, entry] : parsed->metadata()) metadata.insert_or_assign(name, entry);
  return {};
}

Status import_block(ClosedStore& store, io::FileSystem& fs, const std::string& path) {
  auto block = tsdb::PrometheusBlock::open(fs, path);
  if (!block) return std::unexpected(std::move(block).error());
  return add(store, **block, (*block)->series_expected(), path);
}

// The store, opened as a server would, for what only it can do.
Result<std::unique_ptr<tsdb::Tsdb>> open_store(io::FileSystem& fs, Clock& clock,
                                               Telemetry& telemetry, const std::string& directory) {
  return tsdb::Tsdb::open(fs, clock, telemetry, {.directory = directory, .retention_time_ms = 0});
}

Status keep_metadata(io::FileSystem& fs, const std::string& directory,
                     const MetadataByName& metadata) {
  if (metadata.empty()) return {};
  SystemClock clock;
  Telemetry telemetry;
  auto db = open_store(fs, clock, telemetry, directory);
  if (!db) return std::unexpected(std::move(db).error());
  auto appender = (*db)->appender();
  for (const auto& [name, entry] : metadata) appender->set_metadata(name, entry);
  return appender->commit();
}

// A block, a directory of blocks, or a file of OpenMetrics text.
int import_all(ClosedStore& store, io::FileSystem& fs, const std::vector<std::string>& paths,
               MetadataByName& metadata) {
  std::vector<std::string> blocks;
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (fs.exists(path + "/meta.json")) {
      blocks.push_back(path);
    } else if (auto names = fs.list(path)) {
      const size_t before = blocks.size();
      for (const std::string& name : *names)
        if (fs.exists(path + "/" + name + "/meta.json") && !name.ends_with(".tmp"))
          blocks.push_back(path + "/" + name);
      if (blocks.size() == before)
        return failed({.code = Errc::kNotFound, .message = path + ": holds no blocks"});
    } else {
      files.push_back(path);
    }
  }
  for (const std::string& path : blocks)
    if (auto status = import_block(store, fs, path); !status) return failed(status.error());
  for (const std::string& path : files)
    if (auto status = import_text(store, fs, path, metadata); !status)
      return failed(status.error());
  return 0;
}

// What the log holds becomes blocks first. What is known of the metrics is returned.
Result<MetadataByName> flush(io::FileSystem& fs, const std::string& directory) {
  SystemClock clock;
  Telemetry telemetry;
  auto db = open_store(fs, clock, telemetry, directory);
  if (!db) return std::unexpected(std::move(db).error());
  MetadataByName metadata;
  {
    auto querier = (*db)->querier();
    if (!querier) return std::unexpected(std::move(querier).error());
    metadata = (*querier)->metadata({});
  }
  if (auto status = (*db)->flush(); !status) return std::unexpected(std::move(status).error());
  return metadata;
}

// All or nothing: an export that lacks something unnoticed is worse than none.
Status check_exportable(const std::vector<ClosedStore::Entry>& entries) {
  for (const auto& entry : entries)
    if (entry.block == nullptr) return fail(Errc::kCorrupt, entry.fault);
  return {};
}

int export_blocks(io::FileSystem& fs, const std::vector<ClosedStore::Entry>& entries,
                  const std::string& to) {
  Random random(Random::entropy_seed());
  Progress progress(series_of(entries));
  for (const auto& entry : entries) {
    auto exported = tsdb::export_prometheus_block(fs, *entry.block, to, random, progress.stepper());
    progress.clear();
    if (!exported) return failed(exported.error());
    if (exported->directory.empty())
      std::printf("%s: holds no samples\n", entry.name.c_str());
    else
      std::printf("%s: %s/%s, %llu series, %llu samples\n", entry.name.c_str(), to.c_str(),
                  exported->directory.c_str(), static_cast<unsigned long long>(exported->series),
                  static_cast<unsigned long long>(exported->samples));
    if (exported->exemplars_left_out > 0)
      std::fprintf(stderr,
                   "%s: %llu exemplars were left out: Prometheus' blocks have no place for them; "
                   "--openmetrics has\n",
                   entry.name.c_str(),
                   static_cast<unsigned long long>(exported->exemplars_left_out));
  }
  return 0;
}

int export_text(io::FileSystem& fs, const std::vector<ClosedStore::Entry>& entries,
                const MetadataByName& metadata, const std::string& to) {
  Progress progress(series_of(entries));
  for (const auto& entry : entries) {
    const std::string path = to + "/" + entry.name + ".txt";
    auto exported = export_openmetrics(fs, *entry.block, metadata, path, progress.stepper());
    progress.clear();
    if (!exported) return failed(exported.error());
    std::printf("%s: %s, %llu series, %llu samples, %llu exemplars\n", entry.name.c_str(),
                path.c_str(), static_cast<unsigned long long>(exported->series),
                static_cast<unsigned long long>(exported->samples),
                static_cast<unsigned long long>(exported->exemplars));
    if (exported->histograms_left_out > 0)
      std::fprintf(
          stderr,
          "%s: %llu native histograms and %llu exemplars of theirs were left out: the text "
          "has no place for them\n",
          entry.name.c_str(), static_cast<unsigned long long>(exported->histograms_left_out),
          static_cast<unsigned long long>(exported->exemplars_left_out));
  }
  return 0;
}

int export_all(io::FileSystem& fs, const std::vector<ClosedStore::Entry>& entries,
               const MetadataByName& metadata, const BlocksCommand& command) {
  const std::string& to = command.paths.front();
  if (auto status = check_exportable(entries); !status) return failed(status.error());
  if (auto status = fs.create_directories(to); !status) return failed(status.error());
  return command.openmetrics ? export_text(fs, entries, metadata, to)
                             : export_blocks(fs, entries, to);
}

}  // namespace

int execute(const BlocksCommand& command) {
  // main() holds these back for servers; here they end the program as usual.
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  spdlog::set_level(spdlog::level::warn);
  const auto fs = io::make_posix_file_system();
  const std::string directory = command.data_dir + "/metrics";
  if (command.action != BlocksCommand::Action::kImport && !fs->exists(directory))
    return failed({.code = Errc::kNotFound, .message = directory + ": there is no metrics store"});
  MetadataByName metadata;
  if (command.action == BlocksCommand::Action::kExport) {
    auto flushed = flush(*fs, directory);
    if (!flushed) return failed(flushed.error());
    metadata = std::move(*flushed);
  }
  auto store = ClosedStore::open(*fs, directory);
  if (!store) return failed(store.error());
  if (command.action == BlocksCommand::Action::kImport) {
    const int outcome = import_all(**store, *fs, command.paths, metadata);
    store->reset();
    const auto kept = keep_metadata(*fs, directory, metadata);
    return kept ? outcome : failed(kept.error());
  }
  auto entries = (*store)->blocks();
  if (!entries) return failed(entries.error());
  switch (command.action) {
    case BlocksCommand::Action::kList: return list(*entries);
    case BlocksCommand::Action::kInspect: return inspect(*entries);
    case BlocksCommand::Action::kVerify: return verify(**store, *entries);
    case BlocksCommand::Action::kExport: return export_all(*fs, *entries, metadata, command);
    case BlocksCommand::Action::kImport: break;
  }
  return 0;
}

}  // namespace sightline::server
