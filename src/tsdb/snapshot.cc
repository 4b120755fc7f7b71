// A consistent copy of a running store.
#include <fmt/format.h>

#include "base/log.h"
#include "base/number_text.h"
#include "base/random.h"
#include "tsdb/tsdb.h"

namespace sightline::tsdb {
namespace {

constexpr std::string_view kSnapshotsDirectory = "snapshots";

// As the peer names them: 20261124T015531Z-0ede55745380a8d2.
std::string snapshot_name(TimestampNs now) {
  std::string time = format_rfc3339(now.value / 1'000'000'000 * 1'000'000'000);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  time = time.substr(0, 15) + "Z";
  Random random(Random::entropy_seed());
  return fmt::format("{}-{:016x}", time, random.next() >> 1);
}

}  // namespace

Status Tsdb::remove_unfinished_snapshots() {
  if (!fs_.exists(path(kSnapshotsDirectory))) return {};
  auto names = fs_.list(path(kSnapshotsDirectory));
  if (!names) return std::unexpected(std::move(names).error());
  for (const std::string& name : *names)
    if (name.ends_with(".tmp"))
      if (auto status = fs_.remove_all(path(kSnapshotsDirectory) + "/" + name); !status)
        return status;
  return {};
}

Result<std::string> Tsdb::write_snapshot(SnapshotHead head) {
  const std::lock_guard lock(maintain_mutex_);
  const std::string name = snapshot_name(clock_.now());
  const std::string directory = path(kSnapshotsDirectory) + "/" + name;
  const std::string temporary = directory + ".tmp";
  Status status = fill_snapshot(temporary + "/metrics", head);
  if (status) status = fs_.sync_directory(temporary);
  if (status) status = fs_.rename(temporary, directory);
  if (status) status = fs_.sync_directory(path(kSnapshotsDirectory));
  if (status) {
    SL_LOG_INFO("tsdb: snapshot {} written", directory);
    return name;
  }
  (void)fs_.remove_all(temporary);
  (void)fs_.remove_all(directory);
  return std::unexpected(std::move(status).error());
}

// The head first: whatever is cut into blocks meanwhile waits for the mutex that is held.
Status Tsdb::fill_snapshot(const std::string& directory, SnapshotHead head) {
  if (auto status = fs_.create_directories(directory); !status) return status;
  const auto view = snapshot();
  const uint64_t commit = view->registration->commit();
  if (head == SnapshotHead::kWithHead && head_.min_time() <= head_.max_time()) {
    const HeadWindow window{kNoTime, std::numeric_limits<int64_t>::max(), commit};
    auto meta = write_head_block(fs_, directory, next_block_number_++, head_, window, options_);
    if (!meta) return std::unexpected(std::move(meta).error());
  }
  for (const auto& block : *view->blocks) {
    const std::string from = block->directory();
    const std::string to = directory + "/" + block->meta().directory_name();
    auto files = fs_.list(from);
    if (!files) return std::unexpected(std::move(files).error());
    if (auto status = fs_.create_directories(to); !status) return status;
    for (const std::string& file : *files)
      if (!file.ends_with(".tmp"))
        if (auto status = fs_.hard_link(from + "/" + file, to + "/" + file); !status) return status;
    if (auto status = fs_.sync_directory(to); !status) return status;
  }
  WalWriter metadata;
  metadata.begin(commit);
  for (const auto& [metric, entry] : metadata_.get({})) metadata.add(WalMetadata{metric, entry});
  return write_checkpoint(fs_, directory + "/checkpoint", Checkpoint{}, metadata.bytes());
}

}  // namespace sightline::tsdb
