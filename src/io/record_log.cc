#include "io/record_log.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>

#include "base/bytes.h"
#include "base/checksum.h"

namespace sightline::io {
namespace {

constexpr std::string_view kMagic{"SLWAL\0\0\1", 8};  // the last byte is the version
constexpr size_t kFrameHeaderBytes = 9;               // length, crc, type
constexpr std::string_view kSuffix = ".wal";

std::string segment_name(uint64_t segment) {
  std::string digits = std::to_string(segment);
  return std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits + std::string(kSuffix);
}

std::optional<uint64_t> segment_number(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::string frame_header(uint8_t type, std::string_view payload) {
  std::string header;
  const char type_byte = static_cast<char>(type);
  append_le<uint32_t>(header, static_cast<uint32_t>(payload.size()));
  append_le<uint32_t>(header, crc32c(payload, crc32c({&type_byte, 1})));
  header.push_back(type_byte);
  return header;
}

struct SegmentScan {
  uint64_t good_bytes = 0;  // up to the end of the last record that checks
  uint64_t records = 0;
  bool whole = true;
};

Result<SegmentScan> scan_segment(std::string_view bytes, uint64_t segment,
                                 const RecordLogOptions& options, const RecordLog::Replay& replay) {
  SegmentScan scan;
  if (!bytes.starts_with(kMagic)) {
    scan.whole = false;
    return scan;
  }
  scan.good_bytes = kMagic.size();
  while (scan.good_bytes < bytes.size()) {
    const std::string_view rest = bytes.substr(scan.good_bytes);
    scan.whole = false;
    if (rest.size() < kFrameHeaderBytes) break;
    const auto length = load_le<uint32_t>(rest.data());
    if (length > options.record_bytes_max || length > rest.size() - kFrameHeaderBytes) break;
    const std::string_view payload = rest.substr(kFrameHeaderBytes, length);
    if (crc32c(rest.substr(8, 1 + length)) != load_le<uint32_t>(rest.data() + 4)) break;
    if (auto status = replay(segment, static_cast<uint8_t>(rest[8]), payload); !status)
      return in_context("record " + std::to_string(scan.records), std::move(status).error());
    scan.good_bytes += kFrameHeaderBytes + length;
    ++scan.records;
    scan.whole = true;
  }
  return scan;
}

class SegmentedLog final : public RecordLog {
 public:
  SegmentedLog(FileSystem& fs, std::string directory, RecordLogOptions options)
      : fs_(fs), directory_(std::move(directory)), options_(options) {}

  Status recover(const Replay& replay, RecordLogRecovery& recovery);

  Result<RecordPosition> append_at(uint8_t type, std::string_view payload) override;
  Result<std::string> read(RecordPosition position) const override;
  Result<uint64_t> cut() override;
  Status remove_before(uint64_t segment) override;
  Status sync() override;
  uint64_t bytes() const override {
    const std::lock_guard lock(mutex_);
    uint64_t total = 0;
    for (const Segment& segment : closed_) total += segment.bytes;
    return total + (file_ ? file_->size() : 0);
  }

 private:
  struct Segment {
    uint64_t number;
    uint64_t bytes;
  };
  // One caller of append() waiting for its record to be on disk.
  struct Waiter {
    std::string header;
    std::string_view payload;
    std::optional<Result<RecordPosition>> outcome;
  };

  std::string path(uint64_t segment) const { return directory_ + "/" + segment_name(segment); }
  Status start_segment(uint64_t number);  // needs writing_
  Result<RecordPosition> write(
      const std::vector<Waiter*>& batch);  // needs writing_; of the first record

  FileSystem& fs_;
  const std::string directory_;
  const RecordLogOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiter*> waiting_;         // guarded by mutex_
  bool writing_ = false;                // guarded by mutex_: one thread owns the members below
  std::vector<Segment> closed_;         // changed by the writing_ owner under mutex_
  std::unique_ptr<WritableFile> file_;  // likewise; null before the first append
  uint64_t current_ = 0;                // likewise; number of file_'s segment
};

Status SegmentedLog::recover(const Replay& replay, RecordLogRecovery& recovery) {
  if (auto status = fs_.create_directories(directory_); !status) return status;
  auto names = fs_.list(directory_);
  if (!names) return std::unexpected(std::move(names).error());
  std::vector<uint64_t> numbers;
  for (const std::string& name : *names)
    if (const auto number = segment_number(name)) numbers.push_back(*number);
  std::sort(numbers.begin(), numbers.end());
  for (const uint64_t number : numbers) {
    if (options_.on_segment) options_.on_segment({numbers.front(), numbers.back(), number});
    auto file = fs_.open_read(path(number));
    if (!file) return std::unexpected(std::move(file).error());
    const std::string_view bytes = (*file)->bytes();
    auto scan = scan_segment(bytes, number, options_, replay);
    if (!scan) return in_context(path(number), std::move(scan).error());
    ++recovery.segments;
    recovery.records += scan->records;
    const bool last = number == numbers.back();
    if (!scan->whole) {
      const uint64_t dropped = bytes.size() - scan->good_bytes;
      recovery.bytes_dropped += dropped;
      std::ostringstream note;
      note << path(number) << (last ? ": torn tail" : ": corrupt record") << " at byte "
           << scan->good_bytes << ", " << dropped << " bytes dropped, " << scan->records
           << " records kept";
      recovery.note += (recovery.note.empty() ? "" : "; ") + note.str();
    }
    closed_.push_back({number, scan->good_bytes});
    current_ = number;
    const uint64_t good = scan->good_bytes;
    file->reset();
    if (!last || good < kMagic.size()) continue;
    // The last segment goes on being written, without its torn tail.
    auto writable = fs_.open_append(path(number));
    if (!writable) return std::unexpected(std::move(writable).error());
    if ((*writable)->size() != good)
      if (auto status = (*writable)->truncate(good); !status) return status;
    closed_.pop_back();
    file_ = std::move(*writable);
  }
  return {};
}

Status SegmentedLog::start_segment(uint64_t number) {
  auto file = fs_.create(path(number));
  if (!file) return std::unexpected(std::move(file).error());
  auto status = (*file)->append(kMagic);
  if (status && options_.sync == SyncPolicy::kAlways) {
    status = (*file)->sync();
    if (status) status = fs_.sync_directory(directory_);
  }
  if (!status) {
    file->reset();
    (void)fs_.remove(path(number));
    return status;
  }
  const std::lock_guard lock(mutex_);
  if (file_) closed_.push_back({current_, file_->size()});
  file_ = std::move(*file);
  current_ = number;
  return {};
}

Result<RecordPosition> SegmentedLog::write(const std::vector<Waiter*>& batch) {
  if (!file_ || file_->size() >= options_.segment_bytes_max)
    if (auto status = start_segment(current_ + 1); !status)
      return std::unexpected(std::move(status).error());
  std::vector<std::string_view> parts;
  parts.reserve(batch.size() * 2);
  for (const Waiter* waiter : batch) {
    parts.push_back(waiter->header);
    parts.push_back(waiter->payload);
  }
  const uint64_t before = file_->size();
  auto status = file_->append(parts);
  if (status && options_.sync == SyncPolicy::kAlways) status = file_->sync();
  if (status) return RecordPosition{current_, before};
  // Leave no half record that a later one would hide behind. When even that
  // fails, the next append starts a segment of its own.
  if (!file_->truncate(before)) {
    const std::lock_guard lock(mutex_);
    closed_.push_back({current_, file_->size()});
    file_.reset();
  }
  return std::unexpected(std::move(status).error());
}

Result<RecordPosition> SegmentedLog::append_at(uint8_t type, std::string_view payload) {
  if (payload.size() > options_.record_bytes_max)
    return fail(Errc::kInvalidArgument, "record of ", payload.size(),
                " bytes is over the limit of ", options_.record_bytes_max);
  Waiter self{.header = frame_header(type, payload), .payload = payload};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&self);
  changed_.wait(lock, [&] { return self.outcome.has_value() || !writing_; });
  if (self.outcome) return std::move(*self.outcome);
  // This thread writes for everyone who waits now.
  writing_ = true;
  const std::vector<Waiter*> batch(waiting_.begin(), waiting_.end());
  waiting_.clear();
  lock.unlock();
  const auto outcome = write(batch);
  lock.lock();
  uint64_t written = 0;
  for (Waiter* waiter : batch) {
    waiter->outcome = outcome;
    if (outcome) (*waiter->outcome)->offset += written;
    written += waiter->header.size() + waiter->payload.size();
  }
  writing_ = false;
  lock.unlock();
  changed_.notify_all();
  return std::move(*self.outcome);
}

Result<std::string> SegmentedLog::read(RecordPosition position) const {
  const std::string file = path(position.segment);
  const auto torn = [&] {
    return fail(Errc::kCorrupt, file, ": no record at byte ", position.offset);
  };
  const auto header = fs_.read_range(file, position.offset, kFrameHeaderBytes);
  if (!header) return std::unexpected(header.error());
  if (header->size() < kFrameHeaderBytes) return torn();
  const auto length = load_le<uint32_t>(header->data());
  const auto checksum = load_le<uint32_t>(header->data() + 4);
  if (length > options_.record_bytes_max) return torn();
  auto payload = fs_.read_range(file, position.offset + kFrameHeaderBytes, length);
  if (!payload) return payload;
  if (payload->size() < length || crc32c(*payload, crc32c(header->substr(8))) != checksum)
    return torn();
  return payload;
}

Result<uint64_t> SegmentedLog::cut() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !writing_; });
  writing_ = true;
  lock.unlock();
  const auto status = start_segment(current_ + 1);
  lock.lock();
  writing_ = false;
  const uint64_t number = current_;
  lock.unlock();
  changed_.notify_all();
  if (!status) return std::unexpected(status.error());
  return number;
}

