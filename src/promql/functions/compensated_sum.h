#pragma once
// Sums that do not lose small terms beside large ones (Neumaier), and means
// that stay finite where their sum would not.
#include <cmath>
#include <cstdint>

namespace sightline::promql {

struct CompensatedSum {
  double sum = 0;
  double lost = 0;
  void add(double v) {
    const double t = sum + v;
    if (std::isinf(t))
      lost = 0;
    else
      lost += std::fabs(sum) >= std::fabs(v) ? (sum - t) + v : (v - t) + sum;
    sum = t;
  }
  double value() const { return sum + lost; }
};

// Sums while that stays finite, and walks on with a running mean once it does not.
class CompensatedMean {
 public:
  void add(double v) {
    ++count_;
    const auto n = static_cast<double>(count_);
    if (!running_) {
      CompensatedSum next = state_;
      next.add(v);
      if (count_ == 1 || !std::isinf(next.sum)) {
        state_ = next;
        return;
      }
      running_ = true;
      state_ = {state_.sum / (n - 1), state_.lost / (n - 1)};
    }
    const double kept = (n - 1) / n;
    state_ = {kept * state_.sum, kept * state_.lost};
    state_.add(v / n);
  }
  double value() const {
    const auto n = static_cast<double>(count_);
    return running_ ? state_.value() : state_.sum / n + state_.lost / n;
  }

 private:
  CompensatedSum state_;
  uint64_t count_ = 0;
  bool running_ = false;
};

// Population variance in one pass (Welford), compensated.
class Variance {
 public:
  void add(double v) {
    ++count_;
    const double delta = v - mean_.value();
    mean_.add(delta / static_cast<double>(count_));
    squares_.add(delta * (v - mean_.value()));
  }
  double value() const { return squares_.value() / static_cast<double>(count_); }

 private:
  CompensatedSum mean_;
  CompensatedSum squares_;
  uint64_t count_ = 0;
};

}  // namespace sightline::promql
