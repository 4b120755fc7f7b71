#include "tsdb/prometheus/prometheus_block_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tsdb/codec/decoded_groups.h"
#include "tsdb/prometheus/prometheus_chunk.h"
#include "tsdb/prometheus/prometheus_histogram_chunk.h"

namespace sightline::tsdb {
namespace {

constexpr uint64_t kSegmentBytesMax = 512u << 20;

// A part with its length before it and its checksum behind it.
void append_part(std::string& out, std::string_view content) {
  append_be32(out, static_cast<uint32_t>(content.size()));
  out += content;
  append_be32(out, crc32c(content));
}

void append_aligned(std::string& out, size_t alignment) {
  while (out.size() % alignment != 0) out.push_back('\0');
}

class Exporter {
 public:
  Exporter(io::FileSystem& fs, const Block& block, std::string directory)
      : fs_(fs), block_(block), directory_(std::move(directory)) {}

  Status write(PrometheusExport& result, const std::function<void()>& on_series) {
    if (auto status = fs_.create_directories(directory_ + "/chunks"); !status) return status;
    if (auto status = add_symbols(); !status) return status;
    if (auto status = next_segment(); !status) return status;
    series_offset_ = (index_.size() + 15) / 16 * 16;
    for (uint32_t i = 0; i < block_.series_count(); ++i) {
      if (auto status = add_series(i, result); !status) return status;
      if (on_series) on_series();
    }
    if (auto status = finish_segment(); !status) return status;
    finish_index();
    if (auto status = put_file("index", index_); !status) return status;
    std::string tombstones;
    append_be32(tombstones, 0x0130ba30);
    tombstones.push_back(1);
    append_be32(tombstones, crc32c({}));
    if (auto status = put_file("tombstones", tombstones); !status) return status;
    return put_file("meta.json", meta(result));
  }

 private:
  // Sorted, the empty one first; every label's texts.
  Status add_symbols() {
    std::set<std::string> texts{""};
    for (uint32_t i = 0; i < block_.series_count(); ++i) {
      auto labels = block_.labels(i);
      if (!labels) return std::unexpected(std::move(labels).error());
      for (const model::LabelView label : *labels) {
        texts.emplace(label.name);
        texts.emplace(label.value);
      }
    }
    append_be32(index_, 0xbaaad700);
    index_.push_back(2);
    std::string content;
    append_be32(content, static_cast<uint32_t>(texts.size()));
    for (const std::string& text : texts) {
      symbols_.emplace(text, static_cast<uint32_t>(symbols_.size()));
      append_sized(content, text);
    }
    append_part(index_, content);
    return {};
  }

  Status next_segment() {
    auto file = fs_.create(fmt::format("{}/chunks/{:06}", directory_, ++segment_));
    if (!file) return std::unexpected(std::move(file).error());
    file_ = std::move(*file);
    buffer_.clear();
    append_be32(buffer_, 0x85bd40dd);
    buffer_ += std::string("\x01\0\0\0", 4);
    segment_bytes_ = buffer_.size();
    return {};
  }
  Status flush() {
    auto status = file_->append(buffer_);
    buffer_.clear();
    return status;
  }
  Status finish_segment() {
    if (auto status = flush(); !status) return status;
    return file_->sync();
  }

  // `data` without the encoding; the segment is in the upper half of the result.
  Result<uint64_t> add_chunk(uint8_t encoding, std::string_view data) {
    if (segment_bytes_ > kSegmentBytesMax) {
      if (auto status = finish_segment(); !status)
        return std::unexpected(std::move(status).error());
      if (auto status = next_segment(); !status) return std::unexpected(std::move(status).error());
    }
    const uint64_t ref = (segment_ - 1) << 32 | segment_bytes_;
    std::string content(1, static_cast<char>(encoding));
    content += data;
    const size_t before = buffer_.size();
    append_uvarint(buffer_, content.size() - 1);
    buffer_ += content;
    append_be32(buffer_, crc32c(content));
    segment_bytes_ += buffer_.size() - before;
    if (buffer_.size() > 256u << 10)
      if (auto status = flush(); !status) return std::unexpected(std::move(status).error());
    return ref;
  }

