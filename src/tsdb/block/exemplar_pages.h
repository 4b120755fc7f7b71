#pragma once
// The exemplars of a block. A measurement (trace, span, time, value) often is the exemplar of several series, such as a
// bucket of a histogram and the counter beside it: it is stored once, in a page with its neighbours, and each series has a
// list of the measurements that are its own.
//   Integrity  a page has no checksum here: whoever stores it adds one.
//   Threads    a writer has one owner; a page is immutable; the cache is used from any thread.
//   Limits     kMeasurementsRemembered: measurements further back are stored again rather than shared.
//   Format     docs/formats/tsdb_block.md, "exemplars"
#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tsdb/block/exemplar_column.h"

namespace sightline::tsdb {

inline constexpr size_t kMeasurementsRemembered = 128 << 10;

// Where the list of one series lies.
struct ExemplarList {
  uint64_t page = 0;
  uint64_t offset = 0;  // in the page's lists
  uint64_t bytes = 0;
};

class ExemplarPagesWriter {
 public:
  // Ascending by time, not empty.
  ExemplarList add(const std::vector<StoredExemplar>& exemplars);
  // Whether the page is large enough to be taken; the next add() begins another one after take().
  bool is_full() const;
  bool is_empty() const { return lists_.empty(); }
  std::string take();

 private:
  struct Place {
    uint64_t page = 0;
    uint32_t index = 0;
  };
  struct Remembered {
    StoredExemplar measurement;
    Place place;
    uint64_t hash = 0;
  };
  const Remembered* recall(const StoredExemplar& e, uint64_t hash) const;
  void remember(const StoredExemplar& e, uint64_t hash, Place place);

  uint64_t page_ = 0;
  std::vector<StoredExemplar> measurements_;  // of this page
  std::vector<double> other_values_;  // of measurements in other pages that have another value here
  std::string lists_;
  std::vector<Remembered> remembered_;  // a ring
  size_t oldest_ = 0;
  absl::flat_hash_map<uint64_t, uint32_t> by_hash_;  // into remembered_
};

class ExemplarPage {
 public:
  // `bytes` outlive the page. kCorrupt when they do not check.
  static Result<std::shared_ptr<const ExemplarPage>> decode(std::string_view bytes);

  std::span<const StoredExemplar> measurements() const { return measurements_; }
  std::span<const double> other_values() const { return other_values_; }
  std::string_view lists() const { return lists_; }

 private:
  std::vector<StoredExemplar> measurements_;
  std::vector<double> other_values_;
  std::string_view lists_;
};

// Decoded pages, so that reading series after series decodes each once.
class ExemplarPageCache {
 public:
  using PagePtr = std::shared_ptr<const ExemplarPage>;
  PagePtr find(const void* page) const;
  void keep(const void* page, PagePtr decoded);

 private:
  static constexpr size_t kPagesMax = 64;
  mutable std::mutex mutex_;
  absl::flat_hash_map<const void*, PagePtr> pages_;  // guarded by mutex_, by the first byte
};

// Appends the exemplars of a list. `page_of` decodes a page by number.
using ExemplarPageSource =
    std::function<Result<std::shared_ptr<const ExemplarPage>>(uint64_t page)>;
Status read_exemplar_list(const ExemplarList& list, const ExemplarPageSource& page_of,
                          std::vector<StoredExemplar>& out);

}  // namespace sightline::tsdb
