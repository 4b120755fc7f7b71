#pragma once
// The file exporter: each request one line of OTLP/JSON, or one message of
// OTLP/protobuf with its length before it (4 bytes, big endian).
//   Files     one, or with group_by one for each value of a resource attribute, of which max_open_files are open: one that
//             is needed again is appended to. A resource without the attribute is left out.
//   Errors    a write that fails refuses the batch, retryable (disk full). With group_by, what cannot be written after
//             another file took its part is given up, and counted as failed: nothing is written twice.
//   Limits    kGroupedFilesMax files; resources that would need a further one are given up.
//   Threads   consume() from any thread; one mutex.
//   Source    opentelemetry-collector-contrib, fileexporter README.
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/otelcol/otelcol_components.h"
#include "pipeline/exporters/export_file.h"
#include "pipeline/exporters/outgoing.h"

namespace sightline::pipeline {

inline constexpr size_t kGroupedFilesMax = 100'000;

class FileExporter final : public SpanConsumer, public MetricsConsumer {
 public:
  static Result<std::unique_ptr<FileExporter>> open(const config::FileExporterConfig& config,
                                                    const std::string& id, const Clock& clock,
                                                    Telemetry& telemetry);
  Status consume(const SharedBatch& batch) override {
    return write(batch, config::Signal::kTraces, spans_);
  }
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    if (auto status = write(batch, config::Signal::kMetrics, points_); !status)
      return std::unexpected(std::move(status).error());
    return wire::otlp::PartialSuccess();
  }
  void maintain();  // flushes what is due

 private:
  struct OpenFile {
    std::unique_ptr<ExportFile> file;
    uint64_t used = 0;  // when, in uses of any
  };
  struct Counters {
    Counter& sent;
    Counter& failed;
  };
  FileExporter(const config::FileExporterConfig& config, const std::string& id, const Clock& clock,
               Telemetry& telemetry);
  Status write(const Outgoing& batch, config::Signal signal, const Counters& counters);
  Status write_grouped(const Outgoing& batch, config::Signal signal, const Counters& counters);
  Result<ExportFile*> file_at(const std::string& path);  // needs mutex_
  void close_oldest();                                   // needs mutex_
  std::string message(const Outgoing& batch) const;

  const config::FileExporterConfig config_;
  const std::string id_;
  const Clock& clock_;
  const Counters spans_, points_;
  std::mutex mutex_;
  // All below is guarded by mutex_.
  std::map<std::string, OpenFile> files_;  // by path
  std::set<std::string> begun_;            // with group_by: paths that were written to, open or not
  uint64_t uses_ = 0;
};

}  // namespace sightline::pipeline
