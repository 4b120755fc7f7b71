#include "tsdb/prometheus/prometheus_block.h"

#include <simdjson.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tsdb/head/sample_gathering.h"
#include "tsdb/prometheus/prometheus_chunk.h"
#include "tsdb/prometheus/prometheus_histogram_chunk.h"

namespace sightline::tsdb {
namespace {

constexpr uint32_t kIndexMagicNumber = 0xbaaad700;
constexpr uint32_t kChunksMagicNumber = 0x85bd40dd;
constexpr uint32_t kTombstonesMagicNumber = 0x0130ba30;
constexpr size_t kTocBytes = 6 * 8 + 4;
constexpr size_t kSeriesAlignment = 16;  // from version 2 on

std::unexpected<Error> damaged(std::string_view what, uint64_t at) {
  return fail(Errc::kCorrupt, what, " at byte ", at, " is damaged");
}

// Foreign numbers: wraps around where an int64_t would overflow.
int64_t plus(int64_t a, uint64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) + b); }

enum class ChunkContent : uint8_t { kFloats, kHistograms, kUnknown };

ChunkContent content_of(uint8_t encoding) {
  switch (encoding) {
    case kXorEncoding:
    case kXor2Encoding: return ChunkContent::kFloats;
    case kHistogramEncoding:
    case kFloatHistogramEncoding:
    case kHistogramStartEncoding:
    case kFloatHistogramStartEncoding: return ChunkContent::kHistograms;
    default: return ChunkContent::kUnknown;
  }
}

Status decode(uint8_t encoding, std::string_view data, SampleColumns& out) {
  if (encoding == kXorEncoding) return decode_xor_chunk(data, out);
  if (encoding == kXor2Encoding) return decode_xor2_chunk(data, out);
  return decode_histogram_chunk(encoding, data, out);
}

}  // namespace

Result<std::unique_ptr<PrometheusBlock>> PrometheusBlock::open(io::FileSystem& fs,
                                                               const std::string& directory) {
  std::unique_ptr<PrometheusBlock> block(new PrometheusBlock());
  if (auto status = block->load(fs, directory); !status)
    return in_context(directory, std::move(status).error());
  return block;
}

Status PrometheusBlock::load(io::FileSystem& fs, const std::string& directory) {
  load_meta(fs, directory + "/meta.json");
  auto index = fs.open_read(directory + "/index");
  if (!index) return std::unexpected(std::move(index).error());
  index_ = std::move(*index);
  const std::string_view bytes = index_->bytes();
  if (bytes.size() < 5 + kTocBytes || load_be32(bytes.data()) != kIndexMagicNumber)
    return fail(Errc::kCorrupt, "index: not one of Prometheus");
  version_ = static_cast<uint8_t>(bytes[4]);
  if (version_ < 1 || version_ > 3)
    return fail(Errc::kCorrupt, "index: version ", int{version_}, " is unknown");
  const std::string_view toc = bytes.substr(bytes.size() - kTocBytes);
  if (crc32c(toc.substr(0, kTocBytes - 4)) != load_be32(toc.data() + kTocBytes - 4))
    return damaged("index: table of contents", bytes.size() - kTocBytes);
  series_at_ = load_be64(toc.data() + 8);
  series_end_ = bytes.size() - kTocBytes;
  for (size_t section = 0; section < 6; ++section)  // ends where the next one begins
    if (const uint64_t at = load_be64(toc.data() + section * 8); at > series_at_)
      series_end_ = std::min(series_end_, at);
  if (series_at_ > bytes.size()) return damaged("index: series offset", bytes.size() - kTocBytes);
  if (auto status = load_symbols(load_be64(toc.data())); !status) return status;
  for (int i = 1;; ++i) {
    char name[24];
    std::snprintf(name, sizeof name, "/chunks/%06d", i);
    if (!fs.exists(directory + name)) break;
    auto file = fs.open_read(directory + name);
    if (!file) return std::unexpected(std::move(file).error());
    const std::string_view segment = (*file)->bytes();
    if (segment.size() < 8 || load_be32(segment.data()) != kChunksMagicNumber || segment[4] != 1)
      return fail(Errc::kCorrupt, name, ": not a chunk segment of Prometheus");
    segments_.push_back(std::move(*file));
  }
  if (!fs.exists(directory + "/tombstones")) return {};
  auto tombstones = fs.read_all(directory + "/tombstones");
  if (!tombstones) return std::unexpected(std::move(tombstones).error());
  return load_tombstones(*tombstones);
}

