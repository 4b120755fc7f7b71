#pragma once
// Typed reading of a YAML tree. Every fault goes to the Diagnostics with its
// place and key path; reading goes on, so that one run reports everything.
//   Cursor     a value and its path
//   MapReader  reads a map key by key; what was not asked for is an unknown key
// The C++ type decides how a scalar is read: nanoseconds are Go durations ("1h30m"),
// milliseconds Prometheus durations ("15s"), ByteSize "512MiB"; integers take
// YAML's forms (1_000_000, 0x10). A null value leaves the default in place.
//   Lifetime   both point into the tree and the Diagnostics they were made with.
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/diagnostics.h"
#include "config/known_keys.h"
#include "config/yaml/yaml_value.h"

namespace sightline::config {

struct ByteSize {
  uint64_t bytes = 0;
  friend auto operator<=>(ByteSize, ByteSize) = default;
};
// "1_000_000", "512MB", "1.5GiB": powers of 1024 whether written MB or MiB, as Prometheus reads them. Nothing: no size.
std::optional<ByteSize> parse_byte_size(std::string_view text);

// How a peer joins keys in its own messages: "connectors::spanmetrics", "ingester.max_block_bytes".
enum class PathStyle { kColons, kDots };

class Cursor {
 public:
  Cursor(const YamlValue& value, std::string path, PathStyle style, Diagnostics& diagnostics)
      : value_(&value), path_(std::move(path)), style_(style), diagnostics_(&diagnostics) {}

  const YamlValue& value() const { return *value_; }
  const Mark& mark() const { return value_->mark; }
  const std::string& path() const { return path_; }
  Diagnostics& diagnostics() const { return *diagnostics_; }
  bool is_null() const { return value_->kind == YamlValue::Kind::kNull; }
  bool is_map() const { return value_->kind == YamlValue::Kind::kMap; }
  bool is_sequence() const { return value_->kind == YamlValue::Kind::kSequence; }

  Cursor at(const YamlEntry& entry) const;
  std::vector<Cursor> items() const;  // of a sequence; anything else but null is an error
  // "<mark>: <path>: <what>"
  void error(std::string_view what) const;
  void notice(std::string_view why) const;
  void wrong_type(std::string_view wanted) const;  // says what stands there instead

 private:
  const YamlValue* value_;
  std::string path_;
  PathStyle style_;
  Diagnostics* diagnostics_;
};

void read_value(const Cursor& at, bool& out);
void read_value(const Cursor& at, int64_t& out);
void read_value(const Cursor& at, uint64_t& out);
void read_value(const Cursor& at, int32_t& out);
void read_value(const Cursor& at, uint32_t& out);
void read_value(const Cursor& at, uint16_t& out);
void read_value(const Cursor& at, double& out);
void read_value(const Cursor& at, std::string& out);
void read_value(const Cursor& at, std::chrono::nanoseconds& out);
void read_value(const Cursor& at, std::chrono::milliseconds& out);
void read_value(const Cursor& at, ByteSize& out);
void read_value(const Cursor& at, std::map<std::string, std::string>& out);
void read_value(const Cursor& at, std::map<std::string, std::vector<std::string>>& out);

template <typename T>
void read_value(const Cursor& at, std::vector<T>& out) {
  out.clear();
  for (const Cursor& item : at.items()) {
    if (item.is_null()) {
      item.error("empty list item");
      continue;
    }
    T value{};
    read_value(item, value);
    out.push_back(std::move(value));
  }
}
template <typename T>
void read_value(const Cursor& at, std::optional<T>& out) {
  T value = out.value_or(T{});
  read_value(at, value);
  out = std::move(value);
}
template <typename T>
void read_value(const Cursor& at, Marked<T>& out) {
  out.mark = at.mark();
  read_value(at, out.value);
}

// Reads one map. A null value is an empty map. Whatever was not asked for by
// finish() is reported as unknown, with the nearest key that was.
class MapReader {
 public:
  explicit MapReader(const Cursor& at);

  // The value of `key`, or nothing. Null values are returned: their meaning is the caller's.
  std::optional<Cursor> take(std::string_view key);
  // Reads `key` if present and not null.
  template <typename T>
  void read(std::string_view key, T& out) {
    const auto at = take(key);
    if (at && !at->is_null()) read_value(*at, out);
  }
  // As read(), and the word must be one of `allowed`.
  void read_choice(std::string_view key, std::string& out,
                   std::initializer_list<std::string_view> allowed);
  // Known to the peer, without meaning here: one notice where present.
  void ignore(std::string_view key, std::string_view why);
  void ignore(std::initializer_list<std::string_view> keys, std::string_view why);
  // The same, and keys below are held to `known`.
  void ignore_known(const KnownKeys& known, std::string_view why);
  // Known to the peer and needed to do what the file says, but not here: an error where present.
  void reject(std::initializer_list<std::string_view> keys, std::string_view why);
  void finish();

  bool has(std::string_view key) const;
  const Cursor& at() const { return at_; }

 private:
  Cursor at_;
  std::vector<std::string> asked_;
};

// Reports every key below `at` that `known` does not name.
void check_known(const Cursor& at, const KnownKeys& known);

}  // namespace sightline::config
