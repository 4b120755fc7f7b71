#include "api/prometheus/parameters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "promql/syntax/go_text.h"
#include "promql/syntax/parser.h"

namespace sightline::api::prometheus {
namespace {

// The canonical bounds that clients send for "no bound".
constexpr std::string_view kMinTimeText = "-292273086-05-16T16:47:06Z";
constexpr std::string_view kMaxTimeText = "292277025-08-18T07:12:54.999999999Z";
constexpr double kInt64Bound = 9.2e18;  // below 2^63 by a margin that no real time needs

using promql::go_quote;

// Takes exactly `digits` digits and, unless it is 0, the character `after`.
std::optional<int> take_number(std::string_view& text, size_t digits, char after) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits || text[0] == '-') return std::nullopt;
  text.remove_prefix(digits);
  if (after == 0) return value;
  if (text.empty() || text[0] != after) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

// ".486689704" as milliseconds, rounded down; 0 without a point.
std::optional<int64_t> take_fraction_ms(std::string_view& text) {
  if (text.empty() || (text[0] != '.' && text[0] != ',')) return 0;
  size_t n = 1;
  int64_t ms = 0;
  for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n)
    if (n <= 3) ms = ms * 10 + (text[n] - '0');
  if (n == 1) return std::nullopt;
  for (size_t digits = n - 1; digits < 3; ++digits) ms *= 10;
  text.remove_prefix(n);
  return ms;
}

// "Z" or "+01:30", as minutes east.
std::optional<int> take_zone(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2, ':');
  const auto minutes = hours ? take_number(text, 2, 0) : std::nullopt;
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

std::optional<int64_t> parse_rfc3339_ms(std::string_view text) {
  const auto year = take_number(text, 4, '-');
  const auto month = year ? take_number(text, 2, '-') : std::nullopt;
  const auto day = month ? take_number(text, 2, 'T') : std::nullopt;
  const auto hour = day ? take_number(text, 2, ':') : std::nullopt;
  const auto minute = hour ? take_number(text, 2, ':') : std::nullopt;
  const auto second = minute ? take_number(text, 2, 0) : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  const auto fraction = take_fraction_ms(text);
  const auto zone = fraction ? take_zone(text) : std::nullopt;
  if (!date.ok() || !zone) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute - *zone) * 60'000 + *second * 1'000 + *fraction;
}

TimestampMs from_seconds(double seconds) {
  const double whole = std::trunc(seconds);
  const double ms = whole * 1000 + std::round((seconds - whole) * 1000);
  if (ms >= kInt64Bound) return TimestampMs::max();
  if (ms <= -kInt64Bound) return TimestampMs::min();
  return {static_cast<int64_t>(ms)};
}

// "0x10": Go's float wants an exponent in a hexadecimal number.
bool is_bare_hex(std::string_view text) {
  return text.find_first_of("xX") != std::string_view::npos &&
         text.find_first_of("pP") == std::string_view::npos;
}

void append_code_point(std::string& out, uint32_t c) {
  const auto add = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return add(c);
  if (c < 0x800) return add(0xc0 | c >> 6), add(0x80 | (c & 0x3f));
  if (c < 0x10000) return add(0xe0 | c >> 12), add(0x80 | (c >> 6 & 0x3f)), add(0x80 | (c & 0x3f));
  add(0xf0 | c >> 18), add(0x80 | (c >> 12 & 0x3f)), add(0x80 | (c >> 6 & 0x3f)),
      add(0x80 | (c & 0x3f));
}

