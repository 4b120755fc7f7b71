#pragma once
// A column of attribute values: distinct values once, then a code for each occurrence.
//   Format   docs/formats/trace_block.md, "Value column".
//   Errors   kCorrupt for bytes that do not check; limits of block_format.h.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/bytes.h"
#include "base/result.h"
#include "model/span_batch.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

// Collects values (views must stay valid until encode) and encodes them.
class ValueColumnBuilder {
 public:
  void add(const model::ValueView& value);
  void add(std::string_view text) { add(model::ValueView::of_string(text)); }
  size_t count() const { return codes_.size(); }
  // Whether every value is the empty string: such a column need not be stored.
  bool is_all_empty_text() const;
  std::string encode() const;

 private:
  std::vector<model::ValueView> values_;   // distinct, in order of first appearance
  std::vector<uint32_t> codes_;
  absl::flat_hash_map<model::ValueView, uint32_t, ValueHash, ValueEqual> code_of_;
};

// Decoded. Values point into `storage`; moving the column keeps them valid.
struct ValueColumn {
  std::shared_ptr<const std::string> storage;
  std::vector<model::ValueView> values;
  std::vector<uint32_t> codes;             // empty when only the dictionary was asked for
  size_t count() const { return codes.size(); }
  const model::ValueView& at(size_t i) const { return values[codes[i]]; }
};

enum class ValueParts { kDictionary, kAll };
Result<ValueColumn> decode_values(std::string_view bytes, size_t count, ValueParts parts);

// One value in place: kind, then content.
void append_value(std::string& out, const model::ValueView& value);
model::ValueView read_value(ByteReader& in);   // an unknown kind reads as torn

}  // namespace sightline::tracestore
