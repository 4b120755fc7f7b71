#pragma once
// Bytes with a checksum for each part of them, so that whoever needs a few verifies little more than those.
//   Format   docs/formats/trace_block.md, "Checksums of parts".
//   Threads  any; verifying a part twice is harmless.
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tracestore/codec/byte_guard.h"

namespace sightline::tracestore {

// A bit for each part that was found sound.
using VerifiedParts = std::span<std::atomic<uint64_t>>;

class CheckedParts final : public ByteGuard {
 public:
  CheckedParts() = default;
  // `checksums`: those of `bytes`, verified. Without `verified` a part is verified whenever it is looked at.
  CheckedParts(std::string_view bytes, std::string_view checksums, size_t part_bytes,
               VerifiedParts verified = {})
      : bytes_(bytes), checksums_(checksums), part_bytes_(part_bytes), verified_(verified) {}

  bool is_sound(std::string_view bytes) const override;
  // All of them, whatever was found before.
  bool is_sound_anew() const {
    return CheckedParts(bytes_, checksums_, part_bytes_).is_sound(bytes_);
  }
  bool is_sound_from(size_t begin, size_t count) const {
    return is_sound(bytes_.substr(begin, count));
  }

  static size_t count_of(size_t bytes, size_t part_bytes) {
    return (bytes + part_bytes - 1) / part_bytes;
  }
  static size_t words_of(size_t bytes, size_t part_bytes) {
    return count_of(bytes, part_bytes) / 64 + 1;
  }
  static void append_checksums(std::string_view bytes, size_t part_bytes, std::string& out);

 private:
  bool is_part_sound(size_t part) const;

  std::string_view bytes_;
  std::string_view checksums_;
  size_t part_bytes_ = 1;
  VerifiedParts verified_;
};

}  // namespace sightline::tracestore
