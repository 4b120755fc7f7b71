#pragma once
// Ranges of objects, kept as files of a local directory and mapped when read. What is read again comes from there, also
// after a restart.
//   Identity   objects must not change: `version` tells one from another that had the same key. A range is cached as it
//              was asked for; another one that overlaps it is another one.
//   Integrity  every file ends with a checksum; one that does not match is fetched anew.
//   Limits     ObjectCacheOptions::bytes_max of files; the least recently used go first. Ranges in use stay readable when
//              their file goes; they are not counted then.
//   Errors     those of the object store. What the local disk causes is only said in the log: then bytes stay in memory
//              for as long as they are used.
//   Threads    any; who wants a range that another is fetching waits for it.
//   Lifetime   file system, object store and telemetry outlive it, and it what it returns.
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <absl/container/flat_hash_map.h>

#include "base/telemetry.h"
#include "io/byte_source.h"
#include "io/file_system.h"
#include "io/object_store.h"

namespace sightline::io {

struct ObjectCacheOptions {
  std::string directory;
  uint64_t bytes_max = 4ull << 30;
};

class ObjectCache {
 public:
  // Takes over what an earlier one left in the directory.
  static Result<std::unique_ptr<ObjectCache>> open(FileSystem& fs, ObjectStore& objects,
                                                   Telemetry& telemetry,
                                                   ObjectCacheOptions options);

  Result<HeldBytes> read(const std::string& key, uint32_t version, ByteRange range);
  // Keeps what the caller has at hand, as if it had been read.
  void add(const std::string& key, uint32_t version, uint64_t offset, std::string_view bytes);
  void forget(const std::string& key);  // every range of it
  uint64_t bytes() const;               // of files

  // An object through the cache.
  std::shared_ptr<const ByteSource> source(std::string key, uint32_t version, uint64_t size);
  ObjectStore& objects() { return objects_; }

 private:
  struct Entry {
    uint64_t bytes = 0;  // of the file
    std::weak_ptr<const ReadableFile> mapped;
    std::list<std::string>::iterator use;
  };
  using File = std::shared_ptr<const ReadableFile>;

  ObjectCache(FileSystem& fs, ObjectStore& objects, Telemetry& telemetry,
              ObjectCacheOptions options);
  Status load();
  std::string path_of(const std::string& name) const { return options_.directory + "/" + name; }
  File find(const std::string& name, uint64_t length);
  File map_checked(const std::string& name, uint64_t length) const;
  File write(const std::string& name, std::string_view bytes);
  void touch(const std::string& name, Entry& entry, const File& file);  // mutex_ held
  void drop(const std::string& name);                                   // mutex_ held
  void make_room();                                                     // mutex_ held

  FileSystem& fs_;
  ObjectStore& objects_;
  const ObjectCacheOptions options_;
  Counter& hits_;
  Counter& misses_;
  Gauge& bytes_gauge_;
  mutable std::mutex mutex_;
  std::condition_variable fetched_;
  std::set<std::string> fetching_;                   // guarded by mutex_
  absl::flat_hash_map<std::string, Entry> entries_;  // guarded by mutex_
  std::list<std::string> uses_;                      // guarded by mutex_: oldest first
  std::list<File> recent_;                           // guarded by mutex_: stay mapped
  uint64_t bytes_ = 0;                               // guarded by mutex_
  bool said_disk_fault_ = false;                     // guarded by mutex_
};

}  // namespace sightline::io
