#include "promql/evaluation/provenance.h"

#include <algorithm>

namespace sightline::promql {

bool StepSet::empty() const {
  return bits_ && std::ranges::all_of(*bits_, [](uint64_t word) { return word == 0; });
}

StepSet StepSet::intersected(const StepSet& other) const {
  if (is_all() || bits_ == other.bits_) return other;
  if (other.is_all()) return *this;
  std::vector<uint64_t> out = *bits_;
  for (size_t i = 0; i < out.size(); ++i) out[i] &= i < other.bits_->size() ? (*other.bits_)[i] : 0;
  return StepSet(std::move(out));
}

StepSet StepSet::united(const StepSet& other) const {
  if (is_all() || other.is_all()) return {};
  if (bits_ == other.bits_) return *this;
  std::vector<uint64_t> out = *bits_;
  for (size_t i = 0; i < std::min(out.size(), other.bits_->size()); ++i)
    out[i] |= (*other.bits_)[i];
  return StepSet(std::move(out));
}

void SourceUnion::add(const Sources& sources, const StepSet& present) {
  for (const SeriesSource& s : sources) {
    StepSet steps = s.steps.intersected(present);
    if (!steps.empty()) all_.push_back({s.input, std::move(steps)});
  }
}

Sources SourceUnion::take() {
  if (!std::ranges::is_sorted(all_, {}, &SeriesSource::input))
    std::ranges::stable_sort(all_, {}, &SeriesSource::input);
  Sources out;
  out.reserve(all_.size());
  for (SeriesSource& s : all_) {
    if (!out.empty() && out.back().input == s.input)
      out.back().steps = out.back().steps.united(s.steps);
    else
      out.push_back(std::move(s));
  }
  all_.clear();
  return out;
}

}  // namespace sightline::promql
