#include "server/trace_blocks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "io/file_system.h"
#include "tracestore/block.h"
#include "tracestore/block_inspection.h"

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
    fmt::print(out_, "{:<20} {:>12} {:>10} {:>12} {:>8} {:>7}  {:<20}  {:<20}\n", "block", "bytes",
               "traces", "spans", "B/span", "groups", "from", "to");
    for (const std::string& path : paths) show_block(path);
    return status_;
  }

 private:
  int complain(const Error& error) {
    fmt::print(faults_, "sightline blocks traces: {}\n", error.message);
    return status_ = 1;
  }

  void show_block(const std::string& path) {
    const auto block = tracestore::Block::open(*fs_, path, 0);
    if (!block) {
      complain(block.error());
      return;
    }
    const tracestore::BlockSummary& summary = (*block)->summary();
    fmt::print(out_, "{:<20} {:>12} {:>10} {:>12} {:>8.2f} {:>7}  {:<20}  {:<20}{}\n",
               path.substr(path.rfind('/') + 1), summary.bytes, summary.traces - summary.gone,
               summary.spans,
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
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  int status_ = 0;
};

}  // namespace

int show_trace_blocks(const TraceBlocksCommand& command, std::FILE* out, std::FILE* faults) {
  return TraceBlocks(command, out, faults).show();
}

}  // namespace sightline::server
