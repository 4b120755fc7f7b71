#include "tsdb/codec/histogram_codec.h"

#include <bit>
#include <cmath>
#include <span>

#include "model/sample.h"

namespace sightline::tsdb {
namespace {

using model::BucketSpan;
using model::Histogram;

// Flag bits of an encoded histogram; the reset hint is in the low two.
constexpr uint8_t kSameLayout = 4;  // schema, threshold, spans and bounds as before
constexpr uint8_t kIntegral = 8;    // every count is a whole number below 2^53

bool same_bits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool same_layout(const Histogram& a, const Histogram& b) {
  if (a.custom_values.size() != b.custom_values.size()) return false;
  for (size_t i = 0; i < a.custom_values.size(); ++i)
    if (!same_bits(a.custom_values[i], b.custom_values[i])) return false;
  return a.schema == b.schema && same_bits(a.zero_threshold, b.zero_threshold) &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans;
}

bool is_whole(double v) { return v >= 0 && v <= 9007199254740992.0 && same_bits(v, std::trunc(v)); }

bool is_whole(const std::vector<double>& values) {
  for (const double v : values)
    if (!is_whole(v)) return false;
  return true;
}

size_t bucket_count(const std::vector<BucketSpan>& spans) {
  size_t n = 0;
  for (const BucketSpan& s : spans) n += s.length;
  return n;
}

void append_spans(std::string& out, const std::vector<BucketSpan>& spans) {
  append_uvarint(out, spans.size());
  for (const BucketSpan& s : spans) {
    append_svarint(out, s.offset);
    append_uvarint(out, s.length);
  }
}

bool read_spans(ByteReader& in, std::vector<BucketSpan>& spans) {
  const uint64_t count = in.uvarint();
  if (count > kHistogramBucketsMax || count > in.remaining()) return false;
  size_t buckets = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const auto offset = static_cast<int32_t>(in.svarint());
    const uint64_t length = in.uvarint();
    if (!in.ok() || length > kHistogramBucketsMax) return false;
    buckets += length;
    spans.push_back({offset, static_cast<uint32_t>(length)});
  }
  return buckets <= kHistogramBucketsMax;
}

void append_count(std::string& out, double v, double previous, bool integral) {
  if (integral)
    append_svarint(out, static_cast<int64_t>(v) - static_cast<int64_t>(previous));
  else
    append_le(out, v);
}

double read_count(ByteReader& in, double previous, bool integral) {
  if (!integral) return in.le<double>();
  return static_cast<double>(
      static_cast<int64_t>(static_cast<uint64_t>(previous) + static_cast<uint64_t>(in.svarint())));
}

double at_or_zero(const std::vector<double>* values, size_t i) {
  return values != nullptr ? (*values)[i] : 0;
}

bool usable_as_base(const Histogram& h) {
  return is_whole(h.zero_count) && is_whole(h.count) && is_whole(h.positive_buckets) &&
         is_whole(h.negative_buckets);
}

Status check_side(const std::vector<BucketSpan>& spans, const std::vector<double>& buckets,
                  const char* side) {
  for (size_t i = 1; i < spans.size(); ++i)
    if (spans[i].offset < 0)
      return fail(Errc::kInvalidArgument, side, " side, span number ", i + 1, " with offset ",
                  spans[i].offset, ": histogram has a span whose offset is negative");
  if (spans.size() > kHistogramBucketsMax || buckets.size() > kHistogramBucketsMax)
    return fail(Errc::kInvalidArgument, side, " side: more than ", kHistogramBucketsMax,
                " buckets");
  if (bucket_count(spans) != buckets.size())
    return fail(Errc::kInvalidArgument, side, " side: spans need ", bucket_count(spans),
                " buckets, have ", buckets.size(),
                " buckets: histogram spans specify different number of buckets than provided");
  for (size_t i = 0; i < buckets.size(); ++i)
    if (buckets[i] < 0)
      return fail(Errc::kInvalidArgument, side, " side, bucket number ", i + 1,
                  ": observation count is ", buckets[i],
                  ": histogram has a bucket whose observation count is negative");
  return {};
}

}  // namespace

