#include "io/object_cache.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/log.h"

namespace sightline::io {
namespace {

// A file: the bytes of the range, their checksum, this magic. docs/formats/trace_archive.md.
constexpr std::string_view kMagic{"SLRANGE\1", 8};
constexpr size_t kTrailerBytes = sizeof(uint32_t) + kMagic.size();
constexpr std::string_view kSuffix = ".range";
constexpr size_t kMappedMax = 256;  // files that stay mapped without anybody using them

// "00000012.trace~1a2b3c4d~8~4096.range"; keys differ in their last part.
std::string name_of(const std::string& key, uint32_t version, uint64_t offset, uint64_t length) {
  std::string name = key.substr(key.rfind('/') + 1);
  name +=
      "~" + std::to_string(version) + "~" + std::to_string(offset) + "~" + std::to_string(length);
  return name += kSuffix;
}

class CachedObject final : public ByteSource {
 public:
  CachedObject(ObjectCache& cache, std::string key, uint32_t version, uint64_t size)
      : cache_(cache), key_(std::move(key)), version_(version), size_(size) {}
  uint64_t size() const override { return size_; }
  Result<HeldBytes> read(ByteRange range) const override {
    if (range.offset > size_ || range.length > size_ - range.offset)
      return fail(Errc::kOutOfRange, range.length, " bytes from ", range.offset,
                  " asked for, there are ", size_);
    return cache_.read(key_, version_, range);
  }

