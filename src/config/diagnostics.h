#pragma once
// Where something stands in a configuration file, and what is to be said about it.
//   Error   the file cannot be used as it is; all errors of a file are gathered, then reported together.
//   Notice  a key the peer knows and that means nothing here: accepted, logged once, with the reason.
//   Limits  no more than kProblemsMax errors and notices are kept of one file; the rest is counted.
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightline::config {

inline constexpr size_t kProblemsMax = 50;

// Line and column count from 1, as editors do; 0 means "not written in a file" (a default).
struct Mark {
  std::shared_ptr<const std::string> file;
  int line = 0;
  int column = 0;
  bool is_written() const { return line > 0; }
  std::string text() const;  // "tempo.yaml:3:5"; "default" when not written
};

// A value that remembers where it was written, for errors found later (a port
// in use, a host that does not resolve).
template <typename T>
struct Marked {
  T value{};
  Mark mark;
  bool is_written() const { return mark.is_written(); }
  const T& operator*() const { return value; }
  const T* operator->() const { return &value; }
};

struct Notice {
  Mark mark;
  std::string key;  // full path: "connectors::spanmetrics::dimensions_cache_size"
  std::string why;
  std::string text() const;  // "otelcol-config.yaml:9:5: connectors::…: why"
};

// Gathers what is wrong while a file is read. One per load; not shared between threads.
class Diagnostics {
 public:
  void error(const Mark& mark, std::string message);
  void error_text(std::string text);  // already says where: an Error of another reader
  void notice(const Mark& mark, std::string key, std::string why);
  bool ok() const { return error_count_ == 0; }
  size_t error_count() const { return error_count_; }
  // All errors, one a line, as one kInvalidArgument.
  Error to_error() const;
  const std::vector<Notice>& notices() const { return notices_; }
  std::vector<Notice> take_notices() { return std::move(notices_); }

 private:
  std::vector<std::string> errors_;
  std::vector<Notice> notices_;
  size_t error_count_ = 0;
};

// The candidate a mistyped word most likely meant; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
// `; did you mean "x"?`, or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace sightline::config
