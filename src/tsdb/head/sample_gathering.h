#pragma once
// Joins the samples of one series from chunks and arrays of any order and
// overlap into one ascending column. Of two at the same time the one added first stays.
#include <span>
#include <string_view>

#include "tsdb/codec/chunk.h"
#include "tsdb/head/series.h"

namespace sightline::tsdb {

class SampleGathering {
 public:
  // `out` is cleared; complete after finish().
  SampleGathering(SampleColumns& out, int64_t min, int64_t max) : out_(out), min_(min), max_(max) {
    out_.clear();
  }

  Status add_chunk(std::string_view bytes, ValueNeed need = ValueNeed::kAll);
  // Whatever `decode` appends.
  template <typename Decode>
  Status add_decoded(const Decode& decode) {
    const size_t floats = out_.times.size();
    const size_t histograms = out_.histogram_times.size();
    if (auto status = decode(out_); !status) return status;
    check_floats(floats);
    check_histograms(histograms);
    return {};
  }
  void add(const SampleColumns& part);
  void add(std::span<const OutOfOrderSample> late);
  void finish();

 private:
  void check_floats(size_t before);
  void check_histograms(size_t before);

  SampleColumns& out_;
  const int64_t min_;
  const int64_t max_;
  bool floats_sorted_ = true;
  bool histograms_sorted_ = true;
};

}  // namespace sightline::tsdb