 private:
  ObjectCache& cache_;
  const std::string key_;
  const uint32_t version_;
  const uint64_t size_;
};

}  // namespace

ObjectCache::ObjectCache(FileSystem& fs, ObjectStore& objects, Telemetry& telemetry,
                         ObjectCacheOptions options)
    : fs_(fs),
      objects_(objects),
      options_(std::move(options)),
      hits_(telemetry.counter("sightline_object_cache_hits_total",
                              "Ranges of objects that were read locally.")),
      misses_(telemetry.counter("sightline_object_cache_misses_total",
                                "Ranges of objects that had to be fetched.")),
      bytes_gauge_(telemetry.gauge("sightline_object_cache_bytes",
                                   "Bytes of ranges of objects kept locally.")) {}

Result<std::unique_ptr<ObjectCache>> ObjectCache::open(FileSystem& fs, ObjectStore& objects,
                                                       Telemetry& telemetry,
                                                       ObjectCacheOptions options) {
  std::unique_ptr<ObjectCache> cache(new ObjectCache(fs, objects, telemetry, std::move(options)));
  if (auto status = cache->load(); !status) return in_context("object cache", status.error());
  return cache;
}

Status ObjectCache::load() {
  if (auto made = fs_.create_directories(options_.directory); !made) return made;
  const auto names = fs_.list(options_.directory);
  if (!names) return std::unexpected(names.error());
  const std::lock_guard lock(mutex_);
  for (const std::string& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    // The length stands in the name; a torn file is found when it is mapped.
    const size_t tilde = name.rfind('~');
    uint64_t length = 0;
    if (tilde == std::string::npos ||
        std::from_chars(name.data() + tilde + 1, name.data() + name.size() - kSuffix.size(), length)
                .ec != std::errc{})
      continue;
    uses_.push_back(name);
    entries_[name] = {length + kTrailerBytes, {}, std::prev(uses_.end())};
    bytes_ += length + kTrailerBytes;
  }
  make_room();
  return {};
}

ObjectCache::File ObjectCache::map_checked(const std::string& name, uint64_t length) const {
  auto file = fs_.open_read(path_of(name));
  if (!file) return nullptr;
  const std::string_view bytes = (*file)->bytes();
  if (bytes.size() != length + kTrailerBytes || !bytes.ends_with(kMagic) ||
      crc32c(bytes.substr(0, length)) != load_le<uint32_t>(bytes.data() + length))
    return nullptr;
  return std::move(*file);
}

void ObjectCache::touch(const std::string& name, Entry& entry, const File& file) {
  uses_.splice(uses_.end(), uses_, entry.use);
  entry.mapped = file;
  const auto known = std::find(recent_.begin(), recent_.end(), file);
  if (known != recent_.end()) {
    recent_.splice(recent_.end(), recent_, known);
  } else {
    recent_.push_back(file);
    if (recent_.size() > kMappedMax) recent_.pop_front();
  }
  SL_ASSERT(*entry.use == name);
}

void ObjectCache::drop(const std::string& name) {
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return;
  bytes_ -= entry->second.bytes;
  uses_.erase(entry->second.use);
  entries_.erase(entry);
  (void)fs_.remove(path_of(name));
}

void ObjectCache::make_room() {
  while (bytes_ > options_.bytes_max && !uses_.empty()) drop(std::string(uses_.front()));
  bytes_gauge_.set(static_cast<double>(bytes_));
}

// What is mapped, or can be; null when it must be fetched.
ObjectCache::File ObjectCache::find(const std::string& name, uint64_t length) {
  {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return nullptr;
    if (File file = entry->second.mapped.lock()) {
      touch(name, entry->second, file);
      return file;
    }
  }
  File file = map_checked(name, length);
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(name);
  if (file == nullptr)
    drop(name);
  else if (entry != entries_.end())
    touch(name, entry->second, file);
  return file;
}

// Null when the local disk does not take it.
ObjectCache::File ObjectCache::write(const std::string& name, std::string_view bytes) {
  std::string trailer;
  append_le<uint32_t>(trailer, crc32c(bytes));
  trailer += kMagic;
  const std::string_view parts[] = {bytes, trailer};
  auto file = fs_.create(path_of(name));
  Status written = file ? (*file)->append(std::span(parts)) : std::unexpected(file.error());
  File mapped;
  if (written) {
    auto opened = fs_.open_read(path_of(name));
    if (opened)
      mapped = std::move(*opened);
    else
      written = std::unexpected(opened.error());
  }
  if (mapped == nullptr || mapped->bytes().size() != bytes.size() + kTrailerBytes) {
    (void)fs_.remove(path_of(name));
    const std::lock_guard lock(mutex_);
    if (!said_disk_fault_ && !written)
      SL_LOG_WARN("object cache: ranges are not kept: {}", written.error().message);
    said_disk_fault_ = true;
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  said_disk_fault_ = false;
  if (const auto before = entries_.find(name); before != entries_.end()) {
    bytes_ -= before->second.bytes;
    uses_.erase(before->second.use);
    entries_.erase(before);
  }
  uses_.push_back(name);
  Entry& entry = entries_[name];
  entry = {bytes.size() + kTrailerBytes, mapped, std::prev(uses_.end())};
  bytes_ += entry.bytes;
  touch(name, entry, mapped);
  make_room();
  return mapped;
}

Result<HeldBytes> ObjectCache::read(const std::string& key, uint32_t version, ByteRange range) {
  const std::string name = name_of(key, version, range.offset, range.length);
  {
    std::unique_lock lock(mutex_);
    fetched_.wait(lock, [&] { return !fetching_.contains(name); });
  }
  const auto held = [&](const File& file) {
    return HeldBytes{file->bytes().substr(0, range.length), file};
  };
  if (const File file = find(name, range.length)) {
    hits_.add();
    return held(file);
  }
  {
    std::unique_lock lock(mutex_);
    if (!fetching_.insert(name).second) {  // somebody was faster
      lock.unlock();
      return read(key, version, range);
    }
  }
  misses_.add();
  auto bytes = objects_.get_range(key, range);
  Result<HeldBytes> result;
  if (!bytes) {
    result = std::unexpected(std::move(bytes).error());
  } else if (const File file = write(name, *bytes)) {
    result = held(file);
  } else {
    const auto kept = std::make_shared<const std::string>(std::move(*bytes));
    result = HeldBytes{*kept, kept};
  }
  {
    const std::lock_guard lock(mutex_);
    fetching_.erase(name);
  }
  fetched_.notify_all();
  return result;
}

void ObjectCache::add(const std::string& key, uint32_t version, uint64_t offset,
                      std::string_view bytes) {
  (void)write(name_of(key, version, offset, bytes.size()), bytes);
}

void ObjectCache::forget(const std::string& key) {
  const std::string begin = key.substr(key.rfind('/') + 1) + "~";
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_)
    if (name.starts_with(begin)) names.push_back(name);
  for (const std::string& name : names) drop(name);
  bytes_gauge_.set(static_cast<double>(bytes_));
}

uint64_t ObjectCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::shared_ptr<const ByteSource> ObjectCache::source(std::string key, uint32_t version,
                                                      uint64_t size) {
  return std::make_shared<CachedObject>(*this, std::move(key), version, size);
}

}  // namespace sightline::io
