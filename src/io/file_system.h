#pragma once
// Files, handed in so that tests can fail the third fsync. Paths are plain
// strings; every error names the path and the operating system's reason.
//   Threads   FileSystem is safe from any thread; a File has one owner.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::io {

// An open file for appending. Closing without sync() may lose what the kernel had not written yet.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // Writes all of `bytes` or fails; after a failure size() tells what is surely there.
  // Disk full is Errc::kUnavailable, everything else Errc::kIo.
  virtual Status append(std::span<const std::string_view> parts) = 0;
  Status append(std::string_view bytes) { return append(std::span(&bytes, 1)); }
  virtual Status sync() = 0;                   // fdatasync
  virtual Status truncate(uint64_t size) = 0;  // undo a half-written append
  virtual uint64_t size() const = 0;           // from any thread
};

// An open file for reading, mapped or buffered; bytes stay valid while it lives.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  virtual std::string_view bytes() const = 0;  // the whole file, mapped
  // Gives the memory of what was read back to the system, which brings it again when it is read again: for who has read
  // a file through and will not soon do so again. Views stay valid. Any thread.
  virtual void drop_pages() const = 0;
};

// Held for as long as the object lives; a second holder gets kAlreadyExists.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<WritableFile>> create(const std::string& path) = 0;  // truncates
  virtual Result<std::unique_ptr<WritableFile>> open_append(
      const std::string& path) = 0;  // creates when absent
  virtual Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) = 0;
  virtual Result<std::string> read_all(const std::string& path) = 0;
  // Fewer bytes where the file ends before. Unlike open_read() it maps nothing: for many small reads from many threads.
  virtual Result<std::string> read_range(const std::string& path, uint64_t offset,
                                         size_t bytes) = 0;
  virtual Status create_directories(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;  // atomic, replaces
  // A second name of the same file, which must not be written to any more.
  virtual Status hard_link(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;      // file
  virtual Status remove_all(const std::string& path) = 0;  // tree
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // names, sorted
  virtual bool exists(const std::string& path) = 0;
  virtual bool is_directory(const std::string& path) = 0;
  virtual Result<uint64_t> size_of_tree(const std::string& path) = 0;  // bytes of all files
  virtual Result<std::unique_ptr<DirectoryLock>> lock(
      const std::string& directory) = 0;  // flock on <directory>/lock
};

// The real one.
std::unique_ptr<FileSystem> make_posix_file_system();

// Writes <path>.tmp, syncs it, renames it over `path`, syncs the directory.
Status write_file_atomically(FileSystem& fs, const std::string& path, std::string_view bytes);

}  // namespace sightline::io
