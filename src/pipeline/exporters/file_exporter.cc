#include "pipeline/exporters/file_exporter.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "base/bytes.h"
#include "net/compression.h"
#include "pipeline/exporters/directories.h"

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

FileExporter::FileExporter(const config::FileExporterConfig& config, const std::string& id,
                           const Clock& clock, Telemetry& telemetry)
    : config_(config),
      clock_(clock),
      spans_{telemetry.counter("otelcol_exporter_sent_spans_total",
                               "Spans sent to their destination.", {{"exporter", id}}),
             telemetry.counter("otelcol_exporter_send_failed_spans_total",
                               "Spans given up after all tries.", {{"exporter", id}})},
      points_{telemetry.counter("otelcol_exporter_sent_metric_points_total",
                                "Data points sent to their destination.", {{"exporter", id}}),
              telemetry.counter("otelcol_exporter_send_failed_metric_points_total",
                                "Data points given up after all tries.", {{"exporter", id}})} {}

FileExporter::~FileExporter() {
  if (file_ != nullptr) std::fclose(file_);
}

Result<std::unique_ptr<FileExporter>> FileExporter::open(const config::FileExporterConfig& config,
                                                         const std::string& id, const Clock& clock,
                                                         Telemetry& telemetry) {
  std::unique_ptr<FileExporter> exporter(new FileExporter(config, id, clock, telemetry));
  if (config.create_directory)
    if (auto status = make_directories(fs::path(config.path).parent_path().string(),
                                       config.directory_permissions);
        !status)
      return in_context("exporter " + id, std::move(status).error());
  const std::lock_guard lock(exporter->mutex_);
  if (auto status = exporter->open_file(); !status)
    return in_context("exporter " + id, std::move(status).error());
  return exporter;
}

Status FileExporter::open_file() {
  const bool appends = config_.append || config_.max_megabytes > 0;
  file_ = std::fopen(config_.path.c_str(), appends ? "ab" : "wb");
  if (file_ == nullptr) return fail(Errc::kIo, "open ", config_.path, ": ", std::strerror(errno));
  std::error_code error;
  const auto size = fs::file_size(config_.path, error);
  written_ = appends && !error ? size : 0;
  return {};
}

void FileExporter::remove_old() const {
  const fs::path path(config_.path);
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

Status FileExporter::rotate() {
  std::fclose(file_);
  file_ = nullptr;
  const fs::path path(config_.path);
  fs::path aside = path;
  aside.replace_filename(path.stem().string() + "-" + time_text(clock_.now(), config_.localtime) +
                         path.extension().string());
  std::error_code error;
  fs::rename(path, aside, error);
  remove_old();
  return open_file();
}

std::string FileExporter::message(const Outgoing& batch) const {
  std::string body =
      config_.format == config::FileExporterConfig::Format::kJson ? batch.json() : batch.protobuf();
  const bool is_line = config_.format == config::FileExporterConfig::Format::kJson &&
                       config_.compression == config::Compression::kNone;
  if (config_.compression == config::Compression::kZstd)
    body = net::compress(net::Compression::kZstd, body,
                         config_.compression_level == 0
                             ? std::nullopt
                             : std::optional<int>(config_.compression_level));
  if (is_line) return body + "\n";
  std::string sized;
  append_be32(sized, static_cast<uint32_t>(body.size()));
  return sized + body;
}

Status FileExporter::write(const Outgoing& batch, const Counters& counters) {
  const std::string text = message(batch);
  const std::lock_guard lock(mutex_);
  const uint64_t limit = uint64_t{config_.max_megabytes} << 20;
  Status status;
  if (file_ == nullptr)
    status = open_file();
  else if (limit > 0 && written_ > 0 && written_ + text.size() > limit)
    status = rotate();
  if (status && std::fwrite(text.data(), 1, text.size(), file_) != text.size())
    status = fail(Errc::kUnavailable, "write ", config_.path, ": ", std::strerror(errno));
  const auto now = clock_.monotonic();
  if (status && now - flushed_ >= config_.flush_interval) {
    if (std::fflush(file_) != 0)
      status = fail(Errc::kUnavailable, "write ", config_.path, ": ", std::strerror(errno));
    flushed_ = now;
  }
  if (!status) {
    counters.failed.add(batch.items());
    return fail(Errc::kUnavailable, status.error().message);
  }
  written_ += text.size();
  counters.sent.add(batch.items());
  return {};
}

}  // namespace sightline::pipeline
