#include "tsdb/block/exemplar_column.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "base/checksum.h"
#include "tsdb/codec/integer_column.h"
#include "tsdb/codec/value_column.h"

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

// The sample is uniform because this is: those with the greatest rank stay. The trace comes first, so that series fed
// by the same traces agree.
using Rank = std::pair<uint64_t, uint64_t>;
Rank rank_of(const StoredExemplar& e) {
  std::string key(reinterpret_cast<const char*>(e.trace_id.bytes.data()), e.trace_id.bytes.size());
  const uint64_t trace = e.trace_id.is_valid() ? xxh3(key) : 0;
  append_le(key, e.time);
  append_le(key, e.value);
  key.append(reinterpret_cast<const char*>(e.span_id.bytes.data()), e.span_id.bytes.size());
  key += e.packed_labels();
  const uint64_t all = xxh3(key);
  return {e.trace_id.is_valid() ? trace : all, all};
}

// Which bucket of the native histogram a value lies in; of an exponential one as if its schema were `schema`.
int64_t bucket_of(double value, const model::Histogram& buckets, int32_t schema) {
  if (buckets.schema == model::kCustomBucketsSchema)
    return std::lower_bound(buckets.custom_values.begin(), buckets.custom_values.end(), value) -
           buckets.custom_values.begin();
  const double size = std::fabs(value);
  if (!(size > buckets.zero_threshold)) return std::numeric_limits<int64_t>::min();
  if (std::isinf(size))
    return value < 0 ? std::numeric_limits<int64_t>::min() + 1
                     : std::numeric_limits<int64_t>::max();
  const auto index = static_cast<int64_t>(std::ceil(std::ldexp(std::log2(size), schema)));
  constexpr int64_t kNegative = int64_t{1} << 40;
  return value < 0 ? index - kNegative : index;
}

// One of each bucket beside those kept already, by rank: at the finest resolution at which there are no more buckets than
// may be kept.
void keep_one_of_each_bucket(std::span<const StoredExemplar> exemplars,
                             std::span<const std::pair<Rank, size_t>> ranked, size_t max,
                             const model::Histogram& buckets, std::vector<bool>& keep) {
  constexpr int32_t kCoarsest = -4;
  for (int32_t schema = buckets.schema;; --schema) {
    std::map<int64_t, bool> found;  // whether one of it is kept
    for (size_t i = 0; i < exemplars.size(); ++i)
      found[bucket_of(exemplars[i].value, buckets, schema)] |= keep[i];
    const auto missing = static_cast<size_t>(
        std::count_if(found.begin(), found.end(), [](const auto& each) { return !each.second; }));
    const auto kept = static_cast<size_t>(std::count(keep.begin(), keep.end(), true));
    if (kept + missing > max && schema > kCoarsest) continue;
    for (const auto& [rank, i] : ranked) {
      bool& done = found[bucket_of(exemplars[i].value, buckets, schema)];
      if (done) continue;
      if (static_cast<size_t>(std::count(keep.begin(), keep.end(), true)) >= max) return;
      done = keep[i] = true;
    }
    return;
  }
}

// Which of exemplars[begin, end) stay. The newest is beside the budget: it
// is kept until a newer one comes, and then takes its chance.
std::vector<bool> choose(std::span<const StoredExemplar> exemplars, uint32_t max,
                         const model::Histogram* buckets) {
  const size_t count = exemplars.size();
  std::vector<bool> keep(count, false);
  size_t low = 0;
  size_t high = 0;
  for (size_t i = 1; i < count; ++i) {
    if (exemplars[i].value < exemplars[low].value) low = i;
    if (exemplars[i].value > exemplars[high].value) high = i;
  }
  keep[low] = keep[high] = true;
  std::vector<std::pair<Rank, size_t>> ranked;
  for (size_t i = 0; i < count; ++i) ranked.emplace_back(rank_of(exemplars[i]), i);
  std::sort(ranked.rbegin(), ranked.rend());
  if (buckets != nullptr) keep_one_of_each_bucket(exemplars, ranked, max, *buckets, keep);
  auto kept = static_cast<size_t>(std::count(keep.begin(), keep.end(), true));
  for (const auto& [rank, i] : ranked) {
    if (kept >= max) break;
    if (keep[i] || i == count - 1) continue;
    keep[i] = true;
    ++kept;
  }
  keep[count - 1] = true;
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
                    size_t from, const model::Histogram* buckets) {
  const uint32_t max = budget.max_of(buckets);
  size_t out = from;
  for (size_t begin = from; begin < exemplars.size();) {
    const int64_t window = window_of(exemplars[begin].time, budget.window_ms);
    size_t end = begin + 1;
    while (end < exemplars.size() && window_of(exemplars[end].time, budget.window_ms) == window)
      ++end;
    const bool over = end - begin > size_t{max} + 1;
    const std::vector<bool> keep =
        over ? choose(std::span(exemplars).subspan(begin, end - begin), max, buckets)
             : std::vector<bool>();
    for (size_t i = begin; i < end; ++i) {
      if (over && !keep[i - begin]) continue;
      if (out != i) exemplars[out] = std::move(exemplars[i]);
      ++out;
    }
    begin = end;
  }
  exemplars.resize(out);
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
