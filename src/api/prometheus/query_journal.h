#pragma once
// Told of every query that runs: what keeps the active-query file for post-mortem and the query log.
//   Threads  many queries at once; implementations are safe from any thread and quick.
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "promql/engine.h"

namespace sightline::api::prometheus {

struct QueryEvent {
  std::string_view query;
  TimestampMs start;
  TimestampMs end;                    // start, for an instant query
  std::chrono::milliseconds step{0};  // 0: an instant query
  std::chrono::nanoseconds queued{0};
  std::string_view client;  // "127.0.0.1:53412"
  std::string_view method;
  std::string_view path;
};

class QueryJournal {
 public:
  virtual ~QueryJournal() = default;
  // A ticket for ended(), which always follows.
  virtual size_t begun(const QueryEvent& event) = 0;
  // `stats` null: it failed with `error`.
  virtual void ended(size_t ticket, const QueryEvent& event, const promql::QueryStats* stats,
                     const Error* error) = 0;
};

}  // namespace sightline::api::prometheus
