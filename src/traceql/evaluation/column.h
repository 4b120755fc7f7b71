#pragma once
// The value of one expression for every entry of a domain: every row of a row
// group, or every event or link of its rows.
//   Ownership  points into the row group and the query; owns what was computed.
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "traceql/evaluation/value.h"

namespace sightline::traceql {

class Column {
 public:
  static Column constant(Value value) {
    Column c;
    c.dictionary_.push_back(value);
    return c;
  }
  // codes[i] indexes `dictionary`.
  static Column coded(std::span<const uint32_t> codes, std::vector<Value> dictionary) {
    Column c;
    c.codes_ = codes;
    c.dictionary_ = std::move(dictionary);
    c.kind_ = Kind::kCoded;
    return c;
  }
  static Column coded(std::vector<uint32_t> codes, std::vector<Value> dictionary) {
    auto owned = std::make_shared<const std::vector<uint32_t>>(std::move(codes));
    Column c = coded(std::span<const uint32_t>(*owned), std::move(dictionary));
    c.owned_codes_ = std::move(owned);
    return c;
  }
  static Column integers(Type type, std::vector<int64_t> values) {
    Column c;
    c.kind_ = Kind::kIntegers;
    c.type_ = type;
    c.integers_ = std::move(values);
    return c;
  }
  static Column dense(std::vector<Value> values) {
    Column c;
    c.kind_ = Kind::kDense;
    c.dictionary_ = std::move(values);
    return c;
  }

  bool is_constant() const { return kind_ == Kind::kConstant; }
  bool is_coded() const { return kind_ == Kind::kCoded; }
  bool is_integers() const { return kind_ == Kind::kIntegers; }
  Value at(size_t i) const {
    switch (kind_) {
      case Kind::kConstant: return dictionary_[0];
      case Kind::kCoded: return dictionary_[codes_[i]];
      case Kind::kIntegers: return Value::of(type_, integers_[i]);
      case Kind::kDense: return dictionary_[i];
    }
    return {};
  }
  std::span<const uint32_t> codes() const { return codes_; }
  const std::vector<Value>& dictionary() const { return dictionary_; }  // of a constant: one entry
  const std::vector<int64_t>& integers() const { return integers_; }
  Type integer_type() const { return type_; }

 private:
  enum class Kind : uint8_t { kConstant, kCoded, kIntegers, kDense };
  Kind kind_ = Kind::kConstant;
  Type type_ = Type::kNil;
  std::span<const uint32_t> codes_;
  std::shared_ptr<const std::vector<uint32_t>> owned_codes_;
  std::vector<Value> dictionary_;
  std::vector<int64_t> integers_;
};

// One byte per row, 0 or 1.
using RowMask = std::vector<uint8_t>;

}  // namespace sightline::traceql
