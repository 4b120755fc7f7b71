#pragma once
// Fixed-width integers and LEB128 varints in byte strings. Readers never run
// past the end: they say so in their return value.
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sightline {

template <typename T>
T load_le(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  static_assert(std::endian::native == std::endian::little);
  return value;
}
template <typename T>
void store_le(void* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}
template <typename T>
void append_le(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}
inline uint32_t load_be32(const void* from) { return __builtin_bswap32(load_le<uint32_t>(from)); }
inline uint64_t load_be64(const void* from) { return __builtin_bswap64(load_le<uint64_t>(from)); }
inline void append_be32(std::string& out, uint32_t v) { append_le(out, __builtin_bswap32(v)); }
inline void append_be64(std::string& out, uint64_t v) { append_le(out, __builtin_bswap64(v)); }

inline constexpr size_t kVarintBytesMax = 10;
inline void append_uvarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
constexpr uint64_t zigzag(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}
constexpr int64_t unzigzag(uint64_t v) {
  return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}
inline void append_svarint(std::string& out, int64_t v) { append_uvarint(out, zigzag(v)); }
inline void append_sized(std::string& out, std::string_view bytes) {
  append_uvarint(out, bytes.size());
  out.append(bytes);
}

// Reads forward through untrusted bytes. After the first read past the end,
// ok() is false, every further read yields zero or empty, and nothing moves.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  size_t offset() const { return at_; }
  size_t remaining() const { return ok_ ? bytes_.size() - at_ : 0; }
  bool at_end() const { return !ok_ || at_ == bytes_.size(); }

  template <typename T>
  T le() {
    if (!take(sizeof(T))) return T{};
    return load_le<T>(bytes_.data() + at_ - sizeof(T));
  }
  uint32_t be32() { return __builtin_bswap32(le<uint32_t>()); }
  uint64_t be64() { return __builtin_bswap64(le<uint64_t>()); }
  uint8_t u8() { return le<uint8_t>(); }
  uint64_t uvarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t b = u8();
      if (!ok_) return 0;
      value |= static_cast<uint64_t>(b & 0x7f) << shift;
      if ((b & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  int64_t svarint() { return unzigzag(uvarint()); }
  std::string_view bytes(size_t n) {
    if (!take(n)) return {};
    return bytes_.substr(at_ - n, n);
  }
  std::string_view sized() { return bytes(static_cast<size_t>(uvarint())); }

 private:
  bool take(size_t n) {
    if (!ok_ || n > bytes_.size() - at_) {
      ok_ = false;
      return false;
    }
    at_ += n;
    return true;
  }
  std::string_view bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace sightline
