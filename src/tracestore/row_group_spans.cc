// RowGroupDecoder::spans(): rows back into a SpanBatch.
#include <algorithm>

#include "tracestore/row_group_decoder.h"

namespace sightline::tracestore {

// Walks the attributes of consecutive spans, events or links. Loads a key's column when
// the first of them has the key.
class AttributeCursor {
 public:
  AttributeCursor(const RowGroupDecoder& decoder, AttributeOwner owner)
      : decoder_(decoder), owner_(owner), attributes_(decoder.attributes_[static_cast<size_t>(owner)]) {}

  // Forward to the first attribute of `entity`.
  void seek(size_t entity) {
    if (entity == entity_) return;
    std::vector<uint64_t> uses(attributes_.shapes.size());
    for (size_t i = entity_; i < entity; ++i) ++uses[attributes_.of_entity[i]];
    for (size_t shape = 0; shape < uses.size(); ++shape)
      if (uses[shape] > 0)
        for (const uint32_t key : attributes_.shapes[shape].keys) position_of(key) += uses[shape];
    entity_ = entity;
  }

  // Appends the next entity's attributes to the batch.
  Result<model::Run> next(model::SpanBatch& batch) {
    const auto& keys = attributes_.shapes[attributes_.of_entity[entity_++]].keys;
    const model::Run run{static_cast<uint32_t>(batch.attributes.size()), static_cast<uint32_t>(keys.size())};
    for (const uint32_t key : keys) {
      const auto column = column_of(key);
      if (!column) return std::unexpected(column.error());
      uint64_t& position = position_of(key);
      if (position >= (*column)->codes.size()) return fail(Errc::kCorrupt, "row group: attributes outnumber values");
      batch.attributes.push_back({decoder_.keys_->keys[key], (*column)->at(position++)});
    }
    return run;
  }

  void keep_storage(std::vector<std::shared_ptr<const void>>& owners) const {
    for (const auto& [slot, column] : columns_) owners.push_back(column.storage);
  }

 private:
  static constexpr uint32_t kRareSlot = UINT32_MAX;
  uint32_t slot_of(uint32_t key) const { return decoder_.is_frequent(owner_, key) ? key : kRareSlot; }
  uint64_t& position_of(uint32_t key) { return positions_[slot_of(key)]; }

  Result<const ValueColumn*> column_of(uint32_t key) {
    const uint32_t slot = slot_of(key);
    auto found = columns_.find(slot);
    if (found == columns_.end()) {
      auto column = decoder_.value_column(owner_, key, ValueParts::kAll);
      if (!column) return std::unexpected(column.error());
      found = columns_.emplace(slot, std::move(*column)).first;
    }
    return &found->second;
  }

