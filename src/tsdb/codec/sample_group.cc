#include "tsdb/codec/sample_group.h"

#include <algorithm>
#include <bit>

#include "tsdb/codec/chunk.h"
#include "tsdb/codec/decoded_groups.h"
#include "tsdb/codec/family_codec.h"
#include "tsdb/codec/group_layout.h"
#include "tsdb/codec/integer_column.h"
#include "tsdb/codec/value_column.h"

namespace sightline::tsdb {
namespace {

std::unexpected<Error> damaged(const char* what) {
  return fail(Errc::kCorrupt, "group: ", what, " is damaged");
}

bool same_bits(std::span<const double> a, std::span<const double> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// How many members from `begin` on make a family; 0: none.
struct Family {
  size_t buckets = 0;
  bool has_count = false;
};

Family family_at(std::span<const GroupMember> members, size_t begin) {
  Family f;
  const GroupMember& first = members[begin];
  if (first.role != FamilyRole::kBucket) return f;
  size_t at = begin;
  const auto fits = [&](const GroupMember& m) {
    return m.family == first.family && std::equal(m.created.begin(), m.created.end(),
                                                  first.created.begin(), first.created.end());
  };
  while (at < members.size() && at - begin < kFamilyBucketsMax &&
         members[at].role == FamilyRole::kBucket && fits(members[at]))
    ++at;
  f.buckets = at - begin;
  f.has_count = at < members.size() && members[at].role == FamilyRole::kCount &&
                fits(members[at]) && same_bits(members[at].values, members[at - 1].values);
  return f.buckets < 2 ? Family() : f;
}

std::string encode_created(std::span<const int64_t> created) {
  std::string out;
  append_integer_column(out, created);
  return out;
}

}  // namespace

namespace {

// Gathers the table and the bodies of a group.
class GroupBuilder {
 public:
  void add(uint8_t kind, size_t buckets, std::span<const int64_t> created, std::string_view body) {
    const std::string head = encode_created(created);
    table_.push_back(static_cast<char>(kind | (created.empty() ? 0 : kHasCreated)));
    if (kind != kSingle) append_uvarint(table_, buckets);
    append_uvarint(table_, head.size() + body.size());
    bodies_ += head;
    bodies_ += body;
    ++units_;
  }
  std::string finish(size_t count, std::string_view time_column) const {
    std::string out;
    out.reserve(table_.size() + bodies_.size() + time_column.size() + 4 * kVarintBytesMax);
    append_uvarint(out, count);
    append_sized(out, time_column);
    append_uvarint(out, units_);
    out += table_;
    out += bodies_;
    return out;
  }

