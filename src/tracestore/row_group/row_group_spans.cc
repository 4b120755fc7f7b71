// RowGroupDecoder::spans(): rows back into a SpanBatch, from the pages they lie in.
#include <algorithm>

#include <absl/container/inlined_vector.h>

#include "tracestore/querier.h"
#include "tracestore/row_group/page_columns.h"
#include "tracestore/row_group/row_group_decoder.h"

namespace sightline::tracestore {
namespace {

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

// Attributes of some spans, events or links of one page: of every key they have, the values of those alone.
class PageAttributes {
 public:
  // `contexts` of all entries of the page; `wanted` runs of entries, ascending.
  static Result<PageAttributes> read(RowGroupDecoder& decoder, AttributeOwner owner, uint32_t page,
                                     std::span<const uint32_t> contexts,
                                     std::span<const model::Run> wanted) {
    PageAttributes attributes(*decoder.shared_tables(), owner);
    attributes.choose_columns(decoder, contexts, wanted);
    for (Column& column : attributes.columns_) {
      const auto source = decoder.value_source(owner, column.key);
      if (!source) return std::unexpected(source.error());
      if (*source == nullptr) return torn("attributes outnumber values");
      column.source = *source;
    }
    attributes.place_values(contexts, wanted);
    for (Column& column : attributes.columns_) {
      const ValueColumnReader& reader = column.source->reader;
      if (auto status = reader.read_some(page, column.contexts, column.wanted, column.values);
          !status)
        return std::unexpected(std::move(status).error());
      column.storage = reader.storage();
    }
    return attributes;
  }

  // Appends the attributes of the next wanted entry to the batch.
  Result<model::Run> next(uint32_t context, model::SpanBatch& batch) {
    const auto keys = shape_of(context);
    const model::Run run{static_cast<uint32_t>(batch.attributes.size()),
                         static_cast<uint32_t>(keys.size())};
    for (const uint32_t key : keys) {
      Column& column = columns_[column_of_key_[key]];
      if (column.next >= column.values.size()) return torn("attributes outnumber values");
      batch.attributes.push_back({tables_->keys[key], column.values[column.next++]});
    }
    return run;
  }
  void keep_storage(std::vector<std::shared_ptr<const void>>& owners) const {
    for (const Column& column : columns_) owners.push_back(column.storage);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Column {
    uint32_t key = 0;  // one of its keys
    const RowGroupDecoder::ValueSource* source = nullptr;
    std::vector<uint32_t> contexts;             // of each value of the page
    absl::InlinedVector<model::Run, 1> wanted;  // values
    std::vector<model::ValueView> values;
    size_t next = 0;
    std::shared_ptr<const void> storage;
  };

  PageAttributes(const RowGroupTables& tables, AttributeOwner owner)
      : tables_(&tables), owner_(static_cast<size_t>(owner)) {}

  std::span<const uint32_t> shape_of(uint32_t context) const {
    return tables_->shapes[owner_][tables_->context_shapes[owner_][context]];
  }

  // One for each key of the wanted entries; the rare keys share one.
  void choose_columns(const RowGroupDecoder& decoder, std::span<const uint32_t> contexts,
                      std::span<const model::Run> wanted) {
    column_of_key_.assign(tables_->keys.size(), kNone);
    const auto owner = static_cast<AttributeOwner>(owner_);
    uint32_t rare = kNone;
    for (const model::Run run : wanted) {
      for (uint32_t entry = run.begin; entry < run.begin + run.count; ++entry) {
        for (const uint32_t key : shape_of(contexts[entry])) {
          if (column_of_key_[key] != kNone) continue;
          const bool frequent = decoder.is_frequent(owner, key);
          if (frequent || rare == kNone) columns_.emplace_back().key = key;
          if (!frequent && rare == kNone) rare = static_cast<uint32_t>(columns_.size() - 1);
          column_of_key_[key] = frequent ? static_cast<uint32_t>(columns_.size() - 1) : rare;
        }
      }
    }
    // Other entries' values of rare keys lie there, too.
    for (uint32_t key = 0; rare != kNone && key < column_of_key_.size(); ++key)
      if (column_of_key_[key] == kNone && !decoder.is_frequent(owner, key))
        column_of_key_[key] = rare;
  }

  // Of each column the contexts of the page's values up to the last wanted one, and which of them the wanted entries have.
  void place_values(std::span<const uint32_t> contexts, std::span<const model::Run> wanted) {
    const auto take = [&](uint32_t begin, uint32_t end) {
      for (uint32_t entry = begin; entry < end; ++entry)
        for (const Place place : places_of(contexts[entry]))
          columns_[place.column].contexts.push_back(place.context);
    };
    const uint32_t entries = wanted.empty() ? 0 : wanted.back().begin + wanted.back().count;
    for (Column& column : columns_) column.contexts.reserve(entries);  // mostly one of each entry
    uint32_t at = 0;
    for (const model::Run run : wanted) {
      take(at, run.begin);
      for (Column& column : columns_)
        column.wanted.push_back({static_cast<uint32_t>(column.contexts.size()), 0});
      take(run.begin, at = run.begin + run.count);
      for (Column& column : columns_) {
        model::Run& of_run = column.wanted.back();
        of_run.count = static_cast<uint32_t>(column.contexts.size()) - of_run.begin;
        if (of_run.count == 0) column.wanted.pop_back();
      }
    }
    for (Column& column : columns_) {
      const auto last = column.wanted.empty() ? model::Run{} : column.wanted.back();
      column.contexts.resize(last.begin + last.count);
    }
  }

  // Where the values of an entry lie: its column, and the context there.
  struct Place {
    uint32_t column = 0;
    uint32_t context = 0;
  };
  // Of few contexts a page has many entries.
  std::span<const Place> places_of(uint32_t context) {
    if (places_of_context_.empty())
      places_of_context_.resize(tables_->context_shapes[owner_].size(), {kNone, 0});
    model::Run& run = places_of_context_[context];
    if (run.begin == kNone) {
      run.begin = static_cast<uint32_t>(places_.size());
      for (const uint32_t key : shape_of(context)) {
        const uint32_t column = column_of_key_[key];
        if (column != kNone) places_.push_back({column, columns_[column].source->local(context)});
      }
      run.count = static_cast<uint32_t>(places_.size()) - run.begin;
    }
    return std::span(places_).subspan(run.begin, run.count);
  }

  const RowGroupTables* tables_;
  size_t owner_;
  std::vector<Column> columns_;
  std::vector<uint32_t> column_of_key_;
  std::vector<Place> places_;
  std::vector<model::Run> places_of_context_;  // begin kNone: not known yet
};

// The wanted rows of one page into the batch.
class SpanAssembler {
 public:
  // `rows` of the page, from its first on, are looked at.
  SpanAssembler(RowGroupDecoder& decoder, uint32_t page, uint32_t rows, model::SpanBatch& batch)
      : d_(decoder),
        tables_(*decoder.shared_tables()),
        page_(page),
        columns_(decoder, page, rows),
        batch_(batch) {}

