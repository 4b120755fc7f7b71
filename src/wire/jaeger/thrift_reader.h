#pragma once
// Reads Thrift's binary protocol in place. After a fault every read gives nothing and ok() is false.
//   Ownership  views point into the bytes.
//   Source     Apache Thrift, "Thrift Binary protocol encoding".
#include <bit>
#include <cstdint>
#include <string_view>

namespace sightline::wire::jaeger {

enum class ThriftType : uint8_t {
  kStop = 0,
  kBool = 2,
  kByte = 3,
  kDouble = 4,
  kI16 = 6,
  kI32 = 8,
  kI64 = 10,
  kString = 11,
  kStruct = 12,
  kMap = 13,
  kSet = 14,
  kList = 15,
};

class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  size_t offset() const { return at_; }

  struct Field {
    ThriftType type = ThriftType::kStop;
    int16_t id = 0;
    bool is(int16_t number, ThriftType wanted) const { return id == number && type == wanted; }
  };
  // False at the end of the struct, and after a fault.
  bool next_field(Field& field) {
    field.type = static_cast<ThriftType>(number(1));
    if (!ok_ || field.type == ThriftType::kStop) return false;
    field.id = static_cast<int16_t>(number(2));
    return ok_;
  }
  uint8_t byte() { return static_cast<uint8_t>(number(1)); }
  int32_t i32() { return static_cast<int32_t>(number(4)); }
  int64_t i64() { return static_cast<int64_t>(number(8)); }
  double real() { return std::bit_cast<double>(number(8)); }
  std::string_view text() {
    const auto size = static_cast<uint32_t>(number(4));
    if (!ok_ || size > bytes_.size() - at_) return fail(), std::string_view();
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  // How many elements of `wanted` follow; 0 for a list of anything else, which is skipped.
  uint32_t list(ThriftType wanted, int depth) {
    const auto type = static_cast<ThriftType>(number(1));
    const auto count = static_cast<uint32_t>(number(4));
    // Every element takes a byte at least.
    if (!ok_ || count > bytes_.size() - at_) return fail(), 0;
    if (type == wanted) return count;
    for (uint32_t i = 0; i < count && ok_; ++i) skip(type, depth + 1);
    return 0;
  }
  void skip(ThriftType type, int depth);

 private:
  uint64_t number(size_t size) {
    if (!ok_ || size > bytes_.size() - at_) return fail(), 0;
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes_[at_ + i]);
    at_ += size;
    return value;
  }
  void fail() { ok_ = false; }

  const std::string_view bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace sightline::wire::jaeger
