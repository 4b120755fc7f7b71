// RowGroupDecoder::spans(): rows back into a SpanBatch, from the pages they lie in.
#include <algorithm>

#include "tracestore/row_group_decoder.h"

namespace sightline::tracestore {
namespace {

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

}  // namespace

// Attributes of some spans, events or links of one page: the values of every key they have are read for
// the page, and those of the entries before skipped.
class PageAttributes {
 public:
  // Entries [begin, end) of the page, whose contexts are `contexts`.
  static Result<PageAttributes> read(RowGroupDecoder& decoder, AttributeOwner owner, uint32_t page,
                                     std::span<const uint32_t> contexts,
                                     std::span<const model::Run> wanted) {
    PageAttributes attributes(*decoder.tables_, owner);
    attributes.choose_columns(decoder, contexts, wanted);
    if (attributes.columns_.empty()) return attributes;
    attributes.count_values(contexts);
    for (Column& column : attributes.columns_) {
      const auto source = decoder.value_source(owner, column.key);
      if (!source) return std::unexpected(source.error());
      if (auto status =
              (*source)->reader.read(page, column.contexts_of((*source)->local), column.values);
          !status)
        return std::unexpected(std::move(status).error());
      column.storage = (*source)->reader.storage();
    }
    return attributes;
  }

  // Forward to the attributes of an entry.
  void seek(std::span<const uint32_t> contexts, uint32_t entry) {
    if (columns_.empty()) return;
    for (; at_ < entry; ++at_)
      for (const uint32_t key : shape_of(contexts[at_]))
        if (column_of_key_[key] != kNone) ++columns_[column_of_key_[key]].next;
  }
  // Appends the attributes of the next entry to the batch.
  Result<model::Run> next(uint32_t context, model::SpanBatch& batch) {
    const auto& keys = shape_of(context);
    const model::Run run{static_cast<uint32_t>(batch.attributes.size()),
                         static_cast<uint32_t>(keys.size())};
    for (const uint32_t key : keys) {
      Column& column = columns_[column_of_key_[key]];
      if (column.next >= column.values.size()) return torn("attributes outnumber values");
      batch.attributes.push_back({tables_->keys[key], column.values[column.next++]});
    }
    ++at_;
    return run;
  }
  void keep_storage(std::vector<std::shared_ptr<const void>>& owners) const {
    for (const Column& column : columns_) owners.push_back(column.storage);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Column {
    uint32_t key = 0;                      // one of its keys
    std::vector<uint32_t> entry_contexts;  // of each value, the context of the entry
    std::vector<uint32_t> local_contexts;
    std::vector<model::ValueView> values;
    size_t next = 0;
    std::shared_ptr<const void> storage;
    std::span<const uint32_t> contexts_of(const std::vector<uint32_t>& local) {
      for (const uint32_t context : entry_contexts) local_contexts.push_back(local[context]);
      return local_contexts;
    }
  };

  PageAttributes(const RowGroupTables& tables, AttributeOwner owner)
      : tables_(&tables), owner_(static_cast<size_t>(owner)) {}

  const RowGroupTables::Shape& shape_of(uint32_t context) const {
    return tables_->shapes[owner_][tables_->context_shapes[owner_][context]];
  }

  // One for each key of the wanted entries; the rare keys share one.
  void choose_columns(const RowGroupDecoder& decoder, std::span<const uint32_t> contexts,
                      std::span<const model::Run> wanted) {
    column_of_key_.assign(tables_->keys.size(), kNone);
    const auto owner = static_cast<AttributeOwner>(owner_);
    bool any_rare = false;
    uint32_t rare = kNone;
    for (const model::Run run : wanted) {
      for (uint32_t entry = run.begin; entry < run.begin + run.count; ++entry) {
        for (const uint32_t key : shape_of(contexts[entry])) {
          if (column_of_key_[key] != kNone) continue;
          if (decoder.is_frequent(owner, key)) {
            column_of_key_[key] = static_cast<uint32_t>(columns_.size());
            columns_.push_back({.key = key});
          } else if (!any_rare) {
            any_rare = true;
            rare = static_cast<uint32_t>(columns_.size());
            columns_.push_back({.key = key});
            column_of_key_[key] = rare;
          } else {
            column_of_key_[key] = rare;
          }
        }
      }
    }
    if (!any_rare) return;
    // Values of rare keys lie in one list: all of them must be counted.
    for (const auto& shape : tables_->shapes[owner_])
      for (const uint32_t key : shape)
        if (column_of_key_[key] == kNone && !decoder.is_frequent(owner, key))
          column_of_key_[key] = rare;
  }

  void count_values(std::span<const uint32_t> contexts) {
    for (const uint32_t context : contexts)
      for (const uint32_t key : shape_of(context))
        if (column_of_key_[key] != kNone)
          columns_[column_of_key_[key]].entry_contexts.push_back(context);
  }

  const RowGroupTables* tables_;
  size_t owner_;
  std::vector<Column> columns_;
  std::vector<uint32_t> column_of_key_;
  uint32_t at_ = 0;
};

// The wanted rows of one page into the batch.
class SpanAssembler {
 public:
  SpanAssembler(RowGroupDecoder& decoder, uint32_t page, model::SpanBatch& batch)
      : d_(decoder), page_(page), begin_(decoder.tables_->pages[page].begin), batch_(batch) {}

