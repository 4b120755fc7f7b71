#include "base/cpu_share.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

namespace sightline {
namespace {

constexpr std::chrono::milliseconds kBurst(50);  // of the share, when nothing was taken for a while
constexpr std::chrono::milliseconds kNapMax(20);  // then cancellation is asked for

std::chrono::nanoseconds processor_time(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Of the calling thread, since it was asked last.
std::chrono::nanoseconds taken_by_this_thread() {
  static thread_local std::chrono::nanoseconds before = processor_time(CLOCK_THREAD_CPUTIME_ID);
  const auto now = processor_time(CLOCK_THREAD_CPUTIME_ID);
  return now - std::exchange(before, now);
}

// "cpu  user nice system idle iowait ...", in ticks: the fourth and fifth.
std::optional<std::chrono::nanoseconds> idle_time() {
  const int file = ::open("/proc/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 256> text{};
  const ssize_t size = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  if (size < 4) return std::nullopt;
  const char* at = text.data() + 3;
  unsigned long long ticks = 0;
  for (int field = 0; field < 5; ++field) {
    char* end = nullptr;
    const auto value = std::strtoull(at, &end, 10);
    if (end == at) return std::nullopt;
    at = end;
    if (field >= 3) ticks += value;
  }
  static const auto per_second =
      static_cast<unsigned long long>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  return std::chrono::nanoseconds(ticks * (1'000'000'000 / per_second));
}

double count(std::chrono::nanoseconds time) { return static_cast<double>(time.count()); }

}  // namespace

double next_cpu_share(const CpuShareOptions& options, const CpuWindow& window) {
  if (window.others < options.quiet * options.processors) return options.processors;
  const double least = options.least * window.others;
  const double reserve = options.reserve * options.processors;
  // What idles shows how much more could be had; when nothing does, nobody knows how much too much was taken.
  const double next =
      window.idle < reserve / 2 ? window.own / 2 : window.own + window.idle - reserve;
  return std::clamp(next, least, options.processors);
}

// Where nobody tells what idles, the process counts as alone.
CpuShare::Usage CpuShare::usage_now() {
  const auto process = processor_time(CLOCK_PROCESS_CPUTIME_ID);
  if (const auto idle = idle_time()) return {process, *idle};
  const auto processors = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  return {process, processor_time(CLOCK_MONOTONIC) * processors - process};
}

CpuShare::CpuShare(const Clock& clock, CpuShareOptions options, std::function<Usage()> usage)
    : clock_(clock),
      options_(options),
      usage_(std::move(usage)),
      share_(options.processors),
      refilled_at_(clock.monotonic()),
      window_from_(refilled_at_),
      at_window_(usage_()) {}

double CpuShare::share() const {
  const std::lock_guard lock(mutex_);
  return share_;
}

void CpuShare::refill() {
  const auto now = clock_.monotonic();
  if (const auto passed = now - window_from_; passed >= options_.window) {
    const Usage usage = usage_();
    const double process = count(usage.process - at_window_.process) / count(passed);
    const double own = own_ns_ / count(passed);
    share_ =
        next_cpu_share(options_, {.own = own,
                                  .others = process - own,
                                  .idle = count(usage.idle - at_window_.idle) / count(passed)});
    own_ns_ = 0;
    window_from_ = now;
    at_window_ = usage;
  }
  budget_ns_ = std::min(budget_ns_ + share_ * count(now - refilled_at_), share_ * count(kBurst));
  refilled_at_ = now;
  if (share_ >= options_.processors) budget_ns_ = 0;
}

void CpuShare::rest(const std::function<bool()>& cancelled) {
  const double taken = count(taken_by_this_thread());
  std::unique_lock lock(mutex_);
  own_ns_ += taken;
  budget_ns_ -= taken;
  for (refill(); budget_ns_ < 0; refill()) {
    const std::chrono::nanoseconds due(static_cast<int64_t>(-budget_ns_ / share_) + 1);
    lock.unlock();
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(due, kNapMax));
    if (cancelled && cancelled()) return;
    lock.lock();
  }
}

}  // namespace sightline
