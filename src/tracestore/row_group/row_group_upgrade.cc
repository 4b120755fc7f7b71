#include "tracestore/row_group/row_group_upgrade.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "tracestore/codec/checked_parts.h"

namespace sightline::tracestore {

Result<std::string> upgrade_row_group(std::string_view bytes, RowGroupZone& zone) {
  const size_t directory_begin = size_t{zone.filter_bytes} + zone.chunk_bytes;
  ByteReader in(bytes.substr(directory_begin));
  std::string directory;
  uint64_t left = in.uvarint();
  append_uvarint(directory, left);
  for (; left > 0 && in.ok(); --left) {
    directory.push_back(static_cast<char>(in.u8()));
    append_uvarint(directory, in.uvarint());  // key
    append_uvarint(directory, in.uvarint());  // length
    in.le<uint32_t>();                        // the chunk's checksum
  }
  if (!in.ok() || !in.at_end()) return fail(Errc::kCorrupt, "row group: directory is torn");
  CheckedParts::append_checksums(bytes.substr(zone.filter_bytes, zone.chunk_bytes), kCheckedBytes,
                                 directory);
  zone.version = kBlockVersion;
  zone.directory_bytes = static_cast<uint32_t>(directory.size());
  zone.directory_crc = crc32c(directory);
  return std::string(bytes.substr(0, directory_begin)) + directory;
}

}  // namespace sightline::tracestore
