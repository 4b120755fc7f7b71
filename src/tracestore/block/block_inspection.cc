#include "tracestore/block/block_inspection.h"

#include <algorithm>
#include <map>
#include <set>

#include "tracestore/row_group/column_description.h"

namespace sightline::tracestore {
namespace {

struct Use {
  std::set<std::string> encodings;
  uint64_t bytes = 0;
  uint64_t chunks = 0;
};

Status add_row_group(const Block& block, uint32_t number, std::map<std::string, Use>& uses) {
  auto decoder = block.row_group(number, nullptr);
  if (!decoder) return std::unexpected(std::move(decoder).error());
  const auto chunks = decoder->chunks();
  if (!chunks) return in_context(block.name(), chunks.error());
  for (const RowGroupDecoder::ChunkUse& chunk : *chunks) {
    Use& use = uses[column_name(chunk.type, chunk.key)];
    use.encodings.insert(describe_encoding(chunk.type, chunk.bytes));
    use.bytes += chunk.bytes.size();
    ++use.chunks;
  }
  Use& directory = uses["directories"];
  directory.bytes += block.zones()[number].directory_bytes;
  ++directory.chunks;
  return {};
}

}  // namespace

Result<std::vector<ColumnUse>> inspect_columns(const Block& block) {
  std::map<std::string, Use> uses;
  for (uint32_t i = 0; i < block.zones().size(); ++i)
    if (auto status = add_row_group(block, i, uses); !status)
      return std::unexpected(std::move(status).error());
  const Block::Sections sections = block.sections();
  for (const auto& [name, bytes] :
       {std::pair("trace ids", sections.ids), std::pair("trace index", sections.index),
        std::pair("checksums of trace ids and index", sections.checksums),
        std::pair("lists", sections.lists), std::pair("value index", sections.values),
        std::pair("filters", sections.filters), std::pair("zones and footer", sections.footer)})
    if (bytes > 0) uses[name] = {{}, bytes, 1};
  std::vector<ColumnUse> columns;
  for (const auto& [name, use] : uses) {
    ColumnUse column{.name = name, .encodings = {}, .bytes = use.bytes, .chunks = use.chunks};
    for (const std::string& encoding : use.encodings)
      column.encodings += (column.encodings.empty() ? "" : ", ") + encoding;
    columns.push_back(std::move(column));
  }
  std::stable_sort(columns.begin(), columns.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return columns;
}

Status verify_block(const Block& block) {
  if (auto status = block.check_index(); !status) return status;
  const auto index = block.value_index();
  if (!index) return std::unexpected(index.error());
  for (const ValueIndex::Entry& entry : (*index)->entries())
    if (const auto column = (*index)->read(entry); !column)
      return in_context(block.name(), column.error());
  for (uint32_t number = 0; number < block.zones().size(); ++number) {
    const RowGroupZone& zone = block.zones()[number];
    std::vector<uint32_t> ordinals(zone.traces);
    for (uint32_t i = 0; i < zone.traces; ++i) ordinals[i] = zone.first_trace + i;
    const auto batch = block.read_traces(ordinals, number, nullptr);
    if (!batch) return in_context("row group " + std::to_string(number), batch.error());
    if (const auto bytes = block.row_group_bytes(number); !bytes)
      return std::unexpected(bytes.error());
    for (const uint32_t ordinal : ordinals) {
      if (block.is_gone(ordinal)) continue;
      const auto found = block.find(block.trace_id(ordinal));
      if (!found) return std::unexpected(found.error());
      if (!*found)
        return fail(Errc::kCorrupt, block.name(), ": the index does not know trace ",
                    to_hex(block.trace_id(ordinal)));
    }
  }
  return {};
}

}  // namespace sightline::tracestore