 private:
  std::string table_;
  std::string bodies_;
  uint64_t units_ = 0;
};

}  // namespace

std::string encode_group(std::span<const int64_t> times, std::span<const GroupMember> members,
                         GroupCoding coding) {
  SL_ASSERT(!times.empty() && times.size() <= kGroupSamplesMax &&
            members.size() <= kGroupMembersMax);
  GroupBuilder group;
  std::vector<std::span<const double>> buckets;
  std::string body;
  for (size_t at = 0; at < members.size();) {
    const Family family = coding == GroupCoding::kSmall ? family_at(members, at) : Family();
    if (family.buckets > 0) {
      buckets.clear();
      for (size_t k = 0; k < family.buckets; ++k) buckets.push_back(members[at + k].values);
      if (const auto coded = encode_family(buckets)) {
        group.add(family.has_count ? kFamilyWithCount : kFamily, family.buckets,
                  members[at].created, *coded);
        at += family.buckets + (family.has_count ? 1 : 0);
        continue;
      }
    }
    body.clear();
    if (coding == GroupCoding::kSmall) {
      append_adaptive_column(body, members[at].values);
    } else {
      std::string column;
      append_value_column(column, members[at].values);
      append_plain_column(body, column);
    }
    group.add(kSingle, 0, members[at].created, body);
    ++at;
  }
  std::string time_column;
  append_integer_column(time_column, times);
  return group.finish(times.size(), time_column);
}

std::string join_group(size_t count, std::string_view times,
                       std::span<const std::string_view> values) {
  SL_ASSERT(count > 0 && count <= kGroupSamplesMax && values.size() <= kGroupMembersMax);
  GroupBuilder group;
  std::string body;
  for (const std::string_view column : values) {
    body.clear();
    append_plain_column(body, column);
    group.add(kSingle, 0, {}, body);
  }
  return group.finish(count, times);
}

void GroupParts::add(const GroupParts& other) {
  times += other.times;
  table += other.table;
  families += other.families;
  family_samples += other.family_samples;
  created += other.created;
  for (size_t i = 0; i < kAdaptiveCodecs; ++i) {
    columns[i] += other.columns[i];
    column_samples[i] += other.column_samples[i];
  }
}

namespace {

bool read_times(const GroupLayout& layout, std::span<int64_t> out) {
  ByteReader in(layout.times);
  if (!read_integer_column(in, out) || !in.ok() || !in.at_end()) return false;
  for (size_t i = 1; i < out.size(); ++i)
    if (out[i - 1] >= out[i]) return false;
  return true;
}

// Series of one unit, decoded, one after the other.
bool decode_unit(const GroupUnit& unit, size_t samples, ByteReader& in, std::vector<double>& out) {
  if (unit.kind != kSingle)
    return read_family(in.bytes(in.remaining()), unit.buckets, samples, out);
  out.resize(samples);
  return read_adaptive_column(in, out) && in.ok() && in.at_end();
}

bool is_slow(const GroupUnit& unit, const ByteReader& in) {
  return unit.kind != kSingle || unit.bytes.substr(in.offset()).empty() ||
         is_slow_codec(static_cast<AdaptiveCodec>(unit.bytes[in.offset()]));
}

// `index`: which of the unit's series.
bool read_values(const GroupLayout& layout, const GroupUnit& unit, ByteReader& in, uint32_t index,
                 DecodedGroups* cache, const DecodedGroups::UnitKey& key, std::span<double> out) {
  if (!is_slow(unit, in)) return read_adaptive_column(in, out) && in.ok() && in.at_end();
  const size_t series = unit.kind == kSingle
                            ? 0
                            : std::min(index, unit.buckets - 1);  // the count is the last bucket's
  if (cache != nullptr)
    if (const auto known = cache->find(key)) {
      ByteReader column(known->column(series));
      return read_value_column(column, out);
    }
  std::vector<double> decoded;
  if (!decode_unit(unit, layout.samples, in, decoded)) return false;
  const std::span<const double> all = decoded;
  const auto of_series = [&](size_t i) { return all.subspan(i * layout.samples, layout.samples); };
  std::ranges::copy(of_series(series), out.begin());
  if (cache == nullptr) return true;
  auto columns = std::make_shared<DecodedGroups::Columns>();
  for (size_t i = 0; i < decoded.size() / layout.samples; ++i) {
    append_value_column(columns->bytes, of_series(i));
    columns->ends.push_back(static_cast<uint32_t>(columns->bytes.size()));
  }
  columns->bytes.shrink_to_fit();
  cache->keep(key, std::move(columns));
  return true;
}

bool read_presence(const GroupUnit& unit, ByteReader& in, std::span<double> out) {
  if (unit.kind != kSingle) return read_family_presence(in.bytes(in.remaining()), out);
  return read_adaptive_column(in, out, ValueNeed::kPresence) && in.ok() && in.at_end();
}

Result<DecodedGroups::GroupPtr> read_group_head(std::string_view bytes, DecodedGroups* cache,
                                                GroupKey key) {
  if (cache != nullptr)
    if (auto known = cache->find_group(key)) return known;
  auto group = std::make_shared<DecodedGroups::Group>();
  auto layout = parse_group(bytes);
  if (!layout) return std::unexpected(std::move(layout).error());
  group->layout = std::move(*layout);
  group->times.resize(group->layout.samples);
  if (!read_times(group->layout, group->times)) return damaged("times column");
  if (cache != nullptr) cache->keep_group(key, group);
  return group;
}

}  // namespace

Status read_group_times(std::string_view bytes, std::vector<int64_t>& out) {
  auto layout = parse_group(bytes, 0);
  if (!layout) return std::unexpected(std::move(layout).error());
  const size_t before = out.size();
  out.resize(before + layout->samples);
  if (read_times(*layout, std::span(out).subspan(before))) return {};
  out.resize(before);
  return damaged("times column");
}

Status read_group_member(std::string_view bytes, uint32_t member, DecodedGroups* cache,
                         SampleColumns& out, GroupKey key, ValueNeed need) {
  if (key.block == 0) key.offset = reinterpret_cast<uintptr_t>(bytes.data());
  const auto group = read_group_head(bytes, cache, key);
  if (!group) return std::unexpected(group.error());
  const GroupLayout& layout = (*group)->layout;
  const GroupUnit* unit = layout.unit_of(member);
  if (unit == nullptr) return damaged("member number");
  const size_t before = out.times.size();
  const size_t created_before = out.created.size();
  out.times.insert(out.times.end(), (*group)->times.begin(), (*group)->times.end());
  ByteReader in(unit->bytes);
  bool good = true;
  if (unit->has_created) {
    out.created.resize(before + layout.samples);
    good = read_integer_column(in, std::span(out.created).subspan(before));
  } else if (!out.created.empty()) {
    out.created.resize(before + layout.samples);
  }
  out.values.resize(before + layout.samples);
  const auto values = std::span(out.values).subspan(before);
  if (need == ValueNeed::kPresence)
    good = good && read_presence(*unit, in, values);
  else
    good = good && read_values(layout, *unit, in, member - unit->first_member, cache,
                               {key, unit->first_member}, values);
  if (good) return {};
  out.times.resize(before);
  out.values.resize(before);
  out.created.resize(created_before);
  return damaged(unit->kind == kSingle ? "value column" : "family");
}

Result<GroupParts> measure_group(std::string_view bytes) {
  auto layout = parse_group(bytes);
  if (!layout) return std::unexpected(std::move(layout).error());
  GroupParts parts{.times = layout->times.size(), .table = layout->table_bytes};
  std::vector<int64_t> created(layout->samples);
  for (const GroupUnit& unit : layout->units) {
    ByteReader in(unit.bytes);
    if (unit.has_created && !read_integer_column(in, created)) return damaged("created column");
    parts.created += in.offset();
    const uint64_t rest = unit.bytes.size() - in.offset();
    if (unit.kind != kSingle) {
      parts.families += rest;
      parts.family_samples += layout->samples * unit.members();
      continue;
    }
    const size_t codec = in.u8();
    if (!in.ok() || codec >= kAdaptiveCodecs) return damaged("value column");
    parts.columns[codec] += rest;
    parts.column_samples[codec] += layout->samples;
  }
  return parts;
}

Result<uint32_t> group_member_count(std::string_view bytes) {
  auto layout = parse_group(bytes);
  if (!layout) return std::unexpected(std::move(layout).error());
  return layout->member_count();
}

}  // namespace sightline::tsdb
