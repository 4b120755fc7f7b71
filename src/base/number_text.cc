#include "base/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace sightline {
namespace {

// Returns the word for NaN and infinities, empty for finite numbers.
std::string_view special_word(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return {};
}

// Without an exponent: the shortest digits that read back to `v`, with zeros where they do not reach.
// (to_chars prints a large number with every digit of its exact value, which the peers do not; and takes twice as long.)
char* write_plain(char* to, double v) {
  if (std::signbit(v)) *to++ = '-';
  if (v == 0) return *to++ = '0', to;
  const auto decimal = fmt::detail::dragonbox::to_decimal(std::fabs(v));
  char digits[24];
  const auto count = static_cast<int>(
      std::to_chars(digits, digits + sizeof digits, decimal.significand).ptr - digits);
  const int whole = count + decimal.exponent;  // digits before the point
  const auto put = [&](const char* from, int n) {
    std::memcpy(to, from, static_cast<size_t>(n));
    to += n;
  };
  const auto zeros = [&](int n) {
    std::memset(to, '0', static_cast<size_t>(n));
    to += n;
  };
  if (whole >= count) {
    put(digits, count);
    zeros(whole - count);
  } else if (whole > 0) {
    put(digits, whole);
    *to++ = '.';
    put(digits + whole, count - whole);
  } else {
    *to++ = '0';
    *to++ = '.';
    zeros(-whole);
    put(digits, count);
  }
  return to;
}

std::string shortest(double v, std::chars_format format) {
  char buffer[400];
  char* const end = format == std::chars_format::fixed
                        ? write_plain(buffer, v)
                        : std::to_chars(buffer, buffer + sizeof buffer, v, format).ptr;
  return {buffer, end};
}

bool needs_exponent(double v, double low, double high) {
  const double a = std::fabs(v);
  return a != 0 && (a < low || a >= high);
}

struct Unit {
  std::string_view name;
  int64_t ns;
};
constexpr Unit kGoUnits[] = {
    {"ns", 1},         {"us", 1'000},        {"\xc2\xb5s", 1'000},  {"\xce\xbcs", 1'000},
    {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};

struct MsUnit {
  std::string_view name;
  int64_t ms;
};
constexpr MsUnit kPrometheusUnits[] = {
    {"y", 31'536'000'000}, {"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000},
    {"m", 60'000},         {"s", 1'000},       {"ms", 1}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_unit(std::string_view& rest) {
  size_t n = 0;
  while (n < rest.size() && rest[n] != '.' && !is_digit(rest[n])) ++n;
  const std::string_view unit = rest.substr(0, n);
  rest.remove_prefix(n);
  return unit;
}

}  // namespace

std::string format_float_plain(double v) {
  if (const auto word = special_word(v); !word.empty()) return std::string(word);
  return shortest(v, std::chars_format::fixed);
}

std::string format_float_go(double v) {
  if (const auto word = special_word(v); !word.empty()) return std::string(word);
  return shortest(
      v, needs_exponent(v, 1e-4, 1e6) ? std::chars_format::scientific : std::chars_format::fixed);
}

std::string format_float_openmetrics(double v) {
  std::string text = format_float_go(v);
  if (std::isfinite(v) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string format_float_json(double v) {
  if (const auto word = special_word(v); !word.empty()) return std::string(word);
  return shortest(
      v, needs_exponent(v, 1e-6, 1e21) ? std::chars_format::scientific : std::chars_format::fixed);
}

char* write_float_json(char* to, double v) {
  constexpr double kExactIntegerMax = 1e15;  // a whole number below is its own shortest text
  if (std::fabs(v) < kExactIntegerMax) {
    const auto whole = static_cast<int64_t>(v);
    if (static_cast<double>(whole) == v && (whole != 0 || !std::signbit(v)))
      return std::to_chars(to, to + kFloatJsonBytesMax, whole).ptr;
  }
  if (const auto word = special_word(v); !word.empty())
    return std::copy(word.begin(), word.end(), to);
  if (needs_exponent(v, 1e-6, 1e21))
    return std::to_chars(to, to + kFloatJsonBytesMax, v, std::chars_format::scientific).ptr;
  return write_plain(to, v);
}

void append_float_json(std::string& out, double v) {
  char buffer[kFloatJsonBytesMax];
  out.append(buffer, write_float_json(buffer, v));
}

void append_timestamp_json(std::string& out, int64_t timestamp_ms) {
  const uint64_t magnitude = timestamp_ms < 0 ? 0 - static_cast<uint64_t>(timestamp_ms)
                                              : static_cast<uint64_t>(timestamp_ms);
  if (timestamp_ms < 0) out += '-';
  out += std::to_string(magnitude / 1000);
  if (const auto ms = static_cast<unsigned>(magnitude % 1000); ms != 0) {
    const char digits[] = {'.', static_cast<char>('0' + ms / 100),
                           static_cast<char>('0' + ms / 10 % 10), static_cast<char>('0' + ms % 10)};
    out.append(digits, 4);
  }
}

Result<double> parse_float(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  auto format = std::chars_format::general;
  if (rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X')) {
    format = std::chars_format::hex;
    rest.remove_prefix(2);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, format);
  const bool whole =
      end == rest.data() + rest.size() && !rest.empty() && rest[0] != '-' && rest[0] != '+';
  if (error == std::errc::result_out_of_range && whole) {
    // from_chars leaves the value alone: decide between zero and infinity as Go does.
    value = std::strtod(std::string(rest).c_str(), nullptr);
    if (std::isinf(value))
      return fail(Errc::kInvalidArgument, "value out of range: \"", text, "\"");
  } else if (error != std::errc{} || !whole || rest.find('(') != std::string_view::npos) {
    return fail(Errc::kInvalidArgument, "invalid number: \"", text, "\"");
  }
  return negative ? -value : value;
}

Result<int64_t> parse_int(std::string_view text) {
  int64_t value = 0;
  std::string_view rest = text;
  if (!rest.empty() && rest[0] == '+') rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc{} || end != rest.data() + rest.size())
    return fail(Errc::kInvalidArgument, "invalid integer: \"", text, "\"");
  return value;
}

Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return fail(Errc::kInvalidArgument, "invalid duration \"", text, "\"");
  long double total = 0;
  while (!rest.empty()) {
    size_t n = 0;
    while (n < rest.size() && (is_digit(rest[n]) || rest[n] == '.')) ++n;
    const auto number = parse_float(rest.substr(0, n));
    if (!number) return fail(Errc::kInvalidArgument, "invalid duration \"", text, "\"");
    rest.remove_prefix(n);
    const std::string_view unit = take_unit(rest);
    if (unit.empty())
      return fail(Errc::kInvalidArgument, "missing unit in duration \"", text,
                  "\" (ns, us, ms, s, m, h)");
    int64_t scale = 0;
    for (const Unit& known : kGoUnits)
      if (known.name == unit) scale = known.ns;
    if (scale == 0)
      return fail(Errc::kInvalidArgument, "unknown unit \"", unit, "\" in duration \"", text,
                  "\" (ns, us, ms, s, m, h)");
    total += static_cast<long double>(*number) * scale;
  }
  if (total > 9.2e18L) return fail(Errc::kInvalidArgument, "duration out of range \"", text, "\"");
  const auto ns = static_cast<int64_t>(total + 0.5L);
  return std::chrono::nanoseconds(negative ? -ns : ns);
}

std::string format_go_duration(std::chrono::nanoseconds d) {
  int64_t ns = d.count();
  if (ns == 0) return "0s";
  const std::string sign = ns < 0 ? "-" : "";
  if (ns < 0) ns = -ns;
  if (ns < 1'000) return sign + std::to_string(ns) + "ns";
  if (ns < 1'000'000) return sign + format_float_plain(static_cast<double>(ns) / 1e3) + "\xc2\xb5s";
  if (ns < 1'000'000'000) return sign + format_float_plain(static_cast<double>(ns) / 1e6) + "ms";
  const int64_t hours = ns / 3'600'000'000'000;
  const int64_t minutes = ns / 60'000'000'000 % 60;
  std::string out = sign;
  if (hours > 0) out += std::to_string(hours) + "h";
  if (hours > 0 || minutes > 0) out += std::to_string(minutes) + "m";
  return out + format_float_plain(static_cast<double>(ns % 60'000'000'000) / 1e9) + "s";
}

Result<std::chrono::milliseconds> parse_prometheus_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  std::string_view rest = text;
  const auto invalid = [&] {
    return fail(Errc::kInvalidArgument, "not a valid duration string: \"", text, "\"");
  };
  if (rest.empty()) return fail(Errc::kInvalidArgument, "empty duration string");
  int64_t total = 0;
  size_t next_unit = 0;
  while (!rest.empty()) {
    size_t n = 0;
    while (n < rest.size() && is_digit(rest[n])) ++n;
    const auto number = parse_int(rest.substr(0, n));
    if (n == 0 || !number) return invalid();
    rest.remove_prefix(n);
    size_t unit_bytes = 0;
    while (unit_bytes < rest.size() && !is_digit(rest[unit_bytes])) ++unit_bytes;
    const std::string_view unit = rest.substr(0, unit_bytes);
    rest.remove_prefix(unit_bytes);
    if (unit.empty()) return invalid();
    size_t i = next_unit;
    while (i < std::size(kPrometheusUnits) && kPrometheusUnits[i].name != unit) ++i;
    if (i == std::size(kPrometheusUnits)) {
      for (const MsUnit& known : kPrometheusUnits)
        if (known.name == unit) return invalid();  // out of order, or twice
      return fail(Errc::kInvalidArgument, "unknown unit \"", unit, "\" in duration \"", text, "\"");
    }
    next_unit = i + 1;
    int64_t part = 0;
    if (__builtin_mul_overflow(*number, kPrometheusUnits[i].ms, &part) ||
        __builtin_add_overflow(total, part, &total))
      return fail(Errc::kInvalidArgument, "duration out of range");
  }
  return std::chrono::milliseconds(total);
}

std::string format_prometheus_duration(std::chrono::milliseconds d) {
  int64_t ms = d.count();
  if (ms == 0) return "0s";
  std::string out = ms < 0 ? "-" : "";
  if (ms < 0) ms = -ms;
  for (const MsUnit& unit : kPrometheusUnits) {
    // Years, weeks and days only when nothing smaller is left, as the peer prints them.
    const bool exact_only = unit.ms >= 86'400'000;
    if (ms < unit.ms || (exact_only && ms % unit.ms != 0)) continue;
    out += std::to_string(ms / unit.ms);
    out += unit.name;
    ms %= unit.ms;
  }
  return out;
}

std::string format_rfc3339(uint64_t unix_ns) {
  const auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  std::string out = buffer;
  if (uint64_t ns = unix_ns % 1'000'000'000; ns != 0) {
    std::string digits = std::to_string(ns);
    digits.insert(0, 9 - digits.size(), '0');
    while (digits.back() == '0') digits.pop_back();
    out += "." + digits;
  }
  return out + "Z";
}

}  // namespace sightline
