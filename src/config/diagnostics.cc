#include "config/diagnostics.h"

#include <algorithm>

namespace sightline::config {
namespace {

constexpr size_t kWordBytesMax = 64;  // longer words are not typing errors

// Optimal string alignment: insert, delete, replace, swap neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] =
          std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

// Spelling variants count as nothing: case, '-', '_' and '.'.
std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c == '-' || c == '_' || c == '.') continue;
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

}  // namespace

std::string Mark::text() const {
  if (!is_written()) return file && !file->empty() ? *file : "default";
  return (file ? *file : std::string("?")) + ":" + std::to_string(line) + ":" +
         std::to_string(column);
}

std::string Notice::text() const { return mark.text() + ": " + key + ": " + why; }

void Diagnostics::error(const Mark& mark, std::string message) {
  error_text(mark.text() + ": " + std::move(message));
}

void Diagnostics::error_text(std::string text) {
  ++error_count_;
  if (errors_.size() < kProblemsMax) errors_.push_back(std::move(text));
}

void Diagnostics::notice(const Mark& mark, std::string key, std::string why) {
  if (notices_.size() < kProblemsMax) notices_.push_back({mark, std::move(key), std::move(why)});
}

Error Diagnostics::to_error() const {
  std::string text;
  for (const std::string& line : errors_) text += (text.empty() ? "" : "\n") + line;
  if (error_count_ > errors_.size())
    text += "\nand " + std::to_string(error_count_ - errors_.size()) + " more errors";
  return {Errc::kInvalidArgument, std::move(text)};
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kWordBytesMax) return {};
  const std::string wanted = folded(word);
  std::string best;
  size_t best_distance = 1 + std::max<size_t>(2, wanted.size() / 3);
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kWordBytesMax) continue;
    const std::string other = folded(candidate);
    size_t distance = edit_distance(wanted, other);
    if (distance >= std::max(wanted.size(), other.size())) continue;  // nothing in common
    if (wanted.size() >= 4 && other.starts_with(wanted)) distance = std::min<size_t>(distance, 2);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? std::string() : "; did you mean \"" + near + "\"?";
}

}  // namespace sightline::config
