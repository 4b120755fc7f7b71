#include "wire/prometheus/exposed_histogram.h"

#include <algorithm>
#include <bit>

#include "model/histogram_reduce.h"

namespace sightline::wire::prometheus {
namespace {

constexpr uint32_t kHistogramFields = 16;
constexpr uint32_t kBucketFields = 4;
constexpr uint32_t kSpanFields = 2;
constexpr uint32_t kExemplarFields = 3;
constexpr uint32_t kLabelFields = 2;
constexpr uint32_t kTimestampFields = 2;
constexpr int64_t kSecondsAbsMax = 253'402'300'799;  // of the years that a Timestamp can name
constexpr int32_t kFinestSchemaSent = 52;

double read_double(ProtobufReader& reader) { return std::bit_cast<double>(reader.fixed64()); }

// Counts as both kinds of histograms give them; which of them count is known at the end.
struct Counts {
  uint64_t whole = 0;
  double fractional = 0;
  double value() const { return fractional > 0 ? fractional : static_cast<double>(whole); }
};

// One side of a native histogram as sent.
struct Side {
  std::vector<model::BucketSpan> spans;
  std::vector<double> from_deltas;
  std::vector<double> counts;
  uint64_t last = 0;

  void add_delta(ProtobufReader& reader) {
    last += static_cast<uint64_t>(unzigzag(reader.varint()));
    add(reader, from_deltas, static_cast<double>(static_cast<int64_t>(last)));
  }
  void add_count(ProtobufReader& reader) { add(reader, counts, read_double(reader)); }
  static void add(ProtobufReader& reader, std::vector<double>& to, double count) {
    if (to.size() >= kNativeBucketsMax)
      reader.refuse("a native histogram has too many buckets");
    else if (reader.ok())
      to.push_back(count);
  }
  void add_span(ProtobufReader& reader, model::BucketSpan span) {
    if (spans.size() >= kNativeBucketsMax)
      reader.refuse("a native histogram has too many spans");
    else
      spans.push_back(span);
  }
  // The side as the model has it: spans of no buckets only shift the next one.
  void move_to(bool is_float, std::vector<model::BucketSpan>& to_spans,
               std::vector<double>& to_buckets) {
    to_spans.clear();
    int64_t shift = 0;
    for (const model::BucketSpan& span : spans) {
      shift += span.offset;
      if (span.length == 0) continue;
      to_spans.push_back(
          {static_cast<int32_t>(std::clamp<int64_t>(shift, INT32_MIN, INT32_MAX)), span.length});
      shift = 0;
    }
    to_buckets = std::move(is_float ? counts : from_deltas);
  }
};

// Each value of a packed field.
template <typename Each>
void each_packed(ProtobufReader& reader, Each each) {
  ProtobufReader values(reader.bytes());
  while (values.more()) each(values);
  reader.adopt_fault(values);
}

model::BucketSpan read_span(ProtobufReader& r) {
  model::BucketSpan span;
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_varint(1): span.offset = static_cast<int32_t>(unzigzag(r.varint())); break;
      case protobuf_varint(2): span.length = static_cast<uint32_t>(r.varint()); break;
      default: skip_other(r, kSpanFields);
    }
  }
  return span;
}

ClassicBucket read_bucket(ProtobufReader& r) {
  ClassicBucket bucket;
  Counts counts;
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_varint(1): counts.whole = r.varint(); break;
      case protobuf_fixed64(4): counts.fractional = read_double(r); break;
      case protobuf_fixed64(2): bucket.le = read_double(r); break;
      case protobuf_bytes(3): bucket.exemplar = read_inner(r, read_exposed_exemplar); break;
      default: skip_other(r, kBucketFields);
    }
  }
  bucket.cumulative_count = counts.value();
  return bucket;
}

// Gathers a Histogram message, field by field.
class HistogramReader {
 public:
  HistogramReader(ProtobufReader& reader, ExposedHistogram& out) : r_(reader), out_(out) {}

  bool run() {
    while (r_.next())
      if (!read_classic() && !read_native()) skip_other(r_, kHistogramFields);
    if (!r_.ok()) return false;
    out_.count = count_.value();
    model::Histogram& h = out_.native;
    // As the peer has it; of a native histogram without observations and without a zero bucket, a span of no buckets is sent.
    out_.is_native = !positive_.spans.empty() || !negative_.spans.empty() || h.zero_threshold > 0 ||
                     zero_count_.whole > 0;
    const bool is_float = count_.fractional > 0 || zero_count_.fractional > 0;
    h.count = is_float ? count_.fractional : static_cast<double>(count_.whole);
    h.zero_count = is_float ? zero_count_.fractional : static_cast<double>(zero_count_.whole);
    h.sum = out_.sum;
    positive_.move_to(is_float, h.positive_spans, h.positive_buckets);
    negative_.move_to(is_float, h.negative_spans, h.negative_buckets);
    if (h.schema > model::kSchemaMax && h.schema <= kFinestSchemaSent)
      (void)model::reduce_resolution(h, model::kSchemaMax);
    return true;
  }

