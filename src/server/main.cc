#include <csignal>
#include <cstdio>
#include <iostream>

#include "base/heap.h"
#include "base/log.h"
#include "base/telemetry.h"
#include "base/time.h"
#include "net/descriptor_limit.h"
#include "server/command_line.h"
#include "server/commands.h"

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
