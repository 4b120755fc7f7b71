#pragma once
// The one narrow way to read traces: a trace by id, and a column scan with
// pushed-down predicates, projection and time range. Live and stored spans answer alike.
//   Snapshot   a Querier sees what was acknowledged when it was made, and goes on seeing
//              it while writes, block cutting, compaction and retention continue.
//   Threads    a Querier may be used from several threads; a RowGroup by one at a time. A scan calls back on the
//              calling thread, unless its request names a pool.
//   Unity      every trace appears in exactly one row group of a scan, whole, its rows
//              contiguous: parts that lie in several places are united first,
//              duplicates (same span id and kind) collapsed.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "model/span_batch.h"

namespace sightline {
class WorkPool;
}

namespace sightline::tracestore {

enum class AttributeScope : uint8_t { kSpan, kResource, kScope, kEvent, kLink };

// One attribute as a column: a code per row into a dictionary of values, in which
// equal ones may come several times. Code 0 means the row lacks the attribute; dictionary[0] is kEmpty.
// Values of one key may have different kinds.
struct DictionaryColumn {
  std::span<const uint32_t> codes;
  std::span<const model::ValueView> dictionary;
  const model::ValueView& at(size_t row) const { return dictionary[codes[row]]; }
};

// For events and links: row r owns the entries offsets[r] .. offsets[r+1]-1.
struct NestedColumn {
  std::span<const uint32_t> offsets;  // row_count + 1
  DictionaryColumn values;            // one code per entry
};

inline constexpr uint32_t kNoRow = UINT32_MAX;

// The rows of one trace within a row group.
struct TraceRows {
  TraceId id;
  uint32_t begin = 0;
  uint32_t count = 0;
  uint32_t root = kNoRow;  // row of the first span without parent
  TimestampNs start;       // earliest start
  TimestampNs end;         // latest end
};

// Columns of the spans of some whole traces. Spans and views live as long as the RowGroup.
class RowGroup {
 public:
  virtual ~RowGroup() = default;
  virtual uint32_t row_count() const = 0;
  virtual std::span<const TraceRows> traces() const = 0;

  virtual std::span<const SpanId> span_id() = 0;
  virtual std::span<const SpanId> parent_span_id() = 0;
  virtual std::span<const uint64_t> start_ns() = 0;
  virtual std::span<const uint64_t> duration_ns() = 0;  // 0 when the end lies before the start
  virtual std::span<const uint8_t> kind() = 0;          // model::SpanKind
  virtual std::span<const uint8_t> status() = 0;        // model::StatusCode
  // Row of the parent within the group; kNoRow for roots and for spans whose parent is not there.
  virtual std::span<const uint32_t> parent_row() = 0;
  // Nested sets over each trace's tree: descendant iff left < d.left && d.right < right.
  // Roots and spans with a missing parent start trees of their own.
  virtual std::span<const uint32_t> nested_left() = 0;
  virtual std::span<const uint32_t> nested_right() = 0;
  virtual DictionaryColumn name() = 0;
  virtual DictionaryColumn status_message() = 0;
  virtual DictionaryColumn scope_name() = 0;
  virtual DictionaryColumn scope_version() = 0;
  virtual DictionaryColumn service_name() = 0;  // resource service.name
  // kSpan, kResource, kScope.
  virtual DictionaryColumn attribute(AttributeScope scope, std::string_view key) = 0;
  // Events and links: names, times since span start (ns, kInt), linked ids (kString, hex), attributes.
  virtual NestedColumn event_name() = 0;
  virtual NestedColumn event_time_since_start() = 0;
  virtual NestedColumn link_trace_id() = 0;
  virtual NestedColumn link_span_id() = 0;
  virtual NestedColumn nested_attribute(AttributeScope scope, std::string_view key) = 0;
};

enum class ConditionOp : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kRegex,
  kExists
};
enum class Intrinsic : uint8_t {
  kNone,
  kName,
  kStatus,
  kKind,
  kDuration,
  kServiceName,
  kStatusMessage
};

// A hint: rows for which it is false need not be shown, yet may be.
struct Condition {
  Intrinsic intrinsic = Intrinsic::kNone;  // kNone: the attribute below
  std::optional<AttributeScope> scope;     // none: span, then resource
  std::string key;
  ConditionOp op = ConditionOp::kExists;
  model::ValueKind kind = model::ValueKind::kEmpty;
  std::string text;    // kString
  int64_t number = 0;  // kInt, kBool, duration ns, kind, status
  double real = 0;     // kDouble
  // kRegex: whether a text matches; empty: not known here. Safe from many threads.
  std::function<bool(std::string_view text)> matches;
  std::string literal;  // kRegex: lies in every text that matches
};

// The distinct values of one column, when they are all that is wanted.
// Who lists what there is reads at most so much of live traces, decoded, the newest first: what only older ones hold is
// listed when they have become blocks.
inline constexpr uint64_t kListedLiveBytesMax = 64u << 20;

struct Listing {
  uint64_t live_bytes_max = kListedLiveBytesMax;
  Intrinsic intrinsic = Intrinsic::kNone;
  std::optional<AttributeScope> scope;  // as of a Condition
  std::string key;
  // Handed values in any order, some several times; false: enough. Statuses and kinds come as kInt.
  std::function<bool(const model::ValueView&)> value;
};

struct ScanRequest {
  TimestampNs min{0};  // traces that overlap [min, max]
  TimestampNs max{UINT64_MAX};
  std::vector<Condition> conditions;  // traces without any row that meets them ...
  bool all_conditions = true;         // ... all (true) or any (false) may be skipped
  uint64_t rows_min = 0;              // likewise traces of fewer rows
  // Asked before traces are read that all start by `newest`: false when older ones are of no use. Empty:
  // everything is wanted.
  std::function<bool(TimestampNs newest)> wanted;
  // Without conditions: row groups whose values are known without reading them, and that lie in the range whole, are
  // not visited; the listing gets their values.
  std::optional<Listing> listing;
  // Asked between pieces of work of a few milliseconds, by any thread at work, while nothing is locked: it may wait,
  // so that other work goes first. False ends the scan. Empty: go on.
  std::function<bool()> rest;
  // Stored row groups are visited by threads of this pool and the calling one, several at once and not quite in order;
  // `wanted`, too, is asked by any of them, one at a time. Null: all by the calling thread.
  WorkPool* pool = nullptr;
};

struct KeysRequest {
  std::vector<AttributeScope> scopes;
  TimestampNs min{0};
  TimestampNs max{UINT64_MAX};
  uint64_t live_bytes_max = kListedLiveBytesMax;
  std::function<bool()>
      rest;  // as of a ScanRequest; after false the keys found so far are the answer
};

// Trace by id: the whole trace, united and free of duplicates.
class Querier {
 public:
  virtual ~Querier() = default;
  virtual Result<std::optional<model::SpanBatch>> find(const TraceId& id) const = 0;
  // Calls `visit` with row groups, or parts of stored ones, newest traces first; false stops the scan.
  // Whole row groups that cannot hold a match are never decoded.
  virtual Status scan(const ScanRequest& request,
                      const std::function<bool(RowGroup&)>& visit) const = 0;
  // Attribute keys present in the time range, sorted, of each scope asked for.
  virtual Result<std::vector<std::vector<std::string>>> attribute_keys(
      const KeysRequest& request) const = 0;
  virtual uint64_t inspected_bytes() const = 0;  // read so far through this Querier
};

class Queryable {
 public:
  virtual ~Queryable() = default;
  virtual Result<std::unique_ptr<Querier>> querier() const = 0;
};

}  // namespace sightline::tracestore
