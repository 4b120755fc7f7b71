#pragma once
// Evaluates the expressions inside braces over all rows of a row group at once: a predicate runs once for
// each distinct value, then its outcomes are spread over the rows.
//   Events and links  a comparison holds if it does for any of a span's events; comparisons joined
//                     by && must hold within one event (likewise one link).
//   Threads           one.
//   Lifetime          query and row group outlive it.
#include <map>
#include <memory>
#include <mutex>

#include "traceql/evaluation/row_columns.h"

namespace sightline::traceql {

// The regular expressions of one query, each compiled once.
//   Threads   any.
class RegexCache {
 public:
  RegexCache();
  ~RegexCache();
  const re2::RE2& get(const Field& comparison);

 private:
  std::mutex mutex_;
  std::map<const Field*, std::unique_ptr<re2::RE2>> compiled_;  // guarded by mutex_; entries stay
};

class FieldEvaluator {
 public:
  FieldEvaluator(RowColumns& columns, RegexCache& regexes) : columns_(columns), regexes_(regexes) {}

  // Rows for which the expression is true.
  RowMask mask(const Field& field) { return mask(field, Domain::kRows); }
  // Events or links for which a comparison is true.
  RowMask entries(const Field& comparison, Domain domain) { return mask(comparison, domain); }
  Column values(const Field& field) { return values(field, Domain::kRows); }
  RowColumns& columns() { return columns_; }

 private:
  RowMask mask(const Field& field, Domain domain);
  RowMask conjunction(const Field& field, Domain domain);
  RowMask comparison(const Field& field, Domain domain);
  RowMask nil_comparison(const Field& field, Domain domain);
  RowMask any_entry(const RowMask& entries, Domain domain);
  RowMask compare_columns(const Field& field, const Column& left, const Column& right, size_t size);
  Column values(const Field& field, Domain domain);

  RowColumns& columns_;
  RegexCache& regexes_;
};

}  // namespace sightline::traceql
