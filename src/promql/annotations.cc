#include "promql/annotations.h"

#include <algorithm>

#include "promql/lexer.h"
#include "promql/parser.h"

namespace sightline::promql {

void Annotations::add(std::vector<std::string>& to, std::string text) {
  const std::lock_guard lock(mutex_);
  if (std::ranges::find(to, text) == to.end()) to.push_back(std::move(text));
}

void Annotations::warn(PositionRange at, std::string_view text) {
  add(warnings_,
      "PromQL warning: " + std::string(text) + " (" + position_text(query_, at.start) + ")");
}

void Annotations::info(PositionRange at, std::string_view text) {
  add(infos_, "PromQL info: " + std::string(text) + " (" + position_text(query_, at.start) + ")");
}

size_t Annotations::size() {
  const std::lock_guard lock(mutex_);
  return warnings_.size() + infos_.size();
}

std::vector<std::string> Annotations::take_warnings() {
  const std::lock_guard lock(mutex_);
  return std::move(warnings_);
}

std::vector<std::string> Annotations::take_infos() {
  const std::lock_guard lock(mutex_);
  return std::move(infos_);
}

std::string for_metric(std::string_view name) {
  return name.empty() ? std::string() : " for metric name " + go_quote(name);
}

}  // namespace sightline::promql
