#include "api/tempo/time_windows.h"

#include <algorithm>

namespace sightline::api::tempo {
namespace {

constexpr std::chrono::nanoseconds kWanted = std::chrono::milliseconds(200);
constexpr uint64_t kGrowthMin = 2, kGrowthMax = 16;

}  // namespace

std::optional<TimeWindows::Window> TimeWindows::next(std::chrono::nanoseconds took) {
  if (done_) return std::nullopt;
  if (count_++ > 0) {
    const auto fits = static_cast<uint64_t>(kWanted / std::max(took, std::chrono::nanoseconds(1)));
    const uint64_t growth = std::clamp(fits, kGrowthMin, kGrowthMax);
    length_ = length_ > UINT64_MAX / growth ? UINT64_MAX : length_ * growth;
  }
  // What would be left is worth no window of its own.
  const bool is_last = end_ - start_ <= length_ || end_ - start_ - length_ < length_ / 4;
  const Window window{is_last ? start_ : end_ - length_, end_, is_last};
  end_ = window.start;
  done_ = is_last;
  return window;
}

}  // namespace sightline::api::tempo
