#include "api/prometheus/point_writer.h"

#include <bit>
#include <cstring>

#include "base/number_text.h"

namespace sightline::api::prometheus {
StepTimes::StepTimes(const promql::StepGrid& grid) {
  begins_.reserve(grid.count + 1);
  for (size_t step = 0; step < grid.count; ++step) {
    begins_.push_back(texts_.size());
    texts_ += ",[";
    append_timestamp_json(texts_, grid.at(step));
    texts_ += ",\"";
    longest_ = std::max(longest_, texts_.size() - begins_.back());
  }
  begins_.push_back(texts_.size());
}

bool append_float_points(std::string& out, const StepTimes& times, const promql::Series& series) {
  const size_t begin = out.size();
  const size_t point_bytes_max = times.longest() + kFloatJsonBytesMax + 2;
  out.resize(begin + series.cells.size() * point_bytes_max);
  char* at = out.data() + begin;
  const char* previous = nullptr;  // text of the value before
  size_t previous_bytes = 0;
  uint64_t previous_bits = 0;
  for (size_t step = 0; step < series.cells.size(); ++step) {
    if (!series.is_float(step)) continue;
    std::string_view time = times.before(step);
    if (previous == nullptr) time.remove_prefix(1);  // no comma before the first
    std::memcpy(at, time.data(), time.size());
    at += time.size();
    const auto bits = std::bit_cast<uint64_t>(series.floats[step]);
    char* const value = at;
    if (previous != nullptr && bits == previous_bits) {
      std::memcpy(at, previous, previous_bytes);
      at += previous_bytes;
    } else {
      at = write_float_json(at, series.floats[step]);
      previous_bytes = static_cast<size_t>(at - value);
      previous_bits = bits;
    }
    previous = value;
    *at++ = '"';
    *at++ = ']';
  }
  out.resize(static_cast<size_t>(at - out.data()));
  return previous != nullptr;
}

}  // namespace sightline::api::prometheus
