#include "server/commands.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/log.h"
#include "config/sightline_config.h"
#include "server/demo_service.h"
#include "server/process.h"
#include "server/query_command.h"
#include "wire/openmetrics/check_openmetrics.h"

namespace sightline::server {
namespace {

int fail_with(const Error& error) {
  // A configuration's errors come one a line; each stays one line of the log.
  std::string_view rest = error.message;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    SL_LOG_ERROR("{}", rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return 1;
}

void log_notices(const config::SightlineConfig& config) {
  for (const config::Notice& notice : config.notices()) SL_LOG_INFO("{}", notice.text());
}

Result<std::string> read_text(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, "open ", file, ": ", std::strerror(errno));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  if (in.bad()) return fail(Errc::kIo, "read ", file, ": ", std::strerror(errno));
  return text;
}

}  // namespace

void set_up_log() {
  auto logger = spdlog::stderr_logger_mt("sightline");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_default_logger(std::move(logger));
}

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

int wait_for_stop_signal() {
  const sigset_t signals = stop_signals();
  int which = 0;
  while (sigwait(&signals, &which) != 0) {
  }
  return which;
}

int execute(const RunCommand& command) {
  spdlog::set_level(spdlog::level::from_str(command.log_level));
  const config::SystemEnvironment environment;
  auto config = config::load_config(command.files, environment);
  if (!config) return fail_with(config.error());
  log_notices(*config);
  SystemClock clock;
  Telemetry telemetry;
  auto process = Process::start(command, *config, clock, telemetry);
  if (!process) return fail_with(process.error());
  SL_LOG_INFO("ready");
  const int which = wait_for_stop_signal();
  SL_LOG_INFO("{}: finishing what is under way", which == SIGTERM ? "SIGTERM" : "SIGINT");
  (*process)->stop();
  process->reset();
  SL_LOG_INFO("stopped");
  return 0;
}

int execute(const CheckCommand& command) {
  const config::SystemEnvironment environment;
  auto config = config::load_config(command.files, environment);
  if (!config) return fail_with(config.error());
  for (const config::Notice& notice : config->notices())
    std::printf("note: %s\n", notice.text().c_str());
  std::fputs(config::dump(*config).c_str(), stdout);
  return 0;
}

int execute(const CheckOpenMetricsCommand& command) {
  int status = 0;
  for (const std::string& file : command.files) {
    const auto text = read_text(file);
    if (!text) return fail_with(text.error());
    const auto checked = wire::openmetrics::check_openmetrics(*text);
    if (checked) {
      std::printf("%s: OK\n", file.c_str());
    } else {
      std::printf("%s:%s\n", file.c_str(), checked.error().message.c_str());
      status = 1;
    }
  }
  return status;
}

int execute(const QueryCommand& command) {
  // main() holds these back for servers; here they end the program as usual.
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  const auto text = run_query(command, SystemClock(), terminal_style());
  if (!text) {
    std::fprintf(stderr, "sightline: %s\n", text.error().message.c_str());
    return 1;
  }
  std::fputs(text->c_str(), stdout);
  return 0;
}

int execute(const DemoCommand& command) {
  SystemClock clock;
  Telemetry telemetry;
  auto demo = DemoService::start(command, clock, telemetry);
  if (!demo) return fail_with(demo.error());
  SL_LOG_INFO("demo service on http://{}: / and /slow; spans go to {}", (*demo)->address(),
              command.otlp_endpoints.front());
  (void)wait_for_stop_signal();
  return 0;
}

int execute(const TraceBlocksCommand& command) {
  return show_trace_blocks(command, stdout, stderr);
}

int execute(const VersionCommand&) {
  std::printf("sightline %s\n", std::string(kVersion).c_str());
  return 0;
}

}  // namespace sightline::server
