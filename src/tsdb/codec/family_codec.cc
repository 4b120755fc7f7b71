#include "tsdb/codec/family_codec.h"

#include <bit>
#include <cmath>

#include "tsdb/codec/decimals.h"
#include "tsdb/codec/residual_model.h"

namespace sightline::tsdb {
namespace {

uint64_t bits_of(double v) { return std::bit_cast<uint64_t>(v); }

// Of one family: how many measurements a row has, then how they fall into the buckets.
struct RowModel {
  explicit RowModel(size_t buckets) : per_bucket(buckets), irregular_buckets(buckets) {}
  AdaptiveBit irregular;  // a row where something went down
  ResidualModel total;
  std::vector<ResidualModel> per_bucket;
  std::vector<ResidualModel> irregular_buckets;
};

unsigned context_of(uint64_t left) { return left < 2 ? 0u : left < 4 ? 1u : left < 16 ? 2u : 3u; }

void put_row(RangeEncoder& coder, RawBitWriter& raw, RowModel& model,
             std::span<const int64_t> row) {
  uint64_t total = 0;
  bool regular = true;
  for (const int64_t d : row) {
    regular = regular && d >= 0;
    total += static_cast<uint64_t>(d);
  }
  coder.put(model.irregular, !regular);
  if (!regular) {
    for (size_t k = 0; k < row.size(); ++k) model.irregular_buckets[k].put(coder, raw, row[k]);
    return;
  }
  (void)model.total.put_size(coder, raw, total);
  for (size_t k = 0; k + 1 < row.size() && total > 0; ++k) {
    const auto d = static_cast<uint64_t>(row[k]);
    (void)model.per_bucket[k].put_size(coder, raw, d, context_of(total));
    total -= d;
  }
}

bool get_row(RangeDecoder& coder, RawBitReader& raw, RowModel& model, std::span<int64_t> row) {
  if (coder.get(model.irregular)) {
    for (size_t k = 0; k < row.size(); ++k) row[k] = model.irregular_buckets[k].get(coder, raw);
    return true;
  }
  uint64_t total = model.total.get_size(coder, raw);
  for (size_t k = 0; k + 1 < row.size(); ++k) {
    const uint64_t d = total > 0 ? model.per_bucket[k].get_size(coder, raw, context_of(total)) : 0;
    if (d > total) return false;
    row[k] = static_cast<int64_t>(d);
    total -= d;
  }
  row.back() = static_cast<int64_t>(total);
  return true;
}

}  // namespace

std::optional<std::string> encode_family(std::span<const std::span<const double>> buckets) {
  const size_t samples = buckets.front().size();
  std::vector<uint32_t> misfits;
  std::string coded;
  std::string out;
  RawBitWriter raw;
  RangeEncoder coder(coded);
  RowModel model(buckets.size());
  std::vector<int64_t> last(buckets.size());
  std::vector<int64_t> row(buckets.size());
  for (size_t t = 0; t < samples; ++t) {
    bool whole = true;
    bool same = true;
    for (const auto& bucket : buckets) {
      whole = whole && is_whole(bucket[t]);
      same = same && bits_of(bucket[t]) == bits_of(buckets.front()[t]);
    }
    if (!whole) {  // the family ended here: a stale marker in all
      if (!same || misfits.size() > samples / 8) return std::nullopt;
      misfits.push_back(static_cast<uint32_t>(t));
      continue;
    }
    double below = 0;
    for (size_t k = 0; k < buckets.size(); ++k) {
      const auto inside = static_cast<int64_t>(buckets[k][t] - below);
      below = buckets[k][t];
      row[k] = inside - last[k];
      last[k] = inside;
    }
    put_row(coder, raw, model, row);
  }
  coder.finish();
  append_misfits(out, buckets.front(), misfits);
  append_sized(out, coded);
  append_sized(out, raw.finish());
  return out;
}

bool read_family_presence(std::string_view bytes, std::span<double> out) {
  std::ranges::fill(out, 0);
  ByteReader in(bytes);
  return read_misfits(in, out) && (in.sized(), in.sized(), in.ok()) && in.at_end();
}

bool read_family(std::string_view bytes, size_t buckets, size_t samples, std::vector<double>& out) {
  ByteReader in(bytes);
  const uint64_t misfit_count = in.uvarint();
  if (!in.ok() || misfit_count > samples) return false;
  std::vector<std::pair<size_t, double>> misfits;
  size_t at = 0;
  for (uint64_t i = 0; i < misfit_count; ++i) {
    const uint64_t gap = in.uvarint();
    const auto bits = in.le<uint64_t>();
    if (!in.ok() || gap >= samples - at || (i > 0 && gap == 0)) return false;
    at += gap;
    misfits.emplace_back(at, std::bit_cast<double>(bits));
  }
  RangeDecoder coder(in.sized());
  RawBitReader raw(in.sized());
  if (!in.ok() || !in.at_end()) return false;
  RowModel model(buckets);
  std::vector<int64_t> inside(buckets);
  std::vector<int64_t> row(buckets);
  out.resize(buckets * samples);
  size_t next_misfit = 0;
  for (size_t t = 0; t < samples; ++t) {
    if (next_misfit < misfits.size() && misfits[next_misfit].first == t) {
      for (size_t k = 0; k < buckets; ++k) out[k * samples + t] = misfits[next_misfit].second;
      ++next_misfit;
      continue;
    }
    if (!get_row(coder, raw, model, row)) return false;
    uint64_t sum = 0;
    for (size_t k = 0; k < buckets; ++k) {
      inside[k] =
          static_cast<int64_t>(static_cast<uint64_t>(inside[k]) + static_cast<uint64_t>(row[k]));
      sum += static_cast<uint64_t>(inside[k]);
      out[k * samples + t] = static_cast<double>(static_cast<int64_t>(sum));
    }
  }
  return raw.ok();
}

}  // namespace sightline::tsdb
