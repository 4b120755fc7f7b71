// TraceStore's blocks in object storage: moving them there, merging them there, and none too old.
#include <algorithm>

#include <absl/container/flat_hash_set.h>

#include "base/random.h"
#include "tracestore/block/compaction.h"
#include "tracestore/trace_store.h"
#include "tracestore/trace_store_metrics.h"

namespace sightline::tracestore {
namespace {

constexpr std::chrono::seconds kRetryFirst(1);

std::array<uint8_t, 16> random_owner() {
  Random random(Random::entropy_seed());
  std::array<uint8_t, 16> owner{};
  for (uint8_t& byte : owner) byte = static_cast<uint8_t>(random.next());
  return owner;
}

bool may_pass(Errc code) { return code == Errc::kUnavailable || code == Errc::kDeadlineExceeded; }

}  // namespace

// Storage that is away now does not keep spans from being received: it is asked again by archive().
Status TraceStore::open_archive() {
  if (!options_.objects) {
    archive_loaded_ = true;
    return {};
  }
  if (auto removed = fs_.remove_all(upload_directory()); !removed) return removed;
  if (auto made = fs_.create_directories(upload_directory()); !made) return made;
  auto cache = io::ObjectCache::open(
      fs_, *options_.objects, metrics_->telemetry,
      {.directory = options_.cache_directory.empty() ? options_.blocks_directory + "/cache"
                                                     : options_.cache_directory,
       .bytes_max = options_.cache_bytes_max});
  if (!cache) return std::unexpected(std::move(cache).error());
  cache_ = std::move(*cache);
  archive_ = std::make_unique<BlockArchive>(*cache_, random_owner(), options_.row_groups);
  Status loaded = load_archive();
  if (loaded || !may_pass(loaded.error().code)) return loaded;
  SL_LOG_WARN("trace store: {}; until it answers, spans are received and nothing is answered",
              loaded.error().message);
  return {};
}

Status TraceStore::load_archive() {
  auto loaded = archive_->load();
  if (!loaded) return in_context("object storage", std::move(loaded).error());
  metrics_->quarantined.add(loaded->set_aside);
  absl::flat_hash_set<uint64_t> replaced;
  for (const auto& block : loaded->blocks)
    replaced.insert(block->summary().replaced.begin(), block->summary().replaced.end());
  const std::lock_guard lock(maintenance_mutex_);
  directory_.reserve(loaded->next_id);
  // Local blocks that were moved just before the end of an earlier process.
  BlockList moved;
  for (const auto& block : *publication_.blocks())
    if (replaced.contains(replaced_mark(*block))) moved.push_back(block);
  for (const auto& block : loaded->blocks) change_list({}, block);
  change_list(moved, nullptr);
  remove_moved(moved);
  archive_loaded_ = true;
  return {};
}

Status TraceStore::archive() {
  const std::lock_guard lock(archive_mutex_);
  return run_archive(false);
}

Status TraceStore::archive_everything() {
  const std::lock_guard lock(archive_mutex_);
  archive_next_ = {};
  return run_archive(true);
}

Status TraceStore::run_archive(bool everything) {
  if (!has_archive() || clock_.monotonic() < archive_next_) return {};
  Status first_error;
  const auto note = [&](Status status) {
    if (status) return true;
    if (!stopping_) SL_LOG_WARN("trace store: {}", status.error().message);
    metrics_->upload_errors.add();
    if (first_error) first_error = std::move(status);
    return false;
  };
  const auto work = [&] {
    if (!archive_loaded_ && !note(load_archive())) return;
    set_archived_aside();
    for (BlockList due; !(due = due_for_upload(everything)).empty();) {
      if (!note(replace_blocks(due, nullptr, due.front()->summary().pinned))) return;
    }
    if (note(compact())) note(retain());
    archive_->sweep();
  };
  work();
  archive_delay_ = first_error ? std::chrono::nanoseconds(0)
                               : std::clamp<std::chrono::nanoseconds>(
                                     2 * archive_delay_, kRetryFirst, kArchiveRetryMax);
  archive_next_ = clock_.monotonic() + archive_delay_;
  return first_error;
}

// The oldest local blocks, as many as make one of compacted_bytes_max; pinned ones by themselves.
BlockList TraceStore::due_for_upload(bool everything) const {
  BlockList run;
  uint64_t bytes = 0, waiting = 0;
  for (const auto& block : *publication_.blocks()) {
    if (block->is_archived() || block->is_corrupt()) continue;
    waiting += block->summary().bytes;
    const bool joins =
        run.empty() || (block->summary().pinned == run.front()->summary().pinned &&
                        bytes + block->summary().bytes <= options_.compacted_bytes_max);
    if (!joins) continue;
    run.push_back(block);
    bytes += block->summary().bytes;
  }
  if (run.empty()) return run;
  const uint64_t since = run.front()->summary().newest_received.value;
  const bool waited =
      clock_.now().value >= since + static_cast<uint64_t>(options_.upload_after.count());
  return everything || waited || waiting >= options_.upload_bytes_min ? run : BlockList{};
}

void TraceStore::set_archived_aside() {
  BlockList corrupt;
  for (const auto& block : *publication_.blocks())
    if (block->is_corrupt() && block->is_archived()) corrupt.push_back(block);
  if (corrupt.empty()) return;
  if (auto status = archive_->set_aside(corrupt); !status) {
    SL_LOG_WARN("trace store: {}", status.error().message);
    return;  // they are passed by all the same
  }
  metrics_->quarantined.add(corrupt.size());
  change_list(corrupt, nullptr);
}

uint64_t TraceStore::take_id() {
  const std::lock_guard lock(maintenance_mutex_);
  const uint64_t id = directory_.take_id();
  directory_.keep(id);  // it will not be a file of the directory
  return id;
}

Status TraceStore::replace_archived(const BlockList& inputs, const KeptTraces& kept, bool pinned) {
  BlockList archived, local;
  for (const auto& input : inputs) (input->is_archived() ? archived : local).push_back(input);
  std::shared_ptr<const Block> added;
  if (!kept.is_empty()) {
    const uint64_t id = take_id();
    BlockDescription description{.pinned = pinned};
    for (const auto& input : inputs) description.replaced.push_back(replaced_mark(*input));
    std::erase_if(moved_behind_, [&](const auto& moved) { return !fs_.exists(moved.first); });
    for (const auto& [path, mark] : moved_behind_) description.replaced.push_back(mark);
    const std::string file = block_path(upload_directory(), id);
    Status written = write_merged(inputs, kept, upload_directory(), id, std::move(description));
    if (written) {
      auto block = archive_->upload(fs_, file, id);
      if (block)
        added = std::move(*block);
      else
        written = std::unexpected(std::move(block).error());
    }
    if (fs_.exists(file)) (void)fs_.remove(file);  // the next start removes what is left
    if (!written) return in_context("object storage", std::move(written).error());
    metrics_->uploaded_blocks.add();
  }
  if (auto published = archive_->publish(added, archived); !published)
    return in_context("object storage", std::move(published).error());
  change_list(inputs, added);
  const std::lock_guard lock(maintenance_mutex_);
  remove_moved(local);
  return {};
}

void TraceStore::remove_moved(const BlockList& local) {
  for (const auto& block : local) {
    directory_.remove(*block);
    if (fs_.exists(block->name())) moved_behind_.emplace_back(block->name(), replaced_mark(*block));
  }
}

}  // namespace sightline::tracestore
