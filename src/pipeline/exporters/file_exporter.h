#pragma once
// The file exporter: each request one line of OTLP/JSON, or one message of
// OTLP/protobuf with its length before it (4 bytes, big endian).
//   Flush     what was written reaches the file when flush_interval has passed, and at the end.
//   Rotation  beyond max_megabytes the file is renamed to name-<UTC time>.ext and a new one begun; max_backups
//             and max_days bound the old ones.
//   Errors    a write that fails refuses the batch, retryable (disk full).
//   Threads   consume() from any thread; one mutex.
//   Source    opentelemetry-collector-contrib, fileexporter README.
#include <cstdio>
#include <memory>
#include <mutex>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/otelcol/otelcol_components.h"
#include "pipeline/exporters/outgoing.h"

namespace sightline::pipeline {

class FileExporter final : public SpanConsumer, public MetricsConsumer {
 public:
  static Result<std::unique_ptr<FileExporter>> open(const config::FileExporterConfig& config,
                                                    const std::string& id, const Clock& clock,
                                                    Telemetry& telemetry);
  ~FileExporter() override;
  Status consume(const SharedBatch& batch) override { return write(batch, spans_); }
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    if (auto status = write(batch, points_); !status)
      return std::unexpected(std::move(status).error());
    return wire::otlp::PartialSuccess();
  }

 private:
  FileExporter(const config::FileExporterConfig& config, const std::string& id, const Clock& clock,
               Telemetry& telemetry);
  Status open_file();  // needs mutex_
  Status rotate();     // needs mutex_
  void remove_old() const;
  struct Counters {
    Counter& sent;
    Counter& failed;
  };
  Status write(const Outgoing& batch, const Counters& counters);
  std::string message(const Outgoing& batch) const;

  const config::FileExporterConfig config_;
  const Clock& clock_;
  const Counters spans_, points_;
  std::mutex mutex_;
  std::FILE* file_ = nullptr;            // guarded by mutex_
  uint64_t written_ = 0;                 // guarded by mutex_: bytes in the current file
  std::chrono::nanoseconds flushed_{0};  // guarded by mutex_: monotonic
};

}  // namespace sightline::pipeline
