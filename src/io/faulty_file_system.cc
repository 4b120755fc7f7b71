#include "io/faulty_file_system.h"

namespace sightline::io {
namespace {

class FaultyFile final : public WritableFile {
 public:
  FaultyFile(FaultyFileSystem& fs, std::unique_ptr<WritableFile> real)
      : fs_(fs), real_(std::move(real)) {}

  Status append(std::span<const std::string_view> parts) override {
    if (auto status = fs_.step("append"); !status) {
      if (fs_.plan().half_writes && fs_.plan().mode == FaultMode::kOnce) write_half(parts);
      return status;
    }
    return real_->append(parts);
  }
  Status sync() override {
    if (auto status = fs_.step("sync"); !status) return status;
    return real_->sync();
  }
  Status truncate(uint64_t size) override {
    if (auto status = fs_.step("truncate"); !status) return status;
    return real_->truncate(size);
  }
  uint64_t size() const override { return real_->size(); }

 private:
  void write_half(std::span<const std::string_view> parts) {
    std::string all;
    for (const std::string_view part : parts) all += part;
    (void)real_->append(std::string_view(all).substr(0, all.size() / 2));
  }

  FaultyFileSystem& fs_;
  std::unique_ptr<WritableFile> real_;
};

}  // namespace

Result<std::unique_ptr<WritableFile>> FaultyFileSystem::create(const std::string& path) {
  if (auto status = step("create"); !status) return std::unexpected(std::move(status).error());
  auto file = real_.create(path);
  if (!file) return file;
  return std::make_unique<FaultyFile>(*this, std::move(*file));
}

Result<std::unique_ptr<WritableFile>> FaultyFileSystem::open_append(const std::string& path) {
  if (auto status = step("open_append"); !status) return std::unexpected(std::move(status).error());
  auto file = real_.open_append(path);
  if (!file) return file;
  return std::make_unique<FaultyFile>(*this, std::move(*file));
}

Result<std::unique_ptr<ReadableFile>> FaultyFileSystem::open_read(const std::string& path) {
  if (plan().count_reads)
    if (auto status = step("open_read"); !status) return std::unexpected(std::move(status).error());
  return real_.open_read(path);
}

Result<std::string> FaultyFileSystem::read_all(const std::string& path) {
  if (plan().count_reads)
    if (auto status = step("read_all"); !status) return std::unexpected(std::move(status).error());
  return real_.read_all(path);
}

Result<std::string> FaultyFileSystem::read_range(const std::string& path, uint64_t offset,
                                                 size_t bytes) {
  if (plan().count_reads)
    if (auto status = step("read_range"); !status)
      return std::unexpected(std::move(status).error());
  return real_.read_range(path, offset, bytes);
}

Status FaultyFileSystem::create_directories(const std::string& path) {
  if (auto status = step("create_directories"); !status) return status;
  return real_.create_directories(path);
}

Status FaultyFileSystem::hard_link(const std::string& from, const std::string& to) {
  if (auto status = step("link"); !status) return status;
  return real_.hard_link(from, to);
}

Status FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  if (auto status = step("rename"); !status) return status;
  return real_.rename(from, to);
}

Status FaultyFileSystem::remove(const std::string& path) {
  if (auto status = step("remove"); !status) return status;
  return real_.remove(path);
}

Status FaultyFileSystem::remove_all(const std::string& path) {
  if (auto status = step("remove_all"); !status) return status;
  return real_.remove_all(path);
}

Status FaultyFileSystem::sync_directory(const std::string& path) {
  if (auto status = step("sync_directory"); !status) return status;
  return real_.sync_directory(path);
}

}  // namespace sightline::io
