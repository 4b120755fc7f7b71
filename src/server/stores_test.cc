// Promise P1 over both real stores: whatever exemplar can be queried leads to its whole trace, through cuts, mergers,
// retention of either store, restarts and crashes. A failure prints its seed; SIGHTLINE_SEED replays it.
#include "server/stores.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "base/log.h"
#include "base/random.h"
#include "io/testing_directory.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::server {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimestampNs kStart{1'700'000'000'000'000'000};
constexpr auto kTraceRetention = hours(2);
constexpr int kRoundsForEverything = 600;  // of maintenance, until it looks after pins, too

class PromiseOne {
 public:
  explicit PromiseOne(uint64_t seed) : random_(seed), clock_(kStart) { open(); }

  void step() {
    switch (random_.below(24)) {
      case 0: restart(); break;
      case 1: crash(); break;
      case 2:
      case 3: pass(minutes(random_.below(20)), 3); break;
      case 4: pass(hours(1 + random_.below(4)), 61); break;
      case 5: pass(hours(2 + random_.below(12)), kRoundsForEverything); break;
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
      case 11: append_exemplar(); break;
      default: append_spans(); break;
    }
    if (random_.below(4) == 0) check();
  }

  void finish() {
    pass(hours(3), kRoundsForEverything);
    check();
    EXPECT_GT(exemplars_seen_, 0u);
    EXPECT_GT(telemetry_.counter_total("tempodb_retention_deleted_total"), 0u);
    // Days later old exemplars are gone (the metrics store counts its retention from the newest sample), and so are the
    // pins and the traces that were there for them.
    const uint64_t before = spans_.size();
    for (int i = 0; i < 5; ++i) {
      append_exemplar();
      pass(hours(30), kRoundsForEverything);
    }
    const uint64_t left = check();
    EXPECT_LT(left, 10u);
    EXPECT_LE(stores_->traces()->stats().pinned_traces, left);
    EXPECT_LT(stores_->traces()->stats().block_traces, before / 2);
  }

 private:
  void open() {
    stores_.reset();
    config_ = {};
    config_.server.data_dir = data_;
    config_.tempo.emplace();
    config_.tempo->compaction.block_retention = kTraceRetention;
    config_.tempo->cutting.max_block_duration = minutes(5);
    config_.prometheus.emplace();
    config_.prometheus->storage.retention_time = hours(48);
    auto opened = Stores::open(config_, false, *fs_, clock_, telemetry_, replay_);
    ASSERT_TRUE(opened) << opened.error().message;
    stores_ = std::move(*opened);
  }

  void restart() { open(); }

  // What is on disk at this moment is all that the next process has.
  void crash() {
    const std::string image = directory_.path() + "/data" + std::to_string(++images_);
    std::filesystem::copy(data_, image, std::filesystem::copy_options::recursive);
    stores_.reset();
    std::filesystem::remove_all(data_);
    data_ = image;
    open();
  }

  void pass(std::chrono::nanoseconds time, int rounds) {
    clock_.advance(time);
    for (int i = 0; i < rounds; ++i) stores_->maintain();
  }

  TraceId new_id() {
    TraceId id;
    for (auto& byte : id.bytes) byte = static_cast<uint8_t>(random_.next());
    id.bytes[0] |= 1;
    return id;
  }

  // One of the last minutes, or a new one.
  TraceId some_trace() {
    while (!recent_.empty() &&
           clock_.now().value - recent_.front().second.value >
               static_cast<uint64_t>(std::chrono::nanoseconds(minutes(30)).count()))
      recent_.erase(recent_.begin());
    if (recent_.empty() || random_.below(3) == 0) recent_.emplace_back(new_id(), clock_.now());
    return recent_[random_.below(recent_.size())].first;
  }