Status check_histogram(const Histogram& h) {
  const bool custom = h.schema == model::kCustomBucketsSchema;
  if (!custom && (h.schema < -4 || h.schema > 8))
    return fail(Errc::kInvalidArgument, "histogram schema ", h.schema,
                " is unknown, want -4 to 8 or -53");
  if (!custom && !h.custom_values.empty())
    return fail(Errc::kInvalidArgument,
                "histogram with exponential schema must not have custom bounds");
  if (custom && (!h.negative_spans.empty() || !h.negative_buckets.empty() || h.zero_count != 0))
    return fail(Errc::kInvalidArgument, "custom buckets: must not have negative or zero buckets");
  for (size_t i = 0; i < h.custom_values.size(); ++i) {
    if (!std::isfinite(h.custom_values[i]))
      return fail(Errc::kInvalidArgument, "custom buckets: bound number ", i + 1, " is not finite");
    if (i > 0 && !(h.custom_values[i - 1] < h.custom_values[i]))
      return fail(Errc::kInvalidArgument, "custom buckets: bounds must ascend, number ", i + 1,
                  " does not");
  }
  if (h.zero_count < 0)
    return fail(Errc::kInvalidArgument, "zero bucket has observation count of ", h.zero_count,
                ": histogram has a bucket whose observation count is negative");
  if (h.count < 0)
    return fail(Errc::kInvalidArgument, "observation count is ", h.count,
                ": histogram's observation count is negative");
  if (auto s = check_side(h.negative_spans, h.negative_buckets, "negative"); !s) return s;
  if (auto s = check_side(h.positive_spans, h.positive_buckets, "positive"); !s) return s;
  if (custom && bucket_count(h.positive_spans) > h.custom_values.size() + 1)
    return fail(Errc::kInvalidArgument, "custom buckets: ", h.positive_buckets.size(),
                " buckets for ", h.custom_values.size(), " bounds");
  return {};
}

void append_histogram_bytes(std::string& out, const Histogram& h, const Histogram* previous) {
  const bool same = previous != nullptr && same_layout(h, *previous);
  const bool integral = usable_as_base(h);
  // Differences are taken only from a base that is whole itself; a reader knows by the same rule.
  const Histogram* base = same && integral && usable_as_base(*previous) ? previous : nullptr;
  out.push_back(static_cast<char>(static_cast<uint8_t>(h.reset_hint) | (same ? kSameLayout : 0) |
                                  (integral ? kIntegral : 0)));
  if (!same) {
    append_svarint(out, h.schema);
    append_le(out, h.zero_threshold);
    append_spans(out, h.positive_spans);
    append_spans(out, h.negative_spans);
    append_uvarint(out, h.custom_values.size());
    for (const double v : h.custom_values) append_le(out, v);
  }
  append_le(out, h.sum);
  append_count(out, h.count, base != nullptr ? base->count : 0, integral);
  append_count(out, h.zero_count, base != nullptr ? base->zero_count : 0, integral);
  for (size_t i = 0; i < h.positive_buckets.size(); ++i)
    append_count(out, h.positive_buckets[i],
                 at_or_zero(base ? &base->positive_buckets : nullptr, i), integral);
  for (size_t i = 0; i < h.negative_buckets.size(); ++i)
    append_count(out, h.negative_buckets[i],
                 at_or_zero(base ? &base->negative_buckets : nullptr, i), integral);
}

std::shared_ptr<const Histogram> read_histogram_bytes(ByteReader& in, const Histogram* previous) {
  auto h = std::make_shared<Histogram>();
  const uint8_t flags = in.u8();
  if (!in.ok() || flags > (3 | kSameLayout | kIntegral)) return nullptr;
  h->reset_hint = static_cast<model::ResetHint>(flags & 3);
  const bool integral = (flags & kIntegral) != 0;
  const bool same = (flags & kSameLayout) != 0;
  if (same) {
    if (previous == nullptr) return nullptr;
    h->schema = previous->schema;
    h->zero_threshold = previous->zero_threshold;
    h->positive_spans = previous->positive_spans;
    h->negative_spans = previous->negative_spans;
    h->custom_values = previous->custom_values;
  } else {
    h->schema = static_cast<int32_t>(in.svarint());
    h->zero_threshold = in.le<double>();
    if (!read_spans(in, h->positive_spans) || !read_spans(in, h->negative_spans)) return nullptr;
    const uint64_t bounds = in.uvarint();
    if (bounds > kHistogramBucketsMax || bounds * 8 > in.remaining()) return nullptr;
    for (uint64_t i = 0; i < bounds; ++i) h->custom_values.push_back(in.le<double>());
  }
  const Histogram* base = same && integral && usable_as_base(*previous) ? previous : nullptr;
  h->sum = in.le<double>();
  h->count = read_count(in, base != nullptr ? base->count : 0, integral);
  h->zero_count = read_count(in, base != nullptr ? base->zero_count : 0, integral);
  const size_t positive = bucket_count(h->positive_spans);
  const size_t negative = bucket_count(h->negative_spans);
  if (!in.ok() || positive + negative > in.remaining()) return nullptr;
  for (size_t i = 0; i < positive; ++i)
    h->positive_buckets.push_back(
        read_count(in, at_or_zero(base ? &base->positive_buckets : nullptr, i), integral));
  for (size_t i = 0; i < negative; ++i)
    h->negative_buckets.push_back(
        read_count(in, at_or_zero(base ? &base->negative_buckets : nullptr, i), integral));
  return in.ok() ? h : nullptr;
}

}  // namespace sightline::tsdb
