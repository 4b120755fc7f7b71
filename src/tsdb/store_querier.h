#pragma once
// Reads head and blocks as one, as of the moment it was made.
//   Damage   a block that does not check is left out of the answer, logged and
//            marked; Tsdb::maintain() sets it aside.
//   Exemplars made after the snapshot are not seen; thinning in the head may
//            take some that were there.
#include "tsdb/block/block.h"
#include "tsdb/codec/decoded_groups.h"
#include "tsdb/head/head.h"
#include "tsdb/head/metadata_store.h"
#include "tsdb/querier.h"
#include "tsdb/reader_registry.h"

namespace sightline::tsdb {

// By age: of two samples at the same time the one from the earlier block wins.
using BlockList = std::vector<std::shared_ptr<const Block>>;

struct StoreSnapshot {
  Head& head;
  const MetadataStore& metadata;
  std::unique_ptr<ReaderRegistry::Registration> registration;
  std::shared_ptr<const BlockList> blocks;
  DecodedGroups* decoded = nullptr;  // of all who read these blocks
};

class StoreQuerier final : public Querier {
 public:
  StoreQuerier(std::shared_ptr<const StoreSnapshot> snapshot, StillWanted wanted)
      : snapshot_(std::move(snapshot)), wanted_(std::move(wanted)) {}

  Result<std::unique_ptr<SeriesSet>> select(std::span<const Matcher> matchers,
                                            TimeRange range) const override;
  Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                               TimeRange range) const override;
  Result<std::vector<std::string>> label_values(std::string_view name,
                                                std::span<const Matcher> matchers,
                                                TimeRange range) const override;
  std::map<std::string, model::MetricMetadata> metadata(std::string_view metric) const override;

 private:
  bool head_reaches(TimeRange range) const;
  template <typename OfHead, typename OfBlock>
  Result<std::vector<std::string>> unite(TimeRange range, OfHead of_head, OfBlock of_block) const;

  std::shared_ptr<const StoreSnapshot> snapshot_;
  const StillWanted wanted_;
};

// Adds what one head series holds in [min, max] as of `commit`, without what was deleted.
Status gather_head(Head& head, const HeadSeries& series, uint64_t commit, int64_t min, int64_t max,
                   class SampleGathering& out, ValueNeed need = ValueNeed::kAll);
void collect_head_exemplars(Head& head, const HeadSeries& series, uint64_t commit, int64_t min,
                            int64_t max, std::vector<StoredExemplar>& out);

}  // namespace sightline::tsdb
