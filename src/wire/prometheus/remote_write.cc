#include "wire/prometheus/remote_write.h"

#include "base/bytes.h"
#include "base/typed_pbf_reader.h"
#include "model/histogram_reduce.h"

namespace sightline::wire::prometheus {

namespace {

constexpr int32_t kFinestSchemaSent = 52;

// Fields of a 1.0 TimeSeries and of its Sample with their wire types.
constexpr char kLabelTag = 0x0a;
constexpr char kSampleTag = 0x12;
constexpr char kSampleValueTag = 0x09;
constexpr char kSampleTimeTag = 0x10;

std::string_view text(TypedPbfReader& message) {
  const auto view = message.get_view();
  return {view.data(), view.size()};
}

model::LabelView read_label(TypedPbfReader label) {
  model::LabelView out;
  while (label.next()) {
    if (label.tag() == 1)
      out.name = text(label);
    else if (label.tag() == 2)
      out.value = text(label);
    else
      label.skip();
  }
  return out;
}

WriteSample read_sample(TypedPbfReader sample) {
  WriteSample out;
  while (sample.next()) {
    if (sample.tag() == 1)
      out.value = sample.get_double();
    else if (sample.tag() == 2)
      out.time = {sample.get_int64()};
    else if (sample.tag() == 3)
      out.start_ms = sample.get_int64();
    else
      sample.skip();
  }
  return out;
}

model::BucketSpan read_span(TypedPbfReader span) {
  model::BucketSpan out;
  while (span.next()) {
    if (span.tag() == 1)
      out.offset = span.get_sint32();
    else if (span.tag() == 2)
      out.length = span.get_uint32();
    else
      span.skip();
  }
  return out;
}

// Integer histograms carry differences to the bucket before, float histograms counts; each packed or one by one.
struct Buckets {
  std::vector<double> counts;
  int64_t last = 0;
  void add_delta(int64_t delta) {
    last = static_cast<int64_t>(static_cast<uint64_t>(last) + static_cast<uint64_t>(delta));
    counts.push_back(static_cast<double>(last));
  }
  void read_deltas(TypedPbfReader& message) {
    if (message.wire_type() == protozero::pbf_wire_type::length_delimited)
      for (const int64_t delta : message.get_packed_sint64()) add_delta(delta);
    else
      add_delta(message.get_sint64());
  }
  void read_counts(TypedPbfReader& message) {
    if (message.wire_type() == protozero::pbf_wire_type::length_delimited)
      for (const double count : message.get_packed_double()) counts.push_back(count);
    else
      counts.push_back(message.get_double());
  }
};

WriteHistogram read_histogram(TypedPbfReader message) {
  WriteHistogram out;
  model::Histogram& h = out.histogram;
  Buckets negative;
  Buckets positive;
  while (message.next()) {
    switch (message.tag()) {
      case 1: h.count = static_cast<double>(message.get_uint64()); break;
      case 2: h.count = message.get_double(); break;
      case 3: h.sum = message.get_double(); break;
      case 4: h.schema = message.get_sint32(); break;
      case 5: h.zero_threshold = message.get_double(); break;
      case 6: h.zero_count = static_cast<double>(message.get_uint64()); break;
      case 7: h.zero_count = message.get_double(); break;
      case 8: h.negative_spans.push_back(read_span(message.get_message())); break;
      case 9: negative.read_deltas(message); break;
      case 10: negative.read_counts(message); break;
      case 11: h.positive_spans.push_back(read_span(message.get_message())); break;
      case 12: positive.read_deltas(message); break;
      case 13: positive.read_counts(message); break;
      case 14: {
        const int32_t hint = message.get_enum();
        h.reset_hint = hint >= 0 && hint <= 3 ? static_cast<model::ResetHint>(hint)
                                              : model::ResetHint::kUnknown;
        break;
      }
      case 15: out.time = {message.get_int64()}; break;
      case 16:
        if (message.wire_type() == protozero::pbf_wire_type::length_delimited)
          for (const double bound : message.get_packed_double()) h.custom_values.push_back(bound);
        else
          h.custom_values.push_back(message.get_double());
        break;
      case 17: out.start_ms = message.get_int64(); break;
      default: message.skip();
    }
  }
  h.negative_buckets = std::move(negative.counts);
  h.positive_buckets = std::move(positive.counts);
  if (h.schema > model::kSchemaMax && h.schema <= kFinestSchemaSent)
    (void)model::reduce_resolution(h, model::kSchemaMax);
  return out;
}

void read_refs(TypedPbfReader& message, std::vector<uint32_t>& out) {
  if (message.wire_type() == protozero::pbf_wire_type::length_delimited)
    for (const uint32_t ref : message.get_packed_uint32()) out.push_back(ref);
  else
    out.push_back(message.get_uint32());
}

// Both versions' enums have these numbers.
model::MetricType metric_type(int32_t number) {
  using model::MetricType;
  static constexpr MetricType kTypes[] = {
      MetricType::kUnknown,        MetricType::kCounter, MetricType::kGauge, MetricType::kHistogram,
      MetricType::kGaugeHistogram, MetricType::kSummary, MetricType::kInfo,  MetricType::kStateset};
  return number >= 0 && number < static_cast<int32_t>(std::size(kTypes)) ? kTypes[number]
                                                                         : MetricType::kUnknown;
}

Status read_metadata(TypedPbfReader metadata, WriteSink& sink) {
  std::string_view metric;
  model::MetricMetadata out;
  while (metadata.next()) {
    switch (metadata.tag()) {
      case 1: out.type = metric_type(metadata.get_enum()); break;
      case 2: metric = text(metadata); break;
      case 4: out.help = text(metadata); break;
      case 5: out.unit = text(metadata); break;
      default: metadata.skip();
    }
  }
  return sink.on_metadata(metric, out);
}

Status resolve(const std::vector<std::string_view>& symbols, std::span<const uint32_t> refs,
               std::vector<model::LabelView>& out) {
  if (refs.size() % 2 != 0)
    return fail(Errc::kInvalidArgument, "labels are ", refs.size(),
                " references, which are no pairs");
  for (size_t i = 0; i < refs.size(); i += 2) {
    if (refs[i] >= symbols.size() || refs[i + 1] >= symbols.size())
      return fail(Errc::kInvalidArgument, "label refers to symbol ", std::max(refs[i], refs[i + 1]),
                  " of ", symbols.size());
    out.push_back({symbols[refs[i]], symbols[refs[i + 1]]});
  }
  return {};
}

}  // namespace

// Fills one WriteSeries after the other.
class WriteDecoder {
 public:
  explicit WriteDecoder(WriteSink& sink) : sink_(sink) {}

