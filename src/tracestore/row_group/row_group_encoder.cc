#include "tracestore/row_group/row_group_encoder.h"

#include <algorithm>

#include <absl/container/flat_hash_set.h>

#include "base/checksum.h"
#include "tracestore/codec/chunk_writer.h"
#include "tracestore/codec/sort_by_number.h"
#include "tracestore/codec/value_column.h"
#include "tracestore/querier.h"
#include "tracestore/row_group/attribute_columns.h"
#include "tracestore/row_group/encoded_rows.h"
#include "tracestore/row_group/nested_columns.h"
#include "tracestore/row_group/row_pages.h"
#include "tracestore/row_group/shape_table.h"
#include "tracestore/row_group/span_classes.h"
#include "tracestore/row_group/value_filter.h"
#include "tracestore/trace_tree.h"

namespace sightline::tracestore {
class RowGroupEncoder::State {
 public:
  explicit State(size_t spans)
      : tables_(keys_),
        spans_(AttributeOwner::kSpan, keys_),
        events_(keys_),
        links_(keys_, texts_) {
    texts_.of({});  // number 0
    encoded_.reserve(spans);
    codes_.reserve(spans * kCodesExpected);
  }

  void begin_batch(const model::SpanBatch& batch) {
    batch_ = &batch;
    tables_.begin_batch();
  }

  void add(uint32_t trace, uint32_t index, uint64_t arrival) {
    const model::SpanView& span = batch_->spans[index];
    EncodedRow e;
    e.trace = trace;
    e.arrival = arrival;
    const auto [resource, scope] = tables_.of(*batch_, span.scope);
    const auto attributes = batch_->of(span.attributes);
    const uint32_t shape = spans_.shape_of(attributes);
    e.number = classes_.of(
        {names_.of(span.name), static_cast<uint32_t>(span.kind), span.flags, scope, shape});
    e.resource = resource;
    e.first_code = static_cast<uint32_t>(codes_.size());
    spans_.intern(attributes, shape, e.number, codes_);
    e.span_id = span.span_id;
    e.parent_id = span.parent_span_id;
    e.start = span.start.value;
    e.end = span.end.value;
    e.dropped_attributes = span.dropped_attributes;
    e.dropped_events = span.dropped_events;
    e.dropped_links = span.dropped_links;
    e.kind = static_cast<uint8_t>(span.kind);
    e.status = static_cast<uint8_t>(span.status);
    if (!span.status_message.empty()) e.message = texts_.of(span.status_message);
    if (!span.trace_state.empty()) e.trace_state = texts_.of(span.trace_state);
    e.events = span.events.count;
    e.links = span.links.count;
    e.first_event = events_.interned();
    e.first_link = links_.interned();
    events_.intern(*batch_, span, codes_);
    links_.intern(*batch_, span, codes_);
    encoded_.push_back(e);
  }

  Encoded finish() {
    Encoded result;
    unite(result);
    pages_ = divide_rows(trace_rows_);
    for (const RowPage& page : pages_) page_ends_.push_back(page.begin + page.rows);
    fill_zone(result.zone);
    find_parents();
    arrange();
    encode(result.zone);
    const std::string chunks = chunks_.finish(result.zone);
    const std::string filter = list_values(result.values);
    result.zone.filter_bytes = static_cast<uint32_t>(filter.size());
    result.zone.filter_crc = crc32c(filter);
    result.bytes = filter + chunks;
    return result;
  }

 private:
  static constexpr size_t kCodesExpected = 12;  // attributes of a span with those of its events

