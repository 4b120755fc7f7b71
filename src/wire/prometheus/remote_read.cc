#include "wire/prometheus/remote_read.h"

#include <algorithm>
#include <cmath>

#include <protozero/pbf_writer.hpp>
#include <protozero/varint.hpp>

#include "base/checksum.h"
#include "base/typed_pbf_reader.h"

namespace sightline::wire::prometheus {
namespace {

using protozero::pbf_writer;

std::string text(TypedPbfReader& message) {
  const auto view = message.get_view();
  return {view.data(), view.size()};
}

ReadMatcher read_matcher(TypedPbfReader matcher) {
  ReadMatcher out;
  while (matcher.next()) {
    if (matcher.tag() == 1)
      out.type = static_cast<ReadMatch>(matcher.get_enum());
    else if (matcher.tag() == 2)
      out.name = text(matcher);
    else if (matcher.tag() == 3)
      out.value = text(matcher);
    else
      matcher.skip();
  }
  return out;
}

ReadQuery read_query(TypedPbfReader query) {
  ReadQuery out;
  while (query.next()) {
    if (query.tag() == 1)
      out.start = {query.get_int64()};
    else if (query.tag() == 2)
      out.end = {query.get_int64()};
    else if (query.tag() == 3)
      out.matchers.push_back(read_matcher(query.get_message()));
    else
      query.skip();
  }
  return out;
}

void read_types(TypedPbfReader& request, std::vector<int64_t>& out) {
  if (request.wire_type() == protozero::pbf_wire_type::varint) {
    out.push_back(request.get_enum());
    return;
  }
  for (const auto type : request.get_packed_enum()) out.push_back(type);
}

void add_bytes(pbf_writer& to, protozero::pbf_tag_type tag, std::string_view bytes) {
  to.add_bytes(tag, bytes.data(), bytes.size());
}

void add_labels(pbf_writer& to, const model::Labels& labels) {
  for (const model::LabelView label : labels) {
    pbf_writer pair(to, 1);
    add_bytes(pair, 1, label.name);
    add_bytes(pair, 2, label.value);
  }
}

void add_spans(pbf_writer& to, protozero::pbf_tag_type tag,
               const std::vector<model::BucketSpan>& spans) {
  for (const model::BucketSpan& span : spans) {
    pbf_writer out(to, tag);
    out.add_sint32(1, span.offset);
    out.add_uint32(2, span.length);
  }
}

void append_bytes_field(std::string& out, protozero::pbf_tag_type tag, std::string_view bytes) {
  pbf_writer writer(out);
  add_bytes(writer, tag, bytes);
}

}  // namespace

Result<ReadRequest> decode_read_request(std::string_view bytes) {
  ReadRequest out;
  TypedPbfReader request(bytes.data(), bytes.size());
  try {
    while (request.next()) {
      if (request.tag() == 1)
        out.queries.push_back(read_query(request.get_message()));
      else if (request.tag() == 2)
        read_types(request, out.accepted_types);
      else
        request.skip();
    }
  } catch (const protozero::exception& e) {
    return fail(Errc::kInvalidArgument, "no remote read request: ", e.what(), " before byte ",
                bytes.size() - request.length());
  }
  for (const ReadQuery& query : out.queries)
    for (const ReadMatcher& matcher : query.matchers)
      if (matcher.type > ReadMatch::kNotRegex)
        return fail(Errc::kInvalidArgument, "invalid matcher type");
  return out;
}

ReadSeriesWriter::ReadSeriesWriter(const model::Labels& labels) {
  pbf_writer series(message_);
  add_labels(series, labels);
}

void ReadSeriesWriter::add(int64_t time_ms, double value) {
  pbf_writer series(message_);
  pbf_writer sample(series, 2);
  sample.add_double(1, value);
  sample.add_int64(2, time_ms);
}

namespace {

bool is_whole(double count) {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  return count >= 0 && count <= kExactMax && std::trunc(count) == count;
}

bool counts_whole(const model::Histogram& h) {
  return is_whole(h.count) && is_whole(h.zero_count) &&
         std::ranges::all_of(h.positive_buckets, is_whole) &&
         std::ranges::all_of(h.negative_buckets, is_whole);
}

void add_deltas(pbf_writer& out, uint32_t tag, const std::vector<double>& buckets) {
  std::vector<int64_t> deltas;
  int64_t before = 0;
  for (const double count : buckets) {
    const auto now = static_cast<int64_t>(count);
    deltas.push_back(now - before);
    before = now;
  }
  out.add_packed_sint64(tag, deltas.begin(), deltas.end());
}

}  // namespace

// What kind a histogram came as is not stored: with whole counts it leaves as one of integers, as most are.
void ReadSeriesWriter::add(int64_t time_ms, const model::Histogram& h) {
  const bool whole = counts_whole(h);
  pbf_writer series(message_);
  pbf_writer out(series, 4);
  if (whole)
    out.add_uint64(1, static_cast<uint64_t>(h.count));
  else
    out.add_double(2, h.count);
  out.add_double(3, h.sum);
  out.add_sint32(4, h.schema);
  out.add_double(5, h.zero_threshold);
  if (whole)
    out.add_uint64(6, static_cast<uint64_t>(h.zero_count));
  else
    out.add_double(7, h.zero_count);
  add_spans(out, 8, h.negative_spans);
  if (whole)
    add_deltas(out, 9, h.negative_buckets);
  else
    out.add_packed_double(10, h.negative_buckets.begin(), h.negative_buckets.end());
  add_spans(out, 11, h.positive_spans);
  if (whole)
    add_deltas(out, 12, h.positive_buckets);
  else
    out.add_packed_double(13, h.positive_buckets.begin(), h.positive_buckets.end());
  out.add_enum(14, static_cast<int32_t>(h.reset_hint));
  out.add_int64(15, time_ms);
  out.add_packed_double(16, h.custom_values.begin(), h.custom_values.end());
}

void append_series(std::string& query_result, std::string_view series) {
  append_bytes_field(query_result, 1, series);
}
void append_query_result(std::string& response, std::string_view query_result) {
  append_bytes_field(response, 1, query_result);
}

void append_frame(std::string& out, const model::Labels& labels, std::span<const ReadChunk> chunks,
                  uint64_t query_index) {
  std::string message;
  {
    pbf_writer response(message);
    {
      pbf_writer series(response, 1);
      add_labels(series, labels);
      for (const ReadChunk& chunk : chunks) {
        pbf_writer one(series, 2);
        one.add_int64(1, chunk.min_time_ms);
        one.add_int64(2, chunk.max_time_ms);
        one.add_enum(3, chunk.type);
        add_bytes(one, 4, chunk.data);
      }
    }
    if (query_index != 0) response.add_int64(2, static_cast<int64_t>(query_index));
  }
  protozero::write_varint(std::back_inserter(out), message.size());
  const uint32_t sum = crc32c(message);
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(sum >> shift));
  out += message;
}

}  // namespace sightline::wire::prometheus
