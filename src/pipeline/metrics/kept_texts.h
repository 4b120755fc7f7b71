#pragma once
// Text that an edit brings in, kept for as long as what was edited is looked at.
//   Threads  one owner.
#include <deque>
#include <string>
#include <string_view>

namespace sightline::pipeline {

class KeptTexts {
 public:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  void clear() { texts_.clear(); }

 private:
  std::deque<std::string> texts_;
};

}  // namespace sightline::pipeline
