#pragma once
// The spans of one trace, wherever they lie, and what every reader and writer
// of whole traces does with them: unite, collapse duplicates, copy into one batch.
//   Ownership  a SpanRef does not own its batch; who makes refs keeps the batches.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/ids.h"
#include "model/span_batch.h"

namespace sightline::tracestore {

struct SpanRef {
  const model::SpanBatch* batch = nullptr;
  uint32_t index = 0;
  const model::SpanView& span() const { return batch->spans[index]; }
};

struct TraceSpans {
  TraceId id;
  std::vector<SpanRef> spans;
};

// Of spans with equal span id and kind the first stays; the rest are then ordered by
// start (earlier arrivals first among equals). Every stored or shown trace went through this.
void unite_spans(std::vector<SpanRef>& spans);

// Content of a resource or scope with everything in it, as bytes: equal content, equal bytes.
std::string resource_content(const model::SpanBatch& batch, const model::ResourceView& resource);
std::string scope_content(const model::SpanBatch& batch, const model::ScopeView& scope);

// Copies the views of spans from many batches into one. Resources and scopes of
// equal content become one entry. The result's owner keeps `owners` alive.
class SpanGatherer {
 public:
  void add(const SpanRef& ref);
  // The number of the scope in the result, added when new; add() calls it.
  uint32_t scope_for(const model::SpanBatch& from, uint32_t scope);
  model::SpanBatch finish(std::vector<std::shared_ptr<const void>> owners) &&;

 private:
  model::Run copy_attributes(const model::SpanBatch& from, model::Run run);
  uint32_t resource_for(const model::SpanBatch& from, uint32_t resource);

  using Seen = absl::flat_hash_map<std::pair<const model::SpanBatch*, uint32_t>, uint32_t>;
  model::SpanBatch out_;
  Seen scope_of_source_;
  Seen resource_of_source_;
  absl::flat_hash_map<std::string, uint32_t> resource_by_content_;
  absl::flat_hash_map<std::string, uint32_t>
      scope_by_content_;  // with its resource's number in front
};

// Numbers of values for hashing into dictionaries.
struct ValueHash {
  size_t operator()(const model::ValueView& v) const;
};
struct ValueEqual {
  bool operator()(const model::ValueView& a, const model::ValueView& b) const { return a == b; }
};

}  // namespace sightline::tracestore
