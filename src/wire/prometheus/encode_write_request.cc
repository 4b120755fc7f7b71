#include "wire/prometheus/encode_write_request.h"

#include <algorithm>
#include <cmath>
#include <protozero/pbf_writer.hpp>
#include <unordered_map>

namespace sightline::wire::prometheus {
namespace {

using protozero::pbf_writer;

void put(pbf_writer& out, uint32_t field, std::string_view text) {
  if (!text.empty()) out.add_bytes(field, text.data(), text.size());
}

void write_label(pbf_writer& out, std::string_view name, std::string_view value) {
  pbf_writer message(out, 1);
  put(message, 1, name);
  put(message, 2, value);
}

void write_sample(pbf_writer& out, uint32_t field, const SentSample& sample) {
  pbf_writer message(out, field);
  message.add_double(1, sample.value);
  message.add_int64(2, sample.time.value);
}

void write_spans(pbf_writer& out, uint32_t field, const std::vector<model::BucketSpan>& spans) {
  for (const model::BucketSpan& span : spans) {
    pbf_writer message(out, field);
    message.add_sint32(1, span.offset);
    message.add_uint32(2, span.length);
  }
}

bool is_whole(double count) {
  constexpr double kMax = 9'007'199'254'740'992;  // 2^53: exact up to there
  return count >= 0 && count <= kMax && count == std::floor(count);
}

bool is_whole(const std::vector<double>& counts) {
  return std::ranges::all_of(counts, [](double count) { return is_whole(count); });
}

void write_deltas(pbf_writer& out, uint32_t field, const std::vector<double>& counts) {
  std::vector<int64_t> deltas;
  int64_t before = 0;
  for (const double count : counts) {
    const auto now = static_cast<int64_t>(count);
    deltas.push_back(now - before);
    before = now;
  }
  out.add_packed_sint64(field, deltas.begin(), deltas.end());
}

// Counts that are whole are sent as an integer histogram, others as a float histogram.
void write_histogram(pbf_writer& out, uint32_t field, const SentHistogram& sent) {
  const model::Histogram& h = sent.histogram;
  const bool whole = is_whole(h.count) && is_whole(h.zero_count) && is_whole(h.negative_buckets) &&
                     is_whole(h.positive_buckets);
  const auto write_count = [&](pbf_writer& to, uint32_t integer, double count) {
    if (whole)
      to.add_uint64(integer, static_cast<uint64_t>(count));
    else
      to.add_double(integer + 1, count);
  };
  const auto write_buckets = [&](pbf_writer& to, uint32_t deltas, const std::vector<double>& all) {
    if (whole)
      write_deltas(to, deltas, all);
    else
      to.add_packed_double(deltas + 1, all.begin(), all.end());
  };
  pbf_writer message(out, field);
  write_count(message, 1, h.count);
  message.add_double(3, h.sum);
  message.add_sint32(4, h.schema);
  message.add_double(5, h.zero_threshold);
  write_count(message, 6, h.zero_count);
  write_spans(message, 8, h.negative_spans);
  write_buckets(message, 9, h.negative_buckets);
  write_spans(message, 11, h.positive_spans);
  write_buckets(message, 12, h.positive_buckets);
  message.add_enum(14, static_cast<int32_t>(h.reset_hint));
  message.add_int64(15, sent.time.value);
  message.add_packed_double(16, h.custom_values.begin(), h.custom_values.end());
}

// The table of a 2.0 request: each text once, the empty one first.
class Symbols {
 public:
  Symbols() { (void)ref(""); }
  uint32_t ref(std::string_view text) {
    const auto [at, is_new] =
        refs_.try_emplace(std::string(text), static_cast<uint32_t>(texts_.size()));
    if (is_new) texts_.push_back(&at->first);
    return at->second;
  }
  void write(pbf_writer& out) const {
    for (const std::string* text : texts_) out.add_bytes(4, text->data(), text->size());
  }

 private:
  std::unordered_map<std::string, uint32_t> refs_;
  std::vector<const std::string*> texts_;
};

std::vector<uint32_t> refs_of(const model::Labels& labels, Symbols& symbols) {
  std::vector<uint32_t> refs;
  for (const model::LabelView label : labels) {
    refs.push_back(symbols.ref(label.name));
    refs.push_back(symbols.ref(label.value));
  }
  return refs;
}

void write_series_2(pbf_writer& out, const SentSeries& series, Symbols& symbols) {
  pbf_writer message(out, 5);
  const auto labels = refs_of(series.labels, symbols);
  message.add_packed_uint32(1, labels.begin(), labels.end());
  for (const SentSample& sample : series.samples) write_sample(message, 2, sample);
  for (const SentHistogram& sent : series.histograms) write_histogram(message, 3, sent);
  for (const model::Exemplar& exemplar : series.exemplars) {
    pbf_writer inner(message, 4);
    const auto refs = refs_of(exemplar.all_labels(), symbols);
    inner.add_packed_uint32(1, refs.begin(), refs.end());
    inner.add_double(2, exemplar.value);
    inner.add_int64(3, exemplar.time.value);
  }
  {
    pbf_writer metadata(message, 5);
    metadata.add_enum(1, static_cast<int32_t>(series.metadata.type));
    metadata.add_uint32(3, symbols.ref(series.metadata.help));
    metadata.add_uint32(4, symbols.ref(series.metadata.unit));
  }
  if (series.created.value != 0) message.add_int64(6, series.created.value);
}

}  // namespace

std::string encode_write_request(std::span<const SentSeries> series,
                                 std::span<const SentMetadata> metadata) {
  std::string bytes;
  pbf_writer request(bytes);
  for (const SentSeries& each : series) {
    pbf_writer message(request, 1);
    for (const model::LabelView label : each.labels) write_label(message, label.name, label.value);
    for (const SentSample& sample : each.samples) write_sample(message, 2, sample);
    for (const model::Exemplar& exemplar : each.exemplars) {
      pbf_writer inner(message, 3);
      const model::Labels labels = exemplar.all_labels();
      for (const model::LabelView label : labels) write_label(inner, label.name, label.value);
      inner.add_double(2, exemplar.value);
      inner.add_int64(3, exemplar.time.value);
    }
    for (const SentHistogram& sent : each.histograms) write_histogram(message, 4, sent);
  }
  for (const auto& [name, about] : metadata) {
    pbf_writer message(request, 3);
    message.add_enum(1, static_cast<int32_t>(about.type));
    put(message, 2, name);
    put(message, 4, about.help);
    put(message, 5, about.unit);
  }
  return bytes;
}

std::string encode_write_request_2(std::span<const SentSeries> series) {
  Symbols symbols;
  std::string all;
  pbf_writer body(all);
  for (const SentSeries& each : series) write_series_2(body, each, symbols);
  std::string bytes;
  pbf_writer request(bytes);
  symbols.write(request);
  bytes += all;
  return bytes;
}

}  // namespace sightline::wire::prometheus
