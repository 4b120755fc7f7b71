#include "tsdb/sample_group.h"

#include <algorithm>
#include <bit>

#include "tsdb/chunk.h"
#include "tsdb/family_codec.h"
#include "tsdb/integer_column.h"

namespace sightline::tsdb {
namespace {

enum UnitKind : uint8_t { kSingle = 0, kFamily = 1, kFamilyWithCount = 2 };
constexpr uint8_t kHasCreated = 4;

// One entry of the table: a member of its own, or a family's buckets and perhaps its count.
struct Unit {
  UnitKind kind = kSingle;
  bool has_created = false;
  uint32_t buckets = 0;  // of a family
  uint32_t first_member = 0;
  std::string_view bytes;
  uint32_t members() const {
    return kind == kSingle ? 1 : buckets + (kind == kFamilyWithCount ? 1 : 0);
  }
};

struct Layout {
  uint64_t samples = 0;
  std::string_view times;
  std::vector<Unit> units;
  uint64_t table_bytes = 0;
};

std::unexpected<Error> damaged(const char* what) {
  return fail(Errc::kCorrupt, "group: ", what, " is damaged");
}

Result<Layout> parse(std::string_view bytes, uint32_t up_to_member = UINT32_MAX) {
  ByteReader in(bytes);
  Layout layout;
  layout.samples = in.uvarint();
  layout.times = in.sized();
  const uint64_t count = in.uvarint();
  if (!in.ok() || layout.samples == 0 || layout.samples > kGroupSamplesMax || count == 0 ||
      count > kGroupMembersMax)
    return damaged("head");
  std::vector<uint64_t> lengths;
  uint32_t member = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t tag = in.u8();
    Unit unit{.kind = static_cast<UnitKind>(tag & 3),
              .has_created = (tag & kHasCreated) != 0,
              .first_member = member};
    if (unit.kind != kSingle) {
      const uint64_t buckets = in.uvarint();
      if (buckets < 2 || buckets > kFamilyBucketsMax) return damaged("family");
      unit.buckets = static_cast<uint32_t>(buckets);
    }
    lengths.push_back(in.uvarint());
    if (!in.ok() || tag > (kHasCreated | kFamilyWithCount) || (tag & 3) == 3)
      return damaged("table");
    member += unit.members();
    if (member > kGroupMembersMax) return damaged("table");
    layout.units.push_back(unit);
  }
  layout.table_bytes = in.offset() - layout.times.size();
  for (size_t i = 0; i < layout.units.size(); ++i) {
    layout.units[i].bytes = in.bytes(lengths[i]);
    if (!in.ok()) return damaged("unit");
    if (layout.units[i].first_member > up_to_member) break;
  }
  if (up_to_member == UINT32_MAX && !in.at_end()) return damaged("end");
  return layout;
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

std::string encode_group(std::span<const int64_t> times, std::span<const GroupMember> members) {
  SL_ASSERT(!times.empty() && times.size() <= kGroupSamplesMax &&
            members.size() <= kGroupMembersMax);
  std::string table;
  std::string bodies;
  uint64_t units = 0;
  const auto add = [&](uint8_t kind, size_t buckets, std::span<const int64_t> created,
                       const std::string& body) {
    const std::string head = encode_created(created);
    table.push_back(static_cast<char>(kind | (created.empty() ? 0 : kHasCreated)));
    if (kind != kSingle) append_uvarint(table, buckets);
    append_uvarint(table, head.size() + body.size());
    bodies += head;
    bodies += body;
    ++units;
  };
  std::vector<std::span<const double>> buckets;
  for (size_t at = 0; at < members.size();) {
    if (const Family family = family_at(members, at); family.buckets > 0) {
      buckets.clear();
      for (size_t k = 0; k < family.buckets; ++k) buckets.push_back(members[at + k].values);
      if (const auto body = encode_family(buckets)) {
        add(family.has_count ? kFamilyWithCount : kFamily, family.buckets, members[at].created,
            *body);
        at += family.buckets + (family.has_count ? 1 : 0);
        continue;
      }
    }
    std::string body;
    append_adaptive_column(body, members[at].values);
    add(kSingle, 0, members[at].created, body);
    ++at;
  }
  std::string time_column;
  append_integer_column(time_column, times);
  std::string out;
  append_uvarint(out, times.size());
  append_sized(out, time_column);
  append_uvarint(out, units);
  out += table;
  out += bodies;
  return out;
}

FamilyCache::Columns FamilyCache::find(const void* unit) const {
  const std::lock_guard lock(mutex_);
  const auto found = columns_.find(unit);
  return found == columns_.end() ? nullptr : found->second;
}

void FamilyCache::keep(const void* unit, Columns columns) {
  const std::lock_guard lock(mutex_);
  if (values_ > kValuesMax) {
    columns_.clear();
    values_ = 0;
  }
  values_ += columns->size();
  columns_.emplace(unit, std::move(columns));
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

bool read_times(const Layout& layout, std::vector<int64_t>& out) {
  const size_t before = out.size();
  out.resize(before + layout.samples);
  const std::span<int64_t> fresh = std::span(out).subspan(before);
  ByteReader in(layout.times);
  bool good = read_integer_column(in, fresh) && in.ok() && in.at_end();
  for (size_t i = 1; good && i < fresh.size(); ++i) good = fresh[i - 1] < fresh[i];
  if (!good) out.resize(before);
  return good;
}

bool read_values(const Layout& layout, const Unit& unit, ByteReader& in, uint32_t index,
                 FamilyCache* cache, std::span<double> out) {
  if (unit.kind == kSingle) return read_adaptive_column(in, out) && in.ok() && in.at_end();
  FamilyCache::Columns columns = cache != nullptr ? cache->find(unit.bytes.data()) : nullptr;
  if (columns == nullptr) {
    auto fresh = std::make_shared<std::vector<double>>();
    if (!read_family(in.bytes(in.remaining()), unit.buckets, layout.samples, *fresh)) return false;
    columns = std::move(fresh);
    if (cache != nullptr) cache->keep(unit.bytes.data(), columns);
  }
  const size_t bucket = std::min(index, unit.buckets - 1);  // the count is the last bucket's
  std::copy_n(columns->begin() + static_cast<ptrdiff_t>(bucket * layout.samples), layout.samples,
              out.begin());
  return true;
}

}  // namespace

Status read_group_times(std::string_view bytes, std::vector<int64_t>& out) {
  auto layout = parse(bytes, 0);
  if (!layout) return std::unexpected(std::move(layout).error());
  if (!read_times(*layout, out)) return damaged("times column");
  return {};
}

Status read_group_member(std::string_view bytes, uint32_t member, FamilyCache* cache,
                         SampleColumns& out) {
  auto layout = parse(bytes, member);
  if (!layout) return std::unexpected(std::move(layout).error());
  const auto unit = std::find_if(layout->units.begin(), layout->units.end(), [&](const Unit& u) {
    return member >= u.first_member && member - u.first_member < u.members();
  });
  if (unit == layout->units.end()) return damaged("member number");
  const size_t before = out.times.size();
  if (!read_times(*layout, out.times)) return damaged("times column");
  ByteReader in(unit->bytes);
  bool good = true;
  const size_t created_before = out.created.size();
  if (unit->has_created) {
    out.created.resize(before + layout->samples);
    good = read_integer_column(in, std::span(out.created).subspan(before));
  } else if (!out.created.empty()) {
    out.created.resize(before + layout->samples);
  }
  out.values.resize(before + layout->samples);
  good = good && read_values(*layout, *unit, in, member - unit->first_member, cache,
                             std::span(out.values).subspan(before));
  if (good) return {};
  out.times.resize(before);
  out.values.resize(before);
  out.created.resize(created_before);
  return damaged(unit->kind == kSingle ? "value column" : "family");
}

Result<GroupParts> measure_group(std::string_view bytes) {
  auto layout = parse(bytes);
  if (!layout) return std::unexpected(std::move(layout).error());
  GroupParts parts{.times = layout->times.size(), .table = layout->table_bytes};
  std::vector<int64_t> created(layout->samples);
  for (const Unit& unit : layout->units) {
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

}  // namespace sightline::tsdb
