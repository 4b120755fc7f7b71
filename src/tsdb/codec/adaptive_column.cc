#include "tsdb/codec/adaptive_column.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <vector>

#include "tsdb/codec/decimals.h"
#include "tsdb/codec/residual_model.h"
#include "tsdb/codec/value_column.h"

namespace sightline::tsdb {
namespace {

// Differences taken `order` times; base is taken off what remains.
struct Residuals {
  unsigned order = 0;
  std::array<int64_t, 2> seeds{};
  int64_t base = 0;
  std::vector<int64_t> values;
};

int64_t minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

void difference(std::vector<int64_t>& values) {
  for (size_t i = 0; i + 1 < values.size(); ++i) values[i] = minus(values[i + 1], values[i]);
  values.pop_back();
}

// Takes the middle value off, if that leaves less; returns about how many bits remain.
uint64_t settle(Residuals& r) {
  std::vector<int64_t> sorted = r.values;
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  const auto bits = [&](int64_t base) {
    uint64_t sum = 0;
    for (const int64_t v : r.values)
      sum += static_cast<uint64_t>(std::bit_width(zigzag(minus(v, base))));
    return sum;
  };
  const uint64_t plain = bits(0);
  const uint64_t centred = *middle == 0 ? plain : bits(*middle);
  if (centred >= plain) return plain;
  r.base = *middle;
  for (int64_t& v : r.values) v = minus(v, r.base);
  return centred;
}

Residuals choose(std::span<const int64_t> values, uint64_t* bits_out = nullptr) {
  Residuals best;
  uint64_t best_bits = UINT64_MAX;
  std::vector<int64_t> current(values.begin(), values.end());
  std::array<int64_t, 2> seeds{};
  for (unsigned order = 0; order <= 2 && current.size() > 1; ++order) {
    Residuals r{.order = order, .seeds = seeds, .values = current};
    const uint64_t bits = settle(r);
    if (bits < best_bits) {
      best_bits = bits;
      best = std::move(r);
    }
    if (order == 2) break;
    seeds[order] = current.front();
    difference(current);
  }
  if (best_bits == UINT64_MAX) best = {.values = current};
  if (bits_out != nullptr) *bits_out = best_bits;
  return best;
}

void append_residuals(std::string& out, const Residuals& r) {
  out.push_back(static_cast<char>(r.order));
  for (unsigned i = 0; i < r.order; ++i) append_svarint(out, r.seeds[i]);
  append_svarint(out, r.base);
  std::string coded;
  RawBitWriter raw;
  {
    RangeEncoder coder(coded);
    ResidualModel model;
    for (const int64_t v : r.values) model.put(coder, raw, v);
    coder.finish();
  }
  append_sized(out, coded);
  append_sized(out, raw.finish());
}

bool read_residuals(ByteReader& in, std::span<int64_t> out) {
  const unsigned order = in.u8();
  if (order > 2 || order >= out.size() + (out.empty() ? 1 : 0)) return false;
  std::array<int64_t, 2> seeds{};
  for (unsigned i = 0; i < order; ++i) seeds[i] = in.svarint();
  const int64_t base = in.svarint();
  RangeDecoder coder(in.sized());
  RawBitReader raw(in.sized());
  if (!in.ok()) return false;
  ResidualModel model;
  for (int64_t& v : out.subspan(order)) v = plus(model.get(coder, raw), base);
  if (!raw.ok()) return false;
  for (unsigned i = order; i-- > 0;) {
    int64_t value = seeds[i];
    for (size_t k = i; k < out.size(); ++k) {
      const int64_t step = k + 1 < out.size() ? out[k + 1] : 0;
      out[k] = value;
      value = plus(value, step);
    }
  }
  return true;
}

bool skip_residuals(ByteReader& in) {
  const unsigned order = in.u8();
  if (order > 2) return false;
  for (unsigned i = 0; i <= order; ++i) (void)in.svarint();  // seeds and base
  (void)in.sized();
  (void)in.sized();
  return in.ok();
}

// Nearest decimals and how many representable doubles the value lies beside them: what is left of a decimal after
// thousands of additions.
struct Rounded {
  std::vector<int64_t> integers;
  std::vector<int64_t> steps;
};

std::optional<Rounded> round_to(std::span<const double> values, unsigned decimals) {
  Rounded r;
  for (const double v : values) {
    const double i = std::nearbyint(v * kPowersOfTen[decimals]);
    if (!(std::abs(i) <= kExactMax) || std::signbit(v)) return std::nullopt;
    const double near = i / kPowersOfTen[decimals];
    const int64_t step = minus(static_cast<int64_t>(std::bit_cast<uint64_t>(v)),
                               static_cast<int64_t>(std::bit_cast<uint64_t>(near)));
    if (std::abs(step) > 1 << 20) return std::nullopt;
    r.integers.push_back(static_cast<int64_t>(i));
    r.steps.push_back(step);
  }
  return r;
}

std::string encode_rounded(std::span<const double> values) {
  std::string best;
  uint64_t best_bits = UINT64_MAX;
  unsigned best_decimals = 0;
  const auto probe = values.first(std::min<size_t>(values.size(), 64));
  for (const unsigned decimals : {9u, 6u, 12u, 4u}) {
    const auto r = round_to(probe, decimals);
    uint64_t a = 0;
    uint64_t b = 0;
    if (!r) continue;
    (void)choose(r->integers, &a);
    (void)choose(r->steps, &b);
    if (a == UINT64_MAX || a + b >= best_bits) continue;
    best_bits = a + b;
    best_decimals = decimals;
  }
  if (best_bits > probe.size() * 46) return best;
  const auto r = round_to(values, best_decimals);
  if (!r) return best;
  best.push_back(static_cast<char>(AdaptiveCodec::kRounded));
  best.push_back(static_cast<char>(best_decimals));
  append_residuals(best, choose(r->integers));
  append_residuals(best, choose(r->steps));
  return best;
}

bool read_rounded(ByteReader& in, std::span<double> out) {
  const unsigned decimals = in.u8();
  if (decimals > kDecimalsMax) return false;
  std::vector<int64_t> integers(out.size());
  std::vector<int64_t> steps(out.size());
  if (!in.ok() || !read_residuals(in, integers) || !read_residuals(in, steps)) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const double near = static_cast<double>(integers[i]) / kPowersOfTen[decimals];
    out[i] = std::bit_cast<double>(std::bit_cast<uint64_t>(near) + static_cast<uint64_t>(steps[i]));
  }
  return true;
}

std::string encode_scaled(std::span<const double> values, unsigned decimals, const Scaled& s) {
  std::string out;
  out.push_back(static_cast<char>(AdaptiveCodec::kScaled));
  out.push_back(static_cast<char>(decimals));
  append_residuals(out, choose(s.integers));
  append_misfits(out, values, s.misfits);
  return out;
}

bool read_scaled(ByteReader& in, std::span<double> out) {
  const unsigned decimals = in.u8();
  if (decimals > kDecimalsMax) return false;
  std::vector<int64_t> integers(out.size());
  if (!in.ok() || !read_residuals(in, integers)) return false;
  const double power = kPowersOfTen[decimals];
  for (size_t i = 0; i < out.size(); ++i)
    out[i] =
        decimals == 0 ? static_cast<double>(integers[i]) : static_cast<double>(integers[i]) / power;
  return read_misfits(in, out);
}

// Numbers but for the misfits.
bool read_scaled_presence(ByteReader& in, std::span<double> out) {
  (void)in.u8();
  std::ranges::fill(out, 0);
  return skip_residuals(in) && read_misfits(in, out);
}

// Numbers, all of them.
bool read_rounded_presence(ByteReader& in, std::span<double> out) {
  (void)in.u8();
  std::ranges::fill(out, 0);
  return skip_residuals(in) && skip_residuals(in);
}

}  // namespace

