#pragma once
// A dictionary column that owns its codes; how row groups answer lazily.
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "tracestore/querier.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

struct OwnedColumn {
  std::vector<uint32_t> codes;
  std::vector<model::ValueView> dictionary{model::ValueView{}};  // code 0: the row has none
  DictionaryColumn view() const { return {codes, dictionary}; }
};

struct OwnedNestedColumn {
  std::span<const uint32_t> offsets;
  OwnedColumn values;
  NestedColumn view() const { return {offsets, values.view()}; }
};

// Gives equal values equal codes, in order of first appearance.
class DictionaryBuilder {
 public:
  explicit DictionaryBuilder(OwnedColumn& column) : column_(column) {}
  uint32_t code_of(const model::ValueView& value) {
    const auto [known, is_new] =
        codes_.try_emplace(value, static_cast<uint32_t>(column_.dictionary.size()));
    if (is_new) column_.dictionary.push_back(value);
    return known->second;
  }
  void add(const model::ValueView& value) { column_.codes.push_back(code_of(value)); }
  void add(const model::ValueView* value) {
    column_.codes.push_back(value == nullptr ? 0 : code_of(*value));
  }

 private:
  OwnedColumn& column_;
  absl::flat_hash_map<model::ValueView, uint32_t, ValueHash, ValueEqual> codes_;
};

}  // namespace sightline::tracestore
