#include "tracestore/row_group/value_index.h"

#include <algorithm>

#include "base/bytes.h"
#include "tracestore/block/block_format.h"
#include "tracestore/codec/integer_codec.h"
#include "tracestore/codec/value_column.h"
#include "tracestore/row_group/value_filter.h"

namespace sightline::tracestore {
namespace {

std::unexpected<Error> torn() { return fail(Errc::kCorrupt, "value index is torn"); }

}  // namespace

void RowGroupValueList::add(const ColumnId& id, std::span<const model::ValueView> values) {
  Gathered& column = columns_[{id.scope, std::string(id.key)}];
  const ColumnSeed seed = column_seed(id);
  const bool may_list = column.listed && column.values.size() + values.size() <= kListedValuesMax &&
                        std::ranges::all_of(values, [](const model::ValueView& v) {
                          return v.bytes.size() <= kListedBytesMax;
                        });
  if (!may_list && column.listed) {
    column.listed = false;
    for (const std::string& known : column.values) {
      ByteReader in(known);
      hashes_.push_back(value_hash(seed, read_value(in)));
    }
    column.values.clear();
  }
  for (const model::ValueView& value : values) {
    if (column.listed) {
      std::string encoded;
      append_value(encoded, value);
      column.values.insert(std::move(encoded));
    } else {
      hashes_.push_back(value_hash(seed, value));
    }
  }
}

void RowGroupValueList::finish() {
  for (auto& [id, gathered] : columns_) {
    auto& column = into_.columns.emplace_back();
    column.scope = id.first;
    column.key = id.second;
    column.listed = gathered.listed;
    column.values.assign(gathered.values.begin(), gathered.values.end());
  }
}

void ValueIndexBuilder::add(const RowGroupValues& values) {
  for (const RowGroupValues::Column& from : values.columns) {
    Column& column = columns_[{from.scope, from.key}];
    column.present.add(row_groups_);
    if (from.listed) column.listed.add(row_groups_);
    for (const std::string& value : from.values) column.values[value].add(row_groups_);
  }
  ++row_groups_;
}

// Column by column and value by value, whichever row groups have it: most have what others have.
Status ValueIndexBuilder::add_copied(const ValueIndex& from, std::span<const Copy> copies) {
  std::string encoded;
  for (const ValueIndex::Entry& entry : from.entries()) {
    const auto column = from.read(entry);
    if (!column) return std::unexpected(column.error());
    Column* into = nullptr;
    for (const auto [there, here] : copies) {
      if (!column->present.has(there)) continue;
      if (into == nullptr) into = &columns_[{entry.id.scope, std::string(entry.id.key)}];
      into->present.add(here);
      if (column->listed.has(there)) into->listed.add(here);
    }
    for (size_t i = 0; into != nullptr && i < column->values.size(); ++i) {
      const auto& [value, in] = column->values[i];
      RowGroupSet* set = nullptr;
      for (const auto [there, here] : copies) {
        if (!in.has(there)) continue;
        if (set == nullptr) {
          encoded.clear();
          append_value(encoded, value);
          set = &into->values[encoded];
        }
        set->add(here);
      }
    }
  }
  return {};
}

std::string ValueIndexBuilder::finish() {
  std::string directory, bodies;
  for (auto& [id, column] : columns_) {
    std::vector<std::pair<std::string_view, RowGroupSet*>> values;
    for (auto& [value, in] : column.values) values.emplace_back(value, &in);
    std::ranges::sort(values, {}, [](const auto& v) { return v.first; });
    std::string body;
    body += column.listed.bytes(row_groups_);
    append_uvarint(body, values.size());
    for (const auto& [value, in] : values) body += value;
    for (const auto& [value, in] : values) body += in->bytes(row_groups_);
    const size_t before = bodies.size();
    encode_bytes(body, bodies);
    directory.push_back(static_cast<char>(id.first));
    append_sized(directory, id.second);
    directory += column.present.bytes(row_groups_);
    append_uvarint(directory, bodies.size() - before);
  }
  std::string out;
  append_uvarint(out, columns_.size());
  return out + directory + bodies;
}

Result<ValueIndex> ValueIndex::open(std::string_view bytes, size_t row_groups) {
  ValueIndex index;
  index.row_groups_ = row_groups;
  ByteReader in(bytes);
  const uint64_t count = in.uvarint();
  if (!in.ok() || count > in.remaining()) return torn();
  std::vector<uint64_t> lengths;
  index.entries_.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t scope = in.u8();
    const std::string_view key = in.sized();
    const std::string_view present = in.bytes((row_groups + 7) / 8);
    lengths.push_back(in.uvarint());
    if (scope >= kColumnScopes) return torn();
    index.entries_.push_back({{static_cast<ColumnScope>(scope), key}, present, {}});
    if (i > 0 && !(index.entries_[i - 1].id < index.entries_[i].id)) return torn();
  }
  for (uint64_t i = 0; i < count; ++i) index.entries_[i].body = in.bytes(lengths[i]);
  if (!in.ok() || !in.at_end()) return torn();
  return index;
}

Result<ValueIndex::Column> ValueIndex::read(const Entry& entry) const {
  ByteReader packed(entry.body);
  auto body = decode_bytes(packed, kChunkBytesMax);
  if (!body) return in_context("value index", std::move(body).error());
  if (!packed.at_end()) return torn();
  Column column;
  column.storage = std::make_shared<const std::string>(std::move(*body));
  ByteReader in(*column.storage);
  const size_t set_bytes = (row_groups_ + 7) / 8;
  column.present = present(entry);
  column.listed = RowGroupSet::of(in.bytes(set_bytes));
  const uint64_t count = in.uvarint();
  if (!in.ok() || count > in.remaining()) return torn();
  column.values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) column.values.push_back({read_value(in), RowGroupSet()});
  for (Column::Value& value : column.values) value.in = RowGroupSet::of(in.bytes(set_bytes));
  if (!in.ok() || !in.at_end()) return torn();
  return column;
}

Result<std::optional<ValueIndex::Column>> ValueIndex::find(const ColumnId& id) const {
  const auto found = std::ranges::lower_bound(entries_, id, {}, &Entry::id);
  if (found == entries_.end() || found->id != id) return std::nullopt;
  auto column = read(*found);
  if (!column) return std::unexpected(std::move(column).error());
  return std::move(*column);
}

}  // namespace sightline::tracestore
