#include "tracestore/row_group/nested_columns.h"

#include <numeric>

namespace sightline::tracestore {
namespace {

// The values of rare keys of entries in their order; pages end with `page_ends`. `source(entry)`: first code and shape.
template <typename Source>
void put_rare(const AttributeColumns& attributes, std::span<const uint32_t> codes,
              const std::vector<uint32_t>& in_order, const std::vector<uint32_t>& page_ends,
              Source source, ChunkWriter& chunks) {
  RareValues rare(attributes, codes);
  size_t at = 0;
  for (const uint32_t end : page_ends) {
    for (; at < end; ++at) {
      const auto [first_code, shape] = source(in_order[at]);
      rare.add(first_code, shape);
    }
    rare.end_page();
  }
  rare.put(chunks);
}

}  // namespace

void EventColumns::intern(const model::SpanBatch& batch, const model::SpanView& span,
                          std::vector<uint32_t>& codes) {
  for (const model::EventView& event : batch.events_of(span)) {
    const auto attributes = batch.of(event.attributes);
    const uint32_t shape = attributes_.shape_of(attributes);
    const Event e{.time = event.time.value - span.start.value,
                  .number = classes_.of({names_.of(event.name), shape}),
                  .dropped_attributes = event.dropped_attributes,
                  .first_code = static_cast<uint32_t>(codes.size())};
    attributes_.intern(attributes, shape, e.number, codes);
    events_.push_back(e);
  }
}

void EventColumns::reserve() {
  attributes_.reserve();
  in_order_.reserve(events_.size());
  for (NumberColumn* column : {&class_numbers_, &times_, &dropped_})
    column->reserve(events_.size());
}

void EventColumns::add(uint32_t first, uint32_t count, uint32_t of_class,
                       std::span<const uint32_t> codes) {
  for (uint32_t number = first; number < first + count; ++number) {
    const Event& event = events_[number];
    in_order_.push_back(number);
    class_numbers_.add(event.number, of_class);
    times_.add(event.time, event.number);
    dropped_.add(event.dropped_attributes, event.number);
    attributes_.add(codes.subspan(event.first_code), shape_of(event), event.number);
  }
}

void EventColumns::end_page() {
  for (NumberColumn* column : {&class_numbers_, &times_, &dropped_}) column->end_page();
  attributes_.end_page();
}

std::vector<uint8_t> EventColumns::used_names() const {
  std::vector<uint8_t> used(names().size(), 0);
  for (const uint32_t number : in_order_) used[classes()[events_[number].number][0]] = 1;
  return used;
}

void EventColumns::put(ChunkWriter& chunks, uint32_t span_class_count,
                       std::span<const uint32_t> codes) {
  if (count() == 0) return;
  const auto class_count = static_cast<uint32_t>(classes_.size());
  chunks.put_paged(ChunkType::kEventClasses, class_numbers_, span_class_count);
  chunks.put_paged(ChunkType::kEventTimes, times_, class_count);
  chunks.put_paged(ChunkType::kEventDroppedAttributes, dropped_, class_count);
  std::vector<uint32_t> shapes;
  for (const auto& tuple : classes()) shapes.push_back(tuple[1]);
  if (attributes_.put_frequent(chunks, shapes))
    put_rare(
        attributes_, codes, in_order_, times_.page_ends,
        [&](uint32_t number) {
          return std::pair(events_[number].first_code, shape_of(events_[number]));
        },
        chunks);
}

void LinkColumns::intern(const model::SpanBatch& batch, const model::SpanView& span,
                         std::vector<uint32_t>& codes) {
  for (const model::LinkView& link : batch.links_of(span)) {
    const auto attributes = batch.of(link.attributes);
    const Link l{.trace_id = link.trace_id,
                 .span_id = link.span_id,
                 .shape = attributes_.shape_of(attributes),
                 .trace_state = link.trace_state.empty() ? 0 : texts_.of(link.trace_state),
                 .flags = link.flags,
                 .dropped_attributes = link.dropped_attributes,
                 .first_code = static_cast<uint32_t>(codes.size())};
    attributes_.intern(attributes, l.shape, l.shape, codes);
    links_.push_back(l);
  }
}

void LinkColumns::reserve() {
  attributes_.reserve();
  in_order_.reserve(links_.size());
  trace_ids_.reserve(links_.size() * sizeof(TraceId));
  span_ids_.reserve(links_.size() * sizeof(SpanId));
  for (NumberColumn* column : {&shapes_, &flags_, &dropped_}) column->reserve(links_.size());
  states_.reserve(links_.size());
}

void LinkColumns::add(uint32_t first, uint32_t count, uint32_t of_class,
                      std::span<const uint32_t> codes) {
  for (uint32_t number = first; number < first + count; ++number) {
    const Link& link = links_[number];
    in_order_.push_back(number);
    append_id(trace_ids_, link.trace_id);
    append_id(span_ids_, link.span_id);
    shapes_.add(link.shape, of_class);
    flags_.add(link.flags, link.shape);
    dropped_.add(link.dropped_attributes, link.shape);
    states_.add(model::ValueView::of_string(texts_.texts()[link.trace_state]), link.shape);
    any_state_ |= link.trace_state != 0;
    attributes_.add(codes.subspan(link.first_code), link.shape, link.shape);
  }
}

void LinkColumns::end_page() {
  for (NumberColumn* column : {&shapes_, &flags_, &dropped_}) column->end_page();
  attributes_.end_page();
  states_.end_page();
}

void LinkColumns::put(ChunkWriter& chunks, uint32_t span_class_count,
                      std::span<const uint32_t> codes) {
  if (count() == 0) return;
  chunks.put(ChunkType::kLinkTraceIds, 0, trace_ids_);
  chunks.put(ChunkType::kLinkSpanIds, 0, span_ids_);
  std::vector<uint64_t> of_pages;
  for (uint32_t before = 0; const uint32_t end : shapes_.page_ends) {
    of_pages.push_back(end - before);
    before = end;
  }
  chunks.put_integers(ChunkType::kLinksOfPages, of_pages);
  const auto shape_count = static_cast<uint32_t>(attributes_.shapes().size());
  chunks.put_paged(ChunkType::kLinkShapes, shapes_, span_class_count);
  chunks.put_paged(ChunkType::kLinkFlags, flags_, shape_count);
  chunks.put_paged(ChunkType::kLinkDroppedAttributes, dropped_, shape_count);
  if (any_state_) chunks.put(ChunkType::kLinkTraceStates, 0, states_.encode(shape_count));
  std::vector<uint32_t> shapes(shape_count);
  std::iota(shapes.begin(), shapes.end(), 0);
  if (attributes_.put_frequent(chunks, shapes))
    put_rare(
        attributes_, codes, in_order_, shapes_.page_ends,
        [&](uint32_t number) { return std::pair(links_[number].first_code, links_[number].shape); },
        chunks);
}

}  // namespace sightline::tracestore
