#pragma once
// Which values each column of a block has, and in which of its row groups: read before any row group is.
//   Format    docs/formats/trace_block.md, "Value index".
//   Limits    a column with more than kListedValuesMax distinct values in a row group, or with a longer one than
//             kListedBytesMax, is not listed for that row group; its values are in the row group's filter.
//   Errors    kCorrupt.
//   Threads   immutable; parsing is the reader's.
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "base/result.h"
#include "model/span_batch.h"
#include "tracestore/row_group/column_id.h"

namespace sightline::tracestore {

inline constexpr size_t kListedValuesMax = 1024;
inline constexpr size_t kListedBytesMax = 1024;

// One bit for each row group of a block.
class RowGroupSet {
 public:
  explicit RowGroupSet(size_t count = 0, bool all = false)
      : bytes_((count + 7) / 8, static_cast<char>(all ? 0xff : 0)) {}
  static RowGroupSet of(std::string_view bytes) {
    RowGroupSet set;
    set.bytes_ = bytes;
    return set;
  }
  bool has(size_t i) const {
    return i / 8 < bytes_.size() && (static_cast<uint8_t>(bytes_[i / 8]) >> i % 8 & 1) != 0;
  }
  void add(size_t i) {
    if (i / 8 >= bytes_.size()) bytes_.resize(i / 8 + 1, '\0');
    bytes_[i / 8] = static_cast<char>(bytes_[i / 8] | 1 << i % 8);
  }
  void remove(size_t i) {
    if (has(i)) bytes_[i / 8] = static_cast<char>(bytes_[i / 8] & ~(1 << i % 8));
  }
  bool meets(const RowGroupSet& other) const {
    for (size_t i = 0; i < bytes_.size() && i < other.bytes_.size(); ++i)
      if ((bytes_[i] & other.bytes_[i]) != 0) return true;
    return false;
  }
  void add_all(const RowGroupSet& other) {
    for (size_t i = 0; i < bytes_.size() && i < other.bytes_.size(); ++i)
      bytes_[i] = static_cast<char>(bytes_[i] | other.bytes_[i]);
  }
  void keep_common(const RowGroupSet& other) {
    for (size_t i = 0; i < bytes_.size(); ++i)
      bytes_[i] = static_cast<char>(i < other.bytes_.size() ? bytes_[i] & other.bytes_[i] : 0);
  }
  std::string_view bytes(size_t count) {
    bytes_.resize((count + 7) / 8, '\0');
    return bytes_;
  }

 private:
  std::string bytes_;
};

// What one row group has of each column.
struct RowGroupValues {
  struct Column {
    ColumnScope scope = ColumnScope::kSpan;
    std::string key;
    bool listed = false;
    std::vector<std::string> values;  // distinct, each as append_value() writes it; when listed
  };
  std::vector<Column> columns;
};

// Gathers them: lists what is listed, hashes what is not for the filter (value_filter.h).
class RowGroupValueList {
 public:
  explicit RowGroupValueList(RowGroupValues& into) : into_(into) {}
  // Values of a column, in parts or at once, distinct within a part. Both copied.
  void add(const ColumnId& column, std::span<const model::ValueView> values);
  void finish();
  const std::vector<uint64_t>& hashes() const { return hashes_; }

 private:
  struct Gathered {
    absl::flat_hash_set<std::string> values;
    bool listed = true;
  };
  RowGroupValues& into_;
  std::map<std::pair<ColumnScope, std::string>, Gathered> columns_;
  std::vector<uint64_t> hashes_;
};

class ValueIndex;

class ValueIndexBuilder {
 public:
  // Of the next row group.
  void add(const RowGroupValues& values);
  // The next row group is one of another block, whose index add_copied() brings. Its number here.
  uint32_t add_copy() { return static_cast<uint32_t>(row_groups_++); }
  // A row group of another block: its number there and here.
  struct Copy {
    uint32_t there = 0;
    uint32_t here = 0;
  };
  // What the index of that block says of those that were copied.
  Status add_copied(const ValueIndex& from, std::span<const Copy> copies);
  std::string finish();

 private:
  struct Column {
    RowGroupSet present;
    RowGroupSet listed;
    absl::flat_hash_map<std::string, RowGroupSet> values;
  };
  std::map<std::pair<ColumnScope, std::string>, Column> columns_;
  size_t row_groups_ = 0;
};

class ValueIndex {
 public:
  // `bytes` stay valid as long as it.
  static Result<ValueIndex> open(std::string_view bytes, size_t row_groups);

  struct Entry {
    ColumnId id;
    std::string_view present;  // bits of the row groups that have it
    std::string_view body;
  };
  // By scope and key.
  const std::vector<Entry>& entries() const { return entries_; }

  struct Column {
    RowGroupSet present;
    RowGroupSet listed;
    struct Value {
      model::ValueView value;
      RowGroupSet in;
    };
    std::vector<Value> values;  // views of `storage`
    std::shared_ptr<const std::string> storage;
  };
  static RowGroupSet present(const Entry& entry) { return RowGroupSet::of(entry.present); }
  Result<Column> read(const Entry& entry) const;
  // nullopt: no row group has the column.
  Result<std::optional<Column>> find(const ColumnId& id) const;

 private:
  std::vector<Entry> entries_;
  size_t row_groups_ = 0;
};

}  // namespace sightline::tracestore