 private:
  bool read_classic() {
    switch (r_.tag()) {
      case protobuf_varint(1): count_.whole = r_.varint(); return true;
      case protobuf_fixed64(4): count_.fractional = read_double(r_); return true;
      case protobuf_fixed64(2): out_.sum = read_double(r_); return true;
      case protobuf_bytes(3): {
        if (out_.buckets.size() >= kClassicBucketsMax)
          r_.refuse("a histogram has too many buckets");
        else
          out_.buckets.push_back(read_inner(r_, read_bucket));
        return true;
      }
      case protobuf_bytes(15): out_.created = read_inner(r_, read_exposed_time); return true;
      default: return false;
    }
  }
  bool read_native() {
    switch (r_.tag()) {
      case protobuf_varint(5):
        out_.native.schema = static_cast<int32_t>(unzigzag(r_.varint()));
        return true;
      case protobuf_fixed64(6): out_.native.zero_threshold = read_double(r_); return true;
      case protobuf_varint(7): zero_count_.whole = r_.varint(); return true;
      case protobuf_fixed64(8): zero_count_.fractional = read_double(r_); return true;
      case protobuf_bytes(16): add_exemplar(); return true;
      default: return read_side(negative_, 9) || read_side(positive_, 12);
    }
  }
  // Of fields that follow one another: its spans, its counts as differences, its counts.
  bool read_side(Side& side, uint32_t first) {
    const uint32_t deltas = first + 1, counts = first + 2;
    if (r_.tag() == protobuf_bytes(first))
      side.add_span(r_, read_inner(r_, read_span));
    else if (r_.tag() == protobuf_varint(deltas))
      side.add_delta(r_);
    else if (r_.tag() == protobuf_bytes(deltas))
      each_packed(r_, [&](ProtobufReader& values) { side.add_delta(values); });
    else if (r_.tag() == protobuf_fixed64(counts))
      side.add_count(r_);
    else if (r_.tag() == protobuf_bytes(counts))
      each_packed(r_, [&](ProtobufReader& values) { side.add_count(values); });
    else
      return false;
    return true;
  }
  void add_exemplar() {
    if (out_.exemplars.size() >= kHistogramExemplarsMax)
      return r_.refuse("a histogram has too many exemplars");
    if (auto exemplar = read_inner(r_, read_exposed_exemplar))
      out_.exemplars.push_back(std::move(*exemplar));
  }

  ProtobufReader& r_;
  ExposedHistogram& out_;
  Counts count_;
  Counts zero_count_;
  Side negative_;
  Side positive_;
};

}  // namespace

std::optional<TimestampMs> read_exposed_time(ProtobufReader& r) {
  int64_t seconds = 0;
  int32_t nanos = 0;
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_varint(1): seconds = static_cast<int64_t>(r.varint()); break;
      case protobuf_varint(2): nanos = static_cast<int32_t>(r.varint()); break;
      default: skip_other(r, kTimestampFields);
    }
  }
  if (seconds < -kSecondsAbsMax || seconds > kSecondsAbsMax)
    r.refuse("a timestamp is out of range");
  if (!r.ok()) return std::nullopt;
  return TimestampMs{seconds * 1000 + nanos / 1'000'000};
}

std::optional<model::Exemplar> read_exposed_exemplar(ProtobufReader& r) {
  model::LabelsBuilder labels;
  double value = 0;
  std::optional<TimestampMs> time;
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): {
        const model::LabelView label = read_inner(r, read_exposed_label);
        labels.set(label.name, label.value);
        break;
      }
      case protobuf_fixed64(2): value = read_double(r); break;
      case protobuf_bytes(3): time = read_inner(r, read_exposed_time); break;
      default: skip_other(r, kExemplarFields);
    }
  }
  if (!r.ok()) return std::nullopt;
  auto exemplar =
      model::Exemplar::from_labels(labels.build(), value, time.value_or(TimestampMs{0}));
  exemplar.has_time = time.has_value();
  return exemplar;
}

model::LabelView read_exposed_label(ProtobufReader& r) {
  model::LabelView label;
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): label.name = r.bytes(); break;
      case protobuf_bytes(2): label.value = r.bytes(); break;
      default: skip_other(r, kLabelFields);
    }
  }
  return label;
}

bool read_exposed_histogram(ProtobufReader& reader, ExposedHistogram& out) {
  out.buckets.clear();
  out.exemplars.clear();
  out.native = {};
  out.sum = 0;
  out.created.reset();
  return HistogramReader(reader, out).run();
}

}  // namespace sightline::wire::prometheus
