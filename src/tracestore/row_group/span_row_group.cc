#include "tracestore/row_group/span_row_group.h"

#include <algorithm>

namespace sightline::tracestore {

SpanRowGroup::SpanRowGroup(std::vector<TraceSpans> traces,
                           std::vector<std::shared_ptr<const void>> owners)
    : owners_(std::move(owners)) {
  for (TraceSpans& trace : traces) {
    TraceRows rows{.id = trace.id,
                   .begin = row_count(),
                   .count = static_cast<uint32_t>(trace.spans.size()),
                   .root = kNoRow,
                   .start = {UINT64_MAX},
                   .end = {0}};
    for (const SpanRef& ref : trace.spans) {
      const model::SpanView& span = ref.span();
      if (rows.root == kNoRow && !span.parent_span_id.is_valid()) rows.root = row_count();
      rows.start = std::min(rows.start, span.start);
      rows.end = std::max({rows.end, span.start, span.end});
      rows_.push_back(ref);
      span_ids_.push_back(span.span_id);
      parents_.push_back(span.parent_span_id);
      starts_.push_back(span.start.value);
      durations_.push_back(span.duration_ns());
      kinds_.push_back(static_cast<uint8_t>(span.kind));
      statuses_.push_back(static_cast<uint8_t>(span.status));
    }
    traces_.push_back(rows);
  }
  event_offsets_.push_back(0);
  link_offsets_.push_back(0);
  for (const SpanRef& ref : rows_) {
    event_offsets_.push_back(event_offsets_.back() + ref.span().events.count);
    link_offsets_.push_back(link_offsets_.back() + ref.span().links.count);
  }
}

const SpanRowGroup::Tree& SpanRowGroup::tree() {
  if (!tree_) {
    tree_ = std::make_unique<Tree>();
    tree_->parent_rows.resize(rows_.size());
    for (const TraceRows& trace : traces_)
      find_parent_rows(span_ids_, parents_, trace.begin, trace.begin + trace.count,
                       tree_->parent_rows);
    tree_->sets = number_nested_sets(traces_, tree_->parent_rows);
  }
  return *tree_;
}

// `value_of_row(ref)` yields a ValueView or a pointer to one, null for none.
template <typename ValueOfRow>
DictionaryColumn SpanRowGroup::per_row(Key key, ValueOfRow value_of_row) {
  const auto [column, is_new] = columns_.try_emplace(std::move(key));
  if (is_new) {
    DictionaryBuilder builder(column->second);
    for (const SpanRef& ref : rows_) builder.add(value_of_row(ref));
  }
  return column->second.view();
}

// `value_of_scope(batch, scope)` likewise; asked once for each scope.
template <typename ValueOfScope>
DictionaryColumn SpanRowGroup::per_scope(Key key, ValueOfScope value_of_scope) {
  const auto [column, is_new] = columns_.try_emplace(std::move(key));
  if (is_new) {
    DictionaryBuilder builder(column->second);
    absl::flat_hash_map<std::pair<const model::SpanBatch*, uint32_t>, uint32_t> codes;
    for (const SpanRef& ref : rows_) {
      const auto [code, is_new_scope] = codes.try_emplace({ref.batch, ref.span().scope}, 0);
      if (is_new_scope) {
        builder.add(value_of_scope(*ref.batch, ref.batch->scope_of(ref.span())));
        code->second = column->second.codes.back();
      } else {
        column->second.codes.push_back(code->second);
      }
    }
  }
  return column->second.view();
}

template <typename ValueOfEvent>
NestedColumn SpanRowGroup::per_event(Key key, ValueOfEvent value_of_event) {
  const auto [column, is_new] = nested_.try_emplace(std::move(key));
  if (is_new) {
    column->second.offsets = event_offsets_;
    DictionaryBuilder builder(column->second.values);
    for (const SpanRef& ref : rows_)
      for (const model::EventView& event : ref.batch->events_of(ref.span()))
        builder.add(value_of_event(ref, event));
  }
  return column->second.view();
}

template <typename ValueOfLink>
NestedColumn SpanRowGroup::per_link(Key key, ValueOfLink value_of_link) {
  const auto [column, is_new] = nested_.try_emplace(std::move(key));
  if (is_new) {
    column->second.offsets = link_offsets_;
    DictionaryBuilder builder(column->second.values);
    for (const SpanRef& ref : rows_)
      for (const model::LinkView& link : ref.batch->links_of(ref.span()))
        builder.add(value_of_link(ref, link));
  }
  return column->second.view();
}

model::ValueView SpanRowGroup::hex_value(std::string hex) {
  return model::ValueView::of_string(texts_.emplace_back(std::move(hex)));
}

DictionaryColumn SpanRowGroup::name() {
  return per_row({Column::kName, {}, {}},
                 [](const SpanRef& r) { return model::ValueView::of_string(r.span().name); });
}
DictionaryColumn SpanRowGroup::status_message() {
  return per_row({Column::kStatusMessage, {}, {}}, [](const SpanRef& r) {
    return model::ValueView::of_string(r.span().status_message);
  });
}
DictionaryColumn SpanRowGroup::scope_name() {
  return per_scope({Column::kScopeName, {}, {}},
                   [](const model::SpanBatch&, const model::ScopeView& scope) {
                     return model::ValueView::of_string(scope.name);
                   });
}
DictionaryColumn SpanRowGroup::scope_version() {
  return per_scope({Column::kScopeVersion, {}, {}},
                   [](const model::SpanBatch&, const model::ScopeView& scope) {
                     return model::ValueView::of_string(scope.version);
                   });
}
DictionaryColumn SpanRowGroup::service_name() {
  return attribute(AttributeScope::kResource, "service.name");
}

DictionaryColumn SpanRowGroup::attribute(AttributeScope scope, std::string_view key) {
  const Key column{Column::kAttribute, scope, std::string(key)};
  switch (scope) {
    case AttributeScope::kResource:
      return per_scope(column, [&](const model::SpanBatch& batch, const model::ScopeView& s) {
        return batch.find(batch.resources[s.resource].attributes, key);
      });
    case AttributeScope::kScope:
      return per_scope(column, [&](const model::SpanBatch& batch, const model::ScopeView& s) {
        return batch.find(s.attributes, key);
      });
    default:
      return per_row(column,
                     [&](const SpanRef& r) { return r.batch->find(r.span().attributes, key); });
  }
}

NestedColumn SpanRowGroup::event_name() {
  return per_event({Column::kEventName, {}, {}}, [](const SpanRef&, const model::EventView& event) {
    return model::ValueView::of_string(event.name);
  });
}
NestedColumn SpanRowGroup::event_time_since_start() {
  return per_event({Column::kEventTime, {}, {}}, [](const SpanRef& r,
                                                    const model::EventView& event) {
    return model::ValueView::of_int(static_cast<int64_t>(event.time.value - r.span().start.value));
  });
}
NestedColumn SpanRowGroup::link_trace_id() {
  return per_link({Column::kLinkTraceId, {}, {}},
                  [this](const SpanRef&, const model::LinkView& link) {
                    return hex_value(to_hex(link.trace_id));
                  });
}
NestedColumn SpanRowGroup::link_span_id() {
  return per_link({Column::kLinkSpanId, {}, {}},
                  [this](const SpanRef&, const model::LinkView& link) {
                    return hex_value(to_hex(link.span_id));
                  });
}
NestedColumn SpanRowGroup::nested_attribute(AttributeScope scope, std::string_view key) {
  const Key column{Column::kAttribute, scope, std::string(key)};
  if (scope == AttributeScope::kLink)
    return per_link(column, [&](const SpanRef& r, const model::LinkView& link) {
      return r.batch->find(link.attributes, key);
    });
  return per_event(column, [&](const SpanRef& r, const model::EventView& event) {
    return r.batch->find(event.attributes, key);
  });
}

}  // namespace sightline::tracestore