void PrometheusBlock::load_meta(io::FileSystem& fs, const std::string& path) {
  const auto json = fs.read_all(path);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (!json || parser.parse(simdjson::padded_string(*json)).get(root)) return;
  if (root["stats"]["numSeries"].get(series_expected_)) series_expected_ = 0;
}

Status PrometheusBlock::load_symbols(uint64_t offset) {
  const std::string_view bytes = index_->bytes();
  if (offset > bytes.size() || bytes.size() - offset < 8)
    return damaged("index: symbol table", offset);
  const uint32_t length = load_be32(bytes.data() + offset);
  if (length < 4 || length > bytes.size() - offset - 8)
    return damaged("index: symbol table", offset);
  const std::string_view content = bytes.substr(offset + 4, length);
  if (crc32c(content) != load_be32(content.data() + length))
    return damaged("index: symbol table", offset);
  ByteReader in(content);
  const uint32_t count = in.be32();
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t at = offset + 4 + in.offset();
    const std::string_view symbol = in.sized();
    if (!in.ok()) return damaged("index: symbol", at);
    if (version_ == 1)
      symbols_by_offset_.emplace(at, symbol);
    else
      symbols_.push_back(symbol);
  }
  return {};
}

Status PrometheusBlock::load_tombstones(std::string_view bytes) {
  if (bytes.size() < 9 || load_be32(bytes.data()) != kTombstonesMagicNumber || bytes[4] != 1)
    return fail(Errc::kCorrupt, "tombstones: not a file of Prometheus");
  const std::string_view content = bytes.substr(5, bytes.size() - 9);
  if (crc32c(content) != load_be32(bytes.data() + bytes.size() - 4))
    return damaged("tombstones: content", 5);
  ByteReader in(content);
  while (!in.at_end()) {
    const uint64_t series = in.uvarint();
    const DeletedRange interval{in.svarint(), in.svarint()};
    if (!in.ok()) return damaged("tombstones: entry", 5 + in.offset());
    if (interval.min <= interval.max) add_range(deleted_[series], interval);
  }
  return {};
}

Result<std::string_view> PrometheusBlock::symbol(uint64_t ref) const {
  if (version_ > 1) {
    if (ref < symbols_.size()) return symbols_[ref];
  } else if (const auto found = symbols_by_offset_.find(ref); found != symbols_by_offset_.end()) {
    return found->second;
  }
  return fail(Errc::kCorrupt, "index: there is no symbol ", ref);
}

Result<bool> PrometheusBlock::next(model::Labels& labels) {
  const std::string_view bytes = index_->bytes();
  if (version_ > 1)
    series_at_ = (series_at_ + kSeriesAlignment - 1) / kSeriesAlignment * kSeriesAlignment;
  // Padding before the next section; no entry begins with a zero, for none is empty.
  while (series_at_ < series_end_ && bytes[series_at_] == 0) ++series_at_;
  if (series_at_ >= series_end_) return false;
  const uint64_t at = series_at_;
  ByteReader in(bytes.substr(at, series_end_ - at));
  const std::string_view body = in.sized();
  const uint32_t checksum = in.be32();
  if (!in.ok() || crc32c(body) != checksum) return damaged("index: series", at);
  series_at_ = at + in.offset();
  if (auto status = read_entry(body, at, labels); !status)
    return std::unexpected(std::move(status).error());
  if (series_.size() > 1 && !(previous_ < labels))
    return fail(Errc::kCorrupt, "index: series at byte ", at, " is out of order");
  previous_ = labels;
  return true;
}

