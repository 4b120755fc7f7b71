#pragma once
// Warnings and infos that a query gathers while it runs, each text once.
//   Threads  add from any thread.
//   Source   spec: annotation texts, with ` (line:column)` of the expression.
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "promql/syntax/ast.h"

namespace sightline::promql {

class Annotations {
 public:
  explicit Annotations(std::string_view query) : query_(query) {}
  // "PromQL warning: <text> (1:7)"
  void warn(PositionRange at, std::string_view text);
  void info(PositionRange at, std::string_view text);

  size_t size();  // how many there are so far
  std::vector<std::string> take_warnings();
  std::vector<std::string> take_infos();

 private:
  struct Texts {
    std::vector<std::string> in_order;
    std::unordered_set<std::string> known;
  };
  void add(Texts& to, std::string text);
  std::string_view query_;
  std::mutex mutex_;
  Texts warnings_;  // guarded by mutex_
  Texts infos_;     // guarded by mutex_
};

// ` for metric name "x"`, or nothing for a series without a name.
std::string for_metric(std::string_view name);

}  // namespace sightline::promql
