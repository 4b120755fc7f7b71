// Any bytes as the chunks of a row group, with a directory whose checksums are right: an error or
// spans, never a crash. Input: rows, traces, events, links (u8 each), then for each chunk
// type u8, key u8, length u16, bytes.
#include <string>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tracestore/codec/checked_parts.h"
#include "tracestore/row_group/page_columns.h"

using namespace sightline;
using namespace sightline::tracestore;

namespace {

void read_everything(std::string_view bytes, const RowGroupZone& zone) {
  auto decoder = RowGroupDecoder::open(bytes, zone, nullptr);
  if (!decoder) return;
  (void)decoder->verify();
  const auto tables = decoder->tables();
  if (!tables) return;
  for (const auto owner : {AttributeOwner::kSpan, AttributeOwner::kEvent, AttributeOwner::kLink}) {
    const auto keys = decoder->keys(owner);
    if (!keys) continue;
    PageColumns columns(*decoder);
    for (const std::string_view key : *keys) {
      (void)columns.attribute(owner, key);
      (void)decoder->attribute_dictionary(owner, key);
    }
  }
  const model::Run run{0, zone.rows};
  (void)decoder->spans({&run, 1});
  const model::Run first{0, (*tables)->trace_rows.front()};  // the begin of its page
  (void)decoder->spans({&first, 1});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (uint8_t version = kOldestBlockVersion; version <= kBlockVersion; ++version) {
    ByteReader in({reinterpret_cast<const char*>(data), size});
    RowGroupZone zone;
    zone.version = version;
    zone.rows = in.u8() + 1u;
    zone.traces = in.u8() + 1u;
    zone.events = in.u8();
    zone.links = in.u8();
    std::string chunks, entries, directory;
    uint64_t count = 0;
    while (in.ok() && in.remaining() > 4) {
      const uint8_t type = in.u8();
      const uint8_t key = in.u8();
      const std::string_view bytes = in.bytes(std::min<size_t>(in.le<uint16_t>(), in.remaining()));
      entries.push_back(static_cast<char>(type));
      append_uvarint(entries, key);
      append_uvarint(entries, bytes.size());
      if (version == kOldestBlockVersion) append_le<uint32_t>(entries, crc32c(bytes));
      chunks += bytes;
      ++count;
    }
    append_uvarint(directory, count);
    directory += entries;
    if (version > kOldestBlockVersion)
      CheckedParts::append_checksums(chunks, kCheckedBytes, directory);
    zone.chunk_bytes = static_cast<uint32_t>(chunks.size());
    zone.directory_bytes = static_cast<uint32_t>(directory.size());
    zone.directory_crc = crc32c(directory);
    read_everything(chunks + directory, zone);
  }
  return 0;
}
