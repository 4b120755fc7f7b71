#include "server/trace_blocks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/yaml/environment.h"
#include "io/byte_source.h"
#include "io/file_system.h"
#include "server/object_storage.h"
#include "tracestore/block/block.h"
#include "tracestore/block/block_archive.h"
#include "tracestore/block/block_inspection.h"
#include "tracestore/tenancy/tenant_id.h"

namespace sightline::server {
namespace {

std::string time_text(TimestampNs time) {
  const auto seconds = static_cast<std::time_t>(time.value / 1'000'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds));
}

class TraceBlocks {
 public:
  TraceBlocks(const TraceBlocksCommand& command, std::FILE* out, std::FILE* faults)
      : command_(command), out_(out), faults_(faults) {}

  int show() {
    if (!command_.tempo_config.empty()) return show_archive();
    std::vector<std::string> paths;
    if (command_.directory.ends_with(tracestore::kBlockSuffix)) {
      paths.push_back(command_.directory);
    } else {
      const auto names = fs_->list(command_.directory);
      if (!names) return complain(names.error());
      for (const std::string& name : *names)
        if (name.ends_with(tracestore::kBlockSuffix))
          paths.push_back(command_.directory + "/" + name);
    }
    show_header();
    for (const std::string& path : paths)
      show_block(path.substr(path.rfind('/') + 1), tracestore::Block::open(*fs_, path, 0));
    return status_;
  }

 private:
  // What the manifest names.
  int show_archive() {
    const config::SystemEnvironment environment;
    const auto text = environment.read_file(command_.tempo_config);
    if (!text) return complain(text.error());
    const auto config = config::parse_tempo(*text, command_.tempo_config, environment);
    if (!config) return complain(config.error());
    auto objects = make_object_storage(config->storage, environment, clock_, telemetry_);
    if (!objects) return complain(objects.error());
    if (*objects == nullptr)
      return complain({Errc::kInvalidArgument,
                       command_.tempo_config + ": names no object storage; give the directory"});
    if (!command_.tenant.empty() && command_.tenant != tracestore::kSingleTenant)
      objects = io::make_prefixed_object_store(*objects,
                                               tracestore::tenant_object_prefix(command_.tenant));
    const auto bytes = (*objects)->get(std::string(tracestore::kManifestKey));
    if (!bytes) return complain(bytes.error());
    const auto manifest = tracestore::ArchiveManifest::decode(*bytes);
    if (!manifest) return complain(manifest.error());
    show_header();
    for (const tracestore::ArchivedBlock& entry : manifest->blocks) {
      const std::string key = tracestore::BlockArchive::block_key(entry.id);
      const std::string name = key.substr(key.rfind('/') + 1);
      if (entry.is_set_aside) {
        fmt::print(out_, "{:<20} {:>12} set aside as damaged\n", name, entry.bytes);
        continue;
      }
      show_block(name,
                 tracestore::Block::open(std::make_shared<io::ObjectByteSource>(
                                             **objects, io::ObjectInfo{key, entry.bytes}),
                                         entry.tail_offset, entry.id, (*objects)->name() + key));
    }
    return status_;
  }

  void show_header() {
    fmt::print(out_, "{:<20} {:>12} {:>10} {:>12} {:>8} {:>7}  {:<20}  {:<20}\n", "block", "bytes",
               "traces", "spans", "B/span", "groups", "from", "to");
  }

  int complain(const Error& error) {
    fmt::print(faults_, "sightline blocks traces: {}\n", error.message);
    return status_ = 1;
  }

  void show_block(const std::string& name,
                  const Result<std::shared_ptr<const tracestore::Block>>& block) {
    if (!block) {
      complain(block.error());
      return;
    }
    const tracestore::BlockSummary& summary = (*block)->summary();
    fmt::print(out_, "{:<20} {:>12} {:>10} {:>12} {:>8.2f} {:>7}  {:<20}  {:<20}{}\n", name,
               summary.bytes, summary.traces - summary.gone, summary.spans,
               summary.spans == 0
                   ? 0.0
                   : static_cast<double>(summary.bytes) / static_cast<double>(summary.spans),
               (*block)->zones().size(), time_text(summary.min_start), time_text(summary.max_end),
               summary.pinned ? "  pinned" : "");
    if (command_.columns) show_columns(**block);
    if (!command_.verify) return;
    if (auto status = tracestore::verify_block(**block); !status)
      complain(status.error());
    else
      fmt::print(out_, "  verified: every checksum and every span\n");
  }

  void show_columns(const tracestore::Block& block) {
    const auto columns = tracestore::inspect_columns(block);
    if (!columns) {
      complain(columns.error());
      return;
    }
    const auto spans = static_cast<double>(std::max<uint64_t>(1, block.summary().spans));
    for (const tracestore::ColumnUse& column : *columns)
      fmt::print(out_, "  {:>12} {:>8.3f}  {:<48} {}\n", column.bytes,
                 static_cast<double>(column.bytes) / spans, column.name, column.encodings);
  }

  const TraceBlocksCommand& command_;
  std::FILE* out_;
  std::FILE* faults_;
  SystemClock clock_;
  Telemetry telemetry_;
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  int status_ = 0;
};

}  // namespace

int show_trace_blocks(const TraceBlocksCommand& command, std::FILE* out, std::FILE* faults) {
  return TraceBlocks(command, out, faults).show();
}

}  // namespace sightline::server
