#include "pipeline/processors/memory_limiter.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "base/log.h"

namespace sightline::pipeline {
namespace {

uint64_t read_number(const char* path) {
  std::ifstream in(path);
  uint64_t value = 0;
  return in >> value ? value : 0;
}

uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long size = 0, resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

uint64_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

uint64_t total_bytes() {
  const uint64_t machine =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t group = read_number("/sys/fs/cgroup/memory.max");  // "max" reads as 0
  return group > 0 ? std::min(group, machine) : machine;
}

}  // namespace

MemoryReadings MemoryReadings::of_system() {
  return {&pipeline::resident_bytes, &pipeline::total_bytes};
}

MemoryReadings MemoryReadings::of_heap() { return {&pipeline::heap_bytes, &pipeline::total_bytes}; }

MemoryGate::MemoryGate(const config::MemoryLimiterConfig& config, std::string id,
                       const Clock& clock, MemoryReadings readings)
    : id_(std::move(id)),
      interval_(config.check_interval),
      clock_(clock),
      readings_(std::move(readings)) {
  const uint64_t mib = 1u << 20;
  if (config.limit_mib > 0) {
    hard_limit_ = config.limit_mib * mib;
    soft_limit_ =
        hard_limit_ - (config.spike_limit_mib > 0 ? config.spike_limit_mib * mib : hard_limit_ / 5);
  } else {
    const uint64_t percent = readings_.total_bytes() / 100;
    hard_limit_ = percent * config.limit_percentage;
    const uint64_t spike = config.spike_limit_percentage > 0
                               ? percent * config.spike_limit_percentage
                               : hard_limit_ / 5;
    soft_limit_ = hard_limit_ - std::min(hard_limit_, spike);
  }
}

void MemoryGate::look() {
  uint64_t used = readings_.resident_bytes();
  if (used > soft_limit_) {
    malloc_trim(0);  // freed pages that the allocator still holds are no reason to refuse
    used = readings_.resident_bytes();
  }
  const bool refusing = used > soft_limit_;
  if (refusing_.exchange(refusing) == refusing) return;
  if (refusing)
    SL_LOG_WARN("{}: memory in use is {} MiB, above the soft limit of {} MiB: refusing data", id_,
                used >> 20, soft_limit_ >> 20);
  else
    SL_LOG_INFO("{}: memory in use is {} MiB again: taking data", id_, used >> 20);
}

bool MemoryGate::refuses() {
  const int64_t now = clock_.monotonic().count();
  int64_t due = next_look_ns_.load(std::memory_order_relaxed);
  if (now >= due && next_look_ns_.compare_exchange_strong(due, now + interval_.count())) look();
  return refusing_.load(std::memory_order_relaxed);
}

std::unexpected<Error> memory_refusal() {
  return fail(Errc::kUnavailable, "data refused due to high memory usage");
}

MemoryLimiter::MemoryLimiter(const config::MemoryLimiterConfig& config, std::string id,
                             SpanStage& next, const Clock& clock, Telemetry& telemetry,
                             MemoryReadings readings)
    : SpanProcessor(next),
      gate_(config, std::move(id), clock, std::move(readings)),
      accepted_(telemetry.counter("otelcol_processor_accepted_spans_total",
                                  "Spans pushed into the next part of the pipeline.",
                                  {{"processor", gate_.id()}})),
      refused_(telemetry.counter("otelcol_processor_refused_spans_total",
                                 "Spans refused by the processor.", {{"processor", gate_.id()}})) {}

Status MemoryLimiter::pass(const SharedBatch& batch, Delivery& delivery) {
  if (gate_.refuses()) {
    refused_.add(batch->spans.size());
    return memory_refusal();
  }
  accepted_.add(batch->spans.size());
  return hand_on(batch, delivery);
}

Status MemoryLimiter::consume(const SharedEncoded& request) {
  if (gate_.refuses()) {
    refused_.add(request->spans);
    return memory_refusal();
  }
  accepted_.add(request->spans);
  return encoded_next_->consume(request);
}

}  // namespace sightline::pipeline
