#pragma once
// A block as Prometheus writes them, to be read: index version 1 to 3, XOR and XOR2 chunks, chunks of native histograms with start
// timestamps and without, tombstones.
//   Integrity  every checksum is checked where it is met: of the index' parts when opened, of series and chunks when read.
//   Errors     kCorrupt; kUnsupported for chunks of encodings unknown here: nothing is left out in silence.
//   Threads    one owner.
//   Source     Prometheus, tsdb/docs/format/index.md, chunks.md, tombstones.md.
#include <map>

#include "io/file_system.h"
#include "tsdb/block/block_writer.h"
#include "tsdb/block/deletions.h"

namespace sightline::tsdb {

class PrometheusBlock final : public BlockSource {
 public:
  static Result<std::unique_ptr<PrometheusBlock>> open(io::FileSystem& fs,
                                                       const std::string& directory);

  Result<bool> next(model::Labels& labels) override;
  Status read_times(uint32_t number, std::vector<int64_t>& out) override;
  Status read_floats(uint32_t number, SampleColumns& out) override;
  Status read_histograms(uint32_t number, SampleColumns& out) override;
  Status read_exemplars(uint32_t number, std::vector<StoredExemplar>& out) override;

  // As its meta.json says; 0: it does not.
  uint64_t series_expected() const { return series_expected_; }

 private:
  struct Chunk {
    uint64_t ref = 0;
    int64_t min_time = 0;
    int64_t max_time = 0;
  };
  enum class Kind : uint8_t { kFloats, kHistograms };
  struct Series {
    uint64_t ref = 0;  // what tombstones name it by
    std::vector<Chunk> chunks;
  };

  PrometheusBlock() = default;
  Status load(io::FileSystem& fs, const std::string& directory);
  void load_meta(io::FileSystem& fs, const std::string& path);
  Status load_symbols(uint64_t offset);
  Status load_tombstones(std::string_view bytes);
  Result<std::string_view> symbol(uint64_t ref) const;
  Result<std::string_view> chunk(uint64_t ref) const;
  Status read_samples(uint32_t number, Kind kind, SampleColumns& out);
  Status read_entry(std::string_view body, uint64_t at, model::Labels& labels);

  std::unique_ptr<io::ReadableFile> index_;
  std::vector<std::unique_ptr<io::ReadableFile>> segments_;
  std::vector<std::string_view> symbols_;                   // from version 2 on
  std::map<uint64_t, std::string_view> symbols_by_offset_;  // version 1
  uint8_t version_ = 2;
  uint64_t series_expected_ = 0;
  uint64_t series_at_ = 0;  // where the next entry begins
  uint64_t series_end_ = 0;
  std::map<uint64_t, DeletedRanges> deleted_;  // by series
  std::vector<Series> series_;
  model::Labels previous_;  // of the series that came last
};

}  // namespace sightline::tsdb
