#include "wire/prometheus/float_histogram_chunk.h"

#include <cmath>
#include <vector>

#include "wire/prometheus/chunk_bits.h"

namespace sightline::wire::prometheus {
namespace {

using model::Histogram;
using model::ResetHint;

constexpr double kBoundUnits =
    1000;  // a custom bound of whole thousandths is written as their number
constexpr double kBoundUnitsMax = 33'554'430;

bool same_layout(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         a.custom_values == b.custom_values;
}

bool is_gauge(const Histogram& h) { return h.reset_hint == ResetHint::kGauge; }

// The two highest bits of the flags.
uint8_t reset_flags(ResetHint hint) {
  switch (hint) {
    case ResetHint::kReset: return 0b10'000000;
    case ResetHint::kNotReset: return 0b01'000000;
    case ResetHint::kGauge: return 0b11'000000;
    case ResetHint::kUnknown: break;
  }
  return 0;
}

void write_zero_threshold(BitWriter& out, double threshold) {
  if (threshold == 0) return out.bits(0, 8);
  int exponent = 0;
  const double fraction = std::frexp(threshold, &exponent);
  if (fraction == 0.5 && exponent >= -242 && exponent <= 11)
    return out.bits(static_cast<uint64_t>(exponent + 243), 8);
  out.bits(255, 8);
  out.bits(std::bit_cast<uint64_t>(threshold), 64);
}

void write_spans(BitWriter& out, const std::vector<model::BucketSpan>& spans) {
  out.varbit_uint(spans.size());
  for (const model::BucketSpan& span : spans) {
    out.varbit_uint(span.length);
    out.varbit_int(span.offset);
  }
}

void write_custom_bound(BitWriter& out, double bound) {
  const double units = bound * kBoundUnits;
  const double whole = std::round(units);
  if (units >= 0 && units <= kBoundUnitsMax && whole / kBoundUnits == bound)
    return out.varbit_uint(static_cast<uint64_t>(whole) + 1);
  out.bits(0, 1);
  out.bits(std::bit_cast<uint64_t>(bound), 64);
}

void write_layout(BitWriter& out, const Histogram& h) {
  write_zero_threshold(out, h.zero_threshold);
  out.varbit_int(h.schema);
  write_spans(out, h.positive_spans);
  write_spans(out, h.negative_spans);
  if (h.schema != model::kCustomBucketsSchema) return;
  out.varbit_uint(h.custom_values.size());
  for (const double bound : h.custom_values) write_custom_bound(out, bound);
}

std::vector<double> values_of(const Histogram& h) {
  std::vector<double> out{h.count, h.zero_count, h.sum};
  out.insert(out.end(), h.positive_buckets.begin(), h.positive_buckets.end());
  out.insert(out.end(), h.negative_buckets.begin(), h.negative_buckets.end());
  return out;
}

}  // namespace

size_t float_histogram_chunk_length(HistogramList histograms, size_t max) {
  size_t count = 1;
  while (count < histograms.size() && count < max) {
    const Histogram& h = *histograms[count];
    if (!same_layout(h, *histograms[0]) || is_gauge(h) != is_gauge(*histograms[0]) ||
        h.reset_hint == ResetHint::kReset)
      break;
    ++count;
  }
  return std::min(count, histograms.size());
}

std::string encode_float_histogram_chunk(std::span<const int64_t> times, HistogramList histograms) {
  std::string out{static_cast<char>(times.size() >> 8), static_cast<char>(times.size()),
                  static_cast<char>(reset_flags(histograms[0]->reset_hint))};
  BitWriter bits(out);
  write_layout(bits, *histograms[0]);
  std::vector<XorFloat> floats(values_of(*histograms[0]).size());
  int64_t delta = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    const std::vector<double> values = values_of(*histograms[i]);
    if (i == 0) {
      bits.varbit_int(times[0]);
    } else {
      const int64_t step = times[i] - times[i - 1];
      bits.varbit_int(step - delta);
      delta = step;
    }
    for (size_t v = 0; v < values.size(); ++v)
      i == 0 ? floats[v].start(bits, values[v]) : floats[v].next(bits, values[v]);
  }
  return out;
}

}  // namespace sightline::wire::prometheus
