#pragma once
// Which blocks an archive consists of: one object, written anew with every change. A block is part of the archive from
// the moment the manifest that names it is there, and not before.
//   Format    docs/formats/trace_archive.md, "Manifest".
//   Errors    kCorrupt when the bytes do not check.
//   Threads   a value.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::tracestore {

inline constexpr std::string_view kManifestMagic{"SLARCHV\1", 8};  // the last byte is the version

inline constexpr std::string_view kManifestKey = "manifest";

struct ArchivedBlock {
  uint64_t id = 0;
  uint64_t bytes = 0;
  uint64_t tail_offset = 0;  // where its row groups end
  uint32_t footer_crc = 0;
  bool is_set_aside = false;  // found damaged: kept for people to look at, passed by
};

struct ArchiveManifest {
  uint64_t generation = 0;  // grows with every writing
  std::array<uint8_t, 16>
      owner{};  // of the process that writes it; another one has taken over when it differs
  uint64_t next_id = 1;  // no block had this id or a higher one
  std::vector<ArchivedBlock> blocks;

  std::string encode() const;
  static Result<ArchiveManifest> decode(std::string_view bytes);
};

}  // namespace sightline::tracestore
