#pragma once
// Walks the fields of one protobuf message in place: no copies, no exceptions,
// and a fault knows its place. (protozero throws without saying where; a sender is
// told the byte at which its message breaks.)
//   Usage      for (ProtobufReader r(message); r.next();)
//                switch (r.tag()) {
//                  case protobuf_bytes(5): name = r.bytes(); break;
//                  default: r.skip();
//                }
//              if (!r.ok()) ... r.fault_at() is where, r.fault() is what.
//   Rules      after next() exactly one value is read or skipped. A known field with
//              another wire type has another tag, so it is skipped like an unknown field.
//   Errors     after the first fault next() is false and values are zero or empty.
//   Source     protobuf encoding; groups (wire types 3 and 4) are refused.
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace sightline {

constexpr uint32_t protobuf_varint(uint32_t field) { return field << 3; }
constexpr uint32_t protobuf_fixed64(uint32_t field) { return field << 3 | 1; }
constexpr uint32_t protobuf_bytes(uint32_t field) { return field << 3 | 2; }
constexpr uint32_t protobuf_fixed32(uint32_t field) { return field << 3 | 5; }

class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message)
      : at_(message.data()), end_(message.data() + message.size()) {}

  bool next() {
    if (at_ == end_) return false;
    const uint64_t key = varint();
    if (fault_ != nullptr) return false;
    if (key < 8 || key > UINT32_MAX) return broken("field number out of range");
    tag_ = static_cast<uint32_t>(key);
    return true;
  }
  uint32_t tag() const { return tag_; }
  // Of a packed field's values, which have no tags: whether there is one more.
  bool more() const { return at_ != end_; }

  uint64_t varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) return static_cast<uint8_t>(*at_++);
    return long_varint();
  }
  uint64_t fixed64() { return fixed<uint64_t>(); }
  uint32_t fixed32() { return fixed<uint32_t>(); }
  std::string_view bytes() {
    const uint64_t size = varint();
    if (size > static_cast<uint64_t>(end_ - at_)) {
      broken("length runs past the end of the message");
      return {};
    }
    const std::string_view value(at_, size);
    at_ += size;
    return value;
  }
  void skip() {
    switch (tag_ & 7) {
      case 0: varint(); return;
      case 1: fixed64(); return;
      case 2: bytes(); return;
      case 5: fixed32(); return;
      default: broken("unsupported wire type");
    }
  }

  // The caller's own fault with the value that was read last.
  void refuse(const char* what) { broken(what); }
  // The fault of a message inside this one, if it has any, is this one's.
  void adopt_fault(const ProtobufReader& inner) {
    if (inner.ok() || fault_ != nullptr) return;
    fault_ = inner.fault_;
    fault_at_ = inner.fault_at_;
    at_ = end_;
  }

  bool ok() const { return fault_ == nullptr; }
  const char* fault() const { return fault_; }
  const char* fault_at() const { return fault_at_; }

 private:
  template <typename T>
  T fixed() {
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) {
      broken("value runs past the end of the message");
      return 0;
    }
    at_ += sizeof(T);
    return load_le<T>(at_ - sizeof(T));
  }
  uint64_t long_varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) {
        broken("varint runs past the end of the message");
        return 0;
      }
      const auto b = static_cast<uint8_t>(*at_++);
      value |= static_cast<uint64_t>(b & 0x7f) << (shift & 63);
      if (b < 0x80) return value;
    }
    broken("varint is longer than 10 bytes");
    return 0;
  }
  bool broken(const char* what) {
    if (fault_ == nullptr) {
      fault_ = what;
      fault_at_ = at_;
    }
    at_ = end_;
    return false;
  }

  const char* at_;
  const char* end_;
  uint32_t tag_ = 0;
  const char* fault_ = nullptr;
  const char* fault_at_ = nullptr;
};

}  // namespace sightline
