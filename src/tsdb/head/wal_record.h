#pragma once
// What one log record holds: a commit (or several, written together), with
// the series it names for the first time, samples, exemplars, metadata and deletes.
//   Format  docs/formats/tsdb_wal.md
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"
#include "tsdb/block/exemplar_column.h"
#include "tsdb/codec/chunk.h"

namespace sightline::tsdb {

inline constexpr uint8_t kWalCommit = 1;  // record type in io::RecordLog

struct WalSeries {
  uint64_t number = 0;
  std::string_view packed_labels;
};
struct WalSample {
  uint64_t number = 0;
  int64_t time = 0;
  int64_t created = 0;  // 0: unknown
  double value = 0;
  HistogramPtr histogram;  // null: a float
};
struct WalExemplar {
  uint64_t number = 0;
  StoredExemplar exemplar;
};
// What the series held then in [min, max] is deleted.
struct WalDeletion {
  uint64_t number = 0;
  int64_t min = 0;
  int64_t max = 0;
};
struct WalMetadata {
  std::string_view metric;
  model::MetricMetadata metadata;
};

// Writes entries one after the other; the same writer is reused, its memory kept.
class WalWriter {
 public:
  void begin(uint64_t commit);
  // Makes room for about as many samples.
  void expect(size_t samples);
  void add(const WalSeries& series);
  void add_sample(uint64_t number, int64_t time, int64_t created, double value,
                  const model::Histogram* histogram);
  void add_exemplar(uint64_t number, const StoredExemplar& exemplar);
  void add(const WalMetadata& metadata);
  // Of one range, all series.
  void add_deletion(int64_t min, int64_t max, std::span<const uint64_t> numbers);
  std::string_view bytes() const { return bytes_; }
  int64_t max_time() const { return max_time_; }  // of samples and exemplars, INT64_MIN when none

 private:
  void add_float(uint8_t tag, uint64_t number, int64_t time, int64_t created, double value);

  std::string bytes_;
  uint64_t previous_number_ = 0;
  int64_t previous_time_ = 0;
  int64_t max_time_ = INT64_MIN;
};

// What reading a record calls, in the order written. Views die with the record.
struct WalVisitor {
  std::function<Status(uint64_t commit)> on_commit;
  std::function<Status(const WalSeries&)> on_series;
  std::function<Status(std::span<WalSample>)> on_samples;  // that follow each other
  std::function<Status(const WalExemplar&)> on_exemplar;
  std::function<Status(const WalMetadata&)> on_metadata;
  std::function<Status(const WalDeletion&)> on_deletion;
};
// kCorrupt, naming the offset, when the payload does not check.
Status read_wal_record(std::string_view payload, const WalVisitor& visitor);

}  // namespace sightline::tsdb
