#pragma once
// The process log: one line per event, to standard error.
//   SL_LOG_INFO("tsdb: {} series recovered from the WAL in {} ms", n, ms);
// Levels: debug, info, warn, error. The level is set once at start by server/.
#include <spdlog/spdlog.h>

#define SL_LOG_DEBUG(...) ::spdlog::debug(__VA_ARGS__)
#define SL_LOG_INFO(...) ::spdlog::info(__VA_ARGS__)
#define SL_LOG_WARN(...) ::spdlog::warn(__VA_ARGS__)
#define SL_LOG_ERROR(...) ::spdlog::error(__VA_ARGS__)
