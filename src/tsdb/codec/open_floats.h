#pragma once
// The newest float samples of one series, while they come: each is added at the end in the few bytes by which it differs
// from the one before, so that a million series fit into memory; read back from the front.
//   Invariants  times strictly ascend.
//   Memory      about a byte and a half a sample of a counter; bit for bit what was appended.
//   Threads     one owner.
#include <cstdint>
#include <string>

#include "tsdb/querier.h"

namespace sightline::tsdb {

class OpenFloats {
 public:
  bool empty() const { return count_ == 0; }
  uint32_t count() const { return count_; }
  int64_t first_time() const { return first_time_; }  // of one that is not empty
  int64_t last_time() const { return last_time_; }

  // `created`: 0 when unknown.
  void append(int64_t time, double value, int64_t created);
  // Adds the samples within [min, max] to the columns.
  void read(int64_t min, int64_t max, SampleColumns& out) const;
  // Keeps the memory for the next ones.
  void clear();
  // Gives it back.
  void release() { *this = OpenFloats(); }
  // Forgets samples below `time`.
  void erase_before(int64_t time);

 private:
  int64_t first_time_ = 0;
  int64_t last_time_ = 0;
  int64_t step_ = 0;  // between the last two
  double last_value_ = 0;
  int64_t created_ = 0;  // of the last
  std::string bytes_;
  uint32_t count_ = 0;
};

}  // namespace sightline::tsdb
