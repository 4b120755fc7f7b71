#include "tsdb/prometheus/prometheus_histogram_chunk.h"

#include <cmath>

#include "model/sample.h"
#include "tsdb/codec/histogram_codec.h"
#include "tsdb/prometheus/prometheus_bits.h"

namespace sightline::tsdb {
namespace {

using model::BucketSpan;
using model::Histogram;
using model::ResetHint;

// The two upper bits of the byte behind the number of samples.
enum Header : uint8_t { kUnknownReset = 0, kNotReset = 0x40, kReset = 0x80, kGauge = 0xc0 };

constexpr double kWholeMax = 9007199254740992.0;  // 2^53
constexpr uint64_t kCustomBoundMax = 33'554'430;  // thousandths, in four bytes
constexpr int kExponentMin = -242;                // of zero thresholds that take one byte
constexpr int kExponentMax = 11;
constexpr int kExponentBias = 243;

bool is_stale(const Histogram& h) { return model::is_stale_marker(h.sum); }

bool is_whole(double v) { return v >= 0 && v <= kWholeMax && v == std::floor(v); }

bool is_integral(const Histogram& h) {
  const auto whole = [](const std::vector<double>& counts) {
    return std::all_of(counts.begin(), counts.end(), is_whole);
  };
  return is_whole(h.count) && is_whole(h.zero_count) && whole(h.positive_buckets) &&
         whole(h.negative_buckets);
}

bool same_layout(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         a.custom_values == b.custom_values;
}

// Whether `next` may follow `last` in a chunk that began with `first`.
bool can_follow(const Histogram& first, const Histogram& last, const Histogram& next,
                bool integral) {
  if ((first.reset_hint == ResetHint::kGauge) != (next.reset_hint == ResetHint::kGauge))
    return false;
  if (is_stale(next)) return true;
  if (is_stale(last) || !same_layout(first, next) || is_integral(next) != integral) return false;
  return next.reset_hint == ResetHint::kNotReset || next.reset_hint == ResetHint::kGauge;
}

uint8_t header_of(const Histogram& first) {
  switch (first.reset_hint) {
    case ResetHint::kReset: return kReset;
    case ResetHint::kNotReset: return kNotReset;
    case ResetHint::kGauge: return kGauge;
    case ResetHint::kUnknown: break;
  }
  return kUnknownReset;
}

// A power of two within reach takes one byte.
void put_zero_threshold(BitsOut& out, double threshold) {
  if (threshold == 0) return out.put(0, 8);
  int exponent = 0;
  const double fraction = std::frexp(threshold, &exponent);
  if (fraction == 0.5 && exponent >= kExponentMin && exponent <= kExponentMax)
    return out.put(static_cast<uint64_t>(exponent + kExponentBias), 8);
  out.put(255, 8);
  out.put(std::bit_cast<uint64_t>(threshold), 64);
}

double get_zero_threshold(BitsIn& in) {
  const uint64_t byte = in.get(8);
  if (byte == 0) return 0;
  if (byte == 255) return std::bit_cast<double>(in.get(64));
  return std::ldexp(0.5, static_cast<int>(byte) - kExponentBias);
}

void put_spans(BitsOut& out, const std::vector<BucketSpan>& spans) {
  put_varbit_uint(out, spans.size());
  for (const BucketSpan& span : spans) {
    put_varbit_uint(out, span.length);
    put_varbit_int(out, span.offset);
  }
}

// How many buckets they have; false when that is too many.
bool get_spans(BitsIn& in, std::vector<BucketSpan>& spans, std::vector<double>& buckets) {
  uint64_t total = 0;
  for (uint64_t count = get_varbit_uint(in); count > 0 && in.ok(); --count) {
    const uint64_t length = get_varbit_uint(in);
    const int64_t offset = get_varbit_int(in);
    total += length;
    if (length > kHistogramBucketsMax || total > kHistogramBucketsMax ||
        spans.size() >= kHistogramBucketsMax || offset != static_cast<int32_t>(offset))
      return false;
    spans.push_back({static_cast<int32_t>(offset), static_cast<uint32_t>(length)});
  }
  buckets.resize(total);
  return in.ok();
}

// Thousandths as integers where they are some.
void put_custom_bound(BitsOut& out, double bound) {
  const double thousandths = bound * 1000;
  if (thousandths >= 0 && thousandths <= static_cast<double>(kCustomBoundMax) &&
      std::round(thousandths) / 1000 == bound)
    return put_varbit_uint(out, static_cast<uint64_t>(std::round(thousandths)) + 1);
  out.put(0, 1);
  out.put(std::bit_cast<uint64_t>(bound), 64);
}

double get_custom_bound(BitsIn& in) {
  const uint64_t thousandths = get_varbit_uint(in);
  return thousandths == 0 ? std::bit_cast<double>(in.get(64))
                          : static_cast<double>(thousandths - 1) / 1000;
}

void put_layout(BitsOut& out, const Histogram& h) {
  put_zero_threshold(out, h.zero_threshold);
  put_varbit_int(out, h.schema);
  put_spans(out, h.positive_spans);
  put_spans(out, h.negative_spans);
  if (h.schema != model::kCustomBucketsSchema) return;
  put_varbit_uint(out, h.custom_values.size());
  for (const double bound : h.custom_values) put_custom_bound(out, bound);
}

bool get_layout(BitsIn& in, Histogram& h) {
  h.zero_threshold = get_zero_threshold(in);
  const int64_t schema = get_varbit_int(in);
  if (schema != static_cast<int32_t>(schema)) return false;
  h.schema = static_cast<int32_t>(schema);
  if (!get_spans(in, h.positive_spans, h.positive_buckets) ||
      !get_spans(in, h.negative_spans, h.negative_buckets))
    return false;
  if (h.schema != model::kCustomBucketsSchema) return in.ok();
  for (uint64_t count = get_varbit_uint(in); count > 0 && in.ok(); --count) {
    if (h.custom_values.size() >= kHistogramBucketsMax) return false;
    h.custom_values.push_back(get_custom_bound(in));
  }
  return in.ok();
}

int64_t minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

// An integer that is told by how its growth changes.
struct Growing {
  int64_t value = 0;
  int64_t delta = 0;
  void put(BitsOut& out, int64_t next) {
    const int64_t grown = minus(next, value);
    put_varbit_int(out, minus(grown, delta));
    value = next;
    delta = grown;
  }
  int64_t get(BitsIn& in) {
    delta = plus(delta, get_varbit_int(in));
    return value = plus(value, delta);
  }
};

// A float that is told by its XOR with the one before.
struct Changing {
  uint64_t bits = 0;
  XorWindow window;
  void put_first(BitsOut& out, double v) { out.put(bits = std::bit_cast<uint64_t>(v), 64); }
  void put(BitsOut& out, double v) {
    const auto next = std::bit_cast<uint64_t>(v);
    put_xor(out, next ^ bits, window);
    bits = next;
  }
  double get_first(BitsIn& in) { return std::bit_cast<double>(bits = in.get(64)); }
  double get(BitsIn& in) { return std::bit_cast<double>(bits ^= get_xor(in, window)); }
};

// Counts as integers; buckets as differences to the bucket before.
class IntegerStream {
 public:
  explicit IntegerStream(size_t buckets) : buckets_(buckets) {}

