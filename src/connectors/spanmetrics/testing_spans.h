#pragma once
// Span batches made by hand for the tests of this folder.
//   Ownership  a builder owns every text it was given; finish() hands them to the batch.
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/span_batch.h"

namespace sightline::connectors::spanmetrics::testing {

using Attributes = std::vector<std::pair<std::string, model::ValueView>>;

inline model::ValueView text(std::string_view value) { return model::ValueView::of_string(value); }

struct SpanText {
  std::string name = "work";
  model::SpanKind kind = model::SpanKind::kServer;
  model::StatusCode status = model::StatusCode::kUnset;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  uint64_t id = 1;  // of the trace and the span
  Attributes attributes;
};

inline TraceId trace_id_of(uint64_t id) {
  TraceId out;
  for (size_t i = 0; i < 8; ++i) out.bytes[15 - i] = static_cast<uint8_t>(id >> (8 * i));
  return out;
}
inline SpanId span_id_of(uint64_t id) {
  SpanId out;
  for (size_t i = 0; i < 8; ++i) out.bytes[7 - i] = static_cast<uint8_t>(id >> (8 * i));
  return out;
}

class BatchBuilder {
 public:
  BatchBuilder& resource(const Attributes& attributes) {
    batch_.resources.push_back({.attributes = run_of(attributes)});
    batch_.scopes.push_back({.resource = static_cast<uint32_t>(batch_.resources.size() - 1)});
    return *this;
  }
  BatchBuilder& service(std::string_view name) { return resource({{"service.name", text(name)}}); }
  BatchBuilder& span(const SpanText& s) {
    model::SpanView view;
    view.trace_id = trace_id_of(s.id);
    view.span_id = span_id_of(s.id);
    view.scope = static_cast<uint32_t>(batch_.scopes.size() - 1);
    view.kind = s.kind;
    view.status = s.status;
    view.name = keep(s.name);
    view.start = {s.start_ns};
    view.end = {s.end_ns};
    view.attributes = run_of(s.attributes);
    batch_.spans.push_back(view);
    return *this;
  }
  model::SpanBatch finish() {
    batch_.owner = std::move(texts_);
    return std::move(batch_);
  }

 private:
  std::string_view keep(std::string_view value) { return texts_->emplace_back(value); }
  model::Run run_of(const Attributes& attributes) {
    const model::Run run{static_cast<uint32_t>(batch_.attributes.size()),
                         static_cast<uint32_t>(attributes.size())};
    for (const auto& [key, value] : attributes) {
      model::ValueView kept = value;
      kept.bytes = keep(value.bytes);
      batch_.attributes.push_back({keep(key), kept});
    }
    return run;
  }

  std::shared_ptr<std::deque<std::string>> texts_ = std::make_shared<std::deque<std::string>>();
  model::SpanBatch batch_;
};

}  // namespace sightline::connectors::spanmetrics::testing
