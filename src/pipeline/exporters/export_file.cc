#include "pipeline/exporters/export_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

namespace sightline::pipeline {
namespace {

namespace fs = std::filesystem;

std::string time_text(TimestampNs now, bool local) {
  const auto seconds = static_cast<std::time_t>(now.value / 1'000'000'000);
  std::tm parts{};
  if (local)
    localtime_r(&seconds, &parts);
  else
    gmtime_r(&seconds, &parts);
  char text[40];
  const size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &parts);
  char millis[8];
  std::snprintf(millis, sizeof millis, ".%03u",
                static_cast<unsigned>(now.value / 1'000'000 % 1000));
  return std::string(text, n) + millis;
}

}  // namespace

Status ExportFile::open_file() {
  file_ = std::fopen(path_.c_str(), appends_ ? "ab" : "wb");
  if (file_ == nullptr) return fail(Errc::kIo, "open ", path_, ": ", std::strerror(errno));
  std::error_code error;
  const auto size = fs::file_size(path_, error);
  written_ = appends_ && !error ? size : 0;
  return {};
}

void ExportFile::remove_old() const {
  const fs::path path(path_);
  const std::string stem = path.stem().string() + "-";
  std::vector<fs::path> old;
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(path.has_parent_path() ? path.parent_path() : fs::path("."), error)) {
    const std::string name = entry.path().filename().string();
    // name-2026-11-25T21-40-05.123.ext
    if (name.starts_with(stem) && name.ends_with(path.extension().string()) &&
        name.size() == stem.size() + 23 + path.extension().string().size())
      old.push_back(entry.path());
  }
  std::sort(old.begin(), old.end());
  const auto remove = [&](const fs::path& file) { fs::remove(file, error); };
  while (config_.max_backups > 0 && old.size() > config_.max_backups) {
    remove(old.front());
    old.erase(old.begin());
  }
  if (config_.max_days == 0) return;
  const uint64_t day_ns = 86'400'000'000'000ull;
  const std::string oldest =
      stem + time_text({clock_.now().value - config_.max_days * day_ns}, config_.localtime);
  for (const fs::path& file : old)
    if (file.filename().string() < oldest) remove(file);
}

Status ExportFile::rotate() {
  std::fclose(file_);
  file_ = nullptr;
  const fs::path path(path_);
  fs::path aside = path;
  aside.replace_filename(path.stem().string() + "-" + time_text(clock_.now(), config_.localtime) +
                         path.extension().string());
  std::error_code error;
  fs::rename(path, aside, error);
  remove_old();
  return open_file();
}

Result<std::unique_ptr<ExportFile>> ExportFile::open(const config::FileExporterConfig& config,
                                                     std::string path, bool appends,
                                                     const Clock& clock) {
  std::unique_ptr<ExportFile> file(new ExportFile(config, std::move(path), appends, clock));
  if (auto status = file->open_file(); !status) return std::unexpected(std::move(status).error());
  return file;
}

ExportFile::ExportFile(const config::FileExporterConfig& config, std::string path, bool appends,
                       const Clock& clock)
    : config_(config),
      path_(std::move(path)),
      appends_(appends || config.append || config.max_megabytes > 0),
      clock_(clock) {}

ExportFile::~ExportFile() {
  if (file_ != nullptr) std::fclose(file_);
}

Status ExportFile::write(std::string_view text) {
  const uint64_t limit = uint64_t{config_.max_megabytes} << 20;
  Status status;
  if (file_ == nullptr)
    status = open_file();
  else if (limit > 0 && written_ > 0 && written_ + text.size() > limit)
    status = rotate();
  if (status && std::fwrite(text.data(), 1, text.size(), file_) != text.size())
    status = fail(Errc::kUnavailable, "write ", path_, ": ", std::strerror(errno));
  if (!status) return status;
  written_ += text.size();
  is_dirty_ = true;
  return flush_if_due();
}

Status ExportFile::flush_if_due() {
  const auto now = clock_.monotonic();
  const bool is_due = config_.max_megabytes > 0 || now - flushed_ >= config_.flush_interval;
  if (!is_dirty_ || file_ == nullptr || !is_due) return {};
  flushed_ = now;
  if (std::fflush(file_) != 0)
    return fail(Errc::kUnavailable, "write ", path_, ": ", std::strerror(errno));
  is_dirty_ = false;
  return {};
}

}  // namespace sightline::pipeline
