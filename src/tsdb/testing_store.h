#pragma once
// For tests: a Tsdb in a temporary directory, with a clock that stands still,
// that can be closed and opened again.
#include <gtest/gtest.h>

#include "io/testing_directory.h"
#include "tsdb/tsdb.h"

namespace sightline::tsdb {

inline constexpr int64_t kTestStart = 1'700'000'000'000 / kDayMs * kDayMs;  // midnight

class TestingStore {
 public:
  explicit TestingStore(TsdbOptions options = {}) : options_(std::move(options)) {
    options_.directory = directory_.path() + "/db";
    reopen();
  }

  void reopen() {
    db_.reset();
    telemetry_ = std::make_unique<Telemetry>();
    auto opened = Tsdb::open(*fs_, clock_, *telemetry_, options_);
    ASSERT_TRUE(opened) << opened.error().message;
    db_ = std::move(*opened);
  }
  void close() { db_.reset(); }
  Tsdb& db() { return *db_; }
  ManualClock& clock() { return clock_; }
  Telemetry& telemetry() { return *telemetry_; }
  io::FileSystem& fs() { return *fs_; }
  const TsdbOptions& options() const { return options_; }
  TsdbOptions& options() { return options_; }
  std::string path(const std::string& name) const { return options_.directory + "/" + name; }

  // One sample in a transaction of its own.
  Status add(const model::Labels& labels, int64_t time, double value) {
    auto appender = db_->appender();
    auto id = appender->series(labels);
    if (!id) return std::unexpected(id.error());
    if (auto status = appender->append(*id, {time}, value); !status) return status;
    return appender->commit();
  }
  Status add_exemplar(const model::Labels& labels, const model::Exemplar& exemplar) {
    auto appender = db_->appender();
    auto id = appender->series(labels);
    if (!id) return std::unexpected(id.error());
    if (auto status = appender->append_exemplar(*id, exemplar); !status) return status;
    return appender->commit();
  }

  // Everything of the one series with these labels; empty when there is none.
  SampleColumns read(const model::Labels& labels, TimeRange range = {}) {
    SampleColumns columns;
    with_series(labels, range, [&](const SeriesSet& set, size_t i) {
      const auto status = set.read(i, range, columns);
      EXPECT_TRUE(status) << status.error().message;
    });
    return columns;
  }
  std::vector<model::Exemplar> exemplars(const model::Labels& labels, TimeRange range = {}) {
    std::vector<model::Exemplar> found;
    with_series(labels, range, [&](const SeriesSet& set, size_t i) {
      EXPECT_TRUE(set.read_exemplars(i, range, found));
    });
    return found;
  }

 private:
  template <typename Visit>
  void with_series(const model::Labels& labels, TimeRange range, Visit visit) {
    std::vector<Matcher> matchers;
    for (const model::LabelView label : labels)
      matchers.push_back(
          *Matcher::create(MatchOp::kEqual, std::string(label.name), std::string(label.value)));
    auto querier = db_->querier();
    auto set = (*querier)->select(matchers, range);
    ASSERT_TRUE(set) << set.error().message;
    for (size_t i = 0; i < (*set)->size(); ++i)
      if ((*set)->labels(i) == labels) visit(**set, i);
  }

  io::TestingDirectory directory_;
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  ManualClock clock_{TimestampNs{static_cast<uint64_t>(kTestStart) * 1'000'000}};
  std::unique_ptr<Telemetry> telemetry_;
  TsdbOptions options_;
  std::unique_ptr<Tsdb> db_;
};

inline model::Exemplar test_exemplar(int64_t time, double value, uint8_t trace) {
  model::Exemplar e{.value = value, .time = {time}};
  e.trace_id.bytes[0] = 0xa0;
  e.trace_id.bytes[15] = trace;
  e.span_id.bytes[0] = 1;
  e.span_id.bytes[7] = trace;
  return e;
}

}  // namespace sightline::tsdb