  // Traces by their numbers, spans of a trace by their start; of spans with equal id and kind the first that arrived.
  void unite(Encoded& result) {
    order_by_trace();
    size_t kept = 0;
    absl::flat_hash_set<std::pair<uint64_t, uint8_t>> seen;
    for (size_t at = 0; at < encoded_.size();) {
      seen.clear();
      const size_t begin = kept;
      const uint32_t trace = encoded_[at].trace;
      for (; at < encoded_.size() && encoded_[at].trace == trace; ++at) {
        const EncodedRow& row = encoded_[at];
        if (!seen.insert({load_le<uint64_t>(row.span_id.bytes.data()), row.kind}).second) continue;
        if (kept - begin == kRowsMax)
          ++result.spans_left_out;
        else
          encoded_[kept++] = row;
      }
      std::stable_sort(encoded_.begin() + static_cast<ptrdiff_t>(begin),
                       encoded_.begin() + static_cast<ptrdiff_t>(kept),
                       [](const EncodedRow& a, const EncodedRow& b) { return a.start < b.start; });
      result.traces.push_back(trace);
      trace_rows_.push_back(static_cast<uint32_t>(kept - begin));
    }
    encoded_.resize(kept);
  }

  // Rows are large: their order is found on small keys, then they move once.
  void order_by_trace() {
    struct Place {
      uint32_t trace;
      uint32_t row;
      uint64_t arrival;
    };
    std::vector<Place> places;
    places.reserve(encoded_.size());
    for (uint32_t row = 0; row < encoded_.size(); ++row)
      places.push_back({encoded_[row].trace, row, encoded_[row].arrival});
    sort_by_number(places, [](const Place& place) { return place.trace; });
    for (auto begin = places.begin(); begin != places.end();) {
      const auto end = std::find_if(
          begin, places.end(), [&](const Place& place) { return place.trace != begin->trace; });
      std::ranges::sort(begin, end, {}, &Place::arrival);
      begin = end;
    }
    // Along the cycles of the permutation, so that no second copy of all rows is needed.
    for (uint32_t begin = 0; begin < places.size(); ++begin) {
      if (places[begin].row == begin) continue;
      const EncodedRow first = encoded_[begin];
      uint32_t at = begin;
      for (uint32_t from = places[at].row; from != begin; from = places[at].row) {
        encoded_[at] = encoded_[from];
        places[at].row = at;
        at = from;
      }
      encoded_[at] = first;
      places[at].row = at;
    }
  }

  void encode(RowGroupZone& zone) {
    put_traces(zone);
    put_tables();
    put_span_ids();
    put_classes();
    sequence_ = {};
    put_parents();
    put_resources();
    resource_sequence_ = {};
    put_times();
    put_span_fields();
    events_.put(chunks_, class_count(), codes_);
    links_.put(chunks_, class_count(), codes_);
    put_attributes();
    zone.events = events_.count();
    zone.links = links_.count();
  }

  // What readers want of whole traces: how many rows, when, and which is the root.
  void put_traces(const RowGroupZone& zone) {
    std::vector<uint64_t> starts, lengths, roots;
    uint64_t before = zone.min_start.value;
    uint32_t row = 0;
    for (const uint32_t count : trace_rows_) {
      const uint32_t begin = row;
      const uint64_t start = encoded_[begin].start;
      uint64_t latest = start;
      uint64_t root = 0;
      for (; row < begin + count; ++row) {
        latest = std::max({latest, encoded_[row].start, encoded_[row].end});
        if (root == 0 && !encoded_[row].parent_id.is_valid()) root = 1 + row - begin;
      }
      starts.push_back(start - before);
      lengths.push_back(latest - start);
      roots.push_back(root);
      before = start;
    }
    chunks_.put_integers(ChunkType::kTraceRows,
                         std::vector<uint64_t>(trace_rows_.begin(), trace_rows_.end()));
    chunks_.put_integers(ChunkType::kTraceStarts, starts);
    chunks_.put_integers(ChunkType::kTraceLengths, lengths);
    chunks_.put_integers(ChunkType::kTraceRoots, roots);
  }

  void put_tables() {
    sequence_ = encode_class_sequence(class_of_row_, class_count(), pages_, trace_rows_);
    resource_sequence_ =
        encode_resource_sequence(resource_of_row_, class_of_row_, class_count(), parent_rows_);
    std::string tables;
    append_sized(tables, write_texts(keys_.keys()));
    append_sized(tables, write_lists(spans_.shapes()));
    append_sized(tables, events_.write_shapes());
    append_sized(tables, links_.write_shapes());
    append_sized(tables, write_texts(names_.texts()));
    append_sized(tables, write_texts(events_.names()));
    append_sized(tables, write_tuples(classes_.tuples()));
    append_sized(tables, write_tuples(events_.classes()));
    append_sized(tables, tables_.resources());
    append_sized(tables, tables_.scopes());
    append_sized(tables, tables_.pairs());
    append_sized(tables, sequence_.successors);
    append_sized(tables, resource_sequence_.of_classes);
    std::string packed;
    encode_bytes(tables, packed);
    chunks_.put(ChunkType::kTables, 0, packed);
  }

