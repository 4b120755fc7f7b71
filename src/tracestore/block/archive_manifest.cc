#include "tracestore/block/archive_manifest.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "base/checksum.h"

namespace sightline::tracestore {
namespace {

constexpr size_t kBlockBytes = 8 + 8 + 8 + 4 + 1;

}  // namespace

std::string ArchiveManifest::encode() const {
  std::string out(kManifestMagic);
  append_le<uint64_t>(out, generation);
  out.append(reinterpret_cast<const char*>(owner.data()), owner.size());
  append_le<uint64_t>(out, next_id);
  append_le<uint32_t>(out, static_cast<uint32_t>(blocks.size()));
  for (const ArchivedBlock& block : blocks) {
    append_le<uint64_t>(out, block.id);
    append_le<uint64_t>(out, block.bytes);
    append_le<uint64_t>(out, block.tail_offset);
    append_le<uint32_t>(out, block.footer_crc);
    out.push_back(block.is_set_aside ? 1 : 0);
  }
  append_le<uint32_t>(out, crc32c(out));
  return out;
}

Result<ArchiveManifest> ArchiveManifest::decode(std::string_view bytes) {
  if (!bytes.starts_with(kManifestMagic) || bytes.size() < kManifestMagic.size() + sizeof(uint32_t))
    return fail(Errc::kCorrupt, "not a manifest of version 1");
  const std::string_view body = bytes.substr(0, bytes.size() - sizeof(uint32_t));
  if (crc32c(body) != load_le<uint32_t>(bytes.data() + body.size()))
    return fail(Errc::kCorrupt, "checksum of the manifest does not match");
  ByteReader in(body.substr(kManifestMagic.size()));
  ArchiveManifest manifest;
  manifest.generation = in.le<uint64_t>();
  const std::string_view owner = in.bytes(manifest.owner.size());
  std::copy(owner.begin(), owner.end(), manifest.owner.begin());
  manifest.next_id = in.le<uint64_t>();
  const auto count = in.le<uint32_t>();
  if (!in.ok() || in.remaining() != uint64_t{count} * kBlockBytes)
    return fail(Errc::kCorrupt, "the manifest is torn");
  std::set<uint64_t> ids;
  for (uint32_t i = 0; i < count; ++i) {
    ArchivedBlock block;
    block.id = in.le<uint64_t>();
    block.bytes = in.le<uint64_t>();
    block.tail_offset = in.le<uint64_t>();
    block.footer_crc = in.le<uint32_t>();
    const uint8_t state = in.u8();
    block.is_set_aside = state == 1;
    if (state > 1 || block.tail_offset > block.bytes || block.id >= manifest.next_id ||
        !ids.insert(block.id).second)
      return fail(Errc::kCorrupt, "entry ", i, " of the manifest is not possible");
    manifest.blocks.push_back(block);
  }
  return manifest;
}

}  // namespace sightline::tracestore
