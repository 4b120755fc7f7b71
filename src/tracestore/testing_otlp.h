#pragma once
// For tests: made-up OTLP requests with everything that OTLP has, as protobuf and as JSON, and what of a request a trace
// store must give back: of each span its own bytes and those of its scope and resource.
//   Form  messages in canonical form: fields ascending, default values left out.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/text_codec.h"

namespace sightline::tracestore::testing {

// Protobuf by hand, from the field numbers of opentelemetry-proto 1.x, so that a fault of the codec shows.
class Message {
 public:
  void bytes(uint32_t field, std::string_view content) {
    append_uvarint(out_, field << 3 | 2);
    append_sized(out_, content);
  }
  void text(uint32_t field, std::string_view content) {
    if (!content.empty()) bytes(field, content);
  }
  void varint(uint32_t field, uint64_t value) {
    append_uvarint(out_, field << 3);
    append_uvarint(out_, value);
  }
  void number(uint32_t field, uint64_t value) {
    if (value != 0) varint(field, value);
  }
  void fixed64(uint32_t field, uint64_t value) {
    append_uvarint(out_, field << 3 | 1);
    append_le(out_, value);
  }
  void fixed32(uint32_t field, uint32_t value) {
    append_uvarint(out_, field << 3 | 5);
    append_le(out_, value);
  }
  const std::string& str() const { return out_; }

 private:
  std::string out_;
};

// What a message may hold below it, for canonical().
struct MessageRules {
  struct Below {
    uint32_t field;
    const MessageRules* rules;
    bool repeated = true;  // empty ones count
    bool implied = false;  // an absent one is an empty one
  };
  std::vector<Below> below;
  bool is_oneof = false;  // defaults count
};

// The same message with its fields ascending and without default values: what JSON and protobuf may say in several ways.
inline std::string canonical(const MessageRules& rules, std::string_view message) {
  std::vector<std::pair<uint32_t, std::string>> fields;
  std::set<uint32_t> seen;
  ByteReader in(message);
  while (!in.at_end()) {
    const uint64_t tag = in.uvarint();
    const auto field = static_cast<uint32_t>(tag >> 3);
    seen.insert(field);
    std::string out;
    append_uvarint(out, tag);
    bool is_default = false;
    if ((tag & 7) == 2) {
      std::string content(in.sized());
      is_default = content.empty();
      for (const auto& below : rules.below) {
        if (below.field != field) continue;
        content = canonical(*below.rules, content);
        is_default = content.empty() && !below.repeated && !below.implied;
      }
      append_sized(out, content);
    } else if ((tag & 7) == 0) {
      const uint64_t value = in.uvarint();
      is_default = value == 0;
      append_uvarint(out, value);
    } else {
      const std::string_view value = in.bytes((tag & 7) == 1 ? 8 : 4);
      is_default = value.find_first_not_of('\0') == std::string_view::npos;
      out += value;
    }
    if (!is_default || rules.is_oneof) fields.emplace_back(field, std::move(out));
  }
  for (const auto& below : rules.below)
    if (below.implied && !seen.contains(below.field)) {
      std::string out;
      append_uvarint(out, below.field << 3 | 2);
      append_sized(out, "");
      fields.emplace_back(below.field, std::move(out));
    }
  std::stable_sort(fields.begin(), fields.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string all;
  for (const auto& [field, bytes] : fields) all += bytes;
  return all;
}

struct OtlpRules {
  MessageRules array, map, value{.is_oneof = true}, pair, event, link, nothing, span, scope,
      resource;
  OtlpRules() {
    value.below = {{5, &array}, {6, &map}};
    array.below = {{1, &value}};
    map.below = {{1, &pair}};
    pair.below = {{2, &value, false, true}};
    event.below = {{3, &pair}};
    link.below = {{4, &pair}};
    span.below = {{9, &pair}, {11, &event}, {13, &link}, {15, &nothing, false}};
    scope.below = {{3, &pair}};
    resource.below = {{1, &pair}};
  }
  OtlpRules(const OtlpRules&) = delete;
  OtlpRules& operator=(const OtlpRules&) = delete;
};

// A message in both forms.
struct Twin {
  std::string protobuf;
  std::string json;
};

// What comes back of one span.
using StoredSpan = std::tuple<std::string, std::string,
                              std::string>;  // span; scope, resource with their schema URLs

struct MadeRequest {
  Twin request;
  struct Span {
    TraceId trace;
    SpanId id;
    uint64_t kind;
    StoredSpan stored;
  };
  std::vector<Span> spans;
};

class OtlpSource {
 public:
  explicit OtlpSource(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 6; ++i) traces_.push_back(id<TraceId>());
  }
  const std::vector<TraceId>& traces() const { return traces_; }

  MadeRequest request() {
    MadeRequest made;
    Message message;
    std::string json = "{\"resourceSpans\":[";
    for (uint64_t i = 0, n = 1 + random_.below(3); i < n; ++i) {
      const Twin part = resource_spans(made.spans);
      message.bytes(1, part.protobuf);
      json += (i == 0 ? "" : ",") + part.json;
    }
    made.request = {message.str(), json + "]}"};
    return made;
  }

 private:
  bool one_in(uint64_t n) { return random_.below(n) == 0; }
  template <typename Id>
  Id id() {
    Id made;
    for (auto& byte : made.bytes) byte = static_cast<uint8_t>(random_.next());
    made.bytes[0] |= 1;
    return made;
  }
  template <typename Id>
  static std::string raw(const Id& id) {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
  }
  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    append_json_escaped(out, text);
    return out + "\"";
  }
  std::string text() {
    static const std::vector<std::string> kTexts{"",
                                                 "GET /",
                                                 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                                 "\"quoted\\\" \n\t\x01",
                                                 "SELECT * FROM t WHERE id = 17",
                                                 "00000000-0000-4000-8000-00000000abcd",
                                                 "0123",
                                                 "-1.50",
                                                 std::string("nul \0 inside", 12)};
    if (one_in(4)) return "text " + std::to_string(random_.below(1000));
    return kTexts[random_.below(kTexts.size())];
  }
  uint32_t some_count() {
    return one_in(3) ? static_cast<uint32_t>(one_in(9) ? UINT32_MAX : random_.below(100)) : 0;
  }