Status PrometheusBlock::read_entry(std::string_view body, uint64_t at, model::Labels& labels) {
  ByteReader in(body);
  model::LabelsBuilder builder;
  const uint64_t label_count = in.uvarint();
  for (uint64_t i = 0; i < label_count && in.ok(); ++i) {
    const auto name = symbol(in.uvarint());
    const auto value = symbol(in.uvarint());
    if (!name) return std::unexpected(name.error());
    if (!value) return std::unexpected(value.error());
    builder.set(*name, *value);
  }
  labels = builder.build();
  Series series{.ref = version_ > 1 ? at / kSeriesAlignment : at};
  const uint64_t chunk_count = in.ok() ? in.uvarint() : 0;
  for (uint64_t i = 0; i < chunk_count && in.ok(); ++i) {
    Chunk chunk;
    if (i == 0) {
      chunk.min_time = in.svarint();
      chunk.max_time = plus(chunk.min_time, in.uvarint());
      chunk.ref = in.uvarint();
    } else {
      const Chunk& before = series.chunks.back();
      chunk.min_time = plus(before.max_time, in.uvarint());
      chunk.max_time = plus(chunk.min_time, in.uvarint());
      chunk.ref = before.ref + static_cast<uint64_t>(in.svarint());
    }
    series.chunks.push_back(chunk);
  }
  if (!in.ok()) return damaged("index: series", at);
  series_.push_back(std::move(series));
  return {};
}

// The encoding byte and the data.
Result<std::string_view> PrometheusBlock::chunk(uint64_t ref) const {
  const uint64_t segment = ref >> 32;
  const uint64_t offset = ref & 0xffffffffu;
  if (segment >= segments_.size() || offset > segments_[segment]->bytes().size())
    return fail(Errc::kCorrupt, "chunk ", ref, " lies beyond the segments");
  ByteReader in(segments_[segment]->bytes().substr(offset));
  const uint64_t length = in.uvarint();
  if (!in.ok() || length > UINT32_MAX) return damaged("chunk", offset);
  const std::string_view content = in.bytes(length + 1);
  const uint32_t checksum = in.be32();
  if (!in.ok() || crc32c(content) != checksum) return damaged("chunk", offset);
  return content;
}

// Ascending again where chunks overlap; of samples at one time the first one stays.
Status PrometheusBlock::read_samples(uint32_t number, Kind kind, SampleColumns& out) {
  const Series& series = series_[number];
  const auto found = deleted_.find(series.ref);
  const std::span<const DeletedRange> deleted =
      found == deleted_.end() ? std::span<const DeletedRange>() : found->second;
  SampleGathering gathering(out, std::numeric_limits<int64_t>::min(),
                            std::numeric_limits<int64_t>::max());
  for (const Chunk& each : series.chunks) {
    const auto content = chunk(each.ref);
    if (!content) return std::unexpected(content.error());
    const auto encoding = static_cast<uint8_t>(content->front());
    const ChunkContent held = content_of(encoding);
    if (held == ChunkContent::kUnknown)
      return fail(Errc::kUnsupported, "holds chunks of encoding ", int{encoding},
                  ", which is unknown here");
    if ((held == ChunkContent::kFloats) != (kind == Kind::kFloats)) continue;
    SampleColumns part;
    auto status = decode(encoding, content->substr(1), part);
    if (!status) return status;
    erase_deleted(deleted, 0, 0, part);
    gathering.add(part);
  }
  gathering.finish();
  return {};
}

Status PrometheusBlock::read_floats(uint32_t number, SampleColumns& out) {
  return read_samples(number, Kind::kFloats, out);
}

Status PrometheusBlock::read_histograms(uint32_t number, SampleColumns& out) {
  return read_samples(number, Kind::kHistograms, out);
}

Status PrometheusBlock::read_times(uint32_t number, std::vector<int64_t>& out) {
  SampleColumns columns;
  auto status = read_floats(number, columns);
  out = std::move(columns.times);
  return status;
}

Status PrometheusBlock::read_exemplars(uint32_t, std::vector<StoredExemplar>& out) {
  out.clear();  // its blocks have none
  return {};
}

}  // namespace sightline::tsdb
