#include "pipeline/exporters/debug_exporter.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace sightline::pipeline {
namespace {

std::string text_of(const Outgoing& batch, config::DebugExporterConfig::Verbosity verbosity) {
  if (batch.spans()) return debug_text(*batch.spans(), verbosity);
  return debug_text(*batch.metrics()->protobuf, verbosity);
}

// An output by its name; the standard ones stay open.
Result<std::shared_ptr<std::FILE>> open_output(const std::string& name) {
  const auto standard = [](std::FILE* file) {
    return std::shared_ptr<std::FILE>(file, [](std::FILE*) {});
  };
  if (name == "stdout") return standard(stdout);
  if (name == "stderr") return standard(stderr);
  std::FILE* file = std::fopen(name.c_str(), "ae");
  if (file == nullptr)
    return fail(Errc::kInvalidArgument, "open ", name, ": ", std::strerror(errno));
  return std::shared_ptr<std::FILE>(file, &std::fclose);
}

}  // namespace

Result<std::unique_ptr<DebugExporter>> DebugExporter::create(
    const config::DebugExporterConfig& config, const std::string& id, Telemetry& telemetry) {
  std::vector<std::shared_ptr<std::FILE>> outputs;
  const std::vector<std::string> own_log = {"stderr"};
  for (const std::string& name : config.use_internal_logger ? own_log : config.output_paths) {
    auto output = open_output(name);
    if (!output) return in_context("exporter " + id, std::move(output).error());
    outputs.push_back(std::move(*output));
  }
  auto write = [outputs = std::move(outputs)](std::string_view text) {
    for (const auto& output : outputs) {
      std::fwrite(text.data(), 1, text.size(), output.get());
      std::fflush(output.get());
    }
  };
  return std::make_unique<DebugExporter>(DebugExporterOptions{.config = config}, std::move(write),
                                         telemetry);
}

DebugExporter::DebugExporter(DebugExporterOptions options, Write write, Telemetry& telemetry)
    : options_(std::move(options)),
      write_(std::move(write)),
      unprinted_(telemetry.counter(
          "sightline_debug_exporter_unprinted_spans_total",
          "Spans the debug exporter did not print because its output was too slow.")),
      thread_([this] { run(); }) {}

DebugExporter::~DebugExporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool DebugExporter::is_sampled() {
  const auto second = static_cast<uint64_t>(std::time(nullptr));
  if (second != second_) {
    second_ = second;
    seen_this_second_ = 0;
  }
  const uint64_t n = seen_this_second_++;
  const uint32_t initial = options_.config.sampling_initial;
  const uint32_t thereafter = options_.config.sampling_thereafter;
  return n < initial || (thereafter > 0 && (n - initial) % thereafter == 0);
}

Status DebugExporter::consume(const SharedBatch& batch) {
  print(Outgoing(batch));
  return {};
}

Result<wire::otlp::PartialSuccess> DebugExporter::consume(const SharedMetrics& batch) {
  print(Outgoing(batch));
  return {};
}

void DebugExporter::print(Outgoing batch) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_sampled()) return;
    if (queue_.size() >= options_.queue_batches_max) {
      ++skipped_;
      unprinted_.add(batch.items());
      return;
    }
    queue_.push_back(std::move(batch));
  }
  changed_.notify_one();
}

void DebugExporter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Outgoing batch = std::move(queue_.front());
    queue_.pop_front();
    const uint64_t skipped = std::exchange(skipped_, 0);
    lock.unlock();
    std::string text = text_of(batch, options_.config.verbosity);
    if (skipped > 0)
      text +=
          "(" + std::to_string(skipped) + " batches were not printed: the output is too slow)\n";
    write_(text);
    lock.lock();
  }
}

}  // namespace sightline::pipeline
