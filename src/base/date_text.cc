#include "base/date_text.h"

#include <algorithm>
#include <chrono>

namespace sightline {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  const auto number = [&](size_t at, size_t digits) -> int64_t {
    int64_t n = 0;
    for (size_t i = at; i < at + digits; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
      n = n * 10 + (text[i] - '0');
    }
    return n;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const int64_t parts[] = {number(0, 4),  number(5, 2),  number(8, 2),
                           number(11, 2), number(14, 2), number(17, 2)};
  if (std::ranges::any_of(parts, [](int64_t p) { return p < 0; })) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(parts[0])),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!day.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 60 || parts[0] < 1970 ||
      parts[0] > 2200)
    return std::nullopt;
  const auto days = std::chrono::sys_days(day).time_since_epoch().count();
  int64_t ns = (((int64_t{days} * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]) * kSecond;
  size_t at = 19;
  if (text[at] == '.')
    for (int64_t unit = kSecond / 10; ++at < text.size() && text[at] >= '0' && text[at] <= '9';
         unit /= 10)
      ns += (text[at] - '0') * unit;
  const std::string_view zone = text.substr(at);
  if (zone == "Z" || zone == "z") return ns;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' ||
      number(at + 1, 2) < 0 || number(at + 4, 2) < 0)
    return std::nullopt;
  const int64_t offset = (number(at + 1, 2) * 60 + number(at + 4, 2)) * 60 * kSecond;
  return zone[0] == '+' ? ns - offset : ns + offset;
}

}  // namespace sightline
