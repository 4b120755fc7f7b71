#pragma once
// Reads the classes of a row group's spans (span_classes.h) back: each is one of those that follow the class before it
// in its trace, by rank, or any other. A step waits for the one before; pages are read side by side so that it need not.
//   Threads   any, once made; a lane belongs to one.
//   Lifetime  tables and columns outlive it.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "tracestore/codec/paged_integers.h"
#include "tracestore/row_group/row_group_tables.h"

namespace sightline::tracestore {

// One page's classes, row by row: each depends on the one before.
struct ClassLane {
  PageCursor ranks;
  PageCursor others;
  const uint32_t* trace_rows = nullptr;  // of the next trace
  uint32_t rows_of_trace = 0;            // still to come
  uint32_t before = 0;                   // class
  uint32_t* out = nullptr;
  uint32_t rows = 0;
  bool sound = true;
};
// What may follow a class.
struct Successors {
  const RansSlots* slots = nullptr;
  const uint32_t* classes = nullptr;
  uint32_t count = 0;
};

class ClassReader {
 public:
  // `rows` will be read: for many, what may follow each class is laid out first.
  static Result<ClassReader> make(const RowGroupTables& tables, const PagedIntegers& ranks,
                                  const PagedIntegers& others, uint32_t rows) {
    ClassReader reader(tables, ranks);
    if (auto status = ranks.read_all_slots(); !status)
      return std::unexpected(std::move(status).error());
    if (rows > reader.class_count_) {
      reader.successors_.reserve(size_t{reader.class_count_} + 1);
      for (uint32_t c = 0; c <= reader.class_count_; ++c)
        reader.successors_.push_back(reader.successors_of(c));
    }
    if (!others.is_constant()) {
      const auto slots = others.slots_of(0);
      if (!slots) return std::unexpected(slots.error());
      reader.other_slots_ = *slots;
    }
    return reader;
  }
  // The next `rows` rows of every lane.
  template <size_t kCount>
  void read(std::span<ClassLane, kCount> lanes, uint32_t rows) const {
    // Copies of their own: what the loop holds in registers nothing else may point to.
    std::array<ClassLane, kCount> at_work;
    for (size_t lane = 0; lane < kCount; ++lane) at_work[lane] = lanes[lane];
    for (uint32_t row = 0; row < rows; ++row) {
#pragma GCC unroll 4
      for (size_t lane = 0; lane < kCount; ++lane) step(at_work[lane], row);
    }
    for (size_t lane = 0; lane < kCount; ++lane) {
      at_work[lane].out += rows;
      lanes[lane] = at_work[lane];
    }
  }

 private:
  ClassReader(const RowGroupTables& tables, const PagedIntegers& ranks)
      : tables_(&tables),
        ranks_(&ranks),
        class_count_(static_cast<uint32_t>(tables.classes.size())) {}

  Successors successors_of(uint32_t c) const {
    const auto list = tables_->successors[c];
    return {ranks_->is_constant() ? nullptr : ranks_->known_slots(c), list.data(),
            static_cast<uint32_t>(list.size())};
  }

  void step(ClassLane& lane, uint32_t row) const {
    if (lane.rows_of_trace == 0) {
      lane.rows_of_trace = *lane.trace_rows++;
      lane.before = class_count_;
    }
    --lane.rows_of_trace;
    const Successors after =
        successors_.empty() ? successors_of(lane.before) : successors_[lane.before];
    const uint64_t rank =
        lane.ranks.is_constant() ? lane.ranks.value() : lane.ranks.next(*after.slots);
    uint64_t number = 0;
    if (rank == 0) [[unlikely]]
      number = lane.others.is_constant() ? lane.others.value() : lane.others.next(*other_slots_);
    else if (rank <= after.count)
      number = after.classes[rank - 1];
    else
      lane.sound = false;
    if (number >= class_count_) {
      lane.sound = false;
      number = 0;
    }
    lane.before = static_cast<uint32_t>(number);
    lane.out[row] = lane.before;
  }

  const RowGroupTables* tables_;
  const PagedIntegers* ranks_;
  uint32_t class_count_;
  std::vector<Successors> successors_;  // of each class, and of the begin of a trace; or empty
  const RansSlots* other_slots_ = nullptr;
};

}  // namespace sightline::tracestore
