#include "tsdb/block/block_meta.h"

#include <charconv>

#include <fmt/format.h>
#include <simdjson.h>

namespace sightline::tsdb {
namespace {

constexpr uint64_t kVersion = 2;  // version 1 differs in the other files

std::string list(const std::vector<uint64_t>& numbers) {
  std::string out;
  for (const uint64_t n : numbers) out += fmt::format("{}{}", out.empty() ? "" : ", ", n);
  return out;
}

}  // namespace

std::string BlockMeta::id() const { return fmt::format("{:08}", number); }

std::string BlockMeta::to_json() const {
  return fmt::format(R"({{
  "version": {},
  "number": {},
  "minTime": {},
  "maxTime": {},
  "stats": {{"numSeries": {}, "numSamples": {}, "numChunks": {}, "numExemplars": {}}},
  "compaction": {{"level": {}, "sources": [{}], "parents": [{}]}}
}}
)",
                     kVersion, number, min_time, max_time, series, samples, chunks, exemplars,
                     level, list(sources), list(parents));
}

std::optional<uint64_t> block_number(std::string_view directory_name) {
  if (!directory_name.starts_with(kBlockDirectoryPrefix)) return std::nullopt;
  const std::string_view digits = directory_name.substr(kBlockDirectoryPrefix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<uint64_t> block_number_taken(std::string_view directory_name) {
  return block_number(directory_name.substr(0, directory_name.find('.')));
}

Result<BlockMeta> parse_block_meta(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const simdjson::padded_string padded(json);
  if (const auto error = parser.parse(padded).get(root); error)
    return fail(Errc::kCorrupt, "meta.json: ", simdjson::error_message(error));
  uint64_t version = 0;
  if (root["version"].get(version) || version == 0 || version > kVersion)
    return fail(Errc::kCorrupt, "meta.json: version is ", version, ", this program reads up to ",
                kVersion);
  BlockMeta m;
  uint64_t level = 0;
  const auto stats = root["stats"];
  const auto compaction = root["compaction"];
  if (root["number"].get(m.number) || root["minTime"].get(m.min_time) ||
      root["maxTime"].get(m.max_time) || stats["numSeries"].get(m.series) ||
      stats["numSamples"].get(m.samples) || stats["numChunks"].get(m.chunks) ||
      stats["numExemplars"].get(m.exemplars) || compaction["level"].get(level))
    return fail(Errc::kCorrupt, "meta.json: a field is missing or not a number");
  m.level = static_cast<uint32_t>(level);
  const auto read_list = [&](const char* key, std::vector<uint64_t>& out) {
    simdjson::dom::array numbers;
    if (compaction[key].get(numbers)) return false;
    for (const auto element : numbers) {
      uint64_t n = 0;
      if (element.get(n)) return false;
      out.push_back(n);
    }
    return true;
  };
  if (!read_list("sources", m.sources) || !read_list("parents", m.parents))
    return fail(Errc::kCorrupt, "meta.json: sources or parents are not lists of numbers");
  if (m.min_time >= m.max_time)
    return fail(Errc::kCorrupt, "meta.json: minTime is not below maxTime");
  return m;
}

}  // namespace sightline::tsdb