Status SegmentedLog::remove_before(uint64_t segment) {
  std::vector<Segment> gone;
  {
    const std::lock_guard lock(mutex_);
    const auto keep = std::stable_partition(closed_.begin(), closed_.end(),
                                            [&](const Segment& s) { return s.number >= segment; });
    gone.assign(keep, closed_.end());
    closed_.erase(keep, closed_.end());
  }
  Status result;
  for (const Segment& each : gone) {
    if (auto status = fs_.remove(path(each.number));
        !status && status.error().code != Errc::kNotFound) {
      const std::lock_guard lock(mutex_);
      closed_.push_back(each);  // try again with the next call
      result = status;
    }
  }
  return result;
}

Status SegmentedLog::sync() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !writing_; });
  if (!file_) return {};
  writing_ = true;
  lock.unlock();
  auto status = file_->sync();
  lock.lock();
  writing_ = false;
  lock.unlock();
  changed_.notify_all();
  return status;
}

}  // namespace

Result<std::unique_ptr<RecordLog>> RecordLog::open(FileSystem& fs, std::string directory,
                                                   RecordLogOptions options, const Replay& replay,
                                                   RecordLogRecovery* recovery) {
  auto log = std::make_unique<SegmentedLog>(fs, std::move(directory), options);
  RecordLogRecovery ignored;
  if (auto status = log->recover(replay, recovery != nullptr ? *recovery : ignored); !status)
    return std::unexpected(std::move(status).error());
  return log;
}

}  // namespace sightline::io
