#include "tracestore/value_codec.h"

#include "tracestore/block_format.h"
#include "tracestore/integer_codec.h"

namespace sightline::tracestore {
namespace {

using model::ValueKind;
using model::ValueView;

bool is_integer(ValueKind kind) { return kind == ValueKind::kInt || kind == ValueKind::kBool; }
bool is_bytes(ValueKind kind) {
  return kind == ValueKind::kString || kind == ValueKind::kBytes || kind == ValueKind::kArray ||
         kind == ValueKind::kKvlist;
}

std::unexpected<Error> torn(std::string_view what) { return fail(Errc::kCorrupt, "value column: ", what); }

Result<ValueColumn> decode_dictionary(ByteReader& in, size_t count) {
  ValueColumn column;
  const auto kinds = decode_integers(in, count);
  if (!kinds) return torn("kinds are torn");
  size_t integer_count = 0;
  size_t double_count = 0;
  size_t bytes_count = 0;
  for (const uint64_t kind : *kinds) {
    if (kind > static_cast<uint64_t>(ValueKind::kKvlist)) return torn("unknown kind");
    integer_count += is_integer(static_cast<ValueKind>(kind)) ? 1 : 0;
    double_count += kind == static_cast<uint64_t>(ValueKind::kDouble) ? 1 : 0;
    bytes_count += is_bytes(static_cast<ValueKind>(kind)) ? 1 : 0;
  }
  const auto integers = decode_integers(in, integer_count);
  if (!integers) return torn("integers are torn");
  const auto doubles = decode_integers(in, double_count);
  if (!doubles) return torn("doubles are torn");
  const auto lengths = decode_integers(in, bytes_count);
  if (!lengths) return torn("lengths are torn");
  auto storage = std::make_shared<std::string>();
  if (bytes_count > 0) {
    auto bytes = decode_bytes(in, kChunkBytesMax);
    if (!bytes) return in_context("value column", std::move(bytes).error());
    *storage = std::move(*bytes);
  }
  const std::string_view all = *storage;
  size_t at = 0, integer = 0, real = 0, length = 0;
  column.values.resize(count);
  for (size_t i = 0; i < count; ++i) {
    ValueView& value = column.values[i];
    value.kind = static_cast<ValueKind>((*kinds)[i]);
    if (is_integer(value.kind)) {
      value.int_value = unzigzag((*integers)[integer++]);
    } else if (value.kind == ValueKind::kDouble) {
      value.int_value = static_cast<int64_t>((*doubles)[real++]);
    } else if (is_bytes(value.kind)) {
      const uint64_t size = (*lengths)[length++];
      if (size > all.size() - at) return torn("lengths pass the end");
      value.bytes = all.substr(at, size);
      at += size;
    }
  }
  if (at != all.size()) return torn("bytes are left over");
  column.storage = std::move(storage);
  return column;
}

}  // namespace

void ValueColumnBuilder::add(const ValueView& value) {
  const auto [known, is_new] = code_of_.try_emplace(value, static_cast<uint32_t>(values_.size()));
  if (is_new) values_.push_back(value);
  codes_.push_back(known->second);
}

bool ValueColumnBuilder::is_all_empty_text() const {
  return values_.empty() ||
         (values_.size() == 1 && values_[0].kind == ValueKind::kString && values_[0].bytes.empty());
}

std::string ValueColumnBuilder::encode() const {
  std::string out;
  if (codes_.empty()) return out;
  append_uvarint(out, values_.size());
  std::vector<uint64_t> kinds, integers, doubles, lengths;
  std::string bytes;
  for (const ValueView& value : values_) {
    kinds.push_back(static_cast<uint64_t>(value.kind));
    if (is_integer(value.kind)) integers.push_back(zigzag(value.int_value));
    if (value.kind == ValueKind::kDouble) doubles.push_back(static_cast<uint64_t>(value.int_value));
    if (!is_bytes(value.kind)) continue;
    lengths.push_back(value.bytes.size());
    bytes += value.bytes;
  }
  encode_integers(kinds, out);
  encode_integers(integers, out);
  encode_integers(doubles, out);
  encode_integers(lengths, out);
  if (!lengths.empty()) encode_bytes(bytes, out);
  if (values_.size() == codes_.size()) return out;  // all distinct: the codes are 0, 1, 2 ...
  // How far back the value first appeared among the distinct ones; 0 for a new one.
  std::vector<uint64_t> distances(codes_.size());
  uint32_t next = 0;
  for (size_t i = 0; i < codes_.size(); ++i) {
    distances[i] = next - codes_[i];
    if (codes_[i] == next) ++next;
  }
  encode_integers(distances, out);
  return out;
}

Result<ValueColumn> decode_values(std::string_view bytes, size_t count, ValueParts parts) {
  if (count == 0) return ValueColumn{};
  if (count > kEntriesMax) return torn("too many values");
  ByteReader in(bytes);
  const uint64_t distinct = in.uvarint();
  if (!in.ok() || distinct == 0 || distinct > count) return torn("distinct count is wrong");
  auto column = decode_dictionary(in, distinct);
  if (!column || parts == ValueParts::kDictionary) return column;
  column->codes.resize(count);
  if (distinct == count) {
    for (size_t i = 0; i < count; ++i) column->codes[i] = static_cast<uint32_t>(i);
  } else {
    const auto distances = decode_integers(in, count);
    if (!distances) return torn("codes are torn");
    uint64_t next = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t distance = (*distances)[i];
      if (distance > next || (distance == 0 && next == distinct)) return torn("code out of range");
      column->codes[i] = static_cast<uint32_t>(next - distance);
      if (distance == 0) ++next;
    }
  }
  if (!in.at_end()) return torn("bytes behind the codes");
  return column;
}

void append_value(std::string& out, const ValueView& value) {
  out.push_back(static_cast<char>(value.kind));
  if (is_integer(value.kind)) append_svarint(out, value.int_value);
  if (value.kind == ValueKind::kDouble) append_le<int64_t>(out, value.int_value);
  if (is_bytes(value.kind)) append_sized(out, value.bytes);
}

ValueView read_value(ByteReader& in) {
  const uint8_t kind = in.u8();
  if (kind > static_cast<uint8_t>(ValueKind::kKvlist)) {
    in.bytes(SIZE_MAX);  // fails the reader
    return {};
  }
  ValueView value{.kind = static_cast<ValueKind>(kind)};
  if (is_integer(value.kind)) value.int_value = in.svarint();
  if (value.kind == ValueKind::kDouble) value.int_value = in.le<int64_t>();
  if (is_bytes(value.kind)) value.bytes = in.sized();
  return value;
}

}  // namespace sightline::tracestore
