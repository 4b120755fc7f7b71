#pragma once
// The collector's debug exporter: spans and metrics as readable text, on standard error or where output_paths say.
//   Printing runs on a thread of its own behind a short queue, so that a slow
//   terminal never slows ingestion; what does not fit is counted and said.
//   Threads   consume() from any thread.
//   Source    opentelemetry-collector, debugexporter README.
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/telemetry.h"
#include "config/otelcol/otelcol_components.h"
#include "pipeline/exporters/debug_text.h"

namespace sightline::pipeline {

struct DebugExporterOptions {
  config::DebugExporterConfig config;
  size_t queue_batches_max = 64;  // waiting to be printed
};

class DebugExporter final : public SpanConsumer, public MetricsConsumer {
 public:
  using Write = std::function<void(std::string_view text)>;
  // kInvalidArgument: an output cannot be opened.
  static Result<std::unique_ptr<DebugExporter>> create(const config::DebugExporterConfig& config,
                                                       const std::string& id, Telemetry& telemetry);
  // `write` is called on the exporter's own thread.
  DebugExporter(DebugExporterOptions options, Write write, Telemetry& telemetry);
  ~DebugExporter() override;  // prints what waits

  Status consume(const SharedBatch& batch) override;
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override;

 private:
  void print(Outgoing batch);
  void run();
  bool is_sampled();  // needs mutex_

  const DebugExporterOptions options_;
  const Write write_;
  Counter& unprinted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Outgoing> queue_;     // guarded by mutex_
  uint64_t skipped_ = 0;           // guarded by mutex_: batches since the last printed one
  uint64_t second_ = 0;            // guarded by mutex_: sampling counts per second
  uint64_t seen_this_second_ = 0;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::thread thread_;
};

}  // namespace sightline::pipeline
