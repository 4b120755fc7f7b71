#pragma once
// protozero's reader for messages from strangers: a field whose wire type is not the one that is asked for is a fault of the
// message, as truncation is. (protozero itself asserts it, and without assertions reads on in the wrong type.)
//   Errors    the accessors throw what protozero throws, all of it protozero::exception; whoever decodes catches that.
#include <cstdint>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

namespace sightline {

struct WrongWireType : protozero::exception {
  const char* what() const noexcept override { return "a field has the wrong wire type"; }
};

class TypedPbfReader : public protozero::pbf_reader {
 public:
  using protozero::pbf_reader::pbf_reader;

  TypedPbfReader get_message() { return TypedPbfReader(get_view()); }
  protozero::data_view get_view() {
    expect(protozero::pbf_wire_type::length_delimited);
    return pbf_reader::get_view();
  }
  auto get_packed_enum() {
    expect(protozero::pbf_wire_type::length_delimited);
    return pbf_reader::get_packed_enum();
  }
  bool get_bool() { return varint(&pbf_reader::get_bool); }
  int32_t get_enum() { return varint(&pbf_reader::get_enum); }
  int32_t get_int32() { return varint(&pbf_reader::get_int32); }
  int32_t get_sint32() { return varint(&pbf_reader::get_sint32); }
  uint32_t get_uint32() { return varint(&pbf_reader::get_uint32); }
  int64_t get_int64() { return varint(&pbf_reader::get_int64); }
  int64_t get_sint64() { return varint(&pbf_reader::get_sint64); }
  uint64_t get_uint64() { return varint(&pbf_reader::get_uint64); }
  uint64_t get_fixed64() { return fixed64(&pbf_reader::get_fixed64); }
  int64_t get_sfixed64() { return fixed64(&pbf_reader::get_sfixed64); }
  double get_double() { return fixed64(&pbf_reader::get_double); }

 private:
  void expect(protozero::pbf_wire_type type) const {
    if (wire_type() != type) throw WrongWireType();
  }
  template <typename Value>
  Value varint(Value (protozero::pbf_reader::*get)()) {
    expect(protozero::pbf_wire_type::varint);
    return (this->*get)();
  }
  template <typename Value>
  Value fixed64(Value (protozero::pbf_reader::*get)()) {
    expect(protozero::pbf_wire_type::fixed64);
    return (this->*get)();
  }
};

}  // namespace sightline