  Status read_series_1(std::string_view bytes) {
    clear();
    const size_t labels = leading_labels(bytes);
    series_.identity_ = bytes.substr(0, labels);
    bytes.remove_prefix(labels);
    while (read_plain_sample(bytes)) {
    }
    TypedPbfReader message(bytes.data(), bytes.size());
    while (message.next()) {
      switch (message.tag()) {
        case 1: add_scattered_label(text(message)); break;
        case 2: series_.samples.push_back(read_sample(message.get_message())); break;
        case 3: series_.exemplars.push_back(read_exemplar_1(message.get_message())); break;
        case 4: series_.histograms.push_back(read_histogram(message.get_message())); break;
        default: message.skip();
      }
    }
    return sink_.on_series(series_);
  }

  Status read_series_2(TypedPbfReader message, const std::vector<std::string_view>& symbols) {
    clear();
    series_.symbols_ = &symbols;
    while (message.next()) {
      switch (message.tag()) {
        case 1: read_refs(message, series_.label_refs_); break;
        case 2: series_.samples.push_back(read_sample(message.get_message())); break;
        case 3: series_.histograms.push_back(read_histogram(message.get_message())); break;
        case 4: read_exemplar_2(message.get_message(), symbols); break;
        case 5: read_metadata_2(message.get_message(), symbols); break;
        default: message.skip();
      }
    }
    for (const uint32_t ref : series_.label_refs_)
      append_sized(series_.scratch_, ref < symbols.size() ? symbols[ref] : std::string_view());
    series_.identity_ = series_.scratch_;
    return sink_.on_series(series_);
  }

 private:
  void clear() {
    series_.samples.clear();
    series_.exemplars.clear();
    series_.histograms.clear();
    series_.label_refs_.clear();
    series_.scratch_.clear();
    series_.has_metadata = false;
    series_.symbols_ = nullptr;
  }

  // Senders write labels first: how many bytes those are.
  size_t leading_labels(std::string_view bytes) {
    const size_t expected = sink_.expected_label_bytes();
    if (expected > 0 && expected < bytes.size() && bytes[expected] != kLabelTag &&
        sink_.expects(bytes.substr(0, expected)))
      return expected;
    size_t at = 0;
    while (at < bytes.size() && bytes[at] == kLabelTag) {
      ByteReader in(bytes.substr(at + 1));
      (void)in.sized();
      if (!in.ok()) break;
      at += 1 + in.offset();
    }
    return at;
  }

  // A sample as nearly all are written, value then time and nothing else, is taken off `bytes`.
  bool read_plain_sample(std::string_view& bytes) {
    constexpr size_t kTimeAt = 12;  // behind tag, length, tag, value, tag
    if (bytes.size() <= kTimeAt || bytes[0] != kSampleTag || bytes[2] != kSampleValueTag ||
        bytes[kTimeAt - 1] != kSampleTimeTag)
      return false;
    const auto length = static_cast<uint8_t>(bytes[1]);
    if (length >= 0x80 || bytes.size() < size_t{length} + 2 || size_t{length} + 2 <= kTimeAt)
      return false;
    ByteReader in(bytes.substr(kTimeAt, length + 2 - kTimeAt));
    const auto time = static_cast<int64_t>(in.uvarint());
    if (!in.ok() || !in.at_end()) return false;
    series_.samples.push_back({.value = load_le<double>(bytes.data() + 3), .time = {time}});
    bytes.remove_prefix(size_t{length} + 2);
    return true;
  }

