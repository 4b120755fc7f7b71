#include "base/cpu_share.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace sightline {
namespace {

constexpr std::chrono::milliseconds kBurst(50);  // of the share, when nothing was taken for a while
constexpr std::chrono::milliseconds kBriefBurst(100);
constexpr std::chrono::milliseconds kNapMax(20);  // then cancellation is asked for

std::chrono::nanoseconds processor_time(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

using Text = std::array<char, 256>;

// The beginning of a file of the kernel's. False: it is not there.
bool read_beginning(int directory, const char* path, Text& text) {
  const int file = ::openat(directory, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  text[static_cast<size_t>(std::max<ssize_t>(size, 0))] = 0;
  return size > 0;
}

struct ThreadTimes {
  std::chrono::nanoseconds ran{0};
  std::chrono::nanoseconds waited{0};  // for a processor
};

// "<ran> <waited> <times>", in nanoseconds. Zeros where the kernel does not count them.
ThreadTimes times_of(int directory, const std::string& thread) {
  Text text;
  if (!read_beginning(directory, (thread + "/schedstat").c_str(), text)) return {};
  char* at = nullptr;
  const std::chrono::nanoseconds ran(std::strtoull(text.data(), &at, 10));
  return {ran, std::chrono::nanoseconds(std::strtoull(at, nullptr, 10))};
}

// Of the calling thread, since it was asked last; what it waited, since it was asked for that without a break.
CpuShare::Usage used_by_this_thread(CpuShare::Detail detail) {
  static thread_local std::optional<std::chrono::nanoseconds> ran, waited;
  CpuShare::Usage used;
  const auto ran_now = processor_time(CLOCK_THREAD_CPUTIME_ID);
  used.process = ran_now - std::exchange(ran, ran_now).value_or(ran_now);
  if (detail == CpuShare::Detail::kProcess) {
    waited.reset();
    return used;
  }
  const auto waited_now = times_of(AT_FDCWD, "/proc/thread-self").waited;
  used.waited = waited_now - std::exchange(waited, waited_now).value_or(waited_now);
  return used;
}

// "cpu  user nice system idle iowait ...", in ticks: the fourth and fifth.
std::optional<std::chrono::nanoseconds> idle_time() {
  Text text;
  if (!read_beginning(AT_FDCWD, "/proc/stat", text) || std::strlen(text.data()) < 4)
    return std::nullopt;
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
  // What idles shows how much more could be had; how much too much was taken, nobody knows.
  if (!window.waited) {
    const double next =
        window.idle < reserve / 2 ? window.own / 2 : window.own + window.idle - reserve;
    return std::clamp(next, least, options.processors);
  }
  const double next = *window.waited > options.waiting * window.others
                          ? window.own / 2
                          : window.own + std::max(window.idle - reserve, least);
  return std::clamp(next, least, options.processors);
}

// Where nobody tells what idles, the process counts as alone. What threads waited that ended since is forgotten.
CpuShare::Usage CpuShare::usage_now(const std::vector<pid_t>& left_out, Detail detail) {
  Usage usage{.process = processor_time(CLOCK_PROCESS_CPUTIME_ID), .idle = {}, .waited = {}};
  for (const pid_t thread : left_out) {
    const ThreadTimes times = times_of(AT_FDCWD, "/proc/self/task/" + std::to_string(thread));
    usage.process -= times.ran;
    usage.waited -= times.waited;
  }
  if (detail == Detail::kProcess) return usage;
  const auto processors = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  usage.idle = idle_time().value_or(processor_time(CLOCK_MONOTONIC) * processors - usage.process);
  const std::unique_ptr<DIR, int (*)(DIR*)> threads(::opendir("/proc/self/task"), &::closedir);
  if (!threads) return usage;
  while (const dirent* thread = ::readdir(threads.get()))
    if (thread->d_name[0] != '.')
      usage.waited += times_of(::dirfd(threads.get()), thread->d_name).waited;
  return usage;
}

CpuShare::CpuShare(const Clock& clock, CpuShareOptions options, ReadUsage usage)
    : clock_(clock),
      options_(options),
      usage_(std::move(usage)),
      share_(options.processors),
      refilled_at_(clock.monotonic()),
      window_from_(refilled_at_),
      at_window_(usage_({}, Detail::kProcess)) {}

double CpuShare::share() const {
  const std::lock_guard lock(mutex_);
  return share_;
}

CpuShare::Usage CpuShare::used() const {
  return used_by_this_thread(knows_all_ ? Detail::kAll : Detail::kProcess);
}

void CpuShare::take(const Usage& by_thread, double& budget_ns) {
  own_ns_ += count(by_thread.process);
  own_waited_ns_ += count(by_thread.waited);
  budget_ns -= count(by_thread.process);
}

// Of a process that does little no more is read than that.
void CpuShare::end_window(std::chrono::nanoseconds passed) {
  const double own = own_ns_ / count(passed);
  const auto others = [&](const Usage& usage) {
    return count(usage.process - at_window_.process) / count(passed) - own;
  };
  Usage usage = usage_(left_out_, Detail::kProcess);
  const bool is_quiet = others(usage) < options_.quiet * options_.processors;
  if (!is_quiet) usage = usage_(left_out_, Detail::kAll);
  if (is_quiet) {
    share_ = options_.processors;
  } else if (knows_all_) {
    CpuWindow window{.own = own,
                     .others = others(usage),
                     .idle = count(usage.idle - at_window_.idle) / count(passed)};
    if (usage.waited.count() > 0)
      window.waited = (count(usage.waited - at_window_.waited) - own_waited_ns_) / count(passed);
    share_ = next_cpu_share(options_, window);
  }
  knows_all_ = !is_quiet;
  at_window_ = usage;
}

void CpuShare::refill() {
  const auto now = clock_.monotonic();
  if (const auto passed = now - window_from_; passed >= options_.window) {
    end_window(passed);
    own_ns_ = own_waited_ns_ = 0;
    window_from_ = now;
  }
  const double passed_ns = count(now - refilled_at_);
  const double brief = options_.brief * options_.processors;
  budget_ns_ = std::min(budget_ns_ + share_ * passed_ns, share_ * count(kBurst));
  brief_budget_ns_ = std::min(brief_budget_ns_ + brief * passed_ns, brief * count(kBriefBurst));
  refilled_at_ = now;
  if (share_ >= options_.processors) budget_ns_ = 0;
}

void CpuShare::leave_out_this_thread() {
  const std::lock_guard lock(mutex_);
  left_out_.push_back(::gettid());
}

CpuShare::Work CpuShare::begin() {
  const std::lock_guard lock(mutex_);
  take(used(), budget_ns_);
  return {};
}

// What is brief waits for nothing, while there is something left for it.
void CpuShare::rest(Work& work, const std::function<bool()>& cancelled) {
  std::unique_lock lock(mutex_);
  const Usage used = this->used();
  const bool is_beginning = work.taken_ns_ < count(options_.beginning);
  work.taken_ns_ += count(used.process);
  take(used, is_beginning && brief_budget_ns_ > 0 ? brief_budget_ns_ : budget_ns_);
  for (refill(); budget_ns_ < 0 && !(is_beginning && brief_budget_ns_ > 0); refill()) {
    const std::chrono::nanoseconds due(static_cast<int64_t>(-budget_ns_ / share_) + 1);
    lock.unlock();
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(due, kNapMax));
    if (cancelled && cancelled()) return;
    lock.lock();
  }
}

}  // namespace sightline
