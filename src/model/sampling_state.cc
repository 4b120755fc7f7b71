#include "model/sampling_state.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/bytes.h"

namespace sightline::model {
namespace {

constexpr size_t kDigits = 14;
constexpr size_t kTraceStateBytesMax = 1024;
constexpr size_t kOtBytesMax = 256;
constexpr size_t kVendorsMax = 32;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_lower_or_digit(char c) { return is_lower(c) || (c >= '0' && c <= '9'); }

std::optional<uint64_t> hex_number(std::string_view digits) {
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

std::string hex_digits(uint64_t value) {
  std::string out(kDigits, '0');
  for (size_t i = kDigits; i-- > 0; value >>= 4) out[i] = "0123456789abcdef"[value & 15];
  return out;
}

std::string threshold_text(uint64_t threshold) {
  std::string digits = hex_digits(threshold);
  while (digits.size() > 1 && digits.ends_with('0')) digits.pop_back();
  return digits;
}

// Calls `each` with the parts between separators.
template <typename Each>
bool for_parts(std::string_view text, char separator, Each each) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (!each(text.substr(0, end))) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

bool is_vendor_key(std::string_view key) {
  const auto is_key_char = [](char c) {
    return is_lower_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  };
  const size_t at = key.find('@');
  if (at == std::string_view::npos)
    return !key.empty() && key.size() <= 256 && is_lower(key[0]) &&
           std::ranges::all_of(key, is_key_char);
  const std::string_view tenant = key.substr(0, at), system = key.substr(at + 1);
  return !tenant.empty() && !system.empty() && tenant.size() <= 241 && system.size() <= 14 &&
         is_lower_or_digit(tenant[0]) && is_lower(system[0]) &&
         std::ranges::all_of(tenant, is_key_char) && std::ranges::all_of(system, is_key_char);
}

bool is_vendor_value(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::ranges::all_of(value,
                             [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

bool read_ot_member(std::string_view member, SamplingState& out) {
  const size_t colon = member.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view key = member.substr(0, colon), value = member.substr(colon + 1);
  const bool is_key = is_lower(key[0]) && std::ranges::all_of(key, is_lower_or_digit);
  const bool is_value = std::ranges::all_of(value, [](char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  });
  if (!is_key || !is_value) return false;
  if (key == "th") {
    const auto number = value.size() <= kDigits ? hex_number(value) : std::nullopt;
    if (!number) return false;
    out.threshold = *number << (4 * (kDigits - value.size()));
  } else if (key == "rv") {
    const auto number = value.size() == kDigits ? hex_number(value) : std::nullopt;
    if (!number) return false;
    out.randomness = *number;
  } else {
    out.other_ot.emplace_back(key, value);
  }
  return true;
}

bool read_ot(std::string_view text, SamplingState& out) {
  if (text.size() > kOtBytesMax || text.empty() || text.ends_with(';')) return false;
  return for_parts(text, ';', [&](std::string_view member) { return read_ot_member(member, out); });
}

}  // namespace

Result<SamplingState> SamplingState::parse(std::string_view trace_state) {
  SamplingState out;
  size_t vendors = 0;
  const bool ok = trace_state.size() <= kTraceStateBytesMax &&
                  for_parts(trace_state, ',', [&](std::string_view member) {
                    while (member.starts_with(' ') || member.starts_with('\t'))
                      member.remove_prefix(1);
                    while (member.ends_with(' ') || member.ends_with('\t')) member.remove_suffix(1);
                    if (++vendors >= kVendorsMax) return false;
                    if (member.empty()) return true;
                    const size_t equals = member.find('=');
                    if (equals == std::string_view::npos) return false;
                    const std::string_view key = member.substr(0, equals),
                                           value = member.substr(equals + 1);
                    if (!is_vendor_key(key) || !is_vendor_value(value)) return false;
                    if (key == "ot") return read_ot(value, out);
                    out.other_vendors.emplace_back(key, value);
                    return true;
                  });
  if (!ok)
    return fail(Errc::kInvalidArgument, "not a tracestate: \"", trace_state.substr(0, 100), "\"");
  return out;
}

std::string SamplingState::text() const {
  std::string ot;
  const auto add = [](std::string& to, char separator, std::string_view key, char equality,
                      std::string_view value) {
    if (!to.empty()) to += separator;
    to.append(key) += equality;
    to.append(value);
  };
  if (randomness) add(ot, ';', "rv", ':', hex_digits(*randomness));
  if (threshold && *threshold < kNeverSample) add(ot, ';', "th", ':', threshold_text(*threshold));
  for (const auto& [key, value] : other_ot) add(ot, ';', key, ':', value);
  std::string out;
  if (!ot.empty()) add(out, ',', "ot", '=', ot);
  for (const auto& [key, value] : other_vendors) add(out, ',', key, '=', value);
  return out;
}

uint64_t randomness_of(const TraceId& id) {
  return load_be64(id.bytes.data() + 8) & (kSamplingRange - 1);
}

uint64_t threshold_of_probability(double probability, uint32_t precision) {
  if (probability >= 1) return kAlwaysSample;
  if (!(probability >= 0x1.0p-56)) return kNeverSample;
  int exponent = 0, exponent_rest = 0;
  std::frexp(probability, &exponent);
  std::frexp(1 - probability, &exponent_rest);
  const int wanted = precision == 0 ? static_cast<int>(kDigits) : static_cast<int>(precision);
  // Leading zeros and leading ones of the threshold are digits that say nothing.
  const int digits = std::min(static_cast<int>(kDigits),
                              std::max(wanted + exponent / -4, wanted + exponent_rest / -4));
  uint64_t threshold = kSamplingRange - static_cast<uint64_t>(std::llround(probability * 0x1.0p56));
  if (const int shift = 4 * (static_cast<int>(kDigits) - digits); shift > 0) {
    threshold += 1ull << (shift - 1);
    threshold = threshold >> shift << shift;
  }
  return threshold;
}

double probability_of_threshold(uint64_t threshold) {
  return static_cast<double>(kSamplingRange - threshold) * 0x1.0p-56;
}

}  // namespace sightline::model