  const RowGroupDecoder& decoder_;
  const AttributeOwner owner_;
  const RowGroupDecoder::Attributes& attributes_;
  size_t entity_ = 0;
  absl::flat_hash_map<uint32_t, uint64_t> positions_;
  absl::flat_hash_map<uint32_t, ValueColumn> columns_;
};

namespace {

std::string_view text_of(const ValueColumn& column, size_t row) { return column.at(row).bytes; }

// Single-valued columns of all rows, read together so that one check finds the first fault.
struct SpanColumns {
  CoreColumns core;
  std::vector<uint64_t> kinds, statuses, flags, scopes, dropped_attributes, dropped_events, dropped_links;
  std::vector<uint32_t> events, links;
  ValueColumn names, messages, states;
};

template <typename T>
Status take(Result<T> from, T& to) {
  if (!from) return std::unexpected(std::move(from).error());
  to = std::move(*from);
  return {};
}

Result<SpanColumns> read_span_columns(const RowGroupDecoder& d) {
  SpanColumns c;
  const uint32_t n = d.zone().rows;
  const auto all = ValueParts::kAll;
  for (Status status : {take(d.core(), c.core), take(d.integers(ChunkType::kKinds, n), c.kinds),
                        take(d.integers(ChunkType::kStatuses, n), c.statuses),
                        take(d.integers(ChunkType::kFlags, n), c.flags),
                        take(d.integers(ChunkType::kScopes, n), c.scopes),
                        take(d.integers(ChunkType::kDroppedAttributes, n), c.dropped_attributes),
                        take(d.integers(ChunkType::kDroppedEvents, n), c.dropped_events),
                        take(d.integers(ChunkType::kDroppedLinks, n), c.dropped_links),
                        take(d.offsets(ChunkType::kEventCounts), c.events),
                        take(d.offsets(ChunkType::kLinkCounts), c.links),
                        take(d.values(ChunkType::kNames, n, all), c.names),
                        take(d.values(ChunkType::kStatusMessages, n, all), c.messages),
                        take(d.values(ChunkType::kTraceStates, n, all), c.states)})
    if (!status) return std::unexpected(std::move(status).error());
  return c;
}

struct EventColumns {
  std::vector<uint64_t> times, dropped;
  ValueColumn names;
};
struct LinkColumns {
  std::vector<TraceId> trace_ids;
  std::vector<SpanId> span_ids;
  std::vector<uint64_t> flags, dropped;
  ValueColumn states;
};

Result<EventColumns> read_event_columns(const RowGroupDecoder& d) {
  EventColumns c;
  const uint32_t n = d.zone().events;
  for (Status status : {take(d.integers(ChunkType::kEventTimes, n), c.times),
                        take(d.integers(ChunkType::kEventDroppedAttributes, n), c.dropped),
                        take(d.values(ChunkType::kEventNames, n, ValueParts::kAll), c.names)})
    if (!status) return std::unexpected(std::move(status).error());
  return c;
}

Result<LinkColumns> read_link_columns(const RowGroupDecoder& d) {
  LinkColumns c;
  const uint32_t n = d.zone().links;
  for (Status status : {take(d.raw_ids<TraceId>(ChunkType::kLinkTraceIds, n), c.trace_ids),
                        take(d.raw_ids<SpanId>(ChunkType::kLinkSpanIds, n), c.span_ids),
                        take(d.integers(ChunkType::kLinkFlags, n), c.flags),
                        take(d.integers(ChunkType::kLinkDroppedAttributes, n), c.dropped),
                        take(d.values(ChunkType::kLinkTraceStates, n, ValueParts::kAll), c.states)})
    if (!status) return std::unexpected(std::move(status).error());
  return c;
}

void fill_span(model::SpanView& span, const SpanColumns& c, uint32_t row) {
  span.span_id = c.core.span_ids[row];
  span.parent_span_id = c.core.parents[row];
  span.scope = static_cast<uint32_t>(c.scopes[row]);
  span.kind = static_cast<model::SpanKind>(c.kinds[row]);
  span.status = static_cast<model::StatusCode>(c.statuses[row]);
  span.flags = static_cast<uint32_t>(c.flags[row]);
  span.name = text_of(c.names, row);
  span.status_message = text_of(c.messages, row);
  span.trace_state = text_of(c.states, row);
  span.start = {c.core.starts[row]};
  span.end = {c.core.ends[row]};
  span.dropped_attributes = static_cast<uint32_t>(c.dropped_attributes[row]);
  span.dropped_events = static_cast<uint32_t>(c.dropped_events[row]);
  span.dropped_links = static_cast<uint32_t>(c.dropped_links[row]);
}

// Rows in ascending order into one batch.
class SpanAssembler {
 public:
  SpanAssembler(const SpanColumns& spans, const EventColumns& events, const LinkColumns& links,
                AttributeCursor& span_attributes, AttributeCursor& event_attributes, AttributeCursor& link_attributes,
                model::SpanBatch& batch)
      : spans_(spans), events_(events), links_(links), span_attributes_(span_attributes),
        event_attributes_(event_attributes), link_attributes_(link_attributes), batch_(batch) {}

  Status add(model::Run rows) {
    const uint32_t end = rows.begin + rows.count;
    span_attributes_.seek(rows.begin);
    if (spans_.events[rows.begin] < spans_.events[end]) event_attributes_.seek(spans_.events[rows.begin]);
    if (spans_.links[rows.begin] < spans_.links[end]) link_attributes_.seek(spans_.links[rows.begin]);
    for (uint32_t row = rows.begin; row < end; ++row)
      if (auto status = add_row(row); !status) return status;
    return {};
  }

