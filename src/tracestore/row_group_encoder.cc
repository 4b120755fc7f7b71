#include "tracestore/row_group_encoder.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include <absl/container/flat_hash_map.h>

#include "base/checksum.h"
#include "tracestore/integer_codec.h"
#include "tracestore/paged_integers.h"
#include "tracestore/querier.h"
#include "tracestore/row_pages.h"
#include "tracestore/shape_table.h"
#include "tracestore/span_classes.h"
#include "tracestore/trace_tree.h"
#include "tracestore/value_column.h"

namespace sightline::tracestore {
namespace {

template <typename Id>
void append_id(std::string& out, const Id& id) {
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

// Values of one owner (spans, events or links) by key, each in the context of the entity it belongs to.
class AttributeColumns {
 public:
  AttributeColumns(AttributeOwner of, KeyNumbers& keys) : owner(of), shapes(keys) {}

  void add(std::span<const model::AttributeView> attributes, uint32_t shape, uint32_t context) {
    const std::vector<uint32_t>& keys = shapes.shapes()[shape];
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] >= columns.size()) columns.resize(keys[i] + 1);
      auto& column = columns[keys[i]];
      if (!column) {
        column = std::make_unique<Column>();
        column->catch_up(pages);   // pages that ended before the key first came are empty
      }
      column->builder.add(attributes[i].value, context);
    }
  }
  void end_page() {
    ++pages;
    for (auto& column : columns)
      if (column) column->catch_up(pages);
  }

  struct Column {
    ValueColumnBuilder builder;
    uint32_t pages = 0;
    void catch_up(uint32_t to) {
      for (; pages < to; ++pages) builder.end_page();
    }
  };
  const AttributeOwner owner;
  ShapeNumbers shapes;
  std::vector<std::unique_ptr<Column>> columns;   // by key number
  uint32_t pages = 0;
};

// One list of numbers that all pages of a column add to.
struct NumberColumn {
  std::vector<uint64_t> values;
  std::vector<uint32_t> contexts;
  std::vector<uint32_t> page_ends;
  void add(uint64_t value, uint32_t context) {
    values.push_back(value);
    contexts.push_back(context);
  }
  void end_page() { page_ends.push_back(static_cast<uint32_t>(values.size())); }
};

class RowGroupEncoder {
 public:
  explicit RowGroupEncoder(std::span<const TraceSpans> traces)
      : traces_(traces), spans_(AttributeOwner::kSpan, keys_), events_(AttributeOwner::kEvent, keys_), links_(AttributeOwner::kLink, keys_) {
    for (const TraceSpans& trace : traces) {
      trace_rows_.push_back(static_cast<uint32_t>(trace.spans.size()));
      rows_.insert(rows_.end(), trace.spans.begin(), trace.spans.end());
    }
    pages_ = divide_rows(trace_rows_);
    for (const RowPage& page : pages_) page_ends_.push_back(page.begin + page.rows);
  }