  // An AnyValue.
  Twin value(int depth = 0) {
    Message m;
    switch (random_.below(depth < 3 ? 9 : 6)) {
      case 0: return {"", "{}"};
      case 1: {
        const std::string content = text();
        m.bytes(1, content);
        return {m.str(), "{\"stringValue\":" + quoted(content) + "}"};
      }
      case 2: {
        const bool yes = one_in(2);
        m.varint(2, yes ? 1 : 0);
        return {m.str(), std::string("{\"boolValue\":") + (yes ? "true" : "false") + "}"};
      }
      case 3: {
        static constexpr int64_t kInts[] = {0, 1, -1, 600, INT64_MAX, INT64_MIN, (1ll << 53) + 1};
        const int64_t number = one_in(2) ? kInts[random_.below(std::size(kInts))]
                                         : static_cast<int64_t>(random_.next());
        m.varint(3, static_cast<uint64_t>(number));
        return {m.str(), "{\"intValue\":\"" + std::to_string(number) + "\"}"};
      }
      case 4: {
        static constexpr double kDoubles[] = {0.0, -0.0, 0.1, 1e300, 5e-324, 3.0, 0.25};
        const double number =
            one_in(2) ? kDoubles[random_.below(std::size(kDoubles))] : random_.unit() * 1e6 - 5e5;
        m.fixed64(4, std::bit_cast<uint64_t>(number));
        char digits[40];
        std::snprintf(digits, sizeof digits, "%.17e", number);
        return {m.str(), std::string("{\"doubleValue\":") + digits + "}"};
      }
      case 5: {
        std::string content;
        for (uint64_t i = random_.below(12); i > 0; --i)
          content += static_cast<char>(random_.next());
        m.bytes(7, content);
        return {m.str(), "{\"bytesValue\":\"" + base64_encode(content) + "\"}"};
      }
      case 6: {
        Message array;
        std::string json;
        for (uint64_t i = 0, n = random_.below(4); i < n; ++i) {
          const Twin inner = value(depth + 1);
          array.bytes(1, inner.protobuf);
          json += (i == 0 ? "" : ",") + inner.json;
        }
        m.bytes(5, array.str());
        return {m.str(), "{\"arrayValue\":{\"values\":[" + json + "]}}"};
      }
      default: {
        const Twin inner = attributes(1, random_.below(3), depth + 1);
        m.bytes(6, inner.protobuf);
        return {m.str(), "{\"kvlistValue\":{\"values\":" + inner.json + "}}"};
      }
    }
  }

