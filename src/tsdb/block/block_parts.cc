#include "tsdb/block/block_parts.h"

#include <fmt/format.h>

namespace sightline::tsdb {

void BlockParts::add(const BlockParts& other) {
  groups.add(other.groups);
  checksums += other.checksums;
  histograms += other.histograms;
  exemplars += other.exemplars;
  index_labels += other.index_labels;
  index_postings += other.index_postings;
  index_groups += other.index_groups;
}

std::string BlockParts::to_text(uint64_t samples, uint64_t exemplar_count) const {
  std::string out =
      fmt::format("{:<34}{:>12}{:>12}{:>12}\n", "part", "bytes", "a sample", "of its own");
  const auto line = [&](std::string_view name, uint64_t bytes, uint64_t own) {
    if (bytes == 0) return;
    out += fmt::format(
        "{:<34}{:>12}{:>12.4f}", name, bytes,
        static_cast<double>(bytes) / static_cast<double>(std::max<uint64_t>(samples, 1)));
    if (own > 0)
      out += fmt::format("{:>12.3f}", static_cast<double>(bytes) / static_cast<double>(own));
    out += '\n';
  };
  line("timestamps", groups.times, 0);
  line("values: histogram families", groups.families, groups.family_samples);
  for (size_t i = 0; i < kAdaptiveCodecs; ++i)
    line(std::string("values: ") + adaptive_codec_name(static_cast<AdaptiveCodec>(i)),
         groups.columns[i], groups.column_samples[i]);
  line("created timestamps", groups.created, 0);
  line("native histograms", histograms, 0);
  line("group tables", groups.table, 0);
  line("checksums", checksums, 0);
  line("index: labels and series", index_labels, 0);
  line("index: postings", index_postings, 0);
  line("index: groups", index_groups, 0);
  line("exemplars", exemplars, exemplar_count);
  return out;
}

Result<BlockParts> measure_block(const Block& block) {
  BlockParts parts;
  uint64_t group_bytes = 0;
  for (uint32_t i = 0; i < block.group_count(); ++i) {
    const auto bytes = block.group_bytes(i);
    if (!bytes) return std::unexpected(bytes.error());
    auto measured = measure_group(*bytes);
    if (!measured) return in_context(block.directory(), std::move(measured).error());
    parts.groups.add(*measured);
    parts.checksums += 4;
    group_bytes += bytes->size() + 4;
  }
  parts.histograms = block.chunks_file_bytes() - kMagicBytes - group_bytes;
  parts.exemplars = block.exemplar_file_bytes() - kMagicBytes;
  parts.index_labels = block.section(kSymbols).size() + block.section(kSeriesOffsets).size() +
                       block.section(kSeriesEntries).size();
  parts.index_postings = block.section(kNames).size() + block.section(kValues).size() +
                         block.section(kPostings).size();
  parts.index_groups = block.section(kGroups).size() + block.section(kGroupMembers).size();
  return parts;
}

}  // namespace sightline::tsdb
