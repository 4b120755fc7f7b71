#include "tracestore/pins/pins.h"

#include "base/bytes.h"
#include "base/log.h"

namespace sightline::tracestore {
namespace {

// 1 and 2 hold whole ids, as versions before fingerprints wrote them.
constexpr uint8_t kRecordPinnedIds = 1;
constexpr uint8_t kRecordUnpinnedIds = 2;
constexpr uint8_t kRecordPinned = 3;
constexpr uint8_t kRecordUnpinned = 4;
constexpr size_t kFingerprintBytes = sizeof(TraceFingerprint);
constexpr size_t kIdsPerRecord = 64 * 1024;
constexpr uint64_t kLogSlackBytes = 256 * 1024;

Status append_ids(io::RecordLog& log, uint8_t type, std::string_view ids) {
  for (; !ids.empty(); ids.remove_prefix(std::min(ids.size(), kIdsPerRecord * kFingerprintBytes)))
    if (auto written = log.append(type, ids.substr(0, kIdsPerRecord * kFingerprintBytes)); !written)
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
        pins->replay(type, ids);
        return {};
      },
      &recovery);
  if (!log) return in_context("pins", std::move(log).error());
  if (!recovery.note.empty()) SL_LOG_WARN("trace store: pins: {}", recovery.note);
  pins->log_ = std::move(*log);
  return pins;
}

void PinSet::replay(uint8_t type, std::string_view ids) {
  const bool whole = type == kRecordPinnedIds || type == kRecordUnpinnedIds;
  const bool pinned = type == kRecordPinnedIds || type == kRecordPinned;
  if (!whole && type != kRecordPinned && type != kRecordUnpinned) return;
  const size_t bytes = whole ? sizeof(TraceId) : kFingerprintBytes;
  for (; ids.size() >= bytes; ids.remove_prefix(bytes)) {
    const TraceFingerprint id = whole ? fingerprint_of(*trace_id_from_bytes(ids.substr(0, bytes)))
                                      : load_le<TraceFingerprint>(ids.data());
    if (pinned)
      ids_.insert(id);
    else
      ids_.erase(id);
  }
}

void PinSet::pin_locked(TraceFingerprint id) {
  if (ids_.insert(id)) append_le(pinned_, id);
}

void PinSet::unpin_locked(TraceFingerprint id) {
  if (!ids_.erase(id)) return;
  append_le(unpinned_, id);
  ++unpin_count_;
}

void PinSet::pin(TraceFingerprint id) {
  const std::lock_guard lock(mutex_);
  if (meanwhile_) meanwhile_->insert(id);
  pin_locked(id);
}

void PinSet::unpin(const TraceId& id) {
  const std::lock_guard lock(mutex_);
  unpin_locked(fingerprint_of(id));
}

bool PinSet::contains(const TraceId& id) const {
  const std::lock_guard lock(mutex_);
  return ids_.contains(fingerprint_of(id));
}

uint64_t PinSet::count() const {
  const std::lock_guard lock(mutex_);
  return ids_.count();
}

uint64_t PinSet::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return ids_.memory_bytes() + pinned_.capacity() + unpinned_.capacity();
}

uint64_t PinSet::unpin_count() const {
  const std::lock_guard lock(mutex_);
  return unpin_count_;
}

Status PinSet::replace(const Source& source) {
  return replace_fingerprints([&](const std::function<void(TraceFingerprint)>& wanted) {
    return source([&](const TraceId& id) { wanted(fingerprint_of(id)); });
  });
}

Status PinSet::replace_fingerprints(const FingerprintSource& source) {
  {
    const std::lock_guard lock(mutex_);
    meanwhile_ = std::make_unique<TraceIdSet>();
  }
  TraceIdSet wanted;
  const Status named = source([&](TraceFingerprint id) {
    if (!wanted.insert(id)) return;
    const std::lock_guard lock(mutex_);
    pin_locked(id);
  });
  for (size_t number = 0; named && number < TraceIdSet::kRuns; ++number) {
    const std::lock_guard lock(mutex_);  // for one run at a time: who pins hardly waits
    for (const TraceFingerprint id : ids_.run(number))
      if (!wanted.contains(id) && !meanwhile_->contains(id)) unpin_locked(id);
  }
  const std::lock_guard lock(mutex_);
  meanwhile_.reset();
  return named;
}

Status PinSet::flush() {
  std::string pinned, unpinned;
  {
    const std::lock_guard lock(mutex_);
    if (pinned_.empty() && unpinned_.empty()) return {};
    // Of an id that was both, the present state counts; order within one flush does not matter then.
    const auto drop = [&](const std::string& from, bool wanted, std::string& to) {
      for (size_t at = 0; at < from.size(); at += kFingerprintBytes)
        if (ids_.contains(load_le<TraceFingerprint>(from.data() + at)) == wanted)
          to.append(from, at, kFingerprintBytes);
    };
    drop(pinned_, true, pinned);
    drop(unpinned_, false, unpinned);
    pinned_ = std::string();
    unpinned_ = std::string();
  }
  Status status = append_ids(*log_, kRecordPinned, pinned);
  if (status) status = append_ids(*log_, kRecordUnpinned, unpinned);
  if (!status) {
    const std::lock_guard lock(mutex_);
    pinned_ += pinned;  // tried again; saying a thing twice is harmless
    unpinned_ += unpinned;
    return status;
  }
  return log_->bytes() > 2 * count() * kFingerprintBytes + kLogSlackBytes ? rewrite() : status;
}

// The whole set into a new segment, then the older ones go. A crash in between replays the
// old segments to the same set, to which the new one adds nothing.
Status PinSet::rewrite() {
  const auto segment = log_->cut();
  if (!segment) return in_context("pins", segment.error());
  std::string piece;
  for (size_t number = 0; number < TraceIdSet::kRuns; ++number) {
    {
      const std::lock_guard lock(mutex_);
      for (const TraceFingerprint id : ids_.run(number)) append_le(piece, id);
    }
    const bool last = number + 1 == TraceIdSet::kRuns;
    if (piece.size() < kIdsPerRecord * kFingerprintBytes && !last) continue;
    if (auto status = append_ids(*log_, kRecordPinned, piece); !status) return status;
    piece.clear();
  }
  if (auto status = log_->sync(); !status) return status;
  return log_->remove_before(*segment);
}

}  // namespace sightline::tracestore