  void put_first(BitsOut& out, int64_t time, const Histogram& h) {
    put_varbit_int(out, time_.value = time);
    put_varbit_uint(out, static_cast<uint64_t>(count_.value = static_cast<int64_t>(h.count)));
    put_varbit_uint(out, static_cast<uint64_t>(zero_.value = static_cast<int64_t>(h.zero_count)));
    sum_.put_first(out, h.sum);
    each_bucket(h, [&](Growing& bucket, int64_t difference) {
      put_varbit_int(out, bucket.value = difference);
    });
  }
  void put(BitsOut& out, int64_t time, const Histogram& h) {
    time_.put(out, time);
    if (is_stale(h)) {
      out.put(0, 2);  // neither count grows otherwise
      return sum_.put(out, h.sum);
    }
    count_.put(out, static_cast<int64_t>(h.count));
    zero_.put(out, static_cast<int64_t>(h.zero_count));
    sum_.put(out, h.sum);
    each_bucket(h, [&](Growing& bucket, int64_t difference) { bucket.put(out, difference); });
  }

  void get(BitsIn& in, bool first, int64_t& time, Histogram& h) {
    time = first ? time_.value = get_varbit_int(in) : time_.get(in);
    if (first) {
      count_.value = static_cast<int64_t>(get_varbit_uint(in));
      zero_.value = static_cast<int64_t>(get_varbit_uint(in));
    } else {
      (void)count_.get(in);
      (void)zero_.get(in);
    }
    h.count = static_cast<double>(static_cast<uint64_t>(count_.value));
    h.zero_count = static_cast<double>(static_cast<uint64_t>(zero_.value));
    h.sum = first ? sum_.get_first(in) : sum_.get(in);
    if (is_stale(h)) return;
    size_t at = 0;
    for (auto* side : {&h.positive_buckets, &h.negative_buckets}) {
      int64_t current = 0;
      for (double& bucket : *side) {
        Growing& stream = buckets_[at++];
        current = plus(current, first ? stream.value = get_varbit_int(in) : stream.get(in));
        bucket = static_cast<double>(current);
      }
    }
  }

