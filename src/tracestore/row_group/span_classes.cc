#include "tracestore/row_group/span_classes.h"

#include <algorithm>

#include "base/bytes.h"
#include "tracestore/codec/count_pairs.h"
#include "tracestore/codec/value_column.h"
#include "tracestore/querier.h"

namespace sightline::tracestore {
namespace {

constexpr uint32_t kFollowsOften = 3;  // rarer successors are not worth a place in the list
constexpr size_t kSuccessorsMax = 250;

void append_attributes(std::string& out, const model::SpanBatch& batch, model::Run run,
                       KeyNumbers& keys) {
  append_uvarint(out, run.count);
  for (const auto& [key, value] : batch.of(run)) {
    append_uvarint(out, keys.of(key));
    append_value(out, value);
  }
}

constexpr uint64_t kPlacesInTable = 1u << 20;

// The values below `bound` that come with each of `groups` groups, the most frequent first. `pairs`: group, value.
std::vector<std::vector<uint32_t>> rank_by_group(std::span<const NumberPair> pairs, uint32_t groups,
                                                 uint32_t bound, uint32_t often,
                                                 size_t values_max) {
  struct Counted {
    uint32_t value;
    uint32_t times;
  };
  std::vector<std::vector<Counted>> counted(groups);
  count_pairs(pairs, groups, bound, [&](uint32_t group, uint32_t value, uint32_t times) {
    if (times >= often) counted[group].push_back({value, times});
  });
  std::vector<std::vector<uint32_t>> ranked(groups);
  for (uint32_t group = 0; group < groups; ++group) {
    std::stable_sort(counted[group].begin(), counted[group].end(),
                     [](const Counted& a, const Counted& b) { return a.times > b.times; });
    for (size_t i = 0; i < std::min(values_max, counted[group].size()); ++i)
      ranked[group].push_back(counted[group][i].value);
  }
  return ranked;
}

// Places of values in the lists of their groups.
class Places {
 public:
  Places(const std::vector<std::vector<uint32_t>>& lists, uint32_t bound) : bound_(bound) {
    const bool small = uint64_t{bound} * lists.size() <= kPlacesInTable;
    if (small) table_.assign(size_t{bound} * lists.size(), 0);
    for (uint32_t group = 0; group < lists.size(); ++group)
      for (uint32_t i = 0; i < lists[group].size(); ++i) {
        if (small)
          table_[size_t{group} * bound + lists[group][i]] = i + 1;
        else
          places_[uint64_t{group} << 32 | lists[group][i]] = i + 1;
      }
  }
  // 1 + place; 0 when it is not there.
  uint64_t of(uint32_t group, uint32_t value) const {
    if (!table_.empty()) return table_[size_t{group} * bound_ + value];
    const auto found = places_.find(uint64_t{group} << 32 | value);
    return found == places_.end() ? 0 : found->second;
  }