  static std::string write_texts(const std::vector<std::string_view>& texts) {
    std::string out;
    append_uvarint(out, texts.size());
    for (const std::string_view text : texts) append_sized(out, text);
    return out;
  }
  // A count, then for each field of the tuples the list of all their values.
  template <typename Tuple>
  static std::string write_tuples(const std::vector<Tuple>& tuples) {
    std::string out;
    append_uvarint(out, tuples.size());
    for (size_t field = 0; field < std::tuple_size_v<Tuple>; ++field) {
      std::vector<uint64_t> values;
      for (const Tuple& tuple : tuples) values.push_back(tuple[field]);
      encode_integers(values, out);
    }
    return out;
  }

  template <typename Number>
  void put_numbers(ChunkType type, Number EncodedRow::* field) {
    std::vector<uint64_t> values;
    values.reserve(encoded_.size());
    for (const EncodedRow& row : encoded_) values.push_back(static_cast<uint64_t>(row.*field));
    if (!ChunkWriter::all_zero(values))
      chunks_.put_paged(type, values, class_of_row_, class_count(), page_ends_);
  }
  void put_texts(ChunkType type, uint32_t EncodedRow::* text) {
    if (std::all_of(encoded_.begin(), encoded_.end(),
                    [&](const EncodedRow& row) { return row.*text == 0; }))
      return;
    ValueColumnBuilder column;
    for (const RowPage& page : pages_) {
      for (uint32_t row = page.begin; row < page.begin + page.rows; ++row)
        column.add(model::ValueView::of_string(texts_.texts()[encoded_[row].*text]),
                   class_of_row_[row]);
      column.end_page();
    }
    chunks_.put(type, 0, column.encode(class_count()));
  }
  uint32_t class_count() const { return static_cast<uint32_t>(classes_.size()); }

  void find_parents() {
    std::vector<SpanId> ids, parents;
    for (const EncodedRow& row : encoded_) {
      ids.push_back(row.span_id);
      parents.push_back(row.parent_id);
    }
    parent_rows_.assign(encoded_.size(), kNoRow);
    uint32_t begin = 0;
    for (const uint32_t count : trace_rows_) {
      find_parent_rows(ids, parents, begin, begin + count, parent_rows_);
      begin += count;
    }
  }

  // What was interned into columns, in the order of rows.
  void arrange() {
    used_classes_.assign(classes_.size(), 0);
    class_of_row_.reserve(encoded_.size());
    resource_of_row_.reserve(encoded_.size());
    spans_.reserve();
    events_.reserve();
    links_.reserve();
    for (const RowPage& page : pages_) {
      for (uint32_t row = page.begin; row < page.begin + page.rows; ++row) {
        const EncodedRow& e = encoded_[row];
        class_of_row_.push_back(e.number);
        used_classes_[e.number] = 1;
        resource_of_row_.push_back(e.resource);
        spans_.add(std::span(codes_).subspan(e.first_code),
                   classes_.tuples()[e.number][kClassShape], e.number);
        events_.add(e.first_event, e.events, e.number, codes_);
        links_.add(e.first_link, e.links, e.number, codes_);
      }
      spans_.end_page();
      events_.end_page();
      links_.end_page();
    }
  }

  void put_span_ids() {
    std::string ids;
    ids.reserve(encoded_.size() * sizeof(SpanId));
    for (const EncodedRow& row : encoded_) append_id(ids, row.span_id);
    chunks_.put(ChunkType::kSpanIds, 0, ids);
  }

