#include "tsdb/head/checkpoint.h"

#include "base/bytes.h"
#include "base/checksum.h"

namespace sightline::tsdb {
namespace {

constexpr std::string_view kMagic("SLTK\x01\0\0\0", 8);

}  // namespace

Status write_checkpoint(io::FileSystem& fs, const std::string& path, const Checkpoint& c,
                        std::string_view entries) {
  std::string body;
  append_svarint(body, c.cut_time);
  append_uvarint(body, c.cut_commit);
  append_uvarint(body, c.last_commit);
  append_uvarint(body, c.last_wal_number);
  body += entries;
  std::string bytes(kMagic);
  append_le(bytes, crc32c(body));
  bytes += body;
  return io::write_file_atomically(fs, path, bytes);
}

Result<Checkpoint> read_checkpoint(io::FileSystem& fs, const std::string& path,
                                   const WalVisitor& visitor) {
  Checkpoint c;
  if (!fs.exists(path)) return c;
  auto bytes = fs.read_all(path);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  const std::string_view all = *bytes;
  if (!all.starts_with(kMagic) || all.size() < kMagic.size() + 4)
    return fail(Errc::kCorrupt, path, ": not a checkpoint of this version");
  const std::string_view body = all.substr(kMagic.size() + 4);
  if (crc32c(body) != load_le<uint32_t>(all.data() + kMagic.size()))
    return fail(Errc::kCorrupt, path, ": checksum does not match");
  ByteReader in(body);
  c.cut_time = in.svarint();
  c.cut_commit = in.uvarint();
  c.last_commit = in.uvarint();
  c.last_wal_number = in.uvarint();
  if (!in.ok()) return fail(Errc::kCorrupt, path, ": too short");
  if (auto status = read_wal_record(body.substr(in.offset()), visitor); !status)
    return in_context(path, std::move(status).error());
  return c;
}

}  // namespace sightline::tsdb
