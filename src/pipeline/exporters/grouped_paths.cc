#include "pipeline/exporters/grouped_paths.h"

#include <filesystem>
#include <optional>

#include "base/bytes.h"
#include "base/protobuf_reader.h"

namespace sightline::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kFirst = protobuf_bytes(1);  // of each message on the way to an attribute

// The value of an attribute, if it is a string: KeyValue has key = 1 and value = 2, AnyValue its string_value = 1.
std::optional<std::string_view> string_of(std::string_view key_value, std::string_view wanted) {
  std::string_view key, value;
  for (ProtobufReader r(key_value); r.next();) {
    if (r.tag() == kFirst)
      key = r.bytes();
    else if (r.tag() == protobuf_bytes(2))
      value = r.bytes();
    else
      r.skip();
  }
  if (key != wanted) return std::nullopt;
  std::optional<std::string_view> text;
  for (ProtobufReader r(value); r.next();) {
    if (r.tag() == kFirst)
      text = r.bytes();
    else
      r.skip();
  }
  return text;
}

// Of a ResourceSpans or ResourceMetrics: its resource = 1, of which attributes = 1.
std::optional<std::string_view> segment_of(std::string_view part, std::string_view attribute) {
  for (ProtobufReader r(part); r.next();) {
    if (r.tag() != kFirst) {
      r.skip();
      continue;
    }
    for (ProtobufReader resource(r.bytes()); resource.next();) {
      if (resource.tag() != kFirst)
        resource.skip();
      else if (const auto text = string_of(resource.bytes(), attribute))
        return text;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string grouped_path(std::string_view configured, std::string_view segment) {
  const size_t star = configured.find('*');
  const std::string prefix(configured.substr(0, star));
  const std::string folder = fs::path(prefix).lexically_normal().string();
  if (segment.starts_with("./"))
    segment.remove_prefix(1);
  else if (segment.starts_with("../"))
    segment.remove_prefix(2);
  const std::string end = std::string(segment) + std::string(configured.substr(star + 1));
  const std::string whole = fs::path(prefix + end).lexically_normal().string();
  if (folder != "." && whole.starts_with(folder)) return whole;
  // It may have left its folder: what it names is looked for inside.
  const fs::path inside = fs::path("/" + end).lexically_normal().relative_path();
  return (fs::path(prefix) / inside).lexically_normal().string();
}

std::map<std::string, std::string> group_by_path(const config::FileExporterConfig& config,
                                                 std::string_view protobuf) {
  std::map<std::string, std::string> groups;
  for (ProtobufReader r(protobuf); r.next();) {
    if (r.tag() != kFirst) {
      r.skip();
      continue;
    }
    const std::string_view part = r.bytes();
    const auto segment = segment_of(part, config.group_by_attribute);
    if (!segment || segment->contains('\0')) continue;
    std::string& group = groups[grouped_path(config.path, *segment)];
    append_uvarint(group, kFirst);
    append_sized(group, part);
  }
  return groups;
}

}  // namespace sightline::pipeline