  // `count` KeyValues in one field, as fields to append and as a JSON array.
  Twin attributes(uint32_t field, uint64_t count, int depth = 0) {
    Message m;
    std::string json = "[";
    for (uint64_t i = 0; i < count; ++i) {
      const std::string key = one_in(12)  ? ""
                              : one_in(9) ? "rare." + std::to_string(random_.next())
                                          : "key" + std::to_string(random_.below(12));
      const Twin v = value(depth);
      Message pair;
      pair.text(1, key);
      pair.bytes(2, v.protobuf);
      // A pair without key and value is an empty message.
      m.bytes(field, key.empty() && v.protobuf.empty() ? std::string() : pair.str());
      json += (i == 0 ? "{\"key\":" : ",{\"key\":") + quoted(key) + ",\"value\":" + v.json + "}";
    }
    return {m.str(), json + "]"};
  }

  Twin resource_spans(std::vector<MadeRequest::Span>& spans) {
    Twin resource;
    if (!one_in(6)) {
      const Twin a = attributes(1, random_.below(4));
      const uint32_t dropped = some_count();
      Message m;
      m.number(2, dropped);
      resource = {a.protobuf + m.str(),
                  "{\"attributes\":" + a.json +
                      ",\"droppedAttributesCount\":" + std::to_string(dropped) + "}"};
    }
    const std::string schema =
        one_in(3) ? "https://schema/" + std::to_string(random_.below(3)) : "";
    Message m;
    m.text(1, resource.protobuf);
    std::string json = resource.json.empty() ? "" : "\"resource\":" + resource.json + ",";
    json += "\"scopeSpans\":[";
    for (uint64_t i = 0, n = 1 + random_.below(3); i < n; ++i) {
      const Twin part =
          scope_spans(canonical(rules_.resource, resource.protobuf) + "|" + schema, spans);
      m.bytes(2, part.protobuf);
      json += (i == 0 ? "" : ",") + part.json;
    }
    m.text(3, schema);
    return {m.str(), "{" + json + "],\"schemaUrl\":" + quoted(schema) + "}"};
  }

  Twin scope_spans(const std::string& resource, std::vector<MadeRequest::Span>& spans) {
    Twin scope;
    if (!one_in(4)) {
      const std::string name = text(), version = one_in(2) ? text() : "";
      const Twin a = attributes(3, one_in(2) ? random_.below(3) : 0);
      const uint32_t dropped = some_count();
      Message head, tail;
      head.text(1, name);
      head.text(2, version);
      tail.number(4, dropped);
      scope = {head.str() + a.protobuf + tail.str(),
               "{\"name\":" + quoted(name) + ",\"version\":" + quoted(version) +
                   ",\"attributes\":" + a.json +
                   ",\"droppedAttributesCount\":" + std::to_string(dropped) + "}"};
    }
    const std::string schema =
        one_in(3) ? "https://schema/scope/" + std::to_string(random_.below(3)) : "";
    Message m;
    m.text(1, scope.protobuf);
    std::string json = scope.json.empty() ? "" : "\"scope\":" + scope.json + ",";
    json += "\"spans\":[";
    for (uint64_t i = 0, n = 1 + random_.below(5); i < n; ++i) {
      MadeRequest::Span made;
      const Twin body = span(made);
      m.bytes(2, body.protobuf);
      json += (i == 0 ? "" : ",") + body.json;
      made.stored = {canonical(rules_.span, body.protobuf),
                     canonical(rules_.scope, scope.protobuf) + "|" + schema, resource};
      spans.push_back(std::move(made));
    }
    m.text(3, schema);
    return {m.str(), "{" + json + "],\"schemaUrl\":" + quoted(schema) + "}"};
  }

