#include "tracestore/codec/checked_parts.h"

#include "base/bytes.h"
#include "base/checksum.h"

namespace sightline::tracestore {

bool CheckedParts::is_sound(std::string_view bytes) const {
  if (bytes.empty()) return true;
  const auto begin = static_cast<size_t>(bytes.data() - bytes_.data());
  const size_t last = (begin + bytes.size() - 1) / part_bytes_;
  for (size_t part = begin / part_bytes_; part <= last; ++part)
    if (!is_part_sound(part)) return false;
  return true;
}

bool CheckedParts::is_part_sound(size_t part) const {
  const uint64_t bit = uint64_t{1} << part % 64;
  const size_t word = part / 64;
  const bool remembers = word < verified_.size();
  if (remembers && (verified_[word].load(std::memory_order_relaxed) & bit) != 0) return true;
  const auto expected = load_le<uint32_t>(checksums_.data() + part * sizeof(uint32_t));
  if (crc32c(bytes_.substr(part * part_bytes_, part_bytes_)) != expected) return false;
  if (remembers) verified_[word].fetch_or(bit, std::memory_order_relaxed);
  return true;
}

void CheckedParts::append_checksums(std::string_view bytes, size_t part_bytes, std::string& out) {
  for (size_t begin = 0; begin < bytes.size(); begin += part_bytes)
    append_le<uint32_t>(out, crc32c(bytes.substr(begin, part_bytes)));
}

}  // namespace sightline::tracestore
