#include "tracestore/pins.h"

#include "base/log.h"

namespace sightline::tracestore {
namespace {

constexpr uint8_t kRecordPinned = 1;
constexpr uint8_t kRecordUnpinned = 2;
constexpr size_t kIdBytes = sizeof(TraceId);
constexpr size_t kIdsPerRecord = 64 * 1024;
constexpr uint64_t kLogSlackBytes = 256 * 1024;

std::string_view bytes_of(const TraceId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

Status append_ids(io::RecordLog& log, uint8_t type, std::string_view ids) {
  for (; !ids.empty(); ids.remove_prefix(std::min(ids.size(), kIdsPerRecord * kIdBytes)))
    if (auto written = log.append(type, ids.substr(0, kIdsPerRecord * kIdBytes)); !written)
      return in_context("pins", written.error());
  return {};
}

}  // namespace

Result<std::unique_ptr<PinSet>> PinSet::open(io::FileSystem& fs, const std::string& directory,
                                             io::SyncPolicy sync) {
  if (auto made = fs.create_directories(directory); !made) return std::unexpected(made.error());
  std::unique_ptr<PinSet> pins(new PinSet());
  io::RecordLogRecovery recovery;
  auto log = io::RecordLog::open(
      fs, directory, {.sync = sync, .segment_bytes_max = 16u << 20, .record_bytes_max = 4u << 20},
      [&](uint64_t, uint8_t type, std::string_view ids) -> Status {
        for (; ids.size() >= kIdBytes; ids.remove_prefix(kIdBytes)) {
          const TraceId id = *trace_id_from_bytes(ids.substr(0, kIdBytes));
          if (type == kRecordPinned) pins->ids_.insert(id);
          if (type == kRecordUnpinned) pins->ids_.erase(id);
        }
        return {};
      },
      &recovery);
  if (!log) return in_context("pins", std::move(log).error());
  if (!recovery.note.empty()) SL_LOG_WARN("trace store: pins: {}", recovery.note);
  pins->log_ = std::move(*log);
  return pins;
}

void PinSet::pin(const TraceId& id) {
  const std::lock_guard lock(mutex_);
  if (ids_.insert(id).second) pinned_ += bytes_of(id);
}

void PinSet::unpin(const TraceId& id) {
  const std::lock_guard lock(mutex_);
  if (ids_.erase(id) == 0) return;
  unpinned_ += bytes_of(id);
  ++unpin_count_;
}

bool PinSet::contains(const TraceId& id) const {
  const std::lock_guard lock(mutex_);
  return ids_.contains(id);
}

std::vector<TraceId> PinSet::all() const {
  const std::lock_guard lock(mutex_);
  return {ids_.begin(), ids_.end()};
}

uint64_t PinSet::count() const {
  const std::lock_guard lock(mutex_);
  return ids_.size();
}

uint64_t PinSet::unpin_count() const {
  const std::lock_guard lock(mutex_);
  return unpin_count_;
}

Status PinSet::flush() {
  std::string pinned, unpinned;
  {
    const std::lock_guard lock(mutex_);
    if (pinned_.empty() && unpinned_.empty()) return {};
    // Of an id that was both, the present state counts; order within one flush does not matter then.
    const auto drop = [&](const std::string& from, bool wanted, std::string& to) {
      for (size_t at = 0; at < from.size(); at += kIdBytes) {
        const std::string_view id = std::string_view(from).substr(at, kIdBytes);
        if (ids_.contains(*trace_id_from_bytes(id)) == wanted) to += id;
      }
    };
    drop(pinned_, true, pinned);
    drop(unpinned_, false, unpinned);
    pinned_.clear();
    unpinned_.clear();
  }
  Status status = append_ids(*log_, kRecordPinned, pinned);
  if (status) status = append_ids(*log_, kRecordUnpinned, unpinned);
  if (!status) {
    const std::lock_guard lock(mutex_);
    pinned_ += pinned;  // tried again; saying a thing twice is harmless
    unpinned_ += unpinned;
    return status;
  }
  return log_->bytes() > 2 * count() * kIdBytes + kLogSlackBytes ? rewrite() : status;
}

// The whole set into a new segment, then the older ones go. A crash in between replays the
// old segments to the same set, to which the new one adds nothing.
Status PinSet::rewrite() {
  const auto segment = log_->cut();
  if (!segment) return in_context("pins", segment.error());
  std::string all;
  {
    const std::lock_guard lock(mutex_);
    all.reserve(ids_.size() * kIdBytes);
    for (const TraceId& id : ids_) all += bytes_of(id);
  }
  if (auto status = append_ids(*log_, kRecordPinned, all); !status) return status;
  if (auto status = log_->sync(); !status) return status;
  return log_->remove_before(*segment);
}

}  // namespace sightline::tracestore