  struct Chunk {
    int64_t min_time = 0;
    int64_t max_time = 0;
    uint64_t ref = 0;
  };

  // Ascending and apart from each other, of floats or of histograms, whichever comes next.
  Status add_chunks(const SampleColumns& columns, std::vector<Chunk>& chunks) {
    const std::span<const int64_t> floats = columns.times;
    const std::span<const int64_t> histograms = columns.histogram_times;
    for (size_t f = 0, h = 0; f < floats.size() || h < histograms.size();) {
      const bool is_float =
          f < floats.size() && (h == histograms.size() || floats[f] < histograms[h]);
      const auto& own = is_float ? floats : histograms;
      const auto& other = is_float ? histograms : floats;
      const size_t begin = is_float ? f : h;
      const size_t other_begin = is_float ? h : f;
      size_t end = own.size();
      if (other_begin < other.size())
        end = static_cast<size_t>(std::lower_bound(own.begin() + static_cast<ptrdiff_t>(begin),
                                                   own.end(), other[other_begin]) -
                                  own.begin());
      end = std::max(end, begin + 1);  // of two at one time
      uint8_t encoding = kXorEncoding;
      std::string data;
      if (is_float) {
        end = std::min(end, begin + kXorSamplesMax);
        data = encode_xor_chunk(floats.subspan(begin, end - begin),
                                std::span(columns.values).subspan(begin, end - begin));
        f = end;
      } else {
        PrometheusHistogramChunk chunk =
            encode_histogram_chunk(histograms.subspan(begin, end - begin),
                                   std::span(columns.histograms).subspan(begin, end - begin));
        encoding = chunk.encoding;
        data = std::move(chunk.data);
        h = end = begin + chunk.samples;
      }
      const auto at = add_chunk(encoding, data);
      if (!at) return std::unexpected(at.error());
      chunks.push_back({own[begin], own[end - 1], *at});
    }
    return {};
  }

  Status add_series(uint32_t number, PrometheusExport& result) {
    auto info = block_.series(number);
    if (!info) return std::unexpected(std::move(info).error());
    SampleColumns columns;
    for (const auto& chunk : info->chunks)
      if (auto status = block_.read_chunk(chunk, &decoded_, columns); !status) return status;
    std::vector<StoredExemplar> exemplars;
    if (auto status = block_.read_exemplars(*info, &pages_, exemplars); !status) return status;
    result.exemplars_left_out += exemplars.size();
    std::vector<Chunk> chunks;
    if (auto status = add_chunks(columns, chunks); !status) return status;
    if (chunks.empty()) return {};
    std::string body;
    append_uvarint(body, info->labels.size());
    append_aligned(index_, 16);
    const auto ref = static_cast<uint32_t>(index_.size() / 16);
    for (const model::LabelView label : info->labels) {
      append_uvarint(body, symbols_.find(label.name)->second);
      append_uvarint(body, symbols_.find(label.value)->second);
      postings_[std::string(label.name)][std::string(label.value)].push_back(ref);
    }
    all_.push_back(ref);
    append_uvarint(body, chunks.size());
    for (size_t i = 0; i < chunks.size(); ++i) {
      const Chunk& chunk = chunks[i];
      if (i == 0)
        append_svarint(body, chunk.min_time);
      else
        append_uvarint(body, static_cast<uint64_t>(chunk.min_time - chunks[i - 1].max_time));
      append_uvarint(body, static_cast<uint64_t>(chunk.max_time - chunk.min_time));
      if (i == 0)
        append_uvarint(body, chunk.ref);
      else
        append_svarint(body, static_cast<int64_t>(chunk.ref - chunks[i - 1].ref));
    }
    chunks_ += chunks.size();
    min_time_ = std::min(min_time_, chunks.front().min_time);
    max_time_ = std::max(max_time_, chunks.back().max_time + 1);
    append_uvarint(index_, body.size());
    index_ += body;
    append_be32(index_, crc32c(body));
    ++result.series;
    result.samples += columns.times.size() + columns.histogram_times.size();
    result.histograms += columns.histogram_times.size();
    return {};
  }

  uint64_t add_postings(const std::vector<uint32_t>& refs) {
    append_aligned(index_, 4);
    const uint64_t at = index_.size();
    std::string content;
    append_be32(content, static_cast<uint32_t>(refs.size()));
    for (const uint32_t ref : refs) append_be32(content, ref);
    append_part(index_, content);
    return at;
  }

