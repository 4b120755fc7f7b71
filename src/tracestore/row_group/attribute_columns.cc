#include "tracestore/row_group/attribute_columns.h"

#include "tracestore/row_group/span_classes.h"

namespace sightline::tracestore {

void AttributeColumns::reserve() {
  std::vector<uint64_t> counts(columns_.size(), 0);
  for (uint32_t shape = 0; shape < shapes().size(); ++shape)
    for (const uint32_t key : shapes()[shape]) counts[key] += shapes_.count(shape);
  for (uint32_t key = 0; key < columns_.size(); ++key)
    if (columns_[key]) columns_[key]->builder.reserve(counts[key]);
}

bool AttributeColumns::put_frequent(ChunkWriter& chunks,
                                    const std::vector<uint32_t>& context_shapes) {
  is_rare_.assign(columns_.size(), false);
  bool any_rare = false;
  uint32_t frequent = 0;
  std::vector<uint32_t> local(context_shapes.size());
  for (uint32_t key = 0; key < columns_.size(); ++key) {
    if (!columns_[key]) continue;
    const ValueColumnBuilder& column = columns_[key]->builder;
    if (column.count() < kRareValuesBelow || frequent >= kFrequentKeysMax) {
      is_rare_[key] = any_rare = true;
      continue;
    }
    ++frequent;
    const uint32_t used = number_contexts(shapes(), context_shapes, key, local);
    chunks.put(chunk_of(ChunkType::kValues, owner_), key, column.encode(local, used));
  }
  return any_rare;
}

void AttributeColumns::list_values(RowGroupValueList& list) const {
  static constexpr ColumnScope kScopes[] = {ColumnScope::kSpan, ColumnScope::kEvent,
                                            ColumnScope::kLink};
  const ColumnScope scope = kScopes[static_cast<size_t>(owner_)];
  for (uint32_t key = 0; key < columns_.size(); ++key)
    if (columns_[key] && columns_[key]->builder.count() > 0)
      list.add({scope, keys_.keys()[key]}, columns_[key]->builder.used_values());
}

RareValues::RareValues(const AttributeColumns& of, std::span<const uint32_t> codes)
    : of_(of), codes_(codes), has_rare_(of.shapes().size()) {
  for (size_t shape = 0; shape < has_rare_.size(); ++shape)
    for (const uint32_t key : of.shapes()[shape])
      has_rare_[shape] = has_rare_[shape] || of.is_rare_[key];
}

void RareValues::add(uint32_t first_code, uint32_t shape) {
  if (!has_rare_[shape]) return;
  const std::vector<uint32_t>& keys = of_.shapes()[shape];
  for (size_t i = 0; i < keys.size(); ++i)
    if (of_.is_rare_[keys[i]])
      values_.add(of_.columns_[keys[i]]->builder.value(codes_[first_code + i]), 0);
}

void RareValues::put(ChunkWriter& chunks) const {
  chunks.put(chunk_of(ChunkType::kRareValues, of_.owner_), 0, values_.encode(1));
}

}  // namespace sightline::tracestore
