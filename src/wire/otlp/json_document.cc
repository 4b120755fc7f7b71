#include "wire/otlp/json_document.h"

namespace sightline::wire::otlp {
namespace {

// The DOM parser does not say where it stopped; walking the text on demand does.
simdjson::error_code walk(simdjson::ondemand::value value, int depth) {
  if (depth > 512) return simdjson::DEPTH_ERROR;
  simdjson::ondemand::json_type type{};
  if (const auto error = value.type().get(type); error != simdjson::SUCCESS) return error;
  if (type == simdjson::ondemand::json_type::array) {
    simdjson::ondemand::array items;
    if (const auto error = value.get_array().get(items); error != simdjson::SUCCESS) return error;
    for (auto item : items) {
      simdjson::ondemand::value inner;
      if (const auto error = item.get(inner); error != simdjson::SUCCESS) return error;
      if (const auto error = walk(inner, depth + 1); error != simdjson::SUCCESS) return error;
    }
    return simdjson::SUCCESS;
  }
  if (type == simdjson::ondemand::json_type::object) {
    simdjson::ondemand::object members;
    if (const auto error = value.get_object().get(members); error != simdjson::SUCCESS)
      return error;
    for (auto member : members) {
      simdjson::ondemand::value inner;
      if (const auto error = member.value().get(inner); error != simdjson::SUCCESS) return error;
      if (const auto error = walk(inner, depth + 1); error != simdjson::SUCCESS) return error;
    }
    return simdjson::SUCCESS;
  }
  std::string_view s;
  double d = 0;
  bool b = false;
  switch (type) {
    case simdjson::ondemand::json_type::string: return value.get_string().get(s);
    case simdjson::ondemand::json_type::number: return value.get_double().get(d);
    case simdjson::ondemand::json_type::boolean: return value.get_bool().get(b);
    default: return simdjson::SUCCESS;
  }
}

// Byte offset of the first fault, or the text's length when none is found.
size_t fault_offset(const simdjson::padded_string& text) {
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  if (parser.iterate(text).get(document) != simdjson::SUCCESS) return 0;
  simdjson::ondemand::value root;
  if (document.get_value().get(root) == simdjson::SUCCESS) (void)walk(root, 0);
  const char* at = nullptr;
  if (document.current_location().get(at) != simdjson::SUCCESS) return text.size();
  const auto offset = at - text.data();
  return offset < 0 || static_cast<size_t>(offset) > text.size() ? text.size()
                                                                 : static_cast<size_t>(offset);
}

}  // namespace

Result<simdjson::dom::element> JsonDocument::parse(std::string_view json) {
  text_ = simdjson::padded_string(json);
  simdjson::dom::element root;
  const auto error = parser_.parse(text_).get(root);
  if (error == simdjson::SUCCESS) return root;
  return fail(Errc::kInvalidArgument, "malformed JSON near byte ", fault_offset(text_), ": ",
              simdjson::error_message(error));
}

}  // namespace sightline::wire::otlp
