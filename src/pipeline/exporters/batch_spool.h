#pragma once
// Batches that wait on disk: what a sending queue with `storage` holds. Each batch is a file of its
// own, written whole before offer() answers and removed when it was sent; after a start the files
// that are left are sent first.
//   Files     <directory>/<number>.batch: the request in protobuf behind its CRC-32C; one with another sum is
//             put aside as .broken and said.
//   Errors    kUnavailable: the disk does not take it; nothing is half-written under its final name.
//   Threads   any; the directory belongs to one spool.
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::pipeline {

class BatchSpool {
 public:
  static Result<std::unique_ptr<BatchSpool>> open(std::string directory, bool fsync);

  struct Entry {
    uint64_t number = 0;
    size_t bytes = 0;
  };
  // What an earlier process left, oldest first. Once, before the first put().
  std::vector<Entry> recover();
  Result<Entry> put(std::string_view request);
  Result<std::string> load(const Entry& entry) const;
  // What was loaded turned out to be no request.
  void put_aside(const Entry& entry) const;
  void remove(const Entry& entry) const;

 private:
  BatchSpool(std::string directory, bool fsync) : directory_(std::move(directory)), fsync_(fsync) {}
  std::string path_of(uint64_t number) const;

  const std::string directory_;
  const bool fsync_;
  std::atomic<uint64_t> next_{1};
};

}  // namespace sightline::pipeline