  // Postings, the two tables of offsets, the table of contents. There are no label indices: nobody reads them any more.
  void finish_index() {
    append_aligned(index_, 4);
    const uint64_t label_indices = index_.size();
    const uint64_t postings = index_.size();
    std::string table;
    uint32_t entries = 0;
    const auto list = [&](std::string_view name, std::string_view value,
                          const std::vector<uint32_t>& refs) {
      const uint64_t at = add_postings(refs);
      append_uvarint(table, 2);
      append_sized(table, name);
      append_sized(table, value);
      append_uvarint(table, at);
      ++entries;
    };
    list("", "", all_);
    for (const auto& [name, values] : postings_)
      for (const auto& [value, refs] : values) list(name, value, refs);
    const uint64_t label_table = index_.size();
    std::string none;
    append_be32(none, 0);
    append_part(index_, none);
    const uint64_t postings_table = index_.size();
    std::string content;
    append_be32(content, entries);
    append_part(index_, content + table);
    std::string toc;
    for (const uint64_t offset :
         {uint64_t{5}, series_offset_, label_indices, label_table, postings, postings_table})
      append_be64(toc, offset);
    index_ += toc;
    append_be32(index_, crc32c(toc));
  }

  std::string meta(const PrometheusExport& result) const {
    return fmt::format(R"({{
	"ulid": "{0}",
	"minTime": {1},
	"maxTime": {2},
	"stats": {{"numSamples": {3}, "numFloatSamples": {6}, "numHistogramSamples": {7}, "numSeries": {4}, "numChunks": {5}}},
	"compaction": {{"level": 1, "sources": ["{0}"]}},
	"version": 1
}}
)",
                       result.directory, min_time_, max_time_, result.samples, result.series,
                       chunks_, result.samples - result.histograms, result.histograms);
  }

  Status put_file(const std::string& name, std::string_view bytes) {
    auto file = fs_.create(directory_ + "/" + name);
    if (!file) return std::unexpected(std::move(file).error());
    if (auto status = (*file)->append(bytes); !status) return status;
    return (*file)->sync();
  }

  io::FileSystem& fs_;
  const Block& block_;
  const std::string directory_;
  DecodedGroups decoded_;
  ExemplarPageCache pages_;
  std::map<std::string, uint32_t, std::less<>> symbols_;
  std::string index_;
  uint64_t series_offset_ = 0;
  std::map<std::string, std::map<std::string, std::vector<uint32_t>>> postings_;
  std::vector<uint32_t> all_;
  std::unique_ptr<io::WritableFile> file_;
  std::string buffer_;
  uint64_t segment_ = 0;
  uint64_t segment_bytes_ = 0;
  uint64_t chunks_ = 0;
  int64_t min_time_ = std::numeric_limits<int64_t>::max();
  int64_t max_time_ = std::numeric_limits<int64_t>::min();
};

}  // namespace

std::string make_ulid(int64_t time_ms, Random& random) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  time_ms = std::max<int64_t>(time_ms, 0);
  std::string out;
  for (int shift = 45; shift >= 0; shift -= 5)
    out.push_back(kDigits[static_cast<size_t>((time_ms >> shift) & 31)]);
  for (int i = 0; i < 16; ++i) out.push_back(kDigits[random.below(32)]);
  return out;
}

Result<PrometheusExport> export_prometheus_block(io::FileSystem& fs, const Block& block,
                                                 const std::string& parent, Random& random,
                                                 const std::function<void()>& on_series) {
  PrometheusExport result{.directory = make_ulid(block.meta().min_time, random)};
  const std::string target = parent + "/" + result.directory;
  Status status = Exporter(fs, block, target + ".tmp").write(result, on_series);
  if (status && result.samples == 0) {
    status = fs.remove_all(target + ".tmp");
    result.directory.clear();
  } else if (status) {
    status = fs.rename(target + ".tmp", target);
  }
  if (status) return result;
  (void)fs.remove_all(target + ".tmp");
  return in_context("exporting block " + block.meta().id(), std::move(status).error());
}

}  // namespace sightline::tsdb