  Twin span(MadeRequest::Span& made) {
    made.trace = traces_[random_.below(traces_.size())];
    made.id = !ids_.empty() && one_in(10) ? ids_[random_.below(ids_.size())]
                                          : id<SpanId>();  // now and then again
    made.kind = random_.below(6);
    SpanId parent;
    if (!ids_.empty() && !one_in(4)) parent = ids_[random_.below(ids_.size())];
    if (one_in(9)) parent = id<SpanId>();  // an orphan
    ids_.push_back(made.id);
    const std::string state = one_in(5) ? "vendor=" + std::to_string(random_.below(9)) : "",
                      name = text();
    const uint64_t start =
        one_in(30) ? 0 : 1'700'000'000'000'000'000 + random_.below(1'000'000'000'000);
    const uint64_t end =
        one_in(30) ? 0 : start + random_.below(2'000'000'000) - (one_in(9) ? 1'000'000'000 : 0);
    const uint32_t dropped[] = {some_count(), some_count(), some_count()};
    const uint32_t flags = one_in(3) ? (one_in(2) ? 0x301 : UINT32_MAX) : 0;
    const uint64_t code = random_.below(3);
    const std::string message = one_in(4) ? text() : "";
    const bool has_status = code != 0 || !message.empty();
    const Twin attribute_list = attributes(9, one_in(5) ? 0 : random_.below(8));
    std::vector<Twin> event_list, link_list;
    for (uint64_t i = one_in(3) ? random_.below(4) : 0; i > 0; --i)
      event_list.push_back(event(start));
    for (uint64_t i = one_in(4) ? random_.below(3) : 0; i > 0; --i) link_list.push_back(link());

    Message m, tail;
    m.bytes(1, raw(made.trace));
    m.bytes(2, raw(made.id));
    m.text(3, state);
    if (parent.is_valid()) m.bytes(4, raw(parent));
    m.text(5, name);
    m.number(6, made.kind);
    if (start != 0) m.fixed64(7, start);
    if (end != 0) m.fixed64(8, end);
    tail.number(10, dropped[0]);
    for (const Twin& e : event_list) tail.bytes(11, e.protobuf);
    tail.number(12, dropped[1]);
    for (const Twin& l : link_list) tail.bytes(13, l.protobuf);
    tail.number(14, dropped[2]);
    if (has_status) {
      Message status;
      status.text(2, message);
      status.number(3, code);
      tail.bytes(15, status.str());
    }
    if (flags != 0) tail.fixed32(16, flags);
    std::string json =
        "{\"traceId\":\"" + to_hex(made.trace) + "\",\"spanId\":\"" + to_hex(made.id) +
        "\",\"traceState\":" + quoted(state) + ",\"parentSpanId\":\"" +
        (parent.is_valid() ? to_hex(parent) : "") + "\",\"name\":" + quoted(name) +
        ",\"kind\":" + std::to_string(made.kind) + ",\"startTimeUnixNano\":\"" +
        std::to_string(start) + "\",\"endTimeUnixNano\":\"" + std::to_string(end) +
        "\",\"attributes\":" + attribute_list.json +
        ",\"droppedAttributesCount\":" + std::to_string(dropped[0]) +
        ",\"events\":" + joined(event_list) +
        ",\"droppedEventsCount\":" + std::to_string(dropped[1]) +
        ",\"links\":" + joined(link_list) + ",\"droppedLinksCount\":" + std::to_string(dropped[2]) +
        ",\"flags\":" + std::to_string(flags);
    if (has_status)
      json +=
          ",\"status\":{\"message\":" + quoted(message) + ",\"code\":" + std::to_string(code) + "}";
    return {m.str() + attribute_list.protobuf + tail.str(), json + "}"};
  }

