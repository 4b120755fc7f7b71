#pragma once
// A file system whose n-th operation fails: the twin that fault-enumerating
// tests use. Operations that change or read something are counted from 1.
//   Usage   for (n = 1; ; ++n) { FaultyFileSystem fs(real, n); run(fs); if (!fs.fired()) break; }
//   Threads one test thread, or the caller's own order; the counter is atomic.
#include <atomic>
#include <memory>
#include <optional>

#include "io/file_system.h"

namespace sightline::io {

enum class FaultMode {
  kOnce,      // that operation fails, later ones work: a hiccup, or a full disk with space again
  kFromThen,  // it and everything after fails: the power is out
};

struct FaultPlan {
  uint64_t fail_at = 0;  // 0: never
  FaultMode mode = FaultMode::kOnce;
  Errc error = Errc::kUnavailable;  // kUnavailable: disk full; kIo: broken
  bool half_writes = true;          // a failing append leaves half of its bytes behind
  bool count_reads = false;
};

class FaultyFileSystem final : public FileSystem {
 public:
  FaultyFileSystem(FileSystem& real, FaultPlan plan) : real_(real), plan_(plan) {}

  bool fired() const { return fired_.load(); }
  uint64_t operations() const { return operations_.load(); }
  void set_plan(FaultPlan plan);  // counting starts again at zero

  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> open_append(const std::string& path) override;
  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override;
  Result<std::string> read_all(const std::string& path) override;
  Result<std::string> read_range(const std::string& path, uint64_t offset, size_t bytes) override;
  Status create_directories(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status hard_link(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_all(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override {
    return real_.list(path);
  }
  bool exists(const std::string& path) override { return real_.exists(path); }
  bool is_directory(const std::string& path) override { return real_.is_directory(path); }
  Result<uint64_t> size_of_tree(const std::string& path) override {
    return real_.size_of_tree(path);
  }
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override {
    return real_.lock(directory);
  }

  // For the files it hands out: an error when this operation is the one to fail.
  Status step(std::string_view what);
  const FaultPlan& plan() const { return plan_; }

 private:
  FileSystem& real_;
  FaultPlan plan_;
  std::atomic<uint64_t> operations_{0};
  std::atomic<bool> fired_{false};
};

}  // namespace sightline::io
