#pragma once
// One parsed JSON text. Owns the parser, so elements live as long as this does.
//   Errors  kInvalidArgument with the byte offset of the fault.
#include <simdjson.h>

#include <string_view>

#include "base/result.h"

namespace sightline::wire::otlp {

class JsonDocument {
 public:
  Result<simdjson::dom::element> parse(std::string_view json);

 private:
  simdjson::padded_string text_;
  simdjson::dom::parser parser_;
};

}  // namespace sightline::wire::otlp
