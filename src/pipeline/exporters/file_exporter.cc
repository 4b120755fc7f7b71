#include "pipeline/exporters/file_exporter.h"

#include <algorithm>
#include <filesystem>

#include "base/bytes.h"
#include "base/log.h"
#include "net/compression.h"
#include "pipeline/exporters/directories.h"
#include "pipeline/exporters/grouped_paths.h"

namespace sightline::pipeline {

FileExporter::FileExporter(const config::FileExporterConfig& config, const std::string& id,
                           const Clock& clock, Telemetry& telemetry)
    : config_(config),
      id_(id),
      clock_(clock),
      spans_{telemetry.counter("otelcol_exporter_sent_spans_total",
                               "Spans sent to their destination.", {{"exporter", id}}),
             telemetry.counter("otelcol_exporter_send_failed_spans_total",
                               "Spans given up after all tries.", {{"exporter", id}})},
      points_{telemetry.counter("otelcol_exporter_sent_metric_points_total",
                                "Data points sent to their destination.", {{"exporter", id}}),
              telemetry.counter("otelcol_exporter_send_failed_metric_points_total",
                                "Data points given up after all tries.", {{"exporter", id}})} {}

Result<std::unique_ptr<FileExporter>> FileExporter::open(const config::FileExporterConfig& config,
                                                         const std::string& id, const Clock& clock,
                                                         Telemetry& telemetry) {
  std::unique_ptr<FileExporter> exporter(new FileExporter(config, id, clock, telemetry));
  if (config.groups()) return exporter;  // files are made when they are needed
  if (config.create_directory)
    if (auto status = make_directories(std::filesystem::path(config.path).parent_path().string(),
                                       config.directory_permissions);
        !status)
      return in_context("exporter " + id, std::move(status).error());
  const std::lock_guard lock(exporter->mutex_);
  if (auto file = exporter->file_at(config.path); !file)
    return in_context("exporter " + id, std::move(file).error());
  return exporter;
}

void FileExporter::close_oldest() {
  const auto oldest =
      std::ranges::min_element(files_, {}, [](const auto& entry) { return entry.second.used; });
  if (oldest != files_.end()) files_.erase(oldest);
}

Result<ExportFile*> FileExporter::file_at(const std::string& path) {
  if (const auto known = files_.find(path); known != files_.end()) {
    known->second.used = ++uses_;
    return known->second.file.get();
  }
  bool is_begun = false;
  if (config_.groups()) {
    is_begun = begun_.contains(path);
    if (!is_begun && begun_.size() >= kGroupedFilesMax)
      return fail(Errc::kResourceExhausted, "more than ", kGroupedFilesMax, " files");
    if (auto status = make_directories(std::filesystem::path(path).parent_path().string(),
                                       config_.directory_permissions);
        !status)
      return std::unexpected(std::move(status).error());
    while (files_.size() >= std::max<size_t>(config_.max_open_files, 1)) close_oldest();
  }
  auto file = ExportFile::open(config_, path, is_begun, clock_);
  if (!file) return std::unexpected(std::move(file).error());
  if (config_.groups()) begun_.insert(path);
  return files_.emplace(path, OpenFile{std::move(*file), ++uses_}).first->second.file.get();
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

Status FileExporter::write(const Outgoing& batch, config::Signal signal, const Counters& counters) {
  if (config_.groups()) return write_grouped(batch, signal, counters);
  const std::string text = message(batch);
  const std::lock_guard lock(mutex_);
  auto file = file_at(config_.path);
  const Status status = file ? (*file)->write(text) : std::unexpected(file.error());
  if (!status) {
    counters.failed.add(batch.items());
    return fail(Errc::kUnavailable, status.error().message);
  }
  counters.sent.add(batch.items());
  return {};
}

Status FileExporter::write_grouped(const Outgoing& batch, config::Signal signal,
                                   const Counters& counters) {
  bool has_written = false;
  for (auto& [path, protobuf] : group_by_path(config_, batch.protobuf())) {
    auto part = Outgoing::parse(signal, std::move(protobuf));
    if (!part) return std::unexpected(std::move(part).error());
    const std::string text = message(*part);
    const std::lock_guard lock(mutex_);
    auto file = file_at(path);
    const Status status = file ? (*file)->write(text) : std::unexpected(file.error());
    (status ? counters.sent : counters.failed).add(part->items());
    if (!status && !has_written) return fail(Errc::kUnavailable, status.error().message);
    if (!status) SL_LOG_WARN("exporter {}: {}", id_, status.error().message);
    has_written = true;
  }
  return {};
}

void FileExporter::maintain() {
  const std::lock_guard lock(mutex_);
  for (auto& [path, open] : files_)
    if (auto status = open.file->flush_if_due(); !status)
      SL_LOG_WARN("exporter {}: {}", id_, status.error().message);
}

}  // namespace sightline::pipeline