  // `runs` of rows within the page, ascending.
  Status add(std::span<const model::Run> runs, std::vector<std::shared_ptr<const void>>& owners) {
    if (auto status = read(runs); !status) return status;
    for (const model::Run run : runs)
      for (uint32_t row = run.begin; row < run.begin + run.count; ++row)
        if (auto status = add_row(row); !status) return status;
    for (const auto* attributes : {&spans_, &events_, &links_})
      if (*attributes) (*attributes)->keep_storage(owners);
    for (const auto& storage : text_storage_) owners.push_back(storage);
    return {};
  }

 private:
  // What a Result holds, into a member.
  template <typename T, typename Into>
  static Status take(Result<T> result, Into& into) {
    if (!result) return std::unexpected(std::move(result).error());
    into = std::move(*result);
    return {};
  }

  Status read(std::span<const model::Run> runs) {
    for (Status status :
         {take(columns_.classes(), classes_), take(columns_.resources(), resources_),
          take(columns_.span_ids(), span_ids_), take(columns_.parents(), parents_),
          take(columns_.starts(), starts_), take(columns_.durations(), durations_),
          take(columns_.numbers(ChunkType::kStatuses), statuses_),
          take(columns_.numbers(ChunkType::kDroppedAttributes), dropped_attributes_),
          take(columns_.numbers(ChunkType::kDroppedEvents), dropped_events_),
          take(columns_.numbers(ChunkType::kDroppedLinks), dropped_links_)})
      if (!status) return status;
    for (Status status :
         {read_texts(ChunkType::kStatusMessages, d_.class_count(), classes_, runs, messages_),
          read_texts(ChunkType::kTraceStates, d_.class_count(), classes_, runs, states_),
          read_events(runs), read_links(runs),
          take(PageAttributes::read(d_, AttributeOwner::kSpan, page_, classes_, runs), spans_)})
      if (!status) return status;
    return {};
  }

