#include "tracestore/row_group_encoder.h"

#include <algorithm>
#include <functional>
#include <map>

#include <absl/container/flat_hash_map.h>

#include "base/checksum.h"
#include "tracestore/integer_codec.h"
#include "tracestore/querier.h"
#include "tracestore/trace_tree.h"
#include "tracestore/value_codec.h"

namespace sightline::tracestore {
namespace {

template <typename Id>
void append_id(std::string& out, const Id& id) {
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

// The attributes of one span, event or link.
struct AttributesOf {
  const model::SpanBatch* batch;
  model::Run run;
};

class RowGroupEncoder {
 public:
  explicit RowGroupEncoder(std::span<const TraceSpans> traces) : traces_(traces) {
    for (const TraceSpans& trace : traces)
      for (const SpanRef& ref : trace.spans) rows_.push_back(ref);
  }

  std::string encode(RowGroupZone& zone) {
    encode_tree();
    encode_times();
    encode_span_fields();
    encode_scopes();
    encode_events();
    encode_links();
    std::vector<AttributesOf> spans;
    for (const SpanRef& ref : rows_) spans.push_back({ref.batch, ref.span().attributes});
    encode_attributes(AttributeOwner::kSpan, spans);
    encode_key_table();
    fill_zone(zone);
    std::string directory;
    append_uvarint(directory, chunk_count_);
    directory += directory_;
    zone.chunk_bytes = static_cast<uint32_t>(out_.size());
    zone.directory_bytes = static_cast<uint32_t>(directory.size());
    zone.directory_crc = crc32c(directory);
    out_ += directory;
    return std::move(out_);
  }

 private:
  void put(ChunkType type, uint64_t key, std::string_view bytes) {
    if (bytes.empty()) return;
    out_ += bytes;
    ++chunk_count_;
    directory_.push_back(static_cast<char>(type));
    append_uvarint(directory_, key);
    append_uvarint(directory_, bytes.size());
    append_le<uint32_t>(directory_, crc32c(bytes));
  }

  // A column of zeros is left out.
  void put_integers(ChunkType type, const std::vector<uint64_t>& values) {
    if (std::all_of(values.begin(), values.end(), [](uint64_t v) { return v == 0; })) return;
    std::string bytes;
    encode_integers(values, bytes);
    put(type, 0, bytes);
  }
  template <typename Rows, typename Number>
  void put_numbers(ChunkType type, const Rows& rows, Number number) {
    std::vector<uint64_t> values;
    values.reserve(rows.size());
    for (const auto& row : rows) values.push_back(static_cast<uint64_t>(number(row)));
    put_integers(type, values);
  }
  template <typename Rows, typename Text>
  void put_texts(ChunkType type, const Rows& rows, Text text) {
    ValueColumnBuilder column;
    for (const auto& row : rows) column.add(std::string_view(text(row)));
    if (!column.is_all_empty_text()) put(type, 0, column.encode());
  }

  void encode_tree() {
    std::vector<uint64_t> counts;
    std::vector<SpanId> ids;
    std::vector<SpanId> parents;
    std::string raw_ids;
    for (const TraceSpans& trace : traces_) counts.push_back(trace.spans.size());
    for (const SpanRef& ref : rows_) {
      ids.push_back(ref.span().span_id);
      parents.push_back(ref.span().parent_span_id);
      append_id(raw_ids, ids.back());
    }
    std::vector<uint32_t> parent_rows(rows_.size(), kNoRow);
    uint32_t begin = 0;
    for (const uint64_t count : counts) {
      find_parent_rows(ids, parents, begin, begin + static_cast<uint32_t>(count), parent_rows);
      begin += static_cast<uint32_t>(count);
    }
    std::vector<uint64_t> references;
    std::string foreign;
    for (uint32_t row = 0; row < rows_.size(); ++row) {
      if (!parents[row].is_valid()) {
        references.push_back(0);
      } else if (parent_rows[row] == kNoRow) {
        references.push_back(1);
        append_id(foreign, parents[row]);
      } else {
        references.push_back(1 + zigzag(static_cast<int64_t>(row) - static_cast<int64_t>(parent_rows[row])));
      }
    }
    put_integers(ChunkType::kTraceRows, counts);
    put(ChunkType::kSpanIds, 0, raw_ids);
    put_integers(ChunkType::kParents, references);
    put(ChunkType::kForeignParents, 0, foreign);
  }

  // A start counts from the row before, the first of a trace from the first of the trace before.
  void encode_times() {
    std::vector<uint64_t> starts;
    uint64_t trace_start = 0;
    for (const TraceSpans& trace : traces_) {
      uint64_t before = trace_start;
      trace_start = trace.spans.front().span().start.value;
      for (const SpanRef& ref : trace.spans) {
        starts.push_back(zigzag(static_cast<int64_t>(ref.span().start.value - before)));
        before = ref.span().start.value;
      }
    }
    put_integers(ChunkType::kStarts, starts);
    put_numbers(ChunkType::kDurations, rows_, [](const SpanRef& ref) {
      return zigzag(static_cast<int64_t>(ref.span().end.value - ref.span().start.value));
    });
  }

  void encode_span_fields() {
    put_numbers(ChunkType::kKinds, rows_, [](const SpanRef& r) { return static_cast<uint64_t>(r.span().kind); });
    put_numbers(ChunkType::kStatuses, rows_, [](const SpanRef& r) { return static_cast<uint64_t>(r.span().status); });
    put_numbers(ChunkType::kFlags, rows_, [](const SpanRef& r) { return r.span().flags; });
    put_numbers(ChunkType::kDroppedAttributes, rows_, [](const SpanRef& r) { return r.span().dropped_attributes; });
    put_numbers(ChunkType::kDroppedEvents, rows_, [](const SpanRef& r) { return r.span().dropped_events; });
    put_numbers(ChunkType::kDroppedLinks, rows_, [](const SpanRef& r) { return r.span().dropped_links; });
    put_numbers(ChunkType::kEventCounts, rows_, [](const SpanRef& r) { return r.span().events.count; });
    put_numbers(ChunkType::kLinkCounts, rows_, [](const SpanRef& r) { return r.span().links.count; });
    put_texts(ChunkType::kNames, rows_, [](const SpanRef& r) { return r.span().name; });
    put_texts(ChunkType::kStatusMessages, rows_, [](const SpanRef& r) { return r.span().status_message; });
    put_texts(ChunkType::kTraceStates, rows_, [](const SpanRef& r) { return r.span().trace_state; });
  }

  void append_attributes(std::string& out, const model::SpanBatch& batch, model::Run run) {
    append_uvarint(out, run.count);
    for (const auto& [key, value] : batch.of(run)) {
      append_uvarint(out, key_number(key));
      append_value(out, value);
    }
  }

  // Tables of the distinct resources and scopes, and the scope of each row.
  void encode_scopes() {
    SpanGatherer tables;
    std::vector<uint64_t> scope_of_row;
    for (const SpanRef& ref : rows_) scope_of_row.push_back(tables.scope_for(*ref.batch, ref.span().scope));
    const model::SpanBatch batch = std::move(tables).finish({});
    std::string resources;
    append_uvarint(resources, batch.resources.size());
    for (const model::ResourceView& resource : batch.resources) {
      append_attributes(resources, batch, resource.attributes);
      append_uvarint(resources, resource.dropped_attributes);
      append_sized(resources, resource.schema_url);
    }
    std::string scopes;
    append_uvarint(scopes, batch.scopes.size());
    for (const model::ScopeView& scope : batch.scopes) {
      append_uvarint(scopes, scope.resource);
      append_sized(scopes, scope.name);
      append_sized(scopes, scope.version);
      append_attributes(scopes, batch, scope.attributes);
      append_uvarint(scopes, scope.dropped_attributes);
      append_sized(scopes, scope.schema_url);
    }
    put_compressed(ChunkType::kResourceTable, resources);
    put_compressed(ChunkType::kScopeTable, scopes);
    put_integers(ChunkType::kScopes, scope_of_row);
  }

  void put_compressed(ChunkType type, std::string_view bytes) {
    std::string packed;
    encode_bytes(bytes, packed);
    put(type, 0, packed);
  }

  void encode_events() {
    std::vector<AttributesOf> attributes;
    std::vector<model::EventView> events;
    std::vector<uint64_t> times;
    for (const SpanRef& ref : rows_) {
      for (const model::EventView& event : ref.batch->events_of(ref.span())) {
        events.push_back(event);
        times.push_back(zigzag(static_cast<int64_t>(event.time.value - ref.span().start.value)));
        attributes.push_back({ref.batch, event.attributes});
      }
    }
    event_count_ = static_cast<uint32_t>(events.size());
    if (events.empty()) return;
    put_integers(ChunkType::kEventTimes, times);
    put_texts(ChunkType::kEventNames, events, [](const model::EventView& e) { return e.name; });
    put_numbers(ChunkType::kEventDroppedAttributes, events, [](const model::EventView& e) { return e.dropped_attributes; });
    encode_attributes(AttributeOwner::kEvent, attributes);
  }

  void encode_links() {
    std::vector<AttributesOf> attributes;
    std::vector<model::LinkView> links;
    std::string trace_ids;
    std::string span_ids;
    for (const SpanRef& ref : rows_) {
      for (const model::LinkView& link : ref.batch->links_of(ref.span())) {
        links.push_back(link);
        append_id(trace_ids, link.trace_id);
        append_id(span_ids, link.span_id);
        attributes.push_back({ref.batch, link.attributes});
      }
    }
    link_count_ = static_cast<uint32_t>(links.size());
    if (links.empty()) return;
    put(ChunkType::kLinkTraceIds, 0, trace_ids);
    put(ChunkType::kLinkSpanIds, 0, span_ids);
    put_texts(ChunkType::kLinkTraceStates, links, [](const model::LinkView& l) { return l.trace_state; });
    put_numbers(ChunkType::kLinkFlags, links, [](const model::LinkView& l) { return l.flags; });
    put_numbers(ChunkType::kLinkDroppedAttributes, links, [](const model::LinkView& l) { return l.dropped_attributes; });
    encode_attributes(AttributeOwner::kLink, attributes);
  }

  uint32_t key_number(std::string_view key) {
    const auto [known, is_new] = key_numbers_.try_emplace(key, static_cast<uint32_t>(keys_.size()));
    if (is_new) keys_.push_back(key);
    return known->second;
  }

  struct Shapes {
    std::map<std::vector<uint32_t>, uint32_t> numbers;
    std::vector<const std::vector<uint32_t>*> lists;
    std::vector<uint64_t> of_entity;
    std::map<uint32_t, uint64_t> values_of_key;
  };

  // The ordered list of keys of each entity, distinct lists once.
  Shapes number_shapes(const std::vector<AttributesOf>& entities) {
    Shapes shapes;
    std::vector<uint32_t> keys;
    for (const AttributesOf& entity : entities) {
      keys.clear();
      for (const auto& attribute : entity.batch->of(entity.run)) {
        keys.push_back(key_number(attribute.key));
        ++shapes.values_of_key[keys.back()];
      }
      const auto [known, is_new] = shapes.numbers.try_emplace(keys, static_cast<uint32_t>(shapes.lists.size()));
      if (is_new) shapes.lists.push_back(&known->first);
      shapes.of_entity.push_back(known->second);
    }
    return shapes;
  }

  void encode_attributes(AttributeOwner owner, const std::vector<AttributesOf>& entities) {
    const Shapes shapes = number_shapes(entities);
    if (shapes.values_of_key.empty()) return;
    std::string table;
    append_uvarint(table, shapes.lists.size());
    for (const auto* list : shapes.lists) {
      append_uvarint(table, list->size());
      for (const uint32_t key : *list) append_uvarint(table, key);
    }
    put_compressed(chunk_of(ChunkType::kShapeTable, owner), table);
    put_integers(chunk_of(ChunkType::kShapes, owner), shapes.of_entity);

    std::map<uint32_t, ValueColumnBuilder> frequent;
    for (const auto& [key, count] : shapes.values_of_key)
      if (count >= kRareValuesBelow && frequent.size() < kFrequentKeysMax) frequent[key];
    std::vector<ValueColumnBuilder*> column_of_key(keys_.size());
    for (auto& [key, column] : frequent) column_of_key[key] = &column;
    ValueColumnBuilder rare;
    for (size_t i = 0; i < entities.size(); ++i) {
      const auto attributes = entities[i].batch->of(entities[i].run);
      const std::vector<uint32_t>& keys = *shapes.lists[shapes.of_entity[i]];
      for (size_t k = 0; k < keys.size(); ++k) {
        ValueColumnBuilder* column = column_of_key[keys[k]];
        (column != nullptr ? *column : rare).add(attributes[k].value);
      }
    }
    for (const auto& [key, column] : frequent) put(chunk_of(ChunkType::kValues, owner), key, column.encode());
    put(chunk_of(ChunkType::kRareValues, owner), 0, rare.encode());
  }

  void encode_key_table() {
    std::string table;
    append_uvarint(table, keys_.size());
    for (const std::string_view key : keys_) append_sized(table, key);
    put_compressed(ChunkType::kKeyTable, table);
  }

  void fill_zone(RowGroupZone& zone) const {
    zone.rows = static_cast<uint32_t>(rows_.size());
    zone.traces = static_cast<uint32_t>(traces_.size());
    zone.events = event_count_;
    zone.links = link_count_;
    for (const SpanRef& ref : rows_) {
      const model::SpanView& span = ref.span();
      zone.min_start = std::min(zone.min_start, span.start);
      zone.max_end = std::max({zone.max_end, span.start, span.end});
      zone.min_duration = std::min(zone.min_duration, span.duration_ns());
      zone.max_duration = std::max(zone.max_duration, span.duration_ns());
      zone.kinds |= 1u << std::min<uint32_t>(31, static_cast<uint32_t>(span.kind));
      zone.statuses |= 1u << std::min<uint32_t>(31, static_cast<uint32_t>(span.status));
    }
  }

  const std::span<const TraceSpans> traces_;
  std::vector<SpanRef> rows_;
  std::string out_;
  std::string directory_;
  uint32_t chunk_count_ = 0;
  uint32_t event_count_ = 0;
  uint32_t link_count_ = 0;
  std::vector<std::string_view> keys_;
  absl::flat_hash_map<std::string_view, uint32_t> key_numbers_;
};

}  // namespace

std::string encode_row_group(std::span<const TraceSpans> traces, RowGroupZone& zone) {
  return RowGroupEncoder(traces).encode(zone);
}

}  // namespace sightline::tracestore