 private:
  Status add_row(uint32_t row) {
    model::SpanView span;
    fill_span(span, spans_, row);
    if (span.scope >= batch_.scopes.size()) return fail(Errc::kCorrupt, "row group: a row names an unknown scope");
    const auto run = span_attributes_.next(batch_);
    if (!run) return std::unexpected(run.error());
    span.attributes = *run;
    span.events = {static_cast<uint32_t>(batch_.events.size()), spans_.events[row + 1] - spans_.events[row]};
    for (uint32_t e = spans_.events[row]; e < spans_.events[row + 1]; ++e) {
      const auto attributes = event_attributes_.next(batch_);
      if (!attributes) return std::unexpected(attributes.error());
      batch_.events.push_back({.time = {span.start.value + static_cast<uint64_t>(unzigzag(events_.times[e]))},
                               .name = text_of(events_.names, e), .attributes = *attributes,
                               .dropped_attributes = static_cast<uint32_t>(events_.dropped[e])});
    }
    span.links = {static_cast<uint32_t>(batch_.links.size()), spans_.links[row + 1] - spans_.links[row]};
    for (uint32_t l = spans_.links[row]; l < spans_.links[row + 1]; ++l) {
      const auto attributes = link_attributes_.next(batch_);
      if (!attributes) return std::unexpected(attributes.error());
      batch_.links.push_back({.trace_id = links_.trace_ids[l], .span_id = links_.span_ids[l],
                              .trace_state = text_of(links_.states, l), .attributes = *attributes,
                              .dropped_attributes = static_cast<uint32_t>(links_.dropped[l]),
                              .flags = static_cast<uint32_t>(links_.flags[l])});
    }
    batch_.spans.push_back(span);
    return {};
  }

  const SpanColumns& spans_;
  const EventColumns& events_;
  const LinkColumns& links_;
  AttributeCursor& span_attributes_;
  AttributeCursor& event_attributes_;
  AttributeCursor& link_attributes_;
  model::SpanBatch& batch_;
};

}  // namespace

Result<std::shared_ptr<model::SpanBatch>> RowGroupDecoder::spans(std::span<const model::Run> runs) {
  const auto columns = read_span_columns(*this);
  if (!columns) return std::unexpected(columns.error());
  bool any_events = false, any_links = false;
  for (const model::Run run : runs) {
    if (run.begin > zone_.rows || run.count > zone_.rows - run.begin) return fail(Errc::kInternal, "rows out of range");
    any_events |= columns->events[run.begin] < columns->events[run.begin + run.count];
    any_links |= columns->links[run.begin] < columns->links[run.begin + run.count];
  }
  const auto events = any_events ? read_event_columns(*this) : EventColumns{};
  const auto links = any_links ? read_link_columns(*this) : LinkColumns{};
  if (!events) return std::unexpected(events.error());
  if (!links) return std::unexpected(links.error());
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  for (const auto owner : {AttributeOwner::kSpan, AttributeOwner::kEvent, AttributeOwner::kLink})
    if (auto status = load_attributes(owner); !status) return std::unexpected(status.error());

  auto batch = std::make_shared<model::SpanBatch>(**tables);
  AttributeCursor span_attributes(*this, AttributeOwner::kSpan);
  AttributeCursor event_attributes(*this, AttributeOwner::kEvent);
  AttributeCursor link_attributes(*this, AttributeOwner::kLink);
  SpanAssembler assembler(*columns, *events, *links, span_attributes, event_attributes, link_attributes, *batch);
  for (const model::Run run : runs)
    if (auto status = assembler.add(run); !status) return std::unexpected(std::move(status).error());
  std::vector<std::shared_ptr<const void>> owners{tables_, columns->names.storage, columns->messages.storage,
                                                  columns->states.storage, events->names.storage, links->states.storage};
  span_attributes.keep_storage(owners);
  event_attributes.keep_storage(owners);
  link_attributes.keep_storage(owners);
  batch->owner = std::make_shared<const std::vector<std::shared_ptr<const void>>>(std::move(owners));
  return batch;
}

}  // namespace sightline::tracestore
