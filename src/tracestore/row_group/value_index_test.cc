// What is read before any row group: the value index, filters, and what scans skip by them.
#include "tracestore/row_group/value_index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/work_pool.h"
#include "io/testing_directory.h"
#include "tracestore/codec/value_column.h"
#include "tracestore/row_group/value_filter.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {
namespace {

using model::ValueView;
using testing::SpanSource;

constexpr TimestampNs kNow{1'700'000'000'000'000'000};

std::string encoded(const ValueView& value) {
  std::string bytes;
  append_value(bytes, value);
  return bytes;
}

TEST(ValueFilter, HoldsWhatWasPutInAndLittleElse) {
  const ColumnId column{ColumnScope::kSpan, "user.id"};
  std::vector<uint64_t> hashes;
  std::vector<std::string> users;
  for (int i = 0; i < 5000; ++i) users.push_back("user-" + std::to_string(i));
  for (const std::string& user : users)
    hashes.push_back(value_hash(column, ValueView::of_string(user)));
  const std::string filter = make_value_filter(hashes);
  for (const uint64_t hash : hashes) EXPECT_TRUE(filter_may_hold(filter, hash));
  int mistaken = 0;
  for (const std::string& user : users)
    mistaken += filter_may_hold(filter, value_hash(column, ValueView::of_string(user + "x")));
  EXPECT_LT(mistaken, 200);
  EXPECT_TRUE(filter_may_hold({}, 1));
}

TEST(ValueFilter, NumbersThatAreEqualHaveOneHash) {
  const ColumnId column{ColumnScope::kSpan, "n"};
  EXPECT_EQ(value_hash(column, ValueView::of_int(5)), value_hash(column, ValueView::of_double(5)));
  EXPECT_EQ(value_hash(column, ValueView::of_int(0)),
            value_hash(column, ValueView::of_double(-0.0)));
  EXPECT_NE(value_hash(column, ValueView::of_int(5)), value_hash(column, ValueView::of_bool(true)));
  EXPECT_NE(value_hash(column, ValueView::of_int(5)),
            value_hash({ColumnScope::kResource, "n"}, ValueView::of_int(5)));
}

TEST(ValueIndex, GivesBackWhichRowGroupsHoldWhat) {
  Random random(1);
  ValueIndexBuilder builder;
  constexpr size_t kRowGroups = 21;
  std::vector<std::map<std::string, std::set<std::string>>> made(kRowGroups);
  for (auto& of_group : made) {
    RowGroupValues values;
    RowGroupValueList list(values);
    for (const std::string key : {"a", "b", "c"}) {
      if (random.below(3) == 0) continue;
      for (uint64_t n = 1 + random.below(9); n > 0; --n) {
        const auto value = ValueView::of_int(static_cast<int64_t>(random.below(12)));
        list.add({ColumnScope::kEvent, key}, {&value, 1});
        of_group[key].insert(encoded(value));
      }
    }
    list.finish();
    EXPECT_TRUE(list.hashes().empty());
    builder.add(values);
  }
  const std::string bytes = builder.finish();
  const auto index = ValueIndex::open(bytes, kRowGroups);
  ASSERT_TRUE(index) << index.error().message;
  for (const std::string key : {"a", "b", "c"}) {
    const auto column = index->find({ColumnScope::kEvent, key});
    ASSERT_TRUE(column && *column);
    for (size_t i = 0; i < kRowGroups; ++i) {
      EXPECT_EQ((*column)->present.has(i), made[i].contains(key));
      std::set<std::string> there;
      for (const auto& [value, in] : (*column)->values)
        if (in.has(i)) there.insert(encoded(value));
      EXPECT_EQ(there, made[i][key]);
    }
  }
  EXPECT_FALSE((*index->find({ColumnScope::kSpan, "a"})).has_value());
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(ValueIndex::open(std::string_view(bytes).substr(0, cut), kRowGroups)) << cut;
}

TEST(ValueIndex, ManyValuesGoToTheFilter) {
  RowGroupValues values;
  RowGroupValueList list(values);
  const ColumnId column{ColumnScope::kSpan, "id"};
  for (int64_t i = 0; i < 3000; ++i) {
    const auto value = ValueView::of_int(i);
    list.add(column, {&value, 1});
  }
  list.finish();
  ASSERT_EQ(values.columns.size(), 1u);
  EXPECT_FALSE(values.columns[0].listed);
  const std::string filter = make_value_filter(list.hashes());
  for (int64_t i = 0; i < 3000; ++i)
    EXPECT_TRUE(filter_may_hold(filter, value_hash(column, ValueView::of_int(i))));
}

// A store of several blocks and row groups, and everything in it, known.
struct Filled {
  explicit Filled(uint64_t seed) : source(seed) {
    TraceStoreOptions options;
    options.wal_directory = directory.path() + "/wal";
    options.blocks_directory = directory.path() + "/blocks";
    options.row_group_rows = 64;
    options.compaction_inputs_min = 100;
    options.decode = testing::decode;
    options.encode = testing::encode;
    store = *TraceStore::open(*fs, clock, telemetry, options);
    for (int block = 0; block < 3; ++block) {
      std::vector<TraceId> ids;
      for (int i = 0; i < 30; ++i) ids.push_back(source.trace_id());
      EXPECT_TRUE(store->append(source.batch(ids, 400, {kNow.value + block * 1'000'000'000ull})));
      EXPECT_TRUE(store->flush());
    }
  }
  SpanSource source;
  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{kNow};
  Telemetry telemetry;
  std::unique_ptr<TraceStore> store;
};

// The values that a scan shows of a column, and the traces that have each.
std::map<std::string, std::set<TraceId>> shown_values(const Querier& querier, AttributeScope scope,
                                                      const std::string& key) {
  std::map<std::string, std::set<TraceId>> found;
  EXPECT_TRUE(querier.scan({}, [&](RowGroup& group) {
    const auto column = group.attribute(scope, key);
    for (const TraceRows& trace : group.traces())
      for (uint32_t row = trace.begin; row < trace.begin + trace.count; ++row)
        if (column.codes[row] != 0) found[encoded(column.at(row))].insert(trace.id);
    return true;
  }));
  return found;
}

TEST(ValueIndex, ScansSkipNothingThatMatches) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    SCOPED_TRACE(seed);
    const Filled filled(seed);
    const auto querier = filled.store->querier();
    for (const AttributeScope scope : {AttributeScope::kSpan, AttributeScope::kResource}) {
      const auto keys = (*querier)->attribute_keys({{scope}});
      ASSERT_TRUE(keys);
      ASSERT_FALSE(keys->front().empty());
      for (const std::string& key : keys->front()) {
        for (const auto& [bytes, traces] : shown_values(**querier, scope, key)) {
          ByteReader in(bytes);
          const ValueView value = read_value(in);
          if (value.kind == model::ValueKind::kDouble && std::isnan(value.double_value)) continue;
          ScanRequest request;
          Condition condition{.scope = scope, .key = key, .op = ConditionOp::kEqual};
          condition.kind = value.kind;
          condition.text = value.bytes;
          condition.number = value.int_value;
          condition.real = value.double_value;
          request.conditions.push_back(condition);
          std::set<TraceId> visited;
          ASSERT_TRUE((*querier)->scan(request, [&](RowGroup& group) {
            for (const TraceRows& trace : group.traces()) visited.insert(trace.id);
            return true;
          }));
          EXPECT_TRUE(std::ranges::includes(visited, traces)) << key;
        }
      }
    }
  }
}

TEST(ValueIndex, ListingsHaveEveryValueThatRowsShow) {
  const Filled filled(7);
  const auto querier = filled.store->querier();
  for (const AttributeScope scope : {AttributeScope::kSpan, AttributeScope::kResource}) {
    const auto keys = (*querier)->attribute_keys({{scope}});
    ASSERT_TRUE(keys);
    for (const std::string& key : keys->front()) {
      std::set<std::string> expected, listed;
      for (const auto& [value, traces] : shown_values(**querier, scope, key))
        expected.insert(value);
      uint64_t visits = 0;
      ScanRequest request;
      request.listing = Listing{.scope = scope, .key = key, .value = [&](const ValueView& value) {
                                  listed.insert(encoded(value));
                                  return true;
                                }};
      ASSERT_TRUE((*querier)->scan(request, [&](RowGroup&) {
        ++visits;
        return true;
      }));
      // Rows show the first of a key's values; the index knows of those that repeat it, too.
      EXPECT_TRUE(std::ranges::includes(listed, expected)) << key;
      EXPECT_EQ(visits, 0u) << key;
    }
  }
}

TEST(SnapshotScan, ShowsTheSameOnManyThreads) {
  const Filled filled(9);
  WorkPool pool({.thread_count = 4});
  const auto querier = filled.store->querier();
  const auto traces_of = [&](WorkPool* with) {
    std::multiset<TraceId> traces;
    std::mutex mutex;
    ScanRequest request;
    request.pool = with;
    EXPECT_TRUE((*querier)->scan(request, [&](RowGroup& group) {
      const std::lock_guard lock(mutex);
      for (const TraceRows& trace : group.traces()) traces.insert(trace.id);
      return true;
    }));
    return traces;
  };
  EXPECT_EQ(traces_of(nullptr), traces_of(&pool));
  // False ends the scan, whoever says it.
  std::atomic<uint64_t> visits{0};
  ScanRequest request;
  request.pool = &pool;
  ASSERT_TRUE((*querier)->scan(request, [&](RowGroup&) { return ++visits < 3; }));
  EXPECT_LE(visits.load(), 3u + pool.thread_count());
}

}  // namespace
}  // namespace sightline::tracestore