 private:
  const uint32_t bound_;
  std::vector<uint32_t> table_;
  absl::flat_hash_map<uint64_t, uint32_t> places_;
};

}  // namespace

ScopeTables::Pair ScopeTables::of(const model::SpanBatch& batch, uint32_t scope) {
  if (scope >= known_.size()) known_.resize(batch.scopes.size());
  auto& known = known_[scope];
  if (known) return *known;
  const model::ScopeView& view = batch.scopes[scope];
  const model::ResourceView& resource = batch.resources[view.resource];
  std::string content;
  append_attributes(content, batch, resource.attributes, keys_);
  append_uvarint(content, resource.dropped_attributes);
  append_sized(content, resource.schema_url);
  Pair pair;
  pair.resource = resources_.of(std::move(content));
  content.clear();
  append_sized(content, view.name);
  append_sized(content, view.version);
  append_attributes(content, batch, view.attributes, keys_);
  append_uvarint(content, view.dropped_attributes);
  append_sized(content, view.schema_url);
  pair.scope = scopes_.of(std::move(content));
  if (pair_numbers_
          .try_emplace(uint64_t{pair.resource} << 32 | pair.scope,
                       static_cast<uint32_t>(pairs_.size()))
          .second)
    pairs_.push_back(pair);
  known = pair;
  return pair;
}

std::string ScopeTables::table(const Contents& contents) {
  std::string out;
  append_uvarint(out, contents.encoded.size());
  for (const std::string& content : contents.encoded) out += content;
  return out;
}

std::string ScopeTables::pairs() const {
  std::string out;
  append_uvarint(out, pairs_.size());
  for (const Pair& pair : pairs_) {
    append_uvarint(out, pair.resource);
    append_uvarint(out, pair.scope);
  }
  return out;
}

namespace {

// What append_attributes() wrote, to the columns of their keys.
void list_attributes(ByteReader& in, ColumnScope scope, const std::vector<std::string_view>& keys,
                     RowGroupValueList& list) {
  for (uint64_t left = in.uvarint(); left > 0; --left) {
    const uint64_t key = in.uvarint();
    const model::ValueView value = read_value(in);
    list.add({scope, keys[key]}, {&value, 1});
  }
}

}  // namespace

void ScopeTables::list_resources(const std::vector<uint8_t>& used,
                                 const std::vector<std::string_view>& keys,
                                 RowGroupValueList& list) const {
  for (size_t i = 0; i < used.size(); ++i) {
    if (used[i] == 0) continue;
    ByteReader in(resources_.encoded[i]);
    list_attributes(in, ColumnScope::kResource, keys, list);
  }
}

void ScopeTables::list_scopes(const std::vector<uint8_t>& used,
                              const std::vector<std::string_view>& keys,
                              RowGroupValueList& list) const {
  for (size_t i = 0; i < used.size(); ++i) {
    if (used[i] == 0) continue;
    ByteReader in(scopes_.encoded[i]);
    for (const ColumnScope scope : {ColumnScope::kScopeName, ColumnScope::kScopeVersion}) {
      const auto text = model::ValueView::of_string(in.sized());
      if (!text.bytes.empty()) list.add({scope, {}}, {&text, 1});
    }
    list_attributes(in, ColumnScope::kScope, keys, list);
  }
}

ClassSequence encode_class_sequence(const std::vector<uint32_t>& class_of_row, uint32_t class_count,
                                    const std::vector<RowPage>& pages,
                                    const std::vector<uint32_t>& trace_rows) {
  ClassSequence sequence;
  sequence.contexts.reserve(class_of_row.size());
  for (const uint32_t count : trace_rows)
    for (uint32_t i = 0; i < count; ++i)
      sequence.contexts.push_back(i == 0 ? class_count
                                         : class_of_row[sequence.contexts.size() - 1]);
  std::vector<NumberPair> pairs(class_of_row.size());
  for (size_t row = 0; row < class_of_row.size(); ++row)
    pairs[row] = {sequence.contexts[row], class_of_row[row]};
  const auto lists =
      rank_by_group(pairs, class_count + 1, class_count, kFollowsOften, kSuccessorsMax);
  sequence.successors = write_lists(lists);
  const Places places(lists, class_count);
  size_t row = 0;
  for (const RowPage& page : pages) {
    for (; row < size_t{page.begin} + page.rows; ++row) {
      sequence.ranks.push_back(places.of(sequence.contexts[row], class_of_row[row]));
      if (sequence.ranks.back() == 0) sequence.others.push_back(class_of_row[row]);
    }
    sequence.other_page_ends.push_back(static_cast<uint32_t>(sequence.others.size()));
  }
  return sequence;
}

ResourceSequence encode_resource_sequence(const std::vector<uint32_t>& resource_of_row,
                                          const std::vector<uint32_t>& class_of_row,
                                          uint32_t class_count,
                                          const std::vector<uint32_t>& parent_rows) {
  ResourceSequence sequence;
  std::vector<NumberPair> pairs(class_of_row.size());
  for (size_t row = 0; row < class_of_row.size(); ++row)
    pairs[row] = {class_of_row[row], resource_of_row[row]};
  const uint32_t resource_count =
      resource_of_row.empty() ? 0 : std::ranges::max(resource_of_row) + 1;
  const auto lists = rank_by_group(pairs, class_count, resource_count, 1, SIZE_MAX);
  sequence.of_classes = write_lists(lists);
  const Places places(lists, resource_count);
  for (uint32_t row = 0; row < class_of_row.size(); ++row) {
    const uint32_t parent = parent_rows[row];
    const bool as_parent =
        parent != kNoRow && parent < row && resource_of_row[parent] == resource_of_row[row];
    sequence.symbols.push_back(as_parent ? 0 : places.of(class_of_row[row], resource_of_row[row]));
  }
  return sequence;
}

}  // namespace sightline::tracestore
