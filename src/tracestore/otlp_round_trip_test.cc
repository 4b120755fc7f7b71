// Nothing of an OTLP request is lost or changed: random requests, as protobuf and as JSON, through the real codec, the WAL,
// live traces, blocks, mergers, object storage and restarts, and every span with its scope and resource comes back byte for
// byte. A failure prints its seed; SIGHTLINE_SEED replays it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "io/testing_directory.h"
#include "tracestore/testing_otlp.h"
#include "tracestore/trace_store.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"
#include "wire/otlp/encode_traces_json.h"

namespace sightline::tracestore {
namespace {

using testing::MadeRequest;
using testing::OtlpSource;
using testing::RequestParts;
using testing::StoredSpan;

class RoundTrip {
 public:
  explicit RoundTrip(uint64_t seed) : source_(seed), random_(seed ^ 0xabcdef) {
    if (seed % 2 == 0) objects_ = io::make_local_object_store(*fs_, directory_.path() + "/bucket");
    open();
  }

  void run() {
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 6; ++i) append();
      check("live");
      if (random_.below(2) == 0) {
        open();
        check("replayed");
      }
      ASSERT_TRUE(store_->flush());
      check("in blocks");
      ASSERT_TRUE(store_->maintain());
      if (objects_) {
        ASSERT_TRUE(store_->archive_everything());
      }
      check("merged");
    }
    open();
    check("after a restart");
    EXPECT_GT(telemetry_.counter_total("tempodb_compaction_bytes_written_total"), 0u);
  }

 private:
  void open() {
    store_.reset();
    TraceStoreOptions o;
    o.wal_directory = directory_.path() + "/wal";
    o.blocks_directory = directory_.path() + "/blocks";
    o.hot_bytes_max =
        random_.below(2) == 0 ? 1 : 0;  // everything is read back from the WAL, or nothing
    o.row_group_rows = random_.below(2) == 0 ? 10 : 2'000;
    o.compaction_inputs_min = 2;
    o.objects = objects_;
    o.decode = [](std::shared_ptr<const std::string> bytes)
        -> Result<std::shared_ptr<const model::SpanBatch>> {
      auto decoded = wire::otlp::decode_traces(std::move(bytes));
      if (!decoded) return std::unexpected(std::move(decoded).error());
      return decoded->batch;
    };
    o.encode = [](const model::SpanBatch& batch) { return wire::otlp::encode_traces(batch); };
    auto opened = TraceStore::open(*fs_, clock_, telemetry_, o);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  void append() {
    const MadeRequest made = source_.request();
    const auto decoded =
        random_.below(2) == 0
            ? wire::otlp::decode_traces(std::make_shared<const std::string>(made.request.protobuf))
            : wire::otlp::decode_traces_json(made.request.json);
    ASSERT_TRUE(decoded) << decoded.error().message << "\n" << made.request.json;
    ASSERT_EQ(decoded->rejected_spans(), 0u) << decoded->rejection_message();
    ASSERT_TRUE(store_->append(decoded->batch));
    for (const auto& span : made.spans)  // of duplicates the first counts
      expected_[span.trace].try_emplace({span.id, span.kind}, span.stored);
  }

  void check(std::string_view when) {
    if (::testing::Test::HasFailure()) return;
    const auto querier = store_->querier();
    for (const auto& [trace, spans] : expected_) {
      const auto found = (*querier)->find(trace);
      ASSERT_TRUE(found && *found) << when << ": " << to_hex(trace);
      std::multiset<StoredSpan> wanted;
      for (const auto& [key, span] : spans) wanted.insert(span);
      expect_same(RequestParts::of(wire::otlp::encode_traces(**found)), wanted, when);
      const auto again = wire::otlp::transcode_traces_json(wire::otlp::encode_traces_json(**found));
      ASSERT_TRUE(again) << when << ": " << again.error().message;
      expect_same(RequestParts::of(*again), wanted, std::string(when) + ", as JSON");
    }
  }

  static void expect_same(const std::multiset<StoredSpan>& got,
                          const std::multiset<StoredSpan>& wanted, std::string_view when) {
    if (got == wanted) return;
    const auto [g, w] = std::mismatch(got.begin(), got.end(), wanted.begin(), wanted.end());
    ADD_FAILURE() << when << ": " << got.size() << " spans, " << wanted.size()
                  << " wanted; the first that differs";
    if (g != got.end() && w != wanted.end()) {
      EXPECT_EQ(std::get<0>(*g), std::get<0>(*w));
      EXPECT_EQ(std::get<1>(*g), std::get<1>(*w));
      EXPECT_EQ(std::get<2>(*g), std::get<2>(*w));
    }
  }

  io::TestingDirectory directory_;
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  std::shared_ptr<io::ObjectStore> objects_;
  OtlpSource source_;
  Random random_;
  ManualClock clock_{{1'700'000'000'000'000'000}};
  Telemetry telemetry_;
  std::unique_ptr<TraceStore> store_;
  std::map<TraceId, std::map<std::pair<SpanId, uint64_t>, StoredSpan>> expected_;
};

TEST(OtlpRoundTrip, EverySpanComesBackByteForByte) {
  spdlog::set_level(spdlog::level::warn);
  uint64_t first = 1, count = 12;
  if (const char* seed = std::getenv("SIGHTLINE_SEED"))
    first = std::strtoull(seed, nullptr, 10), count = 1;
  if (const char* n = std::getenv("SIGHTLINE_SEEDS")) count = std::strtoull(n, nullptr, 10);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("SIGHTLINE_SEED=" + std::to_string(seed));
    RoundTrip(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sightline::tracestore