  // `runs` of rows within the page, ascending.
  Status add(std::span<const model::Run> runs, std::vector<std::shared_ptr<const void>>& owners) {
    if (auto status = read(runs); !status) return status;
    for (const model::Run run : runs) {
      spans_->seek(rows_->classes, run.begin);
      if (events_) events_->seek(event_entries_->contexts, event_entries_->offsets[run.begin]);
      if (links_) links_->seek(link_entries_->contexts, link_entries_->offsets[run.begin]);
      for (uint32_t row = run.begin; row < run.begin + run.count; ++row)
        if (auto status = add_row(row); !status) return status;
    }
    spans_->keep_storage(owners);
    if (events_) events_->keep_storage(owners);
    if (links_) links_->keep_storage(owners);
    for (const auto& storage : text_storage_) owners.push_back(storage);
    return {};
  }

 private:
  Status read(std::span<const model::Run> runs) {
    const auto rows = d_.page_rows(page_);
    if (!rows) return std::unexpected(rows.error());
    rows_ = *rows;
    const auto take = [&](ChunkType type, std::vector<uint64_t>& into) {
      return d_.read_numbers(type, d_.class_count(), page_, rows_->classes, into);
    };
    for (Status status :
         {take(ChunkType::kStatuses, statuses_),
          take(ChunkType::kDroppedAttributes, dropped_attributes_),
          take(ChunkType::kDroppedEvents, dropped_events_),
          take(ChunkType::kDroppedLinks, dropped_links_),
          read_texts(ChunkType::kStatusMessages, messages_),
          read_texts(ChunkType::kTraceStates, states_), read_events(runs), read_links(runs)})
      if (!status) return status;
    auto attributes = PageAttributes::read(d_, AttributeOwner::kSpan, page_, rows_->classes, runs);
    if (!attributes) return std::unexpected(std::move(attributes).error());
    spans_ = std::move(*attributes);
    return {};
  }

  Status read_texts(ChunkType type, std::vector<model::ValueView>& into) {
    if (d_.chunk(type) == nullptr) return {};
    const auto reader = d_.text_source(type, d_.class_count());
    if (!reader) return std::unexpected(reader.error());
    text_storage_.push_back((*reader)->storage());
    return (*reader)->read(page_, rows_->classes, into);
  }

  // The entries that the rows own; nothing when they own none.
  static std::vector<model::Run> entries_of(const PageEntries& entries,
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
    if (d_.zone_.events == 0) return {};
    const auto entries = d_.page_entries(AttributeOwner::kEvent, page_);
    if (!entries) return std::unexpected(entries.error());
    event_entries_ = *entries;
    const auto wanted = entries_of(**entries, runs);
    if (wanted.empty()) return {};
    const auto classes = static_cast<uint32_t>(d_.tables_->event_classes.size());
    const auto& contexts = event_entries_->contexts;
    for (Status status :
         {d_.read_numbers(ChunkType::kEventTimes, classes, page_, contexts, event_times_),
          d_.read_numbers(ChunkType::kEventDroppedAttributes, classes, page_, contexts,
                          event_dropped_)})
      if (!status) return status;
    auto attributes = PageAttributes::read(d_, AttributeOwner::kEvent, page_, contexts, wanted);
    if (!attributes) return std::unexpected(std::move(attributes).error());
    events_ = std::move(*attributes);
    return {};
  }

  Status read_links(std::span<const model::Run> runs) {
    if (d_.zone_.links == 0) return {};
    const auto entries = d_.page_entries(AttributeOwner::kLink, page_);
    if (!entries) return std::unexpected(entries.error());
    link_entries_ = *entries;
    const auto wanted = entries_of(**entries, runs);
    if (wanted.empty()) return {};
    const auto begins = d_.begins_of_pages(ChunkType::kLinksOfPages);
    if (!begins) return std::unexpected(begins.error());
    first_link_ = (**begins)[page_];
    auto trace_ids = d_.raw_ids<TraceId>(ChunkType::kLinkTraceIds, d_.zone_.links);
    auto span_ids = d_.raw_ids<SpanId>(ChunkType::kLinkSpanIds, d_.zone_.links);
    if (!trace_ids || !span_ids || first_link_ + link_entries_->contexts.size() > d_.zone_.links)
      return torn("ids of links are torn");
    link_trace_ids_ = std::move(*trace_ids);
    link_span_ids_ = std::move(*span_ids);
    const auto shapes = static_cast<uint32_t>(d_.tables_->context_shapes[2].size());
    const auto& contexts = link_entries_->contexts;
    for (Status status :
         {d_.read_numbers(ChunkType::kLinkFlags, shapes, page_, contexts, link_flags_),
          d_.read_numbers(ChunkType::kLinkDroppedAttributes, shapes, page_, contexts,
                          link_dropped_)})
      if (!status) return status;
    if (d_.chunk(ChunkType::kLinkTraceStates) != nullptr) {
      const auto reader = d_.text_source(ChunkType::kLinkTraceStates, shapes);
      if (!reader) return std::unexpected(reader.error());
      text_storage_.push_back((*reader)->storage());
      if (auto status = (*reader)->read(page_, contexts, link_states_); !status) return status;
    }
    auto attributes = PageAttributes::read(d_, AttributeOwner::kLink, page_, contexts, wanted);
    if (!attributes) return std::unexpected(std::move(attributes).error());
    links_ = std::move(*attributes);
    return {};
  }

