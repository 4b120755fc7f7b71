#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "io/file_system.h"

namespace sightline::io {
namespace {

constexpr size_t kIovecsMax = 512;  // below IOV_MAX everywhere

// Turns errno into an error that names the operation and the path.
std::unexpected<Error> os_error(std::string_view operation, const std::string& path,
                                int error = errno) {
  const Errc code = error == ENOSPC || error == EDQUOT ? Errc::kUnavailable
                    : error == ENOENT                  ? Errc::kNotFound
                                                       : Errc::kIo;
  return fail(code, operation, " ", path, ": ", std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(Descriptor fd, std::string path, uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

  Status append(std::span<const std::string_view> parts) override {
    std::vector<iovec> pieces;
    pieces.reserve(parts.size());
    for (const std::string_view part : parts)
      if (!part.empty()) pieces.push_back({const_cast<char*>(part.data()), part.size()});
    size_t first = 0;
    while (first < pieces.size()) {
      const auto count = static_cast<int>(std::min(kIovecsMax, pieces.size() - first));
      ssize_t written = ::writev(fd_.get(), pieces.data() + first, count);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return os_error("write", path_);
      size_ += static_cast<uint64_t>(written);
      while (written > 0) {
        const size_t step = std::min(static_cast<size_t>(written), pieces[first].iov_len);
        pieces[first].iov_base = static_cast<char*>(pieces[first].iov_base) + step;
        pieces[first].iov_len -= step;
        written -= static_cast<ssize_t>(step);
        if (pieces[first].iov_len == 0) ++first;
      }
    }
    return {};
  }

  Status sync() override {
    if (::fdatasync(fd_.get()) != 0) return os_error("sync", path_);
    return {};
  }

  Status truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return os_error("truncate", path_);
    size_ = size;
    return {};
  }

  uint64_t size() const override { return size_; }

 private:
  Descriptor fd_;
  std::string path_;
  std::atomic<uint64_t> size_;  // read by whoever asks how large a log is while its owner appends
};

class MappedFile final : public ReadableFile {
 public:
  MappedFile(void* at, size_t size) : at_(at), size_(size) {}
  ~MappedFile() override {
    if (size_ > 0) ::munmap(at_, size_);
  }
  std::string_view bytes() const override { return {static_cast<const char*>(at_), size_}; }
  void drop_pages() const override {
    if (size_ > 0) (void)::madvise(at_, size_, MADV_DONTNEED);
  }

 private:
  void* at_;
  size_t size_;
};

class FlockedDirectory final : public DirectoryLock {
 public:
  explicit FlockedDirectory(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;
};

Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, int flags) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0644));
  if (fd.get() < 0) return os_error("open", path);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return os_error("stat", path);
  return std::make_unique<PosixWritableFile>(std::move(fd), path,
                                             static_cast<uint64_t>(info.st_size));
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override {
    return open_writable(path, O_TRUNC);
  }
  Result<std::unique_ptr<WritableFile>> open_append(const std::string& path) override {
    return open_writable(path, 0);
  }

  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return os_error("open", path);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return os_error("stat", path);
    const auto size = static_cast<size_t>(info.st_size);
    if (size == 0) return std::make_unique<MappedFile>(nullptr, 0);
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED) return os_error("map", path);
    return std::make_unique<MappedFile>(at, size);
  }

  Result<std::string> read_all(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return os_error("open", path);
    std::string out;
    char buffer[64 << 10];
    for (;;) {
      const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error("read", path);
      if (n == 0) return out;
      out.append(buffer, static_cast<size_t>(n));
    }
  }

  Result<std::string> read_range(const std::string& path, uint64_t offset, size_t bytes) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return os_error("open", path);
    std::string out;
    bool failed = false;
    out.resize_and_overwrite(bytes, [&](char* into, size_t /*capacity*/) {
      size_t have = 0;
      while (have < bytes) {
        const ssize_t n =
            ::pread(fd.get(), into + have, bytes - have, static_cast<off_t>(offset + have));
        if (n < 0 && errno == EINTR) continue;
        failed = n < 0;
        if (n <= 0) break;
        have += static_cast<size_t>(n);
      }
      return have;
    });
    if (failed) return os_error("read", path);
    return out;
  }

  Status create_directories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return os_error("create directory", path, error.value());
    return {};
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_error("rename to " + to + " from", from);
    return {};
  }

  Status hard_link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return os_error("link as " + to, from);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return os_error("remove", path);
    return {};
  }

  Status remove_all(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return os_error("remove", path, error.value());
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return os_error("open", path);
    if (::fsync(fd.get()) != 0) return os_error("sync", path);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return os_error("list", path);
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(directory, ::closedir);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return os_error("list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }
  bool is_directory(const std::string& path) override {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  Result<uint64_t> size_of_tree(const std::string& path) override {
    // Files may vanish while we walk: what is gone counts nothing.
    uint64_t total = 0;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator at(path, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code ignored;
      if (!at->is_regular_file(ignored)) continue;
      const uintmax_t size = at->file_size(ignored);
      if (!ignored) total += size;
    }
    return total;
  }

  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override {
    const std::string path = directory + "/lock";
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (fd.get() < 0) return os_error("open", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return os_error("lock", path);
      char holder[32] = {};
      const ssize_t n = ::pread(fd.get(), holder, sizeof holder - 1, 0);
      return fail(Errc::kAlreadyExists, "directory ", directory, " is in use by another process",
                  n > 0 ? std::string(" (pid ") + holder + ")" : std::string());
    }
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0)
      return os_error("write", path);
    return std::make_unique<FlockedDirectory>(std::move(fd));
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() { return std::make_unique<PosixFileSystem>(); }

Status write_file_atomically(FileSystem& fs, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  {
    auto file = fs.create(temporary);
    if (!file) return std::unexpected(std::move(file).error());
    if (auto status = (*file)->append(bytes); !status) return status;
    if (auto status = (*file)->sync(); !status) return status;
  }
  if (auto status = fs.rename(temporary, path); !status) return status;
  const size_t slash = path.rfind('/');
  return fs.sync_directory(slash == std::string::npos ? "." : path.substr(0, slash));
}

}  // namespace sightline::io
