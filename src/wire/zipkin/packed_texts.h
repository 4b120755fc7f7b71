#pragma once
// What the collector's zipkin exporter packs into texts, since Zipkin has no place for it: an event with attributes is the
// annotation `name|{"key":value}|dropped`, a link the tag `trace|span|tracestate|{"key":value}|dropped`.
//   Values     texts, booleans and numbers; a number without a fraction is whole. Others, lists and maps, have no form here and
//              are left out, as in the peer.
//   Ownership  every view points into what `keep` answered.
//   Limits     kPackedAttributesMax attributes; further ones are counted as dropped.
//   Threads    pure functions.
//   Source     opentelemetry-collector-contrib, pkg/translator/zipkin/zipkinv2.
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "model/span_batch.h"

namespace sightline::wire::zipkin {

inline constexpr size_t kPackedAttributesMax = 1'024;

// Copies a text to where the batch finds it.
using KeepText = std::function<std::string_view(std::string_view)>;

struct PackedAttributes {
  std::vector<model::AttributeView> attributes;
  uint32_t dropped = 0;
};
struct PackedEvent {
  std::string_view name;  // into the annotation
  PackedAttributes more;
};
struct PackedLink {
  model::LinkView link;  // without its attributes
  PackedAttributes more;
};

// None: the text is not of that form, so it is what it is.
std::optional<PackedEvent> unpack_event(std::string_view annotation, const KeepText& keep);
std::optional<PackedLink> unpack_link(std::string_view tag, const KeepText& keep);

// Which link a tag named so is: "otlp.link.0" to "otlp.link.127".
inline constexpr uint32_t kPackedLinksMax = 128;
std::optional<uint32_t> packed_link_index(std::string_view tag);

}  // namespace sightline::wire::zipkin