const char* adaptive_codec_name(AdaptiveCodec codec) {
  switch (codec) {
    case AdaptiveCodec::kConstant: return "constant";
    case AdaptiveCodec::kScaled: return "decimal residuals";
    case AdaptiveCodec::kRounded: return "decimals with rounding";
    case AdaptiveCodec::kPlain: return "plain value column";
  }
  return "unknown";
}

void append_adaptive_column(std::string& out, std::span<const double> values) {
  if (values.empty()) return;
  const auto bits = [](double v) { return std::bit_cast<uint64_t>(v); };
  if (std::all_of(values.begin(), values.end(),
                  [&](double v) { return bits(v) == bits(values.front()); })) {
    out.push_back(static_cast<char>(AdaptiveCodec::kConstant));
    append_le(out, bits(values.front()));
    return;
  }
  std::string best;
  if (const auto decimals = guess_decimals(values))
    if (const auto s = scale(values, *decimals)) best = encode_scaled(values, *decimals, *s);
  if (best.empty() || best.size() > 3 * values.size()) {
    std::string other = encode_rounded(values);
    if (!other.empty() && (best.empty() || other.size() < best.size())) best = std::move(other);
  }
  if (best.empty() || best.size() > 5 * values.size()) {
    std::string plain(1, static_cast<char>(AdaptiveCodec::kPlain));
    append_value_column(plain, values);
    if (best.empty() || plain.size() < best.size()) best = std::move(plain);
  }
  out += best;
}

void append_plain_column(std::string& out, std::string_view value_column) {
  out.push_back(static_cast<char>(AdaptiveCodec::kPlain));
  out += value_column;
}

bool read_adaptive_column(ByteReader& in, std::span<double> out, ValueNeed need) {
  if (out.empty()) return true;
  const bool whole = need == ValueNeed::kAll;
  switch (static_cast<AdaptiveCodec>(in.u8())) {
    case AdaptiveCodec::kConstant:
      std::fill(out.begin(), out.end(), std::bit_cast<double>(in.le<uint64_t>()));
      return in.ok();
    case AdaptiveCodec::kScaled:
      return in.ok() && (whole ? read_scaled(in, out) : read_scaled_presence(in, out));
    case AdaptiveCodec::kRounded:
      return whole ? read_rounded(in, out) : read_rounded_presence(in, out);
    case AdaptiveCodec::kPlain: return read_value_column(in, out, need);
  }
  return false;
}

}  // namespace sightline::tsdb
