#include "tsdb/head/wal_record.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "tsdb/codec/decimals.h"
#include "tsdb/codec/histogram_codec.h"

namespace sightline::tsdb {
namespace {

// Low three bits of an entry's first byte; the others are flags.
enum Tag : uint8_t {
  kSeries = 1,
  kSample = 2,
  kHistogramSample = 3,
  kExemplar = 4,
  kMetadata = 5,
  kDeletion = 6
};
constexpr uint8_t kTagMask = 7;
constexpr uint8_t kHasCreated = 8;    // of samples
constexpr uint8_t kWholeNumber = 16;  // of a float: zigzag varint instead of eight bytes
constexpr uint8_t kSameTime = 32;     // as the entry before
constexpr uint8_t kHasTrace = 8;      // of exemplars
constexpr uint8_t kHasSpan = 16;
constexpr uint8_t kHasLabels = 64;
constexpr uint8_t kWithoutTime = 128;  // the wire carried no time

constexpr size_t kFloatBytesMax = 1 + 4 * kVarintBytesMax;
constexpr size_t kFloatBytesUsual = 8;

int64_t difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

char* put_svarint(char* at, int64_t v) {
  uint64_t value = zigzag(v);
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

}  // namespace

void WalWriter::begin(uint64_t commit) {
  bytes_.clear();
  previous_number_ = 0;
  previous_time_ = 0;
  max_time_ = INT64_MIN;
  append_uvarint(bytes_, commit);
}

void WalWriter::add(const WalSeries& series) {
  bytes_.push_back(kSeries);
  append_uvarint(bytes_, series.number);
  append_sized(bytes_, series.packed_labels);
}

void WalWriter::expect(size_t samples) {
  const size_t wanted = bytes_.size() + samples * kFloatBytesUsual;
  if (bytes_.capacity() < wanted) bytes_.reserve(wanted);
}

void WalWriter::add_sample(uint64_t number, int64_t time, int64_t created, double value,
                           const model::Histogram* histogram) {
  uint8_t tag = histogram != nullptr ? kHistogramSample : kSample;
  if (created != 0) tag |= kHasCreated;
  if (time == previous_time_) tag |= kSameTime;
  if (histogram == nullptr) {
    add_float(tag, number, time, created, value);
  } else {
    bytes_.push_back(static_cast<char>(tag));
    append_svarint(bytes_, static_cast<int64_t>(number - previous_number_));
    if (time != previous_time_) append_svarint(bytes_, difference(time, previous_time_));
    if (created != 0) append_svarint(bytes_, difference(time, created));
    append_histogram_bytes(bytes_, *histogram, nullptr);
  }
  previous_number_ = number;
  previous_time_ = time;
  max_time_ = std::max(max_time_, time);
}

// The one that is written most.
void WalWriter::add_float(uint8_t tag, uint64_t number, int64_t time, int64_t created,
                          double value) {
  char buffer[kFloatBytesMax];
  const bool whole = is_whole(value);
  buffer[0] = static_cast<char>(whole ? tag | kWholeNumber : tag);
  char* at = put_svarint(buffer + 1, static_cast<int64_t>(number - previous_number_));
  if ((tag & kSameTime) == 0) at = put_svarint(at, difference(time, previous_time_));
  if (created != 0) at = put_svarint(at, difference(time, created));
  if (whole) {
    at = put_svarint(at, static_cast<int64_t>(value));
  } else {
    store_le(at, value);
    at += sizeof value;
  }
  bytes_.append(buffer, static_cast<size_t>(at - buffer));
}

void WalWriter::add_exemplar(uint64_t number, const StoredExemplar& e) {
  uint8_t tag = kExemplar;
  if (e.trace_id.is_valid()) tag |= kHasTrace;
  if (e.span_id.is_valid()) tag |= kHasSpan;
  if (e.time == previous_time_) tag |= kSameTime;
  if (!e.packed_labels().empty()) tag |= kHasLabels;
  if (!e.has_time) tag |= kWithoutTime;
  bytes_.push_back(static_cast<char>(tag));
  append_svarint(bytes_, static_cast<int64_t>(number - previous_number_));
  if (e.time != previous_time_)
    append_svarint(bytes_, static_cast<int64_t>(static_cast<uint64_t>(e.time) -
                                                static_cast<uint64_t>(previous_time_)));
  append_le(bytes_, e.value);
  if (e.trace_id.is_valid())
    bytes_.append(reinterpret_cast<const char*>(e.trace_id.bytes.data()), 16);
  if (e.span_id.is_valid()) bytes_.append(reinterpret_cast<const char*>(e.span_id.bytes.data()), 8);
  if (!e.packed_labels().empty()) append_sized(bytes_, e.packed_labels());
  previous_number_ = number;
  previous_time_ = e.time;
  max_time_ = std::max(max_time_, e.time);
}

void WalWriter::add(const WalMetadata& m) {
  bytes_.push_back(kMetadata);
  append_sized(bytes_, m.metric);
  bytes_.push_back(static_cast<char>(m.metadata.type));
  append_sized(bytes_, m.metadata.unit);
  append_sized(bytes_, m.metadata.help);
}

void WalWriter::add_deletion(int64_t min, int64_t max, std::span<const uint64_t> numbers) {
  bytes_.push_back(kDeletion);
  append_svarint(bytes_, min);
  append_svarint(bytes_, max);
  append_uvarint(bytes_, numbers.size());
  for (const uint64_t number : numbers) {
    append_svarint(bytes_, static_cast<int64_t>(number - previous_number_));
    previous_number_ = number;
  }
}

namespace {

// Reads the entries of one record; series numbers and times go from one to the next.
class RecordReader {
 public:
  RecordReader(std::string_view payload, const WalVisitor& visitor)
      : in_(payload), visitor_(visitor) {}

