// Chunk, exemplar column and histogram readers on any bytes: an error or
// samples that encode and decode to themselves, never a crash.
#include <bit>
#include <cstdlib>

#include "tsdb/block/exemplar_column.h"
#include "tsdb/block/exemplar_pages.h"
#include "tsdb/codec/chunk.h"

using namespace sightline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  tsdb::SampleColumns columns;
  if (tsdb::decode_chunk(bytes, columns) && !columns.times.empty()) {
    const std::string again =
        tsdb::encode_chunk(columns.times, std::span<const double>(columns.values), columns.created);
    tsdb::SampleColumns back;
    if (!tsdb::decode_chunk(again, back) || back.times != columns.times ||
        back.created != columns.created)
      std::abort();
    for (size_t i = 0; i < back.values.size(); ++i)
      if (std::bit_cast<uint64_t>(back.values[i]) != std::bit_cast<uint64_t>(columns.values[i]))
        std::abort();
  }
  std::vector<tsdb::StoredExemplar> exemplars;
  (void)tsdb::decode_exemplars(bytes, exemplars);
  // As a page, and all its lists' bytes as a list of it and of a page before.
  if (const auto page = tsdb::ExemplarPage::decode(bytes))
    (void)tsdb::read_exemplar_list(
        {1, 0, (*page)->lists().size()}, [&](uint64_t) { return page; }, exemplars);
  return 0;
}