 private:
  template <typename Put>
  void each_bucket(const Histogram& h, Put put) {
    size_t at = 0;
    for (const auto* side : {&h.positive_buckets, &h.negative_buckets}) {
      int64_t before = 0;
      for (const double bucket : *side) {
        const auto current = static_cast<int64_t>(bucket);
        put(buckets_[at++], current - before);
        before = current;
      }
    }
  }

  Growing time_;
  Growing count_;
  Growing zero_;
  Changing sum_;
  std::vector<Growing> buckets_;
};

class FloatStream {
 public:
  explicit FloatStream(size_t buckets) : buckets_(buckets) {}

  void put_first(BitsOut& out, int64_t time, const Histogram& h) {
    put_varbit_int(out, time_.value = time);
    count_.put_first(out, h.count);
    zero_.put_first(out, h.zero_count);
    sum_.put_first(out, h.sum);
    each_bucket(h, [&](Changing& bucket, double v) { bucket.put_first(out, v); });
  }
  void put(BitsOut& out, int64_t time, const Histogram& h) {
    time_.put(out, time);
    const bool stale = is_stale(h);
    count_.put(out, stale ? 0 : h.count);
    zero_.put(out, stale ? 0 : h.zero_count);
    sum_.put(out, h.sum);
    if (!stale) each_bucket(h, [&](Changing& bucket, double v) { bucket.put(out, v); });
  }
  void get(BitsIn& in, bool first, int64_t& time, Histogram& h) {
    time = first ? time_.value = get_varbit_int(in) : time_.get(in);
    h.count = first ? count_.get_first(in) : count_.get(in);
    h.zero_count = first ? zero_.get_first(in) : zero_.get(in);
    h.sum = first ? sum_.get_first(in) : sum_.get(in);
    if (is_stale(h)) return;
    size_t at = 0;
    for (auto* side : {&h.positive_buckets, &h.negative_buckets})
      for (double& bucket : *side) {
        bucket = first ? buckets_[at].get_first(in) : buckets_[at].get(in);
        ++at;
      }
  }

 private:
  template <typename Put>
  void each_bucket(const Histogram& h, Put put) {
    size_t at = 0;
    for (const auto* side : {&h.positive_buckets, &h.negative_buckets})
      for (const double bucket : *side) put(buckets_[at++], bucket);
  }