  void put_classes() {
    if (!ChunkWriter::all_zero(sequence_.ranks))
      chunks_.put_paged(ChunkType::kClasses, sequence_.ranks, sequence_.contexts, class_count() + 1,
                        page_ends_);
    if (!ChunkWriter::all_zero(sequence_.others))
      chunks_.put_paged(ChunkType::kOtherClasses, sequence_.others, {}, 1,
                        sequence_.other_page_ends);
  }

  void put_resources() {
    if (!ChunkWriter::all_zero(resource_sequence_.symbols))
      chunks_.put_paged(ChunkType::kResources, resource_sequence_.symbols, class_of_row_,
                        class_count(), page_ends_);
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
          const SpanId& parent = encoded_[row].parent_id;
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
    if (!ChunkWriter::all_zero(symbols))
      chunks_.put_paged(ChunkType::kParents, symbols, class_of_row_, class_count(), page_ends_);
    chunks_.put(ChunkType::kForeignParents, 0, foreign);
    chunks_.put_integers(ChunkType::kForeignOfPages, foreign_of_pages);
  }

  // A start counts from the row before; that of a trace's first row is the trace's.
  void put_times() {
    std::vector<uint64_t> starts, durations;
    starts.reserve(encoded_.size());
    durations.reserve(encoded_.size());
    for (const uint32_t count : trace_rows_) {
      const size_t begin = starts.size();
      for (size_t row = begin; row < begin + count; ++row) {
        starts.push_back(row == begin ? 0 : encoded_[row].start - encoded_[row - 1].start);
        durations.push_back(encoded_[row].end - encoded_[row].start);
      }
    }
    for (const auto& [type, values] :
         {std::pair(ChunkType::kStarts, &starts), std::pair(ChunkType::kDurations, &durations)})
      if (!ChunkWriter::all_zero(*values))
        chunks_.put_paged(type, *values, class_of_row_, class_count(), page_ends_);
  }

  void put_span_fields() {
    put_numbers(ChunkType::kStatuses, &EncodedRow::status);
    put_numbers(ChunkType::kDroppedAttributes, &EncodedRow::dropped_attributes);
    put_numbers(ChunkType::kDroppedEvents, &EncodedRow::dropped_events);
    put_numbers(ChunkType::kDroppedLinks, &EncodedRow::dropped_links);
    put_numbers(ChunkType::kEventCounts, &EncodedRow::events);
    put_numbers(ChunkType::kLinkCounts, &EncodedRow::links);
    put_texts(ChunkType::kStatusMessages, &EncodedRow::message);
    put_texts(ChunkType::kTraceStates, &EncodedRow::trace_state);
  }

  void put_attributes() {
    std::vector<uint32_t> shapes;
    for (const auto& tuple : classes_.tuples()) shapes.push_back(tuple[kClassShape]);
    if (!spans_.put_frequent(chunks_, shapes)) return;
    RareValues rare(spans_, codes_);
    for (const RowPage& page : pages_) {
      for (uint32_t row = page.begin; row < page.begin + page.rows; ++row)
        rare.add(encoded_[row].first_code, shapes[encoded_[row].number]);
      rare.end_page();
    }
    rare.put(chunks_);
  }

  // The values of every column, and the filter of those that are not listed.
  std::string list_values(RowGroupValues& values) const {
    RowGroupValueList list(values);
    for (const AttributeColumns* owner : {&spans_, &events_.attributes(), &links_.attributes()})
      owner->list_values(list);
    list_texts(list);
    std::vector<uint8_t> used(tables_.resource_count(), 0);
    for (const uint32_t resource : resource_of_row_) used[resource] = 1;
    tables_.list_resources(used, keys_.keys(), list);
    std::vector<uint8_t> used_scopes(tables_.scope_count(), 0);
    for (uint32_t c = 0; c < classes_.size(); ++c)
      used_scopes[classes_.tuples()[c][kClassScope]] |= used_classes_[c];
    tables_.list_scopes(used_scopes, keys_.keys(), list);
    list.finish();
    return make_value_filter(list.hashes());
  }

