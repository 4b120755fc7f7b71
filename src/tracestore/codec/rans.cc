#include "tracestore/codec/rans.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sightline::tracestore {

Frequencies Frequencies::of(std::span<const uint32_t> counts) {
  Frequencies f;
  uint64_t total = 0;
  for (const uint32_t count : counts) total += count;
  uint32_t given = 0;
  for (size_t symbol = 0; symbol < counts.size(); ++symbol) {
    if (counts[symbol] == 0) continue;
    f.symbols_.push_back(static_cast<uint8_t>(symbol));
    const auto share = static_cast<uint32_t>(uint64_t{counts[symbol]} * kRansScale / total);
    given += f.of_symbol_[symbol].frequency = std::max(1u, share);
  }
  // What rounding left over or took too much goes to and from where it matters least.
  while (given != kRansScale) {
    uint32_t& most = f.of_symbol_[*std::ranges::max_element(f.symbols_, {}, [&](uint8_t symbol) {
                        return f[symbol].frequency;
                      })].frequency;
    if (given < kRansScale) {
      most += kRansScale - given;
      given = kRansScale;
    } else {
      const uint32_t taken = std::min(given - kRansScale, std::max(1u, most / 2 / 4));
      most -= taken;
      given -= taken;
    }
  }
  uint32_t start = 0;
  for (const uint8_t symbol : f.symbols_) {
    Symbol& s = f.of_symbol_[symbol];
    s.start = start;
    s.inverse = ((uint64_t{1} << kInverseBits) + s.frequency - 1) / s.frequency;
    start += s.frequency;
  }
  return f;
}

// How many symbols, then for each the distance from the one before and its frequency; the last one's is the rest.
void Frequencies::append_to(std::string& out) const {
  out.push_back(static_cast<char>(symbols_.size() - 1));
  int before = -1;
  for (size_t i = 0; i < symbols_.size(); ++i) {
    append_uvarint(out, static_cast<uint64_t>(symbols_[i] - before - 1));
    if (i + 1 < symbols_.size()) append_uvarint(out, of_symbol_[symbols_[i]].frequency);
    before = symbols_[i];
  }
}

double Frequencies::cost(std::span<const uint32_t> counts) const {
  double bits = 0;
  for (const uint8_t symbol : symbols_)
    if (counts[symbol] > 0)
      bits += counts[symbol] *
              (kRansScaleBits - std::log2(static_cast<double>(of_symbol_[symbol].frequency)));
  return bits;
}

bool read_frequencies(std::string_view bytes, RansSlots& slots) {
  ByteReader in(bytes);
  const uint32_t count = in.u8() + 1u;
  slots.count = count;
  uint64_t symbol = 0;
  uint32_t start = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t distance = in.uvarint();
    if (distance > 255) return false;
    symbol = (i == 0 ? 0 : symbol + 1) + distance;
    const uint64_t frequency = i + 1 < count ? in.uvarint() : kRansScale - start;
    // The last one's is at least one, so that all others leave something.
    if (!in.ok() || symbol > 255 || frequency == 0 || frequency > kRansScale - start) return false;
    slots.entries[i] =
        RansEntry::of(static_cast<uint32_t>(symbol), static_cast<uint32_t>(frequency), start);
    std::memset(slots.places.data() + start, static_cast<int>(i), frequency);
    start += static_cast<uint32_t>(frequency);
  }
  return in.at_end() && start == kRansScale;
}

}  // namespace sightline::tracestore