  Growing time_;
  Changing count_;
  Changing zero_;
  Changing sum_;
  std::vector<Changing> buckets_;
};

template <typename Stream>
std::string encode(std::span<const int64_t> times, std::span<const HistogramPtr> histograms) {
  const Histogram stale{.sum = model::stale_marker()};
  const Histogram& first = is_stale(*histograms[0]) ? stale : *histograms[0];
  BitsOut out;
  out.put(times.size(), 16);
  out.put(header_of(*histograms[0]), 8);
  put_layout(out, first);
  Stream stream(first.positive_buckets.size() + first.negative_buckets.size());
  stream.put_first(out, times[0], first);
  for (size_t i = 1; i < times.size(); ++i) stream.put(out, times[i], *histograms[i]);
  return out.take();
}

ResetHint hint_of(uint8_t header, bool first) {
  if (header == kGauge) return ResetHint::kGauge;
  if (!first) return ResetHint::kNotReset;
  return header == kReset      ? ResetHint::kReset
         : header == kNotReset ? ResetHint::kNotReset
                               : ResetHint::kUnknown;
}

struct ChunkHeader {
  uint64_t count = 0;
  uint8_t reset = kUnknownReset;
  uint64_t starts = 0;  // what StartTimesIn takes
};

// With start timestamps, the two bits of the reset are taken off the number of samples, and the third byte is theirs.
ChunkHeader get_header(BitsIn& in, bool with_starts) {
  const uint64_t first = in.get(16);
  const uint64_t third = in.get(8);
  if (!with_starts) return {first, static_cast<uint8_t>(third & kGauge), 0};
  return {first & 0x3fff, static_cast<uint8_t>(first >> 8 & kGauge), third};
}

template <typename Stream>
Status decode(std::string_view data, bool with_starts, SampleColumns& out) {
  BitsIn in(data);
  const ChunkHeader header = get_header(in, with_starts);
  Histogram layout;
  if (!in.ok() || (header.count > 0 && !get_layout(in, layout)))
    return fail(Errc::kCorrupt, "histogram chunk of ", header.count,
                " samples: its layout is damaged");
  Stream stream(layout.positive_buckets.size() + layout.negative_buckets.size());
  StartTimesIn starts(header.starts);
  int64_t previous = 0;
  for (uint64_t i = 0; i < header.count; ++i) {
    Histogram h = layout;
    int64_t time = 0;
    stream.get(in, i == 0, time, h);
    const int64_t start = starts.get(in, i, time, previous);
    if (is_stale(h)) h = {.sum = h.sum};
    h.reset_hint = hint_of(header.reset, i == 0);
    if (!in.ok() || (i > 0 && time <= previous))
      return fail(Errc::kCorrupt, "histogram chunk of ", header.count, " samples in ", data.size(),
                  " bytes is damaged");
    if (auto status = check_histogram(h); !status)
      return fail(Errc::kCorrupt, "histogram chunk: ", status.error().message);
    previous = time;
    append_created(out.histogram_created, out.histogram_times.size(), start);
    out.histogram_times.push_back(time);
    out.histograms.push_back(std::make_shared<const Histogram>(std::move(h)));
  }
  return {};
}

}  // namespace

PrometheusHistogramChunk encode_histogram_chunk(std::span<const int64_t> times,
                                                std::span<const HistogramPtr> histograms) {
  const Histogram& first = *histograms[0];
  const bool integral = is_stale(first) || is_integral(first);
  size_t count = 1;
  const size_t max = std::min(times.size(), kHistogramChunkSamplesMax);
  while (count < max && can_follow(first, *histograms[count - 1], *histograms[count], integral))
    ++count;
  times = times.first(count);
  histograms = histograms.first(count);
  if (integral) return {kHistogramEncoding, count, encode<IntegerStream>(times, histograms)};
  return {kFloatHistogramEncoding, count, encode<FloatStream>(times, histograms)};
}

Status decode_histogram_chunk(uint8_t encoding, std::string_view data, SampleColumns& out) {
  SampleColumns part;
  const bool with_starts =
      encoding == kHistogramStartEncoding || encoding == kFloatHistogramStartEncoding;
  const bool integral = encoding == kHistogramEncoding || encoding == kHistogramStartEncoding;
  auto status = integral ? decode<IntegerStream>(data, with_starts, part)
                         : decode<FloatStream>(data, with_starts, part);
  if (!status) return status;
  const size_t before = out.histogram_times.size();
  for (size_t i = 0; i < part.histogram_times.size(); ++i) {
    append_created(out.histogram_created, before + i,
                   part.histogram_created.empty() ? 0 : part.histogram_created[i]);
    out.histogram_times.push_back(part.histogram_times[i]);
    out.histograms.push_back(std::move(part.histograms[i]));
  }
  return {};
}

}  // namespace sightline::tsdb