  void append_spans() {
    const TraceId trace = some_trace();
    model::SpanBatch batch;
    batch.resources.emplace_back();
    batch.scopes.emplace_back();
    for (uint64_t i = 0, n = 1 + random_.below(5); i < n; ++i) {
      model::SpanView span;
      span.trace_id = trace;
      for (auto& byte : span.span_id.bytes) byte = static_cast<uint8_t>(random_.next());
      span.span_id.bytes[0] |= 1;
      span.name = "operation";
      span.start = clock_.now();
      span.end = {clock_.now().value + 1'000'000};
      batch.spans.push_back(span);
    }
    auto decoded = wire::otlp::decode_traces(
        std::make_shared<const std::string>(wire::otlp::encode_traces(batch)));
    ASSERT_TRUE(decoded);
    ASSERT_TRUE(stores_->traces()->append(decoded->batch));
    for (const auto& span : batch.spans) spans_[trace].insert(span.span_id);
  }

  // Of a trace that is there, in parts, or yet to come.
  void append_exemplar() {
    clock_.advance(seconds(1));  // each is newer than the last of its series
    auto appender = stores_->metrics()->appender();
    model::LabelsBuilder labels;
    labels.set(model::kMetricName, "calls_total").set("op", std::to_string(random_.below(3)));
    const auto series = appender->series(labels.build());
    ASSERT_TRUE(series);
    ASSERT_TRUE(appender->append(*series, clock_.now_ms(), static_cast<double>(++samples_)));
    model::Exemplar exemplar;
    exemplar.trace_id = some_trace();
    exemplar.value = 1;
    exemplar.time = clock_.now_ms();
    ASSERT_TRUE(appender->append_exemplar(*series, exemplar));
    ASSERT_TRUE(appender->commit());
  }

  // How many exemplars there are.
  uint64_t check() {
    const auto metrics = stores_->metrics()->querier();
    EXPECT_TRUE(metrics);
    const tsdb::TimeRange always{TimestampMs{0}, TimestampMs{INT64_MAX / 4}};
    const auto series = (*metrics)->select({}, always);
    EXPECT_TRUE(series) << series.error().message;
    std::vector<model::Exemplar> exemplars;
    for (size_t i = 0; i < (*series)->size(); ++i)
      EXPECT_TRUE((*series)->read_exemplars(i, always, exemplars));
    const auto traces = stores_->traces()->querier();
    for (const model::Exemplar& exemplar : exemplars) {
      const auto& expected = spans_[exemplar.trace_id];
      if (expected.empty()) continue;  // yet to come
      const auto found = (*traces)->find(exemplar.trace_id);
      EXPECT_TRUE(found && *found) << to_hex(exemplar.trace_id) << " is gone";
      if (!found || !*found) return exemplars.size();
      std::set<SpanId> shown;
      for (const auto& span : (*found)->spans) shown.insert(span.span_id);
      EXPECT_EQ(shown, expected) << to_hex(exemplar.trace_id) << " is not whole";
    }
    exemplars_seen_ += exemplars.size();
    return exemplars.size();
  }

  io::TestingDirectory directory_;
  std::string data_ = directory_.path() + "/data0";
  int images_ = 0;
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  config::SightlineConfig config_;  // outlives the stores
  Random random_;
  ManualClock clock_;
  Telemetry telemetry_;
  ReplayProgress replay_;
  std::unique_ptr<Stores> stores_;
  std::vector<std::pair<TraceId, TimestampNs>> recent_;
  std::map<TraceId, std::set<SpanId>> spans_;
  uint64_t samples_ = 0;
  uint64_t exemplars_seen_ = 0;
};

TEST(Stores, EveryExemplarThatCanBeQueriedHasItsWholeTrace) {
  spdlog::set_level(spdlog::level::warn);
  uint64_t first = 1, count = 4;
  if (const char* seed = std::getenv("SIGHTLINE_SEED"))
    first = std::strtoull(seed, nullptr, 10), count = 1;
  if (const char* n = std::getenv("SIGHTLINE_SEEDS")) count = std::strtoull(n, nullptr, 10);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("SIGHTLINE_SEED=" + std::to_string(seed));
    PromiseOne promise(seed);
    for (int i = 0; i < 150 && !::testing::Test::HasFailure(); ++i) promise.step();
    if (!::testing::Test::HasFailure()) promise.finish();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sightline::server