  // Names and messages. Texts that are empty are as good as none.
  void list_texts(RowGroupValueList& list) const {
    const auto add = [&](ColumnScope scope, const std::vector<std::string_view>& texts,
                         const std::vector<uint8_t>& used) {
      std::vector<model::ValueView> values;
      for (size_t i = 0; i < texts.size(); ++i)
        if (used[i] != 0 && !texts[i].empty())
          values.push_back(model::ValueView::of_string(texts[i]));
      if (!values.empty()) list.add({scope, {}}, values);
    };
    std::vector<uint8_t> names(names_.texts().size(), 0), messages(texts_.texts().size(), 0);
    for (uint32_t c = 0; c < classes_.size(); ++c)
      names[classes_.tuples()[c][kClassName]] |= used_classes_[c];
    for (const EncodedRow& row : encoded_) messages[row.message] = 1;
    add(ColumnScope::kName, names_.texts(), names);
    add(ColumnScope::kStatusMessage, texts_.texts(), messages);
    add(ColumnScope::kEventName, events_.names(), events_.used_names());
  }

  void fill_zone(RowGroupZone& zone) const {
    zone.rows = static_cast<uint32_t>(encoded_.size());
    zone.traces = static_cast<uint32_t>(trace_rows_.size());
    for (const EncodedRow& row : encoded_) {
      const uint64_t duration = row.end > row.start ? row.end - row.start : 0;
      zone.min_start.value = std::min(zone.min_start.value, row.start);
      zone.max_end.value = std::max({zone.max_end.value, row.start, row.end});
      zone.min_duration = std::min(zone.min_duration, duration);
      zone.max_duration = std::max(zone.max_duration, duration);
      zone.kinds |= 1u << std::min<uint32_t>(31, row.kind);
      zone.statuses |= 1u << std::min<uint32_t>(31, row.status);
    }
  }

  const model::SpanBatch* batch_ = nullptr;
  std::vector<EncodedRow> encoded_;  // by row, once united
  std::vector<uint32_t> codes_;      // of all attributes' values, as they came
  std::vector<uint32_t> trace_rows_;
  std::vector<RowPage> pages_;
  std::vector<uint32_t> page_ends_;  // rows
  std::vector<uint32_t> parent_rows_;
  std::vector<uint32_t> class_of_row_;
  std::vector<uint8_t> used_classes_;  // those that some row has
  std::vector<uint32_t> resource_of_row_;
  ClassSequence sequence_;
  ResourceSequence resource_sequence_;

  KeyNumbers keys_;
  TextNumbers names_;
  TextNumbers texts_;  // status messages and trace states
  ScopeTables tables_;
  TupleNumbers<kClassFields> classes_;
  AttributeColumns spans_;
  EventColumns events_;
  LinkColumns links_;

  ChunkWriter chunks_;
};

RowGroupEncoder::RowGroupEncoder(size_t spans) : state_(std::make_unique<State>(spans)) {}
RowGroupEncoder::~RowGroupEncoder() = default;
void RowGroupEncoder::begin_batch(const model::SpanBatch& batch) { state_->begin_batch(batch); }
void RowGroupEncoder::add(uint32_t trace, uint32_t index, uint64_t arrival) {
  state_->add(trace, index, arrival);
}
RowGroupEncoder::Encoded RowGroupEncoder::finish() { return state_->finish(); }

RowGroupEncoder::Encoded encode_row_group(std::span<const TraceSpans> traces) {
  // Batch by batch: there, what is alike lies side by side, and so does memory.
  struct Place {
    SpanRef ref;
    uint32_t trace;
    uint64_t arrival;
  };
  std::vector<Place> places;
  for (uint32_t trace = 0; trace < traces.size(); ++trace)
    for (const SpanRef& ref : traces[trace].spans) places.push_back({ref, trace, places.size()});
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.ref.batch, a.ref.index) < std::pair(b.ref.batch, b.ref.index);
  });
  RowGroupEncoder encoder(places.size());
  const model::SpanBatch* batch = nullptr;
  for (const Place& place : places) {
    if (place.ref.batch != batch) encoder.begin_batch(*(batch = place.ref.batch));
    encoder.add(place.trace, place.ref.index, place.arrival);
  }
  return encoder.finish();
}

}  // namespace sightline::tracestore
