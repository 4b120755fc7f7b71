// The store against a plain map, over random schedules of appends, cuts, mergers, restarts,
// retention and pins. A failure prints its seed; SIGHTLINE_SEED replays it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "io/testing_directory.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::SpanSource;

constexpr TimestampNs kStart{1'700'000'000'000'000'000};
constexpr auto kRetention = minutes(60);

using SpanKey = std::pair<SpanId, model::SpanKind>;
struct ModelSpan {
  std::vector<std::string> contents;  // in order of arrival; the first counts
  TimestampNs received;               // the first
  TimestampNs last_received;
};
struct ModelTrace {
  std::map<SpanKey, ModelSpan> spans;
  bool pinned = false;
  bool ever_pinned = false;  // may stay in a pinned block until half of that is unpinned
  bool pinned_whole = true;  // pinned since before anything could expire
};

class Simulation {
 public:
  // Every other seed keeps its blocks in object storage.
  explicit Simulation(uint64_t seed) : source_(seed), random_(seed * 7919 + 1), clock_(kStart) {
    if (seed % 2 == 0) objects_ = io::make_local_object_store(*fs_, directory_.path() + "/bucket");
    open();
  }

  void step() {
    switch (random_.below(20)) {
      case 0: open(); break;
      case 1: ASSERT_TRUE(store_->flush()); break;
      case 2:
      case 3:
      case 4: ASSERT_TRUE(maintain()); break;
      case 5: clock_.advance(seconds(random_.below(20))); break;
      case 6:
        clock_.advance(minutes(random_.below(12)));
        ASSERT_TRUE(maintain());
        break;
      case 7: pin(); break;
      case 8: unpin(); break;
      case 9: check_scan(); break;
      case 10:
      case 11: check_find(); break;
      case 12: hold_snapshot(); break;
      default: append(); break;
    }
  }

  void finish() {
    check_scan();
    release_snapshot();
    for (const auto& [id, trace] : model_) check_trace(id, found(id));
    // Long after, only pinned traces are left.
    ASSERT_TRUE(store_->flush());
    if (objects_) {
      ASSERT_TRUE(store_->archive_everything());
    }
    clock_.advance(kRetention * 3);
    ASSERT_TRUE(maintain());
    ASSERT_TRUE(maintain());
    open();
    for (const auto& [id, trace] : model_) {
      if (trace.pinned && trace.pinned_whole) check_trace(id, found(id));
      EXPECT_TRUE(trace.ever_pinned || !found(id)) << to_hex(id);
    }
    // The schedule went everywhere it should.
    for (const char* counter :
         {"tempo_ingester_blocks_flushed_total", "tempodb_compaction_blocks_total",
          "tempodb_retention_deleted_total"})
      EXPECT_GT(telemetry_.counter_total(counter), 0u) << counter;
    for (auto& [id, trace] : model_) store_->unpin(id);
    ASSERT_TRUE(maintain());
    EXPECT_EQ(store_->stats().block_count, 0u);
    EXPECT_EQ(store_->stats().live_spans, 0u);
  }

