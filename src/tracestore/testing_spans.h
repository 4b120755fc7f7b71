#pragma once
// For tests: batches of spans made up from a seed, a plain stand-in for the OTLP
// codec, and a text of a trace in which equal content is equal text.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "model/span_batch.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore::testing {

inline void write_attributes(std::string& out, std::span<const model::AttributeView> attributes) {
  append_uvarint(out, attributes.size());
  for (const auto& [key, value] : attributes) {
    append_sized(out, key);
    out.push_back(static_cast<char>(value.kind));
    append_le<int64_t>(out, value.int_value);
    append_sized(out, value.bytes);
  }
}

inline model::Run read_attributes(ByteReader& in, model::SpanBatch& batch) {
  const auto count = static_cast<uint32_t>(in.uvarint());
  const model::Run run{static_cast<uint32_t>(batch.attributes.size()), count};
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    model::AttributeView attribute;
    attribute.key = in.sized();
    attribute.value.kind = static_cast<model::ValueKind>(in.u8());
    attribute.value.int_value = in.le<int64_t>();
    attribute.value.bytes = in.sized();
    batch.attributes.push_back(attribute);
  }
  return run;
}

template <typename Id>
void write_id(std::string& out, const Id& id) {
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}
template <typename Id>
Id read_id(ByteReader& in) {
  Id id;
  const auto bytes = in.bytes(id.bytes.size());
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

// Everything of a span but its place in the batch.
inline void write_span(std::string& out, const model::SpanBatch& batch, const model::SpanView& s) {
  write_id(out, s.trace_id);
  write_id(out, s.span_id);
  write_id(out, s.parent_span_id);
  out.push_back(static_cast<char>(s.kind));
  out.push_back(static_cast<char>(s.status));
  append_uvarint(out, s.flags);
  append_sized(out, s.name);
  append_sized(out, s.status_message);
  append_sized(out, s.trace_state);
  append_uvarint(out, s.start.value);
  append_uvarint(out, s.end.value);
  append_uvarint(out, s.dropped_attributes);
  append_uvarint(out, s.dropped_events);
  append_uvarint(out, s.dropped_links);
  write_attributes(out, batch.of(s.attributes));
  append_uvarint(out, s.events.count);
  for (const auto& e : batch.events_of(s)) {
    append_uvarint(out, e.time.value);
    append_sized(out, e.name);
    append_uvarint(out, e.dropped_attributes);
    write_attributes(out, batch.of(e.attributes));
  }
  append_uvarint(out, s.links.count);
  for (const auto& l : batch.links_of(s)) {
    write_id(out, l.trace_id);
    write_id(out, l.span_id);
    append_sized(out, l.trace_state);
    append_uvarint(out, l.dropped_attributes);
    append_uvarint(out, l.flags);
    write_attributes(out, batch.of(l.attributes));
  }
}

inline std::string encode(const model::SpanBatch& batch) {
  std::string out;
  append_uvarint(out, batch.resources.size());
  for (const auto& r : batch.resources) {
    write_attributes(out, batch.of(r.attributes));
    append_uvarint(out, r.dropped_attributes);
    append_sized(out, r.schema_url);
  }
  append_uvarint(out, batch.scopes.size());
  for (const auto& s : batch.scopes) {
    append_uvarint(out, s.resource);
    append_sized(out, s.name);
    append_sized(out, s.version);
    write_attributes(out, batch.of(s.attributes));
    append_uvarint(out, s.dropped_attributes);
    append_sized(out, s.schema_url);
  }
  append_uvarint(out, batch.spans.size());
  for (const auto& s : batch.spans) {
    append_uvarint(out, s.scope);
    std::string span;
    write_span(span, batch, s);
    append_sized(out, span);
  }
  return out;
}

inline Result<std::shared_ptr<const model::SpanBatch>> decode(
    std::shared_ptr<const std::string> bytes) {
  auto batch = std::make_shared<model::SpanBatch>();
  batch->owner = bytes;
  batch->encoded = *bytes;
  ByteReader in(*bytes);
  for (uint64_t n = in.uvarint(); n > 0 && in.ok(); --n) {
    model::ResourceView r;
    r.attributes = read_attributes(in, *batch);
    r.dropped_attributes = static_cast<uint32_t>(in.uvarint());
    r.schema_url = in.sized();
    batch->resources.push_back(r);
  }
  for (uint64_t n = in.uvarint(); n > 0 && in.ok(); --n) {
    model::ScopeView s;
    s.resource = static_cast<uint32_t>(in.uvarint());
    s.name = in.sized();
    s.version = in.sized();
    s.attributes = read_attributes(in, *batch);
    s.dropped_attributes = static_cast<uint32_t>(in.uvarint());
    s.schema_url = in.sized();
    batch->scopes.push_back(s);
  }
  for (uint64_t n = in.uvarint(); n > 0 && in.ok(); --n) {
    model::SpanView s;
    s.scope = static_cast<uint32_t>(in.uvarint());
    s.encoded = in.sized();
    ByteReader body(s.encoded);
    s.trace_id = read_id<TraceId>(body);
    s.span_id = read_id<SpanId>(body);
    s.parent_span_id = read_id<SpanId>(body);
    s.kind = static_cast<model::SpanKind>(body.u8());
    s.status = static_cast<model::StatusCode>(body.u8());
    s.flags = static_cast<uint32_t>(body.uvarint());
    s.name = body.sized();
    s.status_message = body.sized();
    s.trace_state = body.sized();
    s.start = {body.uvarint()};
    s.end = {body.uvarint()};
    s.dropped_attributes = static_cast<uint32_t>(body.uvarint());
    s.dropped_events = static_cast<uint32_t>(body.uvarint());
    s.dropped_links = static_cast<uint32_t>(body.uvarint());
    s.attributes = read_attributes(body, *batch);
    s.events = {static_cast<uint32_t>(batch->events.size()), static_cast<uint32_t>(body.uvarint())};
    for (uint32_t i = 0; i < s.events.count && body.ok(); ++i) {
      model::EventView e;
      e.time = {body.uvarint()};
      e.name = body.sized();
      e.dropped_attributes = static_cast<uint32_t>(body.uvarint());
      e.attributes = read_attributes(body, *batch);
      batch->events.push_back(e);
    }
    s.links = {static_cast<uint32_t>(batch->links.size()), static_cast<uint32_t>(body.uvarint())};
    for (uint32_t i = 0; i < s.links.count && body.ok(); ++i) {
      model::LinkView l;
      l.trace_id = read_id<TraceId>(body);
      l.span_id = read_id<SpanId>(body);
      l.trace_state = body.sized();
      l.dropped_attributes = static_cast<uint32_t>(body.uvarint());
      l.flags = static_cast<uint32_t>(body.uvarint());
      l.attributes = read_attributes(body, *batch);
      batch->links.push_back(l);
    }
    if (!body.ok()) return fail(Errc::kCorrupt, "span is torn");
    batch->spans.push_back(s);
  }
  if (!in.ok() || !in.at_end()) return fail(Errc::kCorrupt, "request is torn");
  return batch;
}

// One span with its scope and resource, as text that compares.
inline std::string canonical(const model::SpanBatch& batch, const model::SpanView& span) {
  std::string out;
  write_span(out, batch, span);
  out += scope_content(batch, batch.scope_of(span));
  out += resource_content(batch, batch.resource_of(span));
  return out;
}
// A trace's spans, sorted.
inline std::vector<std::string> canonical(const model::SpanBatch& batch) {
  std::vector<std::string> spans;
  for (const auto& span : batch.spans) spans.push_back(canonical(batch, span));
  std::sort(spans.begin(), spans.end());
  return spans;
}

// Makes up batches. Equal seeds, equal batches.
class SpanSource {
 public:
  explicit SpanSource(uint64_t seed) : random_(seed) {}

  Random& random() { return random_; }
  TraceId trace_id() { return id<TraceId>(); }
  SpanId span_id() { return id<SpanId>(); }

  // `span_count` spans spread over `traces`, everything an OTLP span can hold now and then.
  // About one span in twenty repeats a span id seen before.
  std::shared_ptr<const model::SpanBatch> batch(const std::vector<TraceId>& traces,
                                                size_t span_count, TimestampNs around) {
    model::SpanBatch b;
    for (uint64_t i = 0, n = 1 + random_.below(3); i < n; ++i) {
      model::ResourceView r;
      r.attributes = attributes(b, 3, "res");
      append_service(b, r);
      if (one_in(5)) r.dropped_attributes = static_cast<uint32_t>(random_.below(9));
      if (one_in(3)) r.schema_url = "https://opentelemetry.io/schemas/1.21.0";
      b.resources.push_back(r);
    }
    for (uint64_t i = 0, n = 1 + random_.below(4); i < n; ++i) {
      model::ScopeView s;
      s.resource = static_cast<uint32_t>(random_.below(b.resources.size()));
      s.name = text("scope.", 4);
      if (one_in(2)) s.version = text("1.", 3);
      s.attributes = attributes(b, one_in(4) ? 2 : 0, "sc");
      if (one_in(9)) s.dropped_attributes = 3;
      if (one_in(9)) s.schema_url = text("https://schema/", 3);
      b.scopes.push_back(s);
    }
    for (size_t i = 0; i < span_count; ++i)
      add_span(b, traces[random_.below(traces.size())], around);
    auto made = decode(std::make_shared<const std::string>(encode(b)));
    return *made;
  }

 private:
  template <typename Id>
  Id id() {
    Id made;
    for (auto& byte : made.bytes) byte = static_cast<uint8_t>(random_.next());
    made.bytes[0] |= 1;
    return made;
  }
  bool one_in(uint64_t n) { return random_.below(n) == 0; }
  std::string_view keep(std::string s) { return texts_.emplace_back(std::move(s)); }
  std::string_view text(std::string_view prefix, uint64_t variants) {
    return keep(std::string(prefix) + std::to_string(random_.below(variants)));
  }

  model::ValueView value(int depth = 0) {
    switch (random_.below(12)) {
      case 0: return {};
      case 1: return model::ValueView::of_bool(one_in(2));
      case 2: return model::ValueView::of_int(static_cast<int64_t>(random_.next()));
      case 3: return model::ValueView::of_int(static_cast<int64_t>(random_.below(600)));
      case 4: return model::ValueView::of_double(random_.unit() * 1e3 - 500);
      case 5: {
        model::ValueView v{.kind = model::ValueKind::kBytes};
        v.bytes = keep(std::string(random_.below(9), static_cast<char>(random_.next())));
        return v;
      }
      case 6: {
        model::ValueView v{.kind =
                               one_in(2) ? model::ValueKind::kArray : model::ValueKind::kKvlist};
        v.bytes =
            keep(std::string("\x0a\x03\x0a\x01", 4) + std::to_string(depth + random_.below(4)));
        return v;
      }
      case 7: return model::ValueView::of_string("");
      case 8: return model::ValueView::of_string(keep(to_hex(span_id())));
      default: return model::ValueView::of_string(text("value ", 20));
    }
  }

  model::Run attributes(model::SpanBatch& b, uint64_t count_max, std::string_view prefix) {
    const model::Run run{static_cast<uint32_t>(b.attributes.size()),
                         count_max == 0 ? 0 : static_cast<uint32_t>(random_.below(count_max + 1))};
    for (uint32_t i = 0; i < run.count; ++i)
      b.attributes.push_back(
          {one_in(15) ? keep(std::string(prefix) + ".rare." + std::to_string(random_.next()))
                      : text(prefix, 8),
           value()});
    return run;
  }

  void append_service(model::SpanBatch& b, model::ResourceView& r) {
    b.attributes.push_back({"service.name", model::ValueView::of_string(text("service-", 5))});
    ++r.attributes.count;
  }

  void add_span(model::SpanBatch& b, const TraceId& trace, TimestampNs around) {
    model::SpanView s;
    s.trace_id = trace;
    std::vector<SpanId>& ids = ids_[trace];
    s.span_id = !ids.empty() && one_in(20) ? ids[random_.below(ids.size())] : span_id();
    if (!ids.empty() && !one_in(6)) s.parent_span_id = ids[random_.below(ids.size())];
    if (one_in(12)) s.parent_span_id = span_id();  // an orphan
    ids.push_back(s.span_id);
    s.scope = static_cast<uint32_t>(random_.below(b.scopes.size()));
    s.kind = static_cast<model::SpanKind>(random_.below(6));
    s.status =
        one_in(4) ? static_cast<model::StatusCode>(random_.below(3)) : model::StatusCode::kUnset;
    s.flags = one_in(3) ? 0x101 : static_cast<uint32_t>(random_.below(2));
    s.name = text("GET /", 30);
    if (s.status == model::StatusCode::kError) s.status_message = text("it broke: ", 9);
    if (one_in(8)) s.trace_state = text("vendor=", 9);
    s.start = {around.value + random_.below(1'000'000'000)};
    s.end = {one_in(20) ? s.start.value - random_.below(1000)
                        : s.start.value + random_.below(500'000'000)};
    s.attributes = attributes(b, 9, "attr");
    s.events.begin = static_cast<uint32_t>(b.events.size());
    if (one_in(4)) s.events.count = 1 + static_cast<uint32_t>(random_.below(3));
    for (uint32_t i = 0; i < s.events.count; ++i) {
      model::EventView e{.time = {s.start.value + random_.below(5'000'000) - 1000},
                         .name = text("event ", 4)};
      e.attributes = attributes(b, 4, "ev");
      if (one_in(5)) e.dropped_attributes = 7;
      b.events.push_back(e);
    }
    s.links.begin = static_cast<uint32_t>(b.links.size());
    if (one_in(9)) s.links.count = 1 + static_cast<uint32_t>(random_.below(2));
    for (uint32_t i = 0; i < s.links.count; ++i) {
      model::LinkView l{.trace_id = trace_id(), .span_id = span_id()};
      if (one_in(3)) l.trace_state = text("l=", 4);
      l.attributes = attributes(b, 2, "ln");
      if (one_in(3)) l.flags = 1;
      b.links.push_back(l);
    }
    if (one_in(9)) s.dropped_attributes = static_cast<uint32_t>(random_.below(100));
    if (one_in(9)) s.dropped_events = 5;
    if (one_in(9)) s.dropped_links = 6;
    b.spans.push_back(s);
  }

  Random random_;
  std::deque<std::string> texts_;
  std::map<TraceId, std::vector<SpanId>> ids_;
};

}  // namespace sightline::tracestore::testing
