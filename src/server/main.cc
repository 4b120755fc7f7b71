#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <thread>

#include "base/log.h"
#include "base/telemetry.h"
#include "base/time.h"
#include "net/descriptor_limit.h"
#include "server/command_line.h"
#include "server/commands.h"

namespace {

// Threads share as many heaps as there are cores, instead of eight times as many: what one thread allocates and another
// frees, as samples on their way into blocks, is used again sooner. One heap for all would make queries wait for it.
// A heap gives what is free at its end back to the system beyond some MiB, not with every request that is done with: each
// page that comes back costs a fault.
void share_heaps() {
  constexpr unsigned kFewest = 2;
  constexpr int kKeptBytesMax = 8 << 20, kMappedBytesMin = 1 << 20;
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(kFewest, std::thread::hardware_concurrency())));
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytesMax);
  ::mallopt(M_MMAP_THRESHOLD, kMappedBytesMin);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sightline;
  // Stop signals are waited for in one place; every thread made later inherits the mask.
  sigset_t signals = server::stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  share_heaps();
  server::set_up_log();
  net::raise_descriptor_limit();

  auto parsed = server::parse_command_line(argc, argv);
  if (const auto* exit = std::get_if<server::CommandLineExit>(&parsed)) {
    std::fputs(exit->text.c_str(), exit->status == 0 ? stdout : stderr);
    return exit->status;
  }
  return std::visit([](const auto& command) { return server::execute(command); },
                    std::get<server::Command>(parsed));
}
