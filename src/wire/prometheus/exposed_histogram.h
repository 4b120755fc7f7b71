#pragma once
// The Histogram message of an exposition: classic buckets, a native histogram, or both at once.
//   Float     where a count is given as a float greater than zero, all counts are floats.
//   Empty     a span of no buckets says "native, nothing observed yet"; it is not kept.
//   Limits    kClassicBucketsMax, kNativeBucketsMax, kHistogramExemplarsMax; over one, the message is refused.
//   Errors    the reader's: see base/protobuf_reader.h.
//   Source    io.prometheus.client, metrics.proto.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/protobuf_reader.h"
#include "base/time.h"
#include "model/exemplar.h"
#include "model/histogram.h"

namespace sightline::wire::prometheus {

inline constexpr size_t kClassicBucketsMax = 1 << 16;
inline constexpr size_t kNativeBucketsMax =
    1 << 20;  // of all finite doubles in the finest schema, both signs
inline constexpr size_t kHistogramExemplarsMax = 10'000;

struct ClassicBucket {
  double le = 0;
  double cumulative_count = 0;
  std::optional<model::Exemplar> exemplar;
};

struct ExposedHistogram {
  double count = 0;
  double sum = 0;
  std::vector<ClassicBucket> buckets;  // as sent: +Inf may be missing
  bool is_native = false;              // else `native` says nothing
  model::Histogram
      native;  // a bucket for each that the spans name; resolution at most the finest stored
  std::vector<model::Exemplar> exemplars;  // of the native histogram
  std::optional<TimestampMs> created;
};

// Reads the message that `reader` is at the begin of, into `out`, whose memory is used again. False: see reader.fault().
bool read_exposed_histogram(ProtobufReader& reader, ExposedHistogram& out);

// An exemplar message. has_time is false when it carries none. Labels as sent; whoever stores them checks.
std::optional<model::Exemplar> read_exposed_exemplar(ProtobufReader& reader);
// A LabelPair, unchecked: views into the message.
model::LabelView read_exposed_label(ProtobufReader& reader);
// A google.protobuf.Timestamp.
std::optional<TimestampMs> read_exposed_time(ProtobufReader& reader);

// Reads the sub-message at `reader` with `read`, and makes its fault the reader's own.
template <typename Read>
auto read_inner(ProtobufReader& reader, Read read) {
  ProtobufReader inner(reader.bytes());
  auto value = read(inner);
  reader.adopt_fault(inner);
  return value;
}
// Passes over a field that the message of `known` fields does not know; one that it knows has another wire type.
inline void skip_other(ProtobufReader& reader, uint32_t known) {
  if (reader.tag() >> 3 <= known)
    reader.refuse("a field has the wrong wire type");
  else
    reader.skip();
}

}  // namespace sightline::wire::prometheus