  // One that comes after something else: all are gathered then.
  void add_scattered_label(std::string_view label) {
    if (series_.scratch_.empty()) series_.scratch_ = series_.identity_;
    series_.scratch_.push_back(kLabelTag);
    append_sized(series_.scratch_, label);
    series_.identity_ = series_.scratch_;
  }

  static WriteExemplar read_exemplar_1(TypedPbfReader exemplar) {
    WriteExemplar out;
    while (exemplar.next()) {
      if (exemplar.tag() == 1)
        out.labels.push_back(read_label(exemplar.get_message()));
      else if (exemplar.tag() == 2)
        out.value = exemplar.get_double();
      else if (exemplar.tag() == 3)
        out.time = {exemplar.get_int64()};
      else
        exemplar.skip();
    }
    return out;
  }

  void read_exemplar_2(TypedPbfReader exemplar, const std::vector<std::string_view>& symbols) {
    WriteExemplar out;
    std::vector<uint32_t> refs;
    while (exemplar.next()) {
      if (exemplar.tag() == 1)
        read_refs(exemplar, refs);
      else if (exemplar.tag() == 2)
        out.value = exemplar.get_double();
      else if (exemplar.tag() == 3)
        out.time = {exemplar.get_int64()};
      else
        exemplar.skip();
    }
    // A label without a name is what the store refuses: the sender is told there.
    if (!resolve(symbols, refs, out.labels)) out.labels.assign(1, {});
    series_.exemplars.push_back(std::move(out));
  }

  void read_metadata_2(TypedPbfReader metadata, const std::vector<std::string_view>& symbols) {
    series_.has_metadata = true;
    series_.metadata = {};
    const auto symbol = [&](uint32_t ref) {
      return std::string(ref < symbols.size() ? symbols[ref] : std::string_view());
    };
    while (metadata.next()) {
      if (metadata.tag() == 1)
        series_.metadata.type = metric_type(metadata.get_enum());
      else if (metadata.tag() == 3)
        series_.metadata.help = symbol(metadata.get_uint32());
      else if (metadata.tag() == 4)
        series_.metadata.unit = symbol(metadata.get_uint32());
      else
        metadata.skip();
    }
  }

  WriteSink& sink_;
  WriteSeries series_;
};

Status WriteSeries::read_labels(std::vector<model::LabelView>& out) const {
  out.clear();
  if (symbols_ != nullptr) return resolve(*symbols_, label_refs_, out);
  try {
    TypedPbfReader labels(identity_.data(), identity_.size());
    while (labels.next(1)) out.push_back(read_label(labels.get_message()));
  } catch (const protozero::exception& e) {
    return fail(Errc::kInvalidArgument, "labels are damaged: ", e.what());
  }
  return {};
}

Status decode_write_request(std::string_view bytes, WriteSink& sink) {
  TypedPbfReader request(bytes.data(), bytes.size());
  WriteDecoder decoder(sink);
  size_t at = 0;
  try {
    while (at = bytes.size() - request.length(), request.next()) {
      Status status;
      if (request.tag() == 1)
        status = decoder.read_series_1(text(request));
      else if (request.tag() == 3)
        status = read_metadata(request.get_message(), sink);
      else
        request.skip();
      if (!status) return status;
    }
  } catch (const protozero::exception& e) {
    return fail(Errc::kInvalidArgument, "no remote write request: ", e.what(),
                " in the field at byte ", at);
  }
  return {};
}

Status decode_write_request_2(std::string_view bytes, WriteSink& sink) {
  std::vector<std::string_view> symbols;
  WriteDecoder decoder(sink);
  size_t at = 0;
  try {
    TypedPbfReader table(bytes.data(), bytes.size());
    while (at = bytes.size() - table.length(), table.next())
      if (table.tag() == 4)
        symbols.push_back(text(table));
      else
        table.skip();
    if (symbols.empty() ? !bytes.empty() : !symbols.front().empty())
      return fail(Errc::kInvalidArgument,
                  "no remote write 2.0 request: the first symbol is not the empty one");
    TypedPbfReader request(bytes.data(), bytes.size());
    while (at = bytes.size() - request.length(), request.next()) {
      if (request.tag() != 5) {
        request.skip();
        continue;
      }
      if (auto status = decoder.read_series_2(request.get_message(), symbols); !status)
        return status;
    }
  } catch (const protozero::exception& e) {
    return fail(Errc::kInvalidArgument, "no remote write 2.0 request: ", e.what(),
                " in the field at byte ", at);
  }
  return {};
}

}  // namespace sightline::wire::prometheus
