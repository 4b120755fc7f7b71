#pragma once
// The attributes and intrinsics of a row group as Columns.
//   Threads   one.
//   Lifetime  the row group outlives it.
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "traceql/evaluation/column.h"
#include "tracestore/querier.h"

namespace sightline::traceql {

inline constexpr std::string_view kNoRootYet = "<root span not yet received>";

enum class Domain : uint8_t { kRows, kEvents, kLinks };

class RowColumns {
 public:
  explicit RowColumns(tracestore::RowGroup& group) : group_(group) {}

  tracestore::RowGroup& group() { return group_; }
  size_t size(Domain domain);
  // kEvents, kLinks: row r owns the entries offsets[r] .. offsets[r+1]-1.
  std::span<const uint32_t> offsets(Domain domain);
  // The attribute for every entry. In the domain of rows, of several events or links the first counts; in
  // another, a row's value is repeated for each of its entries. Nil where there is none.
  Column load(const Attribute& attribute, Domain domain);
  static Domain domain_of(const Attribute& attribute);
  // The trace, as an index into group().traces(), of each row.
  const std::vector<uint32_t>& trace_of_row();
  // Rows whose way up ends at a true root; others have no structural relations.
  const std::vector<uint8_t>& connected();

 private:
  Column load_rows(const Attribute& attribute);
  Column load_intrinsic(Intrinsic intrinsic);
  Column load_of_trace(Intrinsic intrinsic);
  Column load_nested_set_parent();
  Column load_nested(const Attribute& attribute);
  Column first_of_each_row(const Attribute& attribute);
  Column spread(const Column& rows, Domain domain);
  Column unscoped(std::string_view key);

  tracestore::RowGroup& group_;
  std::vector<uint32_t> trace_of_row_;
  std::vector<uint8_t> connected_;
  std::deque<std::string> texts_;
};

}  // namespace sightline::traceql