// What "U__" stands before; nullopt when it is not such a text.
std::optional<std::string> unescape_name(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c != '_') {
      out.push_back(c);
      continue;
    }
    const size_t end = text.find('_');
    if (end == std::string_view::npos || end > 6) return std::nullopt;
    if (end == 0) {
      out.push_back('_');
    } else {
      uint32_t code = 0;
      const auto [stop, error] = std::from_chars(text.data(), text.data() + end, code, 16);
      const bool surrogate = code >= 0xd800 && code < 0xe000;
      if (error != std::errc{} || stop != text.data() + end || surrogate || code > 0x10ffff)
        return std::nullopt;
      append_code_point(out, code);
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

std::unexpected<Error> invalid_parameter(std::string_view name, Error error) {
  return in_context("invalid parameter \"" + std::string(name) + "\"", std::move(error));
}

Result<TimestampMs> parse_time(std::string_view text) {
  if (const auto seconds = parse_float(text);
      seconds && !std::isnan(*seconds) && !is_bare_hex(text))
    return from_seconds(*seconds);
  if (const auto ms = parse_rfc3339_ms(text)) return TimestampMs{*ms};
  if (text == kMinTimeText) return TimestampMs::min();
  if (text == kMaxTimeText) return TimestampMs::max();
  return fail(Errc::kInvalidArgument, "cannot parse ", go_quote(text), " to a valid timestamp");
}

Result<TimestampMs> time_parameter(const net::Params& params, std::string_view name,
                                   TimestampMs absent) {
  const std::string_view text = params.get(name);
  if (text.empty()) return absent;
  auto time = parse_time(text);
  if (time) return time;
  return invalid_parameter(
      name, {Errc::kInvalidArgument,
             "invalid time value for '" + std::string(name) + "': " + time.error().message});
}

Result<tsdb::TimeRange> time_range(const net::Params& params) {
  const auto start = time_parameter(params, "start", TimestampMs::min());
  if (!start) return std::unexpected(start.error());
  const auto end = time_parameter(params, "end", TimestampMs::max());
  if (!end) return std::unexpected(end.error());
  return tsdb::TimeRange{*start, *end};
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (const auto seconds = parse_float(text); seconds && !is_bare_hex(text)) {
    const double ns = *seconds * 1e9;
    if (!(ns < 0x1p63 && ns >= -0x1p63))
      return fail(Errc::kInvalidArgument, "cannot parse ", go_quote(text),
                  " to a valid duration. It overflows int64");
    return std::chrono::nanoseconds(static_cast<int64_t>(ns));
  }
  constexpr auto kMsMax =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds::max());
  if (const auto ms = parse_prometheus_duration(text); ms && *ms <= kMsMax) return *ms;
  return fail(Errc::kInvalidArgument, "cannot parse ", go_quote(text), " to a valid duration");
}

Result<std::optional<std::chrono::nanoseconds>> duration_parameter(const net::Params& params,
                                                                   std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return std::nullopt;
  auto duration = parse_duration(text);
  if (!duration) return invalid_parameter(name, std::move(duration).error());
  return *duration;
}

Result<size_t> limit_parameter(const net::Params& params, std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return SIZE_MAX;
  const auto limit = parse_int(text);
  if (!limit)
    return invalid_parameter(
        name,
        {Errc::kInvalidArgument, "strconv.Atoi: parsing " + go_quote(text) + ": invalid syntax"});
  if (*limit < 0)
    return invalid_parameter(name,
                             {Errc::kInvalidArgument, std::string(name) + " must be non-negative"});
  return *limit == 0 ? SIZE_MAX : static_cast<size_t>(*limit);
}

Result<size_t> number_limit_parameter(const net::Params& params, std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return SIZE_MAX;
  const auto limit = parse_int(text);
  if (!limit) return fail(Errc::kInvalidArgument, name, " must be a number");
  return *limit < 0 ? SIZE_MAX : static_cast<size_t>(*limit);
}

Result<bool> bool_parameter(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"})
    if (text == no) return false;
  return fail(Errc::kInvalidArgument, "strconv.ParseBool: parsing ", go_quote(text),
              ": invalid syntax");
}

Result<MatcherSets> matcher_sets(const net::Params& params, EmptySelectors empty) {
  MatcherSets sets;
  for (const std::string_view text : params.all("match[]")) {
    auto matchers = promql::parse_selector(text, promql::EmptySelector::kAllowed);
    if (!matchers) return std::unexpected(std::move(matchers).error());
    sets.push_back(std::move(*matchers));
  }
  const auto is_empty = [](const std::vector<tsdb::Matcher>& matchers) {
    return std::ranges::all_of(matchers, [](const tsdb::Matcher& m) { return m.matches(""); });
  };
  if (empty == EmptySelectors::kRefused && std::ranges::any_of(sets, is_empty))
    return fail(Errc::kInvalidArgument, "match[] must contain at least one non-empty matcher");
  return sets;
}

Result<std::string> label_name(std::string_view path_text) {
  std::string name(path_text);
  if (path_text.starts_with("U__"))
    if (auto plain = unescape_name(path_text.substr(3))) name = std::move(*plain);
  if (name.empty() || !is_valid_utf8(name))
    return fail(Errc::kInvalidArgument, "invalid label name: ", go_quote(name));
  return name;
}

StillWanted while_client_waits(const net::HttpRequest& request) {
  if (!request.cancellation) return {};
  return [client = request.cancellation]() -> Status {
    if (client->cancelled()) return fail(Errc::kCancelled, "context canceled");
    return {};
  };
}

}  // namespace sightline::api::prometheus
