#include "promql/annotations.h"

#include "promql/syntax/go_text.h"
#include "promql/syntax/parser.h"

namespace sightline::promql {

void Annotations::add(Texts& to, std::string text) {
  const std::lock_guard lock(mutex_);
  if (to.known.insert(text).second) to.in_order.push_back(std::move(text));
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
  return warnings_.in_order.size() + infos_.in_order.size();
}

std::vector<std::string> Annotations::take_warnings() {
  const std::lock_guard lock(mutex_);
  return std::move(warnings_.in_order);
}

std::vector<std::string> Annotations::take_infos() {
  const std::lock_guard lock(mutex_);
  return std::move(infos_.in_order);
}

std::string for_metric(std::string_view name) {
  return name.empty() ? std::string() : " for metric name " + go_quote(name);
}

}  // namespace sightline::promql
