#include "pipeline/exporters/batch_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/log.h"

namespace sightline::pipeline {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kEnding = ".batch";

std::unexpected<Error> disk_fault(std::string_view what, const std::string& path) {
  return fail(Errc::kUnavailable, what, " ", path, ": ", std::strerror(errno));
}

Status write_file(const std::string& path, std::string_view bytes, bool fsync) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return disk_fault("open", path);
  Status status;
  while (status && !bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) status = disk_fault("write", path);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (status && fsync && ::fsync(file) != 0) status = disk_fault("fsync", path);
  ::close(file);
  return status;
}

}  // namespace

Result<std::unique_ptr<BatchSpool>> BatchSpool::open(std::string directory, bool fsync) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(Errc::kIo, "create ", directory, ": ", error.message());
  return std::unique_ptr<BatchSpool>(new BatchSpool(std::move(directory), fsync));
}

std::string BatchSpool::path_of(uint64_t number) const {
  char name[24];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(number));
  return directory_ + "/" + name + std::string(kEnding);
}

std::vector<BatchSpool::Entry> BatchSpool::recover() {
  std::vector<Entry> found;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(directory_, error)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(".tmp")) fs::remove(file.path(), error);  // was never acknowledged
    uint64_t number = 0;
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), number, 16);
    if (fault != std::errc() || std::string_view(end) != kEnding) continue;
    found.push_back({number, static_cast<size_t>(file.file_size(error))});
  }
  std::ranges::sort(found, {}, &Entry::number);
  if (!found.empty()) next_ = found.back().number + 1;
  return found;
}

Result<BatchSpool::Entry> BatchSpool::put(std::string_view request) {
  std::string bytes;
  bytes.reserve(request.size() + 4);
  append_be32(bytes, crc32c(request));
  bytes.append(request);
  const Entry entry{next_.fetch_add(1), bytes.size()};
  const std::string path = path_of(entry.number);
  if (auto status = write_file(path + ".tmp", bytes, fsync_); !status) {
    ::unlink((path + ".tmp").c_str());
    return std::unexpected(std::move(status).error());
  }
  if (::rename((path + ".tmp").c_str(), path.c_str()) != 0) return disk_fault("rename", path);
  return entry;
}

Result<std::string> BatchSpool::load(const Entry& entry) const {
  const std::string path = path_of(entry.number);
  std::ifstream in(path, std::ios::binary);
  if (!in) return disk_fault("open", path);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  if (bytes.size() >= 4 && load_be32(bytes.data()) == crc32c(std::string_view(bytes).substr(4))) {
    bytes.erase(0, 4);
    return bytes;
  }
  put_aside(entry);
  return fail(Errc::kCorrupt, path, ": checksum does not match");
}

void BatchSpool::put_aside(const Entry& entry) const {
  const std::string path = path_of(entry.number);
  std::error_code ignored;
  fs::rename(path, path + ".broken", ignored);
}

void BatchSpool::remove(const Entry& entry) const { ::unlink(path_of(entry.number).c_str()); }

}  // namespace sightline::pipeline
