#include "wire/zipkin/packed_texts.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>

namespace sightline::wire::zipkin {
namespace {

using model::AttributeView;
using model::ValueView;
namespace dom = simdjson::dom;

constexpr size_t kNone = std::string_view::npos;

// Reads a whole text of decimal digits.
std::optional<uint32_t> parse_count(std::string_view text) {
  uint32_t count = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

std::optional<ValueView> value_of(const dom::element& value, const KeepText& keep) {
  constexpr double kWholeMax = 9'223'372'036'854'774'784.0;  // the last double below 2^63
  bool truth = false;
  int64_t whole = 0;
  double number = 0;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return ValueView::of_string(keep(text));
  if (value.get(truth) == simdjson::SUCCESS) return ValueView::of_bool(truth);
  if (value.get(whole) == simdjson::SUCCESS) return ValueView::of_int(whole);
  if (value.get(number) != simdjson::SUCCESS) return std::nullopt;
  if (std::trunc(number) == number && std::abs(number) <= kWholeMax)
    return ValueView::of_int(static_cast<int64_t>(number));
  return ValueView::of_double(number);
}

// The end of both forms: `{"key":value}|dropped`.
std::optional<PackedAttributes> unpack_attributes(std::string_view text, const KeepText& keep) {
  const size_t bar = text.rfind('|');
  if (bar == kNone) return std::nullopt;
  const auto dropped = parse_count(text.substr(bar + 1));
  if (!dropped) return std::nullopt;
  PackedAttributes out{.attributes = {}, .dropped = *dropped};
  const simdjson::padded_string json(text.substr(0, bar));
  dom::parser parser;
  dom::element root;
  dom::object object;
  if (parser.parse(json).get(root) != simdjson::SUCCESS) return std::nullopt;
  if (root.is_null()) return out;  // how the peer writes no attributes at all
  if (root.get(object) != simdjson::SUCCESS) return std::nullopt;
  for (const auto& [key, value] : object) {
    if (out.attributes.size() >= kPackedAttributesMax) {
      ++out.dropped;
    } else if (const auto taken = value_of(value, keep)) {
      out.attributes.push_back({keep(key), *taken});
    }
  }
  return out;
}

// Takes what stands before the next bar.
std::optional<std::string_view> take_part(std::string_view& text) {
  const size_t bar = text.find('|');
  if (bar == kNone) return std::nullopt;
  const std::string_view part = text.substr(0, bar);
  text.remove_prefix(bar + 1);
  return part;
}

std::string_view unquoted(std::string_view id) {
  const bool is_quoted = id.size() >= 2 && id.front() == '"' && id.back() == '"';
  return is_quoted ? id.substr(1, id.size() - 2) : id;
}

}  // namespace

std::optional<PackedEvent> unpack_event(std::string_view annotation, const KeepText& keep) {
  const auto name = take_part(annotation);
  if (!name) return std::nullopt;
  auto more = unpack_attributes(annotation, keep);
  if (!more) return std::nullopt;
  return PackedEvent{*name, std::move(*more)};
}

std::optional<PackedLink> unpack_link(std::string_view tag, const KeepText& keep) {
  const auto trace = take_part(tag);
  const auto span = trace ? take_part(tag) : std::nullopt;
  const auto state = span ? take_part(tag) : std::nullopt;
  if (!state) return std::nullopt;
  PackedLink out;
  if (const std::string_view hex = unquoted(*trace); !hex.empty()) {
    const auto id = parse_trace_id(hex);
    if (!id) return std::nullopt;
    out.link.trace_id = *id;
  }
  if (const std::string_view hex = unquoted(*span); !hex.empty()) {
    const auto id = parse_span_id(hex);
    if (!id) return std::nullopt;
    out.link.span_id = *id;
  }
  auto more = unpack_attributes(tag, keep);
  if (!more) return std::nullopt;
  out.link.trace_state = keep(*state);
  out.more = std::move(*more);
  return out;
}

std::optional<uint32_t> packed_link_index(std::string_view tag) {
  constexpr std::string_view kPrefix = "otlp.link.";
  if (!tag.starts_with(kPrefix)) return std::nullopt;
  const std::string_view digits = tag.substr(kPrefix.size());
  const auto index = parse_count(digits);
  const bool is_plain = index && (digits.size() == 1 || digits[0] != '0');
  return is_plain && *index < kPackedLinksMax ? index : std::nullopt;
}

}  // namespace sightline::wire::zipkin
