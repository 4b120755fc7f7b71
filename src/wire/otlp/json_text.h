#pragma once
// JSON text, and the parts of OTLP/JSON that spans and metrics share. Inside wire/otlp only.
//   Source  OTLP 1.x, "JSON Protobuf Encoding".
#include <span>
#include <string>
#include <string_view>

#include "base/text_codec.h"
#include "model/span_batch.h"

namespace sightline::wire::otlp {

class JsonText {
 public:
  void open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void key(std::string_view name) {
    separate();
    ((out_ += '"') += name) += "\":";
    first_ = true;  // the value follows without a comma
  }
  void text(std::string_view value) {
    separate();
    out_ += '"';
    append_json_escaped(out_, value);
    out_ += '"';
  }
  void raw(std::string_view value) {
    separate();
    out_ += value;
  }
  void text_field(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    text(value);
  }
  void number_field(std::string_view name, uint64_t value) {
    if (value == 0) return;
    key(name);
    raw(std::to_string(value));
  }
  void long_field(std::string_view name, uint64_t value) {
    if (value == 0) return;
    key(name);
    text(std::to_string(value));
  }
  // NaN and the infinities as the strings that protobuf's JSON has for them.
  void real(double value);
  void real_field(std::string_view name, double value) {
    key(name);
    real(value);
  }
  // An AnyValue; arrays and maps deeper than kDepthMax are empty.
  void value(const model::ValueView& value) { this->value(value, 0); }
  // "attributes": [...], and how many were dropped, where there are any.
  void attributes(std::span<const model::AttributeView> attributes, uint32_t dropped = 0,
                  std::string_view name = "attributes");
  std::string take() { return std::move(out_); }

 private:
  static constexpr int kDepthMax = 64;
  void value(const model::ValueView& value, int depth);
  void encoded_value(std::string_view message, int depth);
  void encoded_list(std::string_view message, int depth);
  void encoded_map(std::string_view message, int depth);
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string out_;
  bool first_ = true;
};

}  // namespace sightline::wire::otlp