  Status add_row(uint32_t row) {
    const RowGroupTables& tables = *d_.tables_;
    const auto& of_class = tables.classes[rows_->classes[row]];
    const auto scope =
        tables.scope_of_pair.find(uint64_t{rows_->resources[row]} << 32 | of_class[kClassScope]);
    if (scope == tables.scope_of_pair.end()) return torn("a row is of no known scope");
    model::SpanView span;
    std::memcpy(
        span.span_id.bytes.data(),
        d_.chunk_bytes(ChunkType::kSpanIds, 0).data() + size_t{begin_ + row} * sizeof(SpanId),
        sizeof(SpanId));
    span.parent_span_id = rows_->parents[row];
    span.scope = scope->second;
    span.kind = static_cast<model::SpanKind>(of_class[kClassKind]);
    span.status = static_cast<model::StatusCode>(statuses_[row]);
    span.flags = of_class[kClassFlags];
    span.name = tables.names[of_class[kClassName]];
    if (!messages_.empty()) span.status_message = messages_[row].bytes;
    if (!states_.empty()) span.trace_state = states_[row].bytes;
    span.start = {rows_->starts[row]};
    span.end = {rows_->ends[row]};
    span.dropped_attributes = static_cast<uint32_t>(dropped_attributes_[row]);
    span.dropped_events = static_cast<uint32_t>(dropped_events_[row]);
    span.dropped_links = static_cast<uint32_t>(dropped_links_[row]);
    const auto run = spans_->next(rows_->classes[row], batch_);
    if (!run) return std::unexpected(run.error());
    span.attributes = *run;
    span.events.begin = static_cast<uint32_t>(batch_.events.size());
    span.links.begin = static_cast<uint32_t>(batch_.links.size());
    if (events_)
      for (uint32_t e = event_entries_->offsets[row]; e < event_entries_->offsets[row + 1]; ++e)
        if (auto status = add_event(e, span.start); !status) return status;
    if (links_)
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
                             .name = d_.tables_->event_names[d_.tables_->event_classes[context][0]],
                             .attributes = *attributes,
                             .dropped_attributes = static_cast<uint32_t>(event_dropped_[entry])});
    return {};
  }
  Status add_link(uint32_t entry) {
    const auto attributes = links_->next(link_entries_->contexts[entry], batch_);
    if (!attributes) return std::unexpected(attributes.error());
    batch_.links.push_back(
        {.trace_id = link_trace_ids_[first_link_ + entry],
         .span_id = link_span_ids_[first_link_ + entry],
         .trace_state = link_states_.empty() ? std::string_view() : link_states_[entry].bytes,
         .attributes = *attributes,
         .dropped_attributes = static_cast<uint32_t>(link_dropped_[entry]),
         .flags = static_cast<uint32_t>(link_flags_[entry])});
    return {};
  }

  RowGroupDecoder& d_;
  const uint32_t page_;
  const uint32_t begin_;
  model::SpanBatch& batch_;
  const PageRows* rows_ = nullptr;
  std::vector<uint64_t> statuses_, dropped_attributes_, dropped_events_, dropped_links_;
  std::vector<model::ValueView> messages_, states_;
  std::optional<PageAttributes> spans_, events_, links_;
  const PageEntries* event_entries_ = nullptr;
  const PageEntries* link_entries_ = nullptr;
  std::vector<uint64_t> event_times_, event_dropped_, link_flags_, link_dropped_;
  std::vector<model::ValueView> link_states_;
  std::vector<TraceId> link_trace_ids_;
  std::vector<SpanId> link_span_ids_;
  uint32_t first_link_ = 0;
  std::vector<std::shared_ptr<const void>> text_storage_;
};

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
    if (auto status = SpanAssembler(*this, number, *batch).add(in_page, owners); !status)
      return std::unexpected(std::move(status).error());
  }
  if (at != runs.size()) return fail(Errc::kInternal, "rows out of range");
  batch->owner =
      std::make_shared<const std::vector<std::shared_ptr<const void>>>(std::move(owners));
  return batch;
}

}  // namespace sightline::tracestore
