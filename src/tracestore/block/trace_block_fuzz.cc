// Any bytes as a trace block: an error, or spans; never a crash. Checksums are repaired first, so that
// fuzzing reaches what lies behind them.
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/log.h"
#include "tracestore/block/block.h"
#include "tracestore/row_group/stored_row_group.h"

namespace {

using namespace sightline;
using namespace sightline::tracestore;

// Makes the footer's checksum true, and with `deep` those it names as far as they can be found.
void repair(std::string& bytes) {
  if (bytes.size() < 40) return;
  std::memcpy(bytes.data(), kBlockMagic.data(), 8);
  std::memcpy(bytes.data() + bytes.size() - 8, kBlockMagic.data(), 8);
  const size_t tail = bytes.size() - 16;
  const auto length = load_le<uint32_t>(bytes.data() + tail);
  if (length > tail - 8) return;
  store_le<uint32_t>(bytes.data() + tail + 4,
                     crc32c(std::string_view(bytes).substr(tail - length, length)));
}

void read_everything(const Block& block) {
  (void)block.find(TraceId{});
  if (const auto index = block.value_index())
    for (const ValueIndex::Entry& entry : (*index)->entries()) (void)(*index)->read(entry);
  for (uint32_t i = 0; i < block.zones().size(); ++i) {
    std::vector<uint32_t> ordinals;
    for (uint32_t t = 0; t < block.zones()[i].traces; ++t)
      ordinals.push_back(block.zones()[i].first_trace + t);
    (void)block.read_traces(ordinals, i, nullptr);
    if (!ordinals.empty()) (void)block.read_traces({&ordinals.front(), 1}, i, nullptr);
    (void)block.filter(i);
    auto decoder = block.row_group(i, nullptr);
    if (!decoder) continue;
    auto group =
        StoredRowGroup::open(block, i, std::make_shared<RowGroupDecoder>(std::move(*decoder)));
    if (!group) continue;
    (void)(*group)->nested_right();
    (void)(*group)->name();
    (void)(*group)->attribute(AttributeScope::kSpan, "attr1");
    (void)(*group)->attribute(AttributeScope::kResource, "res1");
    (void)(*group)->nested_attribute(AttributeScope::kEvent, "ev1");
    (void)(*group)->link_trace_id();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const bool repaired : {false, true}) {
    if (repaired) repair(bytes);
    const auto block = Block::open(bytes, nullptr, 1, "fuzzed",
                                   std::make_shared<RowGroupCache>(RowGroupCache::Limits{}));
    if (block) read_everything(**block);
  }
  return 0;
}