  // The texts of the wanted runs, one after the other; nothing when the row group has none.
  Status read_texts(ChunkType type, uint32_t context_count, std::span<const uint32_t> contexts,
                    std::span<const model::Run> wanted, std::vector<model::ValueView>& into) {
    if (!d_.has_chunk(type)) return {};
    const auto reader = d_.text_source(type, context_count);
    if (!reader) return std::unexpected(reader.error());
    auto status = (*reader)->read_some(page_, contexts, wanted, into);
    text_storage_.push_back((*reader)->storage());
    return status;
  }

  // The entries that the rows own; nothing when they own none.
  static std::vector<model::Run> entries_of(const EntryColumns& entries,
                                            std::span<const model::Run> runs) {
    std::vector<model::Run> wanted;
    for (const model::Run run : runs) {
      const uint32_t begin = entries.offsets[run.begin];
      const uint32_t end = entries.offsets[run.begin + run.count];
      if (begin < end) wanted.push_back({begin, end - begin});
    }
    return wanted;
  }

  Status read_events(std::span<const model::Run> runs) {
    if (auto status = take(columns_.entries(AttributeOwner::kEvent), event_entries_); !status)
      return status;
    const auto wanted = entries_of(*event_entries_, runs);
    if (wanted.empty()) return {};
    for (Status status :
         {take(columns_.event_times(), event_times_),
          take(columns_.entry_numbers(ChunkType::kEventDroppedAttributes, AttributeOwner::kEvent),
               event_dropped_),
          take(PageAttributes::read(d_, AttributeOwner::kEvent, page_, event_entries_->contexts,
                                    wanted),
               events_)})
      if (!status) return status;
    return {};
  }

  Status read_links(std::span<const model::Run> runs) {
    if (auto status = take(columns_.entries(AttributeOwner::kLink), link_entries_); !status)
      return status;
    const auto wanted = entries_of(*link_entries_, runs);
    if (wanted.empty()) return {};
    const auto shapes = static_cast<uint32_t>(tables_.context_shapes[2].size());
    for (Status status :
         {take(columns_.link_ids<TraceId>(ChunkType::kLinkTraceIds), link_trace_ids_),
          take(columns_.link_ids<SpanId>(ChunkType::kLinkSpanIds), link_span_ids_),
          take(columns_.entry_numbers(ChunkType::kLinkFlags, AttributeOwner::kLink), link_flags_),
          take(columns_.entry_numbers(ChunkType::kLinkDroppedAttributes, AttributeOwner::kLink),
               link_dropped_),
          read_texts(ChunkType::kLinkTraceStates, shapes, link_entries_->contexts, wanted,
                     link_states_),
          take(PageAttributes::read(d_, AttributeOwner::kLink, page_, link_entries_->contexts,
                                    wanted),
               links_)})
      if (!status) return status;
    return {};
  }

  Status add_row(uint32_t row) {
    const auto& of_class = tables_.classes[classes_[row]];
    model::SpanView span;
    span.scope = tables_.scope_of(resources_[row], of_class[kClassScope]);
    if (span.scope == RowGroupTables::kNoScope) return torn("a row is of no known scope");
    span.span_id = span_ids_[row];
    span.parent_span_id = parents_[row];
    span.kind = static_cast<model::SpanKind>(of_class[kClassKind]);
    span.status = static_cast<model::StatusCode>(statuses_[row]);
    span.flags = of_class[kClassFlags];
    span.name = tables_.names[of_class[kClassName]];
    if (!messages_.empty()) span.status_message = messages_[next_row_].bytes;
    if (!states_.empty()) span.trace_state = states_[next_row_].bytes;
    ++next_row_;
    span.start = {starts_[row]};
    span.end = {starts_[row] + durations_[row]};
    span.dropped_attributes = static_cast<uint32_t>(dropped_attributes_[row]);
    span.dropped_events = static_cast<uint32_t>(dropped_events_[row]);
    span.dropped_links = static_cast<uint32_t>(dropped_links_[row]);
    const auto run = spans_->next(classes_[row], batch_);
    if (!run) return std::unexpected(run.error());
    span.attributes = *run;
    span.events.begin = static_cast<uint32_t>(batch_.events.size());
    span.links.begin = static_cast<uint32_t>(batch_.links.size());
    for (uint32_t e = event_entries_->offsets[row]; e < event_entries_->offsets[row + 1]; ++e)
      if (auto status = add_event(e, span.start); !status) return status;
    for (uint32_t l = link_entries_->offsets[row]; l < link_entries_->offsets[row + 1]; ++l)
      if (auto status = add_link(l); !status) return status;
    span.events.count = static_cast<uint32_t>(batch_.events.size()) - span.events.begin;
    span.links.count = static_cast<uint32_t>(batch_.links.size()) - span.links.begin;
    batch_.spans.push_back(span);
    return {};
  }