 private:
  void open() {
    release_snapshot();
    store_.reset();
    TraceStoreOptions o;
    o.wal_directory = directory_.path() + "/wal";
    o.blocks_directory = directory_.path() + "/blocks";
    o.wal_segment_bytes = 16 << 10;
    o.cut_bytes_min = 4 << 10;
    o.row_group_rows = random_.below(2) == 0 ? 40 : 2'000;  // of several pages, too
    o.hot_bytes_max = random_.below(2) == 0
                          ? 20'000
                          : 0;  // nearly all batches are read back from the WAL, or none
    o.max_block_duration = minutes(2);
    o.compaction_inputs_min = 3;
    o.block_retention = kRetention;
    o.objects = objects_;
    o.upload_bytes_min = 20'000;
    o.upload_after = minutes(2);
    o.cache_bytes_max = random_.below(2) == 0 ? 30'000 : 1 << 20;
    o.decode = testing::decode;
    o.encode = testing::encode;
    auto opened = TraceStore::open(*fs_, clock_, telemetry_, o);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  Status maintain() {
    if (auto status = store_->maintain(); !status) return status;
    return objects_ ? store_->archive() : Status{};
  }

  TraceId some_trace() {
    if (ids_.empty() || random_.below(4) == 0) ids_.push_back(source_.trace_id());
    const size_t recent =
        std::min<size_t>(ids_.size(), 1 + random_.below(random_.below(5) == 0 ? ids_.size() : 12));
    return ids_[ids_.size() - recent];
  }

  void append() {
    std::vector<TraceId> traces;
    for (uint64_t i = 0, n = 1 + random_.below(5); i < n; ++i) traces.push_back(some_trace());
    const auto batch = source_.batch(traces, 1 + random_.below(25), clock_.now());
    ASSERT_TRUE(store_->append(batch));
    for (const auto& span : batch->spans) {
      auto [entry, is_new] = model_[span.trace_id].spans.try_emplace({span.span_id, span.kind});
      if (is_new) entry->second.received = clock_.now();
      entry->second.last_received = clock_.now();
      entry->second.contents.push_back(testing::canonical(*batch, span));
    }
  }

  bool is_young(TimestampNs received) const {
    return clock_.now().value - received.value <=
           static_cast<uint64_t>(std::chrono::nanoseconds(kRetention).count());
  }

  void pin() {
    const TraceId id = some_trace();
    store_->pin(id);
    ModelTrace& trace = model_[id];
    if (trace.pinned) return;
    trace.pinned = trace.ever_pinned = true;
    for (const auto& [key, span] : trace.spans) trace.pinned_whole &= is_young(span.received);
  }

  void unpin() {
    const TraceId id = some_trace();
    store_->unpin(id);
    model_[id].pinned = false;
  }

  std::optional<model::SpanBatch> found(const TraceId& id) {
    auto querier = store_->querier();
    auto result = (*querier)->find(id);
    EXPECT_TRUE(result) << result.error().message;
    return std::move(*result);
  }

  void check_find() {
    const TraceId id = some_trace();
    check_trace(id, found(id));
  }

  void check_trace(const TraceId& id, const std::optional<model::SpanBatch>& batch) {
    const ModelTrace& trace = model_[id];
    std::set<SpanKey> seen;
    if (batch) {
      for (const auto& span : batch->spans) {
        ASSERT_EQ(span.trace_id, id);
        ASSERT_TRUE(seen.insert({span.span_id, span.kind}).second) << "a span twice";
        const auto expected = trace.spans.find({span.span_id, span.kind});
        ASSERT_NE(expected, trace.spans.end());
        const auto content = testing::canonical(*batch, span);
        const auto& contents = expected->second.contents;
        const auto last =
            is_young(expected->second.received) ? contents.begin() + 1 : contents.end();
        ASSERT_NE(std::find(contents.begin(), last, content), last);
      }
    }
    for (const auto& [key, span] : trace.spans) {
      const bool must_be_there =
          is_young(span.last_received) || (trace.pinned && trace.pinned_whole);
      ASSERT_TRUE(!must_be_there || seen.contains(key))
          << to_hex(id) << " lacks " << to_hex(key.first);
    }
  }

  void check_scan() {
    auto querier = store_->querier();
    std::set<TraceId> seen;
    ASSERT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
      for (const TraceRows& trace : group.traces()) {
        EXPECT_TRUE(seen.insert(trace.id).second) << "trace shown twice: " << to_hex(trace.id);
        const auto whole = (*querier)->find(trace.id);
        check_rows(group, trace, **whole);
      }
      return true;
    }));
    for (const auto& [id, trace] : model_) {
      const bool young = std::any_of(trace.spans.begin(), trace.spans.end(),
                                     [&](const auto& s) { return is_young(s.second.received); });
      EXPECT_TRUE(!young || seen.contains(id)) << to_hex(id);
    }
  }

  static bool same(const model::ValueView& shown, const model::ValueView* expected) {
    return shown == (expected == nullptr ? model::ValueView{} : *expected);
  }

  static void check_rows(RowGroup& group, const TraceRows& trace, const model::SpanBatch& whole) {
    ASSERT_EQ(whole.spans.size(), trace.count);
    for (uint32_t i = 0; i < trace.count; ++i) {
      const uint32_t row = trace.begin + i;
      const model::SpanView& span = whole.spans[i];
      ASSERT_EQ(group.span_id()[row], span.span_id);
      ASSERT_EQ(group.parent_span_id()[row], span.parent_span_id);
      ASSERT_EQ(group.start_ns()[row], span.start.value);
      ASSERT_EQ(group.duration_ns()[row], span.duration_ns());
      ASSERT_EQ(group.kind()[row], static_cast<uint8_t>(span.kind));
      ASSERT_EQ(group.status()[row], static_cast<uint8_t>(span.status));
      ASSERT_EQ(group.name().at(row).bytes, span.name);
      ASSERT_EQ(group.status_message().at(row).bytes, span.status_message);
      ASSERT_EQ(group.scope_name().at(row).bytes, whole.scope_of(span).name);
      ASSERT_EQ(group.service_name().at(row).bytes, whole.service_name(span));
      for (const char* key : {"attr1", "attr5", "missing"})
        ASSERT_TRUE(same(group.attribute(AttributeScope::kSpan, key).at(row),
                         whole.find(span.attributes, key)));
      ASSERT_TRUE(same(group.attribute(AttributeScope::kResource, "res2").at(row),
                       whole.find(whole.resource_of(span).attributes, "res2")));
      const uint32_t parent = group.parent_row()[row];
      if (parent != kNoRow) {
        ASSERT_EQ(group.span_id()[parent], span.parent_span_id);
        ASSERT_LT(group.nested_left()[parent], group.nested_left()[row]);
        ASSERT_GT(group.nested_right()[parent], group.nested_right()[row]);
      }
      const NestedColumn names = group.event_name();
      const NestedColumn attributes = group.nested_attribute(AttributeScope::kEvent, "ev1");
      ASSERT_EQ(names.offsets[row + 1] - names.offsets[row], span.events.count);
      for (uint32_t e = 0; e < span.events.count; ++e) {
        const model::EventView& event = whole.events_of(span)[e];
        ASSERT_EQ(names.values.at(names.offsets[row] + e).bytes, event.name);
        ASSERT_TRUE(same(attributes.values.at(names.offsets[row] + e),
                         whole.find(event.attributes, "ev1")));
        ASSERT_EQ(group.event_time_since_start().values.at(names.offsets[row] + e).int_value,
                  static_cast<int64_t>(event.time.value - span.start.value));
      }
      const NestedColumn links = group.link_trace_id();
      for (uint32_t l = 0; l < span.links.count; ++l)
        ASSERT_EQ(links.values.at(links.offsets[row] + l).bytes,
                  to_hex(whole.links_of(span)[l].trace_id));
    }
  }

  // Takes a snapshot, notes what it says, and looks again steps later.
  void hold_snapshot() {
    release_snapshot();
    held_ = std::move(*store_->querier());
    for (int i = 0; i < 5 && !ids_.empty(); ++i) {
      const TraceId id = some_trace();
      const auto found_now = held_->find(id);
      held_contents_[id] =
          *found_now ? testing::canonical(**found_now) : std::vector<std::string>();
    }
  }

  void release_snapshot() {
    for (const auto& [id, content] : held_contents_) {
      const auto found_then = held_->find(id);
      EXPECT_EQ(*found_then ? testing::canonical(**found_then) : std::vector<std::string>(),
                content)
          << "snapshot changed";
    }
    held_contents_.clear();
    held_.reset();
  }

  io::TestingDirectory directory_;
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  std::shared_ptr<io::ObjectStore> objects_;  // null: none
  SpanSource source_;
  Random random_;
  ManualClock clock_;
  Telemetry telemetry_;
  std::unique_ptr<TraceStore> store_;
  std::unique_ptr<Querier> held_;
  std::map<TraceId, std::vector<std::string>> held_contents_;
  std::vector<TraceId> ids_;
  std::map<TraceId, ModelTrace> model_;
};

TEST(TraceStoreModel, AnyScheduleAnswersLikeAPlainMap) {
  spdlog::set_level(spdlog::level::warn);
  uint64_t first = 1, count = 6;
  if (const char* seed = std::getenv("SIGHTLINE_SEED"))
    first = std::strtoull(seed, nullptr, 10), count = 1;
  if (const char* n = std::getenv("SIGHTLINE_SEEDS")) count = std::strtoull(n, nullptr, 10);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("SIGHTLINE_SEED=" + std::to_string(seed));
    Simulation simulation(seed);
    for (int i = 0; i < 250 && !::testing::Test::HasFailure(); ++i) simulation.step();
    if (!::testing::Test::HasFailure()) simulation.finish();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sightline::tracestore
