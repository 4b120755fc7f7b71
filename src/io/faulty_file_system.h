#pragma once
// A file system whose n-th operation fails: the twin that fault-enumerating
// tests use. Operations that change or read something are counted from 1.
//   Usage   for (n = 1; ; ++n) { FaultyFileSystem fs(real, n); run(fs); if (!fs.fired()) break; }
//   Threads one test thread, or the caller's own order; the counter is atomic.
#include <memory>

#include "io/fault_plan.h"
#include "io/file_system.h"

namespace sightline::io {

class FaultyFileSystem final : public FileSystem, public FaultSteps {
 public:
  FaultyFileSystem(FileSystem& real, FaultPlan plan) : FaultSteps(plan), real_(real) {}

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

 private:
  FileSystem& real_;
};

}  // namespace sightline::io
