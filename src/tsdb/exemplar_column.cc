#include "tsdb/exemplar_column.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "base/checksum.h"
#include "tsdb/integer_column.h"
#include "tsdb/value_column.h"

namespace sightline::tsdb {
namespace {

constexpr uint64_t kExemplarsMax = 10'000'000;  // of one series in one block

// Flag bits of an encoded exemplar.
constexpr uint8_t kHasTrace = 1;
constexpr uint8_t kHasSpan = 2;
constexpr uint8_t kHasLabels = 4;
constexpr uint8_t kWithoutTime = 8;

int64_t window_of(int64_t time, int64_t window_ms) {
  return time >= 0 ? time / window_ms : -((-(time + 1)) / window_ms) - 1;
}

// The sample is uniform because this is: those with the greatest rank stay.
uint64_t rank_of(const StoredExemplar& e) {
  std::string key;
  append_le(key, e.time);
  append_le(key, e.value);
  key.append(reinterpret_cast<const char*>(e.trace_id.bytes.data()), e.trace_id.bytes.size());
  key.append(reinterpret_cast<const char*>(e.span_id.bytes.data()), e.span_id.bytes.size());
  key += e.packed_labels();
  return xxh3(key);
}

// Which of exemplars[begin, end) stay. The newest is beside the budget: it
// is kept until a newer one comes, and then takes its chance.
std::vector<bool> choose(const std::vector<StoredExemplar>& exemplars, size_t begin, size_t end,
                         uint32_t max) {
  const size_t count = end - begin;
  std::vector<bool> keep(count, false);
  size_t low = 0;
  size_t high = 0;
  for (size_t i = 1; i < count; ++i) {
    if (exemplars[begin + i].value < exemplars[begin + low].value) low = i;
    if (exemplars[begin + i].value > exemplars[begin + high].value) high = i;
  }
  keep[low] = keep[high] = true;
  auto kept = static_cast<size_t>(std::count(keep.begin(), keep.end(), true));
  keep[count - 1] = true;
  std::vector<std::pair<uint64_t, size_t>> ranked;
  for (size_t i = 0; i < count; ++i)
    if (!keep[i]) ranked.emplace_back(rank_of(exemplars[begin + i]), i);
  std::sort(ranked.rbegin(), ranked.rend());
  for (const auto& [rank, i] : ranked) {
    if (kept >= max) break;
    keep[i] = true;
    ++kept;
  }
  return keep;
}

}  // namespace

model::Exemplar StoredExemplar::to_exemplar() const {
  return {.trace_id = trace_id,
          .span_id = span_id,
          .labels = model::Labels::from_packed(std::string(packed_labels())),
          .value = value,
          .time = {time},
          .has_time = has_time};
}

bool same_exemplar(const StoredExemplar& a, const StoredExemplar& b) {
  return a.time == b.time && std::bit_cast<uint64_t>(a.value) == std::bit_cast<uint64_t>(b.value) &&
         a.trace_id == b.trace_id && a.span_id == b.span_id &&
         a.packed_labels() == b.packed_labels();
}

void thin_exemplars(std::vector<StoredExemplar>& exemplars, const ExemplarBudget& budget,
                    size_t from) {
  size_t out = from;
  for (size_t begin = from; begin < exemplars.size();) {
    const int64_t window = window_of(exemplars[begin].time, budget.window_ms);
    size_t end = begin + 1;
    while (end < exemplars.size() && window_of(exemplars[end].time, budget.window_ms) == window)
      ++end;
    const bool over = end - begin > size_t{budget.per_window_max} + 1;
    const std::vector<bool> keep =
        over ? choose(exemplars, begin, end, budget.per_window_max) : std::vector<bool>();
    for (size_t i = begin; i < end; ++i) {
      if (over && !keep[i - begin]) continue;
      if (out != i) exemplars[out] = std::move(exemplars[i]);
      ++out;
    }
    begin = end;
  }
  exemplars.resize(out);
}

std::string encode_exemplars(const std::vector<StoredExemplar>& exemplars) {
  std::vector<int64_t> times;
  std::vector<double> values;
  std::map<std::string_view, uint64_t> label_numbers;
  std::string label_table;
  std::string rest;
  for (const StoredExemplar& e : exemplars) {
    times.push_back(e.time);
    values.push_back(e.value);
    const std::string_view labels = e.packed_labels();
    rest.push_back(static_cast<char>(
        (e.trace_id.is_valid() ? kHasTrace : 0) | (e.span_id.is_valid() ? kHasSpan : 0) |
        (labels.empty() ? 0 : kHasLabels) | (e.has_time ? 0 : kWithoutTime)));
    if (e.trace_id.is_valid())
      rest.append(reinterpret_cast<const char*>(e.trace_id.bytes.data()), 16);
    if (e.span_id.is_valid()) rest.append(reinterpret_cast<const char*>(e.span_id.bytes.data()), 8);
    if (labels.empty()) continue;
    const auto [at, fresh] = label_numbers.emplace(labels, label_numbers.size());
    if (fresh) append_sized(label_table, labels);
    append_uvarint(rest, at->second);
  }
  std::string out;
  append_uvarint(out, exemplars.size());
  append_integer_column(out, times);
  append_value_column(out, values);
  append_uvarint(out, label_numbers.size());
  out += label_table;
  out += rest;
  return out;
}

Status decode_exemplars(std::string_view bytes, std::vector<StoredExemplar>& out) {
  ByteReader in(bytes);
  const uint64_t count = in.uvarint();
  const auto damaged = [&] {
    return fail(Errc::kCorrupt, "exemplars are damaged near byte ", in.offset());
  };
  if (!in.ok() || count > kExemplarsMax || count > in.remaining()) return damaged();
  std::vector<int64_t> times(count);
  std::vector<double> values(count);
  if (!read_integer_column(in, times) || !read_value_column(in, values)) return damaged();
  const uint64_t label_sets = in.uvarint();
  if (!in.ok() || label_sets > in.remaining()) return damaged();
  std::vector<std::shared_ptr<const std::string>> table;
  for (uint64_t i = 0; i < label_sets; ++i) {
    const std::string_view packed = in.sized();
    if (!in.ok() || !model::Labels::is_packed(packed)) return damaged();
    table.push_back(std::make_shared<const std::string>(packed));
  }
  const size_t before = out.size();
  for (uint64_t i = 0; i < count; ++i) {
    StoredExemplar e{.time = times[i], .value = values[i]};
    const uint8_t flags = in.u8();
    e.has_time = (flags & kWithoutTime) == 0;
    if ((flags & kHasTrace) != 0)
      e.trace_id = trace_id_from_bytes(in.bytes(16)).value_or(TraceId{});
    if ((flags & kHasSpan) != 0) e.span_id = span_id_from_bytes(in.bytes(8)).value_or(SpanId{});
    const uint64_t number = (flags & kHasLabels) != 0 ? in.uvarint() : 0;
    if (!in.ok() || flags > 15 || ((flags & kHasLabels) != 0 && number >= table.size())) {
      out.resize(before);
      return damaged();
    }
    if ((flags & kHasLabels) != 0) e.labels = table[number];
    out.push_back(std::move(e));
  }
  return {};
}

}  // namespace sightline::tsdb
