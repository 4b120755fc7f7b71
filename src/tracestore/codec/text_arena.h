#pragma once
// Keeps copies of texts side by side; their addresses never change.
//   Threads  one owner.
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace sightline::tracestore {

class TextArena {
 public:
  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > left_) grow(text.size());
    char* at = next_;
    std::memcpy(at, text.data(), text.size());
    next_ += text.size();
    left_ -= text.size();
    return {at, text.size()};
  }

 private:
  static constexpr size_t kPieceBytes = 64u << 10;
  void grow(size_t wanted) {
    left_ = wanted > kPieceBytes ? wanted : kPieceBytes;
    pieces_.push_back(std::make_unique_for_overwrite<char[]>(left_));
    next_ = pieces_.back().get();
  }
  std::vector<std::unique_ptr<char[]>> pieces_;
  char* next_ = nullptr;
  size_t left_ = 0;
};

}  // namespace sightline::tracestore
