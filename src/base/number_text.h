#pragma once
// Numbers and durations as the peers print and read them.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline {

// Shortest decimal that reads back to the same double (Go strconv 'f', -1):
// "5", "0.1", "100000000000000000000000". NaN, +Inf, -Inf as those words.
std::string format_float_plain(double v);
// Go strconv 'g' with shortest digits, so an exponent below 1e-4 and from 1e6 on:
// "100000", "1e+06", "1.795485383488e+09", "0.0001", "1e-05".
std::string format_float_go(double v);
// OpenMetrics 1.0 number: like Go 'g', but a whole number keeps ".0": "5.0", "1e+06".
std::string format_float_openmetrics(double v);
// Prometheus JSON sample value: plain unless |x| < 1e-6 or >= 1e21: "1e-07", "+Inf".
std::string format_float_json(double v);
void append_float_json(std::string& out, double v);
// The same into at least kFloatJsonBytesMax bytes; returns the end.
inline constexpr size_t kFloatJsonBytesMax = 32;
char* write_float_json(char* to, double v);
// Seconds with milliseconds as Prometheus' JSON prints a timestamp: 1435781451.781
void append_timestamp_json(std::string& out, int64_t timestamp_ms);

// Whole-string parse of a Go float ("1", "0x1p-2", "Inf", "+Inf", "NaN", case-insensitive; no "_").
Result<double> parse_float(std::string_view text);
Result<int64_t> parse_int(std::string_view text);

// Go time.ParseDuration: "1h30m", "1.5s", "100ms", "-2us", "0". Error says what is wrong.
Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text);
std::string format_go_duration(std::chrono::nanoseconds d);  // "1h30m0s", "1.5s", "0s"
// Prometheus duration: descending units y w d h m s ms, whole numbers: "1h30m", "15s", "0".
Result<std::chrono::milliseconds> parse_prometheus_duration(std::string_view text);
std::string format_prometheus_duration(std::chrono::milliseconds d);  // "15s", "1h30m", "0s"
// RFC 3339 in UTC with nanoseconds, trailing zeros trimmed: 2026-11-24T01:58:08.486689704Z
std::string format_rfc3339(uint64_t unix_ns);

}  // namespace sightline