  Status add_event(uint32_t entry, TimestampNs start) {
    const uint32_t context = event_entries_->contexts[entry];
    const auto attributes = events_->next(context, batch_);
    if (!attributes) return std::unexpected(attributes.error());
    batch_.events.push_back({.time = {start.value + event_times_[entry]},
                             .name = tables_.event_names[tables_.event_classes[context][0]],
                             .attributes = *attributes,
                             .dropped_attributes = static_cast<uint32_t>(event_dropped_[entry])});
    return {};
  }
  Status add_link(uint32_t entry) {
    const auto attributes = links_->next(link_entries_->contexts[entry], batch_);
    if (!attributes) return std::unexpected(attributes.error());
    batch_.links.push_back(
        {.trace_id = link_trace_ids_[entry],
         .span_id = link_span_ids_[entry],
         .trace_state = link_states_.empty() ? std::string_view() : link_states_[next_link_].bytes,
         .attributes = *attributes,
         .dropped_attributes = static_cast<uint32_t>(link_dropped_[entry]),
         .flags = static_cast<uint32_t>(link_flags_[entry])});
    ++next_link_;
    return {};
  }

  RowGroupDecoder& d_;
  const RowGroupTables& tables_;
  const uint32_t page_;
  PageColumns columns_;
  model::SpanBatch& batch_;
  std::span<const uint32_t> classes_, resources_;
  std::span<const uint64_t> starts_;
  std::vector<SpanId> span_ids_, parents_;
  std::vector<uint64_t> durations_, statuses_;
  std::vector<uint64_t> dropped_attributes_, dropped_events_, dropped_links_;
  std::vector<model::ValueView> messages_, states_;  // of the wanted rows
  size_t next_row_ = 0;                              // of those
  std::optional<PageAttributes> spans_, events_, links_;
  const EntryColumns* event_entries_ = nullptr;
  const EntryColumns* link_entries_ = nullptr;
  std::vector<uint64_t> event_times_, event_dropped_, link_flags_, link_dropped_;
  std::vector<TraceId> link_trace_ids_;
  std::vector<SpanId> link_span_ids_;
  std::vector<model::ValueView> link_states_;  // of the wanted links
  size_t next_link_ = 0;
  std::vector<std::shared_ptr<const void>> text_storage_;
};

}  // namespace

Result<std::shared_ptr<model::SpanBatch>> RowGroupDecoder::spans(std::span<const model::Run> runs) {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  auto batch = std::make_shared<model::SpanBatch>((*tables)->batch);
  std::vector<std::shared_ptr<const void>> owners{tables_, owner_};
  size_t at = 0;
  for (uint32_t number = 0; number < tables_->pages.size() && at < runs.size(); ++number) {
    const RowPage& page = tables_->pages[number];
    std::vector<model::Run> in_page;
    for (; at < runs.size() && runs[at].begin < page.begin + page.rows; ++at) {
      if (runs[at].begin < page.begin || runs[at].count > page.begin + page.rows - runs[at].begin)
        return fail(Errc::kInternal, "rows are not those of whole traces");
      in_page.push_back({runs[at].begin - page.begin, runs[at].count});
    }
    if (in_page.empty()) continue;
    const uint32_t rows = in_page.back().begin + in_page.back().count;
    if (auto status = SpanAssembler(*this, number, rows, *batch).add(in_page, owners); !status)
      return std::unexpected(std::move(status).error());
  }
  if (at != runs.size()) return fail(Errc::kInternal, "rows out of range");
  batch->owner =
      std::make_shared<const std::vector<std::shared_ptr<const void>>>(std::move(owners));
  return batch;
}

}  // namespace sightline::tracestore
