#include "tsdb/codec/chunk.h"

#include "tsdb/codec/histogram_codec.h"
#include "tsdb/codec/integer_column.h"
#include "tsdb/codec/value_column.h"

namespace sightline::tsdb {
namespace {

std::string begin_chunk(ChunkKind kind, std::span<const int64_t> times,
                        std::span<const int64_t> created) {
  SL_ASSERT(!times.empty() && times.size() <= kChunkSamplesMax);
  SL_ASSERT(created.empty() || created.size() == times.size());
  std::string out;
  out.push_back(static_cast<char>(kind));
  append_uvarint(out, times.size());
  append_integer_column(out, times);
  out.push_back(created.empty() ? 0 : 1);
  append_integer_column(out, created);
  return out;
}

// Reads `count` times, and created timestamps if there are any, to the end of the columns.
bool read_times(ByteReader& in, size_t count, std::vector<int64_t>& times,
                std::vector<int64_t>& created) {
  const size_t before = times.size();
  times.resize(before + count);
  const std::span<int64_t> fresh = std::span(times).subspan(before);
  if (!read_integer_column(in, fresh)) return false;
  bool ascending = true;
  for (size_t i = 1; i < count; ++i) ascending &= fresh[i - 1] < fresh[i];
  if (!ascending) return false;
  const uint8_t has_created = in.u8();
  if (!in.ok() || has_created > 1) return false;
  if (has_created == 0) {
    if (!created.empty()) created.resize(before + count);
    return true;
  }
  created.resize(before + count);
  return read_integer_column(in, std::span(created).subspan(before));
}

bool read_floats(ByteReader& in, size_t count, ValueNeed need, SampleColumns& out) {
  if (!read_times(in, count, out.times, out.created)) return false;
  const size_t before = out.values.size();
  out.values.resize(before + count);
  return read_value_column(in, std::span(out.values).subspan(before), need) && in.at_end() &&
         in.ok();
}

bool read_histograms(ByteReader& in, size_t count, SampleColumns& out) {
  if (count > in.remaining()) return false;  // each takes bytes: no allocation on a lie
  if (!read_times(in, count, out.histogram_times, out.histogram_created)) return false;
  const model::Histogram* previous = nullptr;
  for (size_t i = 0; i < count; ++i) {
    HistogramPtr h = read_histogram_bytes(in, previous);
    if (h == nullptr) return false;
    previous = h.get();
    out.histograms.push_back(std::move(h));
  }
  return in.at_end() && in.ok();
}

}  // namespace

void SampleColumns::clear() {
  times.clear();
  values.clear();
  created.clear();
  histogram_times.clear();
  histograms.clear();
  histogram_created.clear();
}

std::string encode_chunk(std::span<const int64_t> times, std::span<const double> values,
                         std::span<const int64_t> created) {
  std::string out = begin_chunk(ChunkKind::kFloat, times, created);
  append_value_column(out, values);
  return out;
}

std::string encode_chunk(std::span<const int64_t> times, std::span<const HistogramPtr> histograms,
                         std::span<const int64_t> created) {
  std::string out = begin_chunk(ChunkKind::kHistogram, times, created);
  const model::Histogram* previous = nullptr;
  for (const HistogramPtr& h : histograms) {
    append_histogram_bytes(out, *h, previous);
    previous = h.get();
  }
  return out;
}

Status decode_chunk(std::string_view bytes, SampleColumns& out, ValueNeed need) {
  const size_t floats = out.times.size();
  const size_t histograms = out.histogram_times.size();
  ByteReader in(bytes);
  const uint8_t kind = in.u8();
  const uint64_t count = in.uvarint();
  bool good = in.ok() && count > 0 && count <= kChunkSamplesMax;
  if (good && kind == static_cast<uint8_t>(ChunkKind::kFloat))
    good = read_floats(in, count, need, out);
  else if (good && kind == static_cast<uint8_t>(ChunkKind::kHistogram))
    good = read_histograms(in, count, out);
  else
    good = false;
  if (good) return {};
  out.times.resize(floats);
  out.values.resize(floats);
  if (out.created.size() > floats) out.created.resize(floats);
  out.histogram_times.resize(histograms);
  out.histograms.resize(histograms);
  if (out.histogram_created.size() > histograms) out.histogram_created.resize(histograms);
  return fail(Errc::kCorrupt, "chunk of kind ", int{kind}, ", ", bytes.size(),
              " bytes, is damaged near byte ", in.offset());
}

std::optional<FloatChunkColumns> split_float_chunk(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t kind = in.u8();
  FloatChunkColumns columns{.count = in.uvarint()};
  const size_t begin = in.offset();
  if (!in.ok() || kind != static_cast<uint8_t>(ChunkKind::kFloat) || columns.count == 0 ||
      columns.count > kChunkSamplesMax || !skip_integer_column(in, columns.count))
    return std::nullopt;
  columns.times = bytes.substr(begin, in.offset() - begin);
  if (in.u8() != 0 || !in.ok()) return std::nullopt;
  columns.values = bytes.substr(in.offset());
  return columns;
}

}  // namespace sightline::tsdb