  Status run() {
    if (auto status = visitor_.on_commit(in_.uvarint()); !status) return status;
    while (!in_.at_end()) {
      const uint8_t tag = in_.u8();
      const bool is_sample = (tag & kTagMask) == kSample || (tag & kTagMask) == kHistogramSample;
      if (!is_sample || samples_.size() >= kSamplesGathered)
        if (auto status = hand_over(); !status) return status;
      if (auto status = entry(tag); !status) return status;
    }
    return in_.ok() ? hand_over() : damaged();
  }

 private:
  static constexpr size_t kSamplesGathered = 4'096;

  Status hand_over() {
    if (samples_.empty()) return {};
    auto status = visitor_.on_samples(samples_);
    samples_.clear();
    return status;
  }

  Status entry(uint8_t tag) {
    switch (tag & kTagMask) {
      case kSeries: return tag == kSeries ? series() : damaged();
      case kSample:
      case kHistogramSample: return sample(tag);
      case kExemplar: return exemplar(tag);
      case kMetadata: return tag == kMetadata ? metadata() : damaged();
      case kDeletion: return tag == kDeletion ? deletion() : damaged();
      default: return damaged();
    }
  }

  void read_place(uint8_t tag) {
    number_ += static_cast<uint64_t>(in_.svarint());
    if ((tag & kSameTime) == 0)
      time_ =
          static_cast<int64_t>(static_cast<uint64_t>(time_) + static_cast<uint64_t>(in_.svarint()));
  }

  Status series() {
    WalSeries s{.number = in_.uvarint(), .packed_labels = in_.sized()};
    if (!in_.ok() || !model::Labels::is_packed(s.packed_labels)) return damaged();
    return visitor_.on_series(s);
  }

  Status sample(uint8_t tag) {
    read_place(tag);
    WalSample s{.number = number_, .time = time_};
    if ((tag & kHasCreated) != 0)
      s.created =
          static_cast<int64_t>(static_cast<uint64_t>(time_) - static_cast<uint64_t>(in_.svarint()));
    if ((tag & kTagMask) == kHistogramSample) {
      s.histogram = read_histogram_bytes(in_, nullptr);
      if (s.histogram == nullptr) return damaged();
    } else if ((tag & kWholeNumber) != 0) {
      s.value = static_cast<double>(in_.svarint());
    } else {
      s.value = in_.le<double>();
    }
    if (!in_.ok()) return damaged();
    samples_.push_back(std::move(s));
    return {};
  }

  Status exemplar(uint8_t tag) {
    read_place(tag);
    WalExemplar e{.number = number_};
    e.exemplar.time = time_;
    e.exemplar.value = in_.le<double>();
    e.exemplar.has_time = (tag & kWithoutTime) == 0;
    if ((tag & kHasTrace) != 0)
      e.exemplar.trace_id = trace_id_from_bytes(in_.bytes(16)).value_or(TraceId{});
    if ((tag & kHasSpan) != 0)
      e.exemplar.span_id = span_id_from_bytes(in_.bytes(8)).value_or(SpanId{});
    if ((tag & kHasLabels) != 0) {
      const std::string_view packed = in_.sized();
      if (!in_.ok() || !model::Labels::is_packed(packed)) return damaged();
      e.exemplar.labels = std::make_shared<const std::string>(packed);
    }
    return in_.ok() ? visitor_.on_exemplar(e) : damaged();
  }

  Status metadata() {
    WalMetadata m{.metric = in_.sized()};
    const uint8_t type = in_.u8();
    m.metadata.unit = in_.sized();
    m.metadata.help = in_.sized();
    if (!in_.ok() || type > static_cast<uint8_t>(model::MetricType::kStateset)) return damaged();
    m.metadata.type = static_cast<model::MetricType>(type);
    return visitor_.on_metadata(m);
  }

  Status deletion() {
    const int64_t min = in_.svarint();
    const int64_t max = in_.svarint();
    for (uint64_t count = in_.uvarint(); count > 0 && in_.ok(); --count) {
      number_ += static_cast<uint64_t>(in_.svarint());
      if (!in_.ok()) return damaged();
      if (auto status = visitor_.on_deletion({number_, min, max}); !status) return status;
    }
    return in_.ok() && min <= max ? Status() : damaged();
  }

  std::unexpected<Error> damaged() const {
    return fail(Errc::kCorrupt, "commit record is damaged near byte ", in_.offset());
  }

  ByteReader in_;
  const WalVisitor& visitor_;
  uint64_t number_ = 0;
  int64_t time_ = 0;
  std::vector<WalSample> samples_;  // not handed over yet
};

}  // namespace

Status read_wal_record(std::string_view payload, const WalVisitor& visitor) {
  return RecordReader(payload, visitor).run();
}

}  // namespace sightline::tsdb