  static std::string joined(const std::vector<Twin>& list) {
    std::string json = "[";
    for (const Twin& each : list) json += (json.size() > 1 ? "," : "") + each.json;
    return json + "]";
  }

  Twin event(uint64_t start) {
    if (one_in(12)) return {"", "{}"};
    const uint64_t time = one_in(6) ? 0 : start + random_.below(5'000'000) - 1000;
    const std::string name = text();
    const Twin a = attributes(3, random_.below(4));
    const uint32_t dropped = some_count();
    Message head, tail;
    if (time != 0) head.fixed64(1, time);
    head.text(2, name);
    tail.number(4, dropped);
    return {head.str() + a.protobuf + tail.str(),
            "{\"timeUnixNano\":\"" + std::to_string(time) + "\",\"name\":" + quoted(name) +
                ",\"attributes\":" + a.json +
                ",\"droppedAttributesCount\":" + std::to_string(dropped) + "}"};
  }

  Twin link() {
    const TraceId trace = id<TraceId>();
    const SpanId span = id<SpanId>();
    const std::string state = one_in(3) ? "l=" + std::to_string(random_.below(4)) : "";
    const Twin a = attributes(4, random_.below(3));
    const uint32_t dropped = some_count(), flags = one_in(3) ? 0x101 : 0;
    Message head, tail;
    head.bytes(1, raw(trace));
    head.bytes(2, raw(span));
    head.text(3, state);
    tail.number(5, dropped);
    if (flags != 0) tail.fixed32(6, flags);
    return {head.str() + a.protobuf + tail.str(),
            "{\"traceId\":\"" + to_hex(trace) + "\",\"spanId\":\"" + to_hex(span) +
                "\",\"traceState\":" + quoted(state) + ",\"attributes\":" + a.json +
                ",\"droppedAttributesCount\":" + std::to_string(dropped) +
                ",\"flags\":" + std::to_string(flags) + "}"};
  }

  const OtlpRules rules_;
  Random random_;
  std::vector<TraceId> traces_;
  std::vector<SpanId> ids_;
};

// The spans of a request in canonical form, taken apart by hand, sorted.
class RequestParts {
 public:
  static std::multiset<StoredSpan> of(std::string_view request) {
    RequestParts parts;
    const OtlpRules rules;
    each(request, [&](uint32_t, std::string_view resource_spans) {
      const auto [resource, resource_schema] = head_of(resource_spans);
      each(resource_spans, [&](uint32_t field, std::string_view scope_spans) {
        if (field != 2) return;
        const auto [scope, scope_schema] = head_of(scope_spans);
        each(scope_spans, [&](uint32_t inner, std::string_view span) {
          if (inner == 2)
            parts.spans_.insert({canonical(rules.span, span),
                                 canonical(rules.scope, scope) + "|" + scope_schema,
                                 canonical(rules.resource, resource) + "|" + resource_schema});
        });
      });
    });
    return parts.spans_;
  }

 private:
  template <typename Visit>
  static void each(std::string_view message, Visit visit) {
    ByteReader in(message);
    while (!in.at_end()) {
      const auto tag = static_cast<uint32_t>(in.uvarint());
      visit(tag >> 3, in.sized());
    }
  }
  // Field 1 and the schema URL, 3.
  static std::pair<std::string, std::string> head_of(std::string_view message) {
    std::pair<std::string, std::string> head;
    each(message, [&](uint32_t field, std::string_view bytes) {
      if (field == 1) head.first = bytes;
      if (field == 3) head.second = bytes;
    });
    return head;
  }
  std::multiset<StoredSpan> spans_;
};

}  // namespace sightline::tracestore::testing