  std::string encode(RowGroupZone& zone) {
    fill_zone(zone);
    find_parents();
    classify();
    put_integers(ChunkType::kTraceRows, std::vector<uint64_t>(trace_rows_.begin(), trace_rows_.end()));
    put_span_ids();
    put_classes();
    put_resources();
    put_parents();
    put_times(zone);
    put_span_fields();
    put_events();
    put_links();
    put_attributes(spans_, static_cast<uint32_t>(classes_.size()), class_shapes());
    put_key_table();
    zone.events = static_cast<uint32_t>(event_count_);
    zone.links = static_cast<uint32_t>(link_count_);
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
  void put_compressed(ChunkType type, std::string_view bytes) {
    std::string packed;
    encode_bytes(bytes, packed);
    put(type, 0, packed);
  }
  static bool all_zero(const std::vector<uint64_t>& values) {
    return std::all_of(values.begin(), values.end(), [](uint64_t v) { return v == 0; });
  }
  // Columns of zeros are left out.
  void put_integers(ChunkType type, const std::vector<uint64_t>& values) {
    if (all_zero(values)) return;
    std::string bytes;
    encode_integers(values, bytes);
    put(type, 0, bytes);
  }
  void put_paged(ChunkType type, std::span<const uint64_t> values, std::span<const uint32_t> contexts, uint32_t context_count,
                 std::span<const uint32_t> page_ends) {
    std::string bytes;
    encode_paged({values, contexts, context_count, page_ends}, bytes);
    put(type, 0, bytes);
  }
  void put_paged(ChunkType type, const NumberColumn& column, uint32_t context_count) {
    if (!all_zero(column.values)) put_paged(type, column.values, column.contexts, context_count, column.page_ends);
  }
  template <typename Number>
  void put_numbers(ChunkType type, Number number) {
    std::vector<uint64_t> values;
    values.reserve(rows_.size());
    for (const SpanRef& row : rows_) values.push_back(static_cast<uint64_t>(number(row.span())));
    if (!all_zero(values)) put_paged(type, values, class_of_row_, class_count(), page_ends_);
  }
  template <typename Text>
  void put_texts(ChunkType type, Text text) {
    if (std::all_of(rows_.begin(), rows_.end(), [&](const SpanRef& row) { return std::string_view(text(row.span())).empty(); })) return;
    ValueColumnBuilder column;
    for (const RowPage& page : pages_) {
      for (uint32_t row = page.begin; row < page.begin + page.rows; ++row)
        column.add(model::ValueView::of_string(text(rows_[row].span())), class_of_row_[row]);
      column.end_page();
    }
    put(type, 0, column.encode(class_count()));
  }
  uint32_t class_count() const { return static_cast<uint32_t>(classes_.size()); }

  void find_parents() {
    std::vector<SpanId> ids, parents;
    for (const SpanRef& ref : rows_) {
      ids.push_back(ref.span().span_id);
      parents.push_back(ref.span().parent_span_id);
    }
    parent_rows_.assign(rows_.size(), kNoRow);
    uint32_t begin = 0;
    for (const uint32_t count : trace_rows_) {
      find_parent_rows(ids, parents, begin, begin + count, parent_rows_);
      begin += count;
    }
  }

  // One walk over everything: the class of each row, and its values to their columns.
  void classify() {
    size_t next_page = 0;
    for (uint32_t row = 0; row < rows_.size(); ++row) {
      const model::SpanBatch& batch = *rows_[row].batch;
      const model::SpanView& span = rows_[row].span();
      const auto [resource, scope] = tables_.of(batch, span.scope);
      const auto attributes = batch.of(span.attributes);
      const uint32_t shape = spans_.shapes.of(attributes);
      const uint32_t number = classes_.of({names_.of(span.name), static_cast<uint32_t>(span.kind), span.flags, scope, shape});
      class_of_row_.push_back(number);
      resource_of_row_.push_back(resource);
      spans_.add(attributes, shape, number);
      for (const model::EventView& event : batch.events_of(span)) add_event(batch, span, event, number);
      for (const model::LinkView& link : batch.links_of(span)) add_link(batch, link, number);
      if (row + 1 == page_ends_[next_page]) {
        spans_.end_page();
        end_nested_page();
        ++next_page;
      }
    }
  }

  void add_event(const model::SpanBatch& batch, const model::SpanView& span, const model::EventView& event, uint32_t of_class) {
    const auto attributes = batch.of(event.attributes);
    const uint32_t shape = events_.shapes.of(attributes);
    const uint32_t number = event_classes_.of({event_names_.of(event.name), shape});
    event_class_numbers_.add(number, of_class);
    event_times_.add(event.time.value - span.start.value, number);
    event_dropped_.add(event.dropped_attributes, number);
    events_.add(attributes, shape, number);
    ++event_count_;
  }
  void add_link(const model::SpanBatch& batch, const model::LinkView& link, uint32_t of_class) {
    const auto attributes = batch.of(link.attributes);
    const uint32_t shape = links_.shapes.of(attributes);
    append_id(link_trace_ids_, link.trace_id);
    append_id(link_span_ids_, link.span_id);
    link_shapes_.add(shape, of_class);
    link_flags_.add(link.flags, shape);
    link_dropped_.add(link.dropped_attributes, shape);
    link_states_.add(model::ValueView::of_string(link.trace_state), shape);
    any_link_state_ |= !link.trace_state.empty();
    links_.add(attributes, shape, shape);
    ++link_count_;
    ++links_in_page_;
  }
  void end_nested_page() {
    for (NumberColumn* column : {&event_class_numbers_, &event_times_, &event_dropped_, &link_shapes_, &link_flags_, &link_dropped_})
      column->end_page();
    events_.end_page();
    links_.end_page();
    link_states_.end_page();
    links_of_pages_.push_back(links_in_page_);
    links_in_page_ = 0;
  }

  void put_span_ids() {
    std::string ids;
    ids.reserve(rows_.size() * sizeof(SpanId));
    for (const SpanRef& ref : rows_) append_id(ids, ref.span().span_id);
    put(ChunkType::kSpanIds, 0, ids);
  }

  void put_classes() {
    std::string names;
    append_uvarint(names, names_.texts().size());
    for (const std::string_view name : names_.texts()) append_sized(names, name);
    put_compressed(ChunkType::kNames, names);
    put_lists(ChunkType::kClassTable, classes_.tuples());
    std::string scopes;
    tables_.append_scopes(scopes, keys_);
    put_compressed(ChunkType::kScopeTable, scopes);
    std::string resources;
    tables_.append_resources(resources, keys_);
    put_compressed(ChunkType::kResourceTable, resources);
    std::string pairs;
    tables_.append_pairs(pairs);
    put_compressed(ChunkType::kScopePairs, pairs);
    const ClassSequence sequence = encode_class_sequence(class_of_row_, class_count(), pages_, trace_rows_);
    put_compressed(ChunkType::kSuccessors, sequence.successors);
    put_paged(ChunkType::kClasses, sequence.ranks, sequence.contexts, class_count() + 1, page_ends_);
    if (!sequence.others.empty()) put_paged(ChunkType::kOtherClasses, sequence.others, {}, 1, sequence.other_page_ends);
  }

  // A count, then for each field of the tuples the list of all their values.
  template <typename Tuple>
  void put_lists(ChunkType type, const std::vector<Tuple>& tuples) {
    if (tuples.empty()) return;
    std::string out;
    append_uvarint(out, tuples.size());
    for (size_t field = 0; field < std::tuple_size_v<Tuple>; ++field) {
      std::vector<uint64_t> values;
      for (const Tuple& tuple : tuples) values.push_back(tuple[field]);
      encode_integers(values, out);
    }
    put(type, 0, out);
  }

  void put_resources() {
    const ResourceSequence sequence = encode_resource_sequence(resource_of_row_, class_of_row_, class_count(), parent_rows_);
    put_compressed(ChunkType::kResourcesOfClasses, sequence.of_classes);
    put_paged(ChunkType::kResources, sequence.symbols, class_of_row_, class_count(), page_ends_);
  }

  void put_parents() {
    std::vector<uint64_t> symbols;
    std::vector<uint64_t> foreign_of_pages;
    std::string foreign;
    uint32_t row = 0;
    for (const RowPage& page : pages_) {
      uint64_t foreign_count = 0;
      for (uint32_t trace = page.first_trace; trace < page.first_trace + page.traces; ++trace) {
        const uint32_t begin = row;
        for (; row < begin + trace_rows_[trace]; ++row) {
          const SpanId& parent = rows_[row].span().parent_span_id;
          if (!parent.is_valid()) {
            symbols.push_back(kParentNone);
          } else if (parent_rows_[row] == kNoRow) {
            symbols.push_back(kParentForeign);
            append_id(foreign, parent);
            ++foreign_count;
          } else {
            symbols.push_back(parent_symbol(row, parent_rows_[row], begin, parent_rows_));
          }
        }
      }
      foreign_of_pages.push_back(foreign_count);
    }
    if (!all_zero(symbols)) put_paged(ChunkType::kParents, symbols, class_of_row_, class_count(), page_ends_);
    put(ChunkType::kForeignParents, 0, foreign);
    put_integers(ChunkType::kForeignOfPages, foreign_of_pages);
  }

  // A start counts from the row before, that of a trace from the trace before in the page, of a page from the group's earliest.
  void put_times(const RowGroupZone& zone) {
    std::vector<uint64_t> starts, durations;
    std::vector<uint32_t> contexts;
    uint32_t row = 0;
    for (const RowPage& page : pages_) {
      uint64_t trace_start = zone.min_start.value;
      for (uint32_t trace = page.first_trace; trace < page.first_trace + page.traces; ++trace) {
        uint64_t before = trace_start;
        const uint32_t begin = row;
        trace_start = rows_[begin].span().start.value;
        for (; row < begin + trace_rows_[trace]; ++row) {
          const model::SpanView& span = rows_[row].span();
          starts.push_back(span.start.value - before);
          contexts.push_back(row == begin ? class_count() : class_of_row_[row]);
          durations.push_back(span.end.value - span.start.value);
          before = span.start.value;
        }
      }
    }
    if (!all_zero(starts)) put_paged(ChunkType::kStarts, starts, contexts, class_count() + 1, page_ends_);
    if (!all_zero(durations)) put_paged(ChunkType::kDurations, durations, class_of_row_, class_count(), page_ends_);
  }

  void put_span_fields() {
    put_numbers(ChunkType::kStatuses, [](const model::SpanView& s) { return static_cast<uint64_t>(s.status); });
    put_numbers(ChunkType::kDroppedAttributes, [](const model::SpanView& s) { return s.dropped_attributes; });
    put_numbers(ChunkType::kDroppedEvents, [](const model::SpanView& s) { return s.dropped_events; });
    put_numbers(ChunkType::kDroppedLinks, [](const model::SpanView& s) { return s.dropped_links; });
    put_numbers(ChunkType::kEventCounts, [](const model::SpanView& s) { return s.events.count; });
    put_numbers(ChunkType::kLinkCounts, [](const model::SpanView& s) { return s.links.count; });
    put_texts(ChunkType::kStatusMessages, [](const model::SpanView& s) { return s.status_message; });
    put_texts(ChunkType::kTraceStates, [](const model::SpanView& s) { return s.trace_state; });
  }

  void put_events() {
    if (event_count_ == 0) return;
    std::string names;
    append_uvarint(names, event_names_.texts().size());
    for (const std::string_view name : event_names_.texts()) append_sized(names, name);
    put_compressed(ChunkType::kEventNames, names);
    put_lists(ChunkType::kEventClassTable, event_classes_.tuples());
    const auto classes = static_cast<uint32_t>(event_classes_.size());
    put_paged(ChunkType::kEventClasses, event_class_numbers_, class_count());
    put_paged(ChunkType::kEventTimes, event_times_, classes);
    put_paged(ChunkType::kEventDroppedAttributes, event_dropped_, classes);
    std::vector<uint32_t> shapes;
    for (const auto& tuple : event_classes_.tuples()) shapes.push_back(tuple[1]);
    put_attributes(events_, classes, shapes);
  }

  void put_links() {
    if (link_count_ == 0) return;
    put(ChunkType::kLinkTraceIds, 0, link_trace_ids_);
    put(ChunkType::kLinkSpanIds, 0, link_span_ids_);
    put_integers(ChunkType::kLinksOfPages, links_of_pages_);
    const auto shape_count = static_cast<uint32_t>(links_.shapes.shapes().size());
    put_paged(ChunkType::kLinkShapes, link_shapes_, class_count());
    put_paged(ChunkType::kLinkFlags, link_flags_, shape_count);
    put_paged(ChunkType::kLinkDroppedAttributes, link_dropped_, shape_count);
    if (any_link_state_) put(ChunkType::kLinkTraceStates, 0, link_states_.encode(shape_count));
    std::vector<uint32_t> shapes(shape_count);
    std::iota(shapes.begin(), shapes.end(), 0);
    put_attributes(links_, shape_count, shapes);
  }

  std::vector<uint32_t> class_shapes() const {
    std::vector<uint32_t> shapes;
    for (const auto& tuple : classes_.tuples()) shapes.push_back(tuple[kClassShape]);
    return shapes;
  }

  // `context_shapes`: the shape of each context.
  void put_attributes(AttributeColumns& owner, uint32_t context_count, const std::vector<uint32_t>& context_shapes) {
    const auto& shapes = owner.shapes.shapes();
    if (shapes.empty()) return;
    std::string table;
    append_uvarint(table, shapes.size());
    for (const auto& shape : shapes) {
      append_uvarint(table, shape.size());
      for (const uint32_t key : shape) append_uvarint(table, key);
    }
    put_compressed(chunk_of(ChunkType::kShapeTable, owner.owner), table);
    std::vector<bool> is_rare(owner.columns.size());
    bool any_rare = false;
    uint32_t frequent = 0;
    for (uint32_t key = 0; key < owner.columns.size(); ++key) {
      if (!owner.columns[key]) continue;
      is_rare[key] = owner.columns[key]->builder.count() < kRareValuesBelow || frequent >= kFrequentKeysMax;
      any_rare |= is_rare[key];
      frequent += is_rare[key] ? 0 : 1;
    }
    std::vector<uint32_t> local(context_count);
    for (uint32_t key = 0; key < owner.columns.size(); ++key) {
      if (!owner.columns[key] || is_rare[key]) continue;
      const uint32_t used = number_contexts(shapes, context_shapes, key, local);
      put(chunk_of(ChunkType::kValues, owner.owner), key, owner.columns[key]->builder.encode(local, used));
      owner.columns[key].reset();   // its tables are large
    }
    if (any_rare) put_rare(owner, is_rare);
  }

  void put_rare(AttributeColumns& owner, const std::vector<bool>& is_rare) {
    const auto& shapes = owner.shapes.shapes();
    std::vector<bool> has_rare(shapes.size());
    for (size_t shape = 0; shape < shapes.size(); ++shape)
      for (const uint32_t key : shapes[shape]) has_rare[shape] = has_rare[shape] || is_rare[key];
    ValueColumnBuilder rare;
    const auto add = [&](std::span<const model::AttributeView> attributes) {
      if (attributes.empty()) return;
      const uint32_t shape = owner.shapes.of(attributes);
      if (!has_rare[shape]) return;
      for (size_t i = 0; i < attributes.size(); ++i)
        if (is_rare[shapes[shape][i]]) rare.add(attributes[i].value, 0);
    };
    for (const RowPage& page : pages_) {
      for (uint32_t row = page.begin; row < page.begin + page.rows; ++row) {
        const model::SpanBatch& batch = *rows_[row].batch;
        const model::SpanView& span = rows_[row].span();
        switch (owner.owner) {
          case AttributeOwner::kSpan: add(batch.of(span.attributes)); break;
          case AttributeOwner::kEvent:
            for (const auto& event : batch.events_of(span)) add(batch.of(event.attributes));
            break;
          case AttributeOwner::kLink:
            for (const auto& link : batch.links_of(span)) add(batch.of(link.attributes));
            break;
        }
      }
      rare.end_page();
    }
    put(chunk_of(ChunkType::kRareValues, owner.owner), 0, rare.encode(1));
  }

  void put_key_table() {
    std::string table;
    append_uvarint(table, keys_.keys().size());
    for (const std::string_view key : keys_.keys()) append_sized(table, key);
    put_compressed(ChunkType::kKeyTable, table);
  }

  void fill_zone(RowGroupZone& zone) const {
    zone.rows = static_cast<uint32_t>(rows_.size());
    zone.traces = static_cast<uint32_t>(traces_.size());
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
  std::vector<uint32_t> trace_rows_;
  std::vector<RowPage> pages_;
  std::vector<uint32_t> page_ends_;        // rows
  std::vector<uint32_t> parent_rows_;
  std::vector<uint32_t> class_of_row_;
  std::vector<uint32_t> resource_of_row_;

  KeyNumbers keys_;
  TextNumbers names_;
  TextNumbers event_names_;
  ScopeTables tables_;
  TupleNumbers<kClassFields> classes_;
  TupleNumbers<2> event_classes_;
  AttributeColumns spans_;
  AttributeColumns events_;
  AttributeColumns links_;
  NumberColumn event_class_numbers_, event_times_, event_dropped_;
  NumberColumn link_shapes_, link_flags_, link_dropped_;
  ValueColumnBuilder link_states_;
  bool any_link_state_ = false;
  std::string link_trace_ids_, link_span_ids_;
  std::vector<uint64_t> links_of_pages_;
  uint64_t links_in_page_ = 0;
  uint64_t event_count_ = 0;
  uint64_t link_count_ = 0;

  std::string out_;
  std::string directory_;
  uint32_t chunk_count_ = 0;
};

}  // namespace

std::string encode_row_group(std::span<const TraceSpans> traces, RowGroupZone& zone) {
  return RowGroupEncoder(traces).encode(zone);
}

}  // namespace sightline::tracestore
