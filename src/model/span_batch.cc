#include "model/span_batch.h"

namespace sightline::model {

bool operator==(const ValueView& a, const ValueView& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case ValueKind::kEmpty: return true;
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kDouble: return a.int_value == b.int_value;  // a double compares by its bits
    default: return a.bytes == b.bytes;
  }
}

std::string_view span_kind_name(SpanKind kind) {
  switch (kind) {
    case SpanKind::kUnspecified: return "SPAN_KIND_UNSPECIFIED";
    case SpanKind::kInternal: return "SPAN_KIND_INTERNAL";
    case SpanKind::kServer: return "SPAN_KIND_SERVER";
    case SpanKind::kClient: return "SPAN_KIND_CLIENT";
    case SpanKind::kProducer: return "SPAN_KIND_PRODUCER";
    case SpanKind::kConsumer: return "SPAN_KIND_CONSUMER";
  }
  return "SPAN_KIND_UNSPECIFIED";
}

std::string_view status_code_name(StatusCode code) {
  switch (code) {
    case StatusCode::kUnset: return "STATUS_CODE_UNSET";
    case StatusCode::kOk: return "STATUS_CODE_OK";
    case StatusCode::kError: return "STATUS_CODE_ERROR";
  }
  return "STATUS_CODE_UNSET";
}

const ValueView* SpanBatch::find(Run run, std::string_view key) const {
  for (const AttributeView& attribute : of(run))
    if (attribute.key == key) return &attribute.value;
  return nullptr;
}

std::string_view SpanBatch::service_name(const SpanView& s) const {
  const ValueView* value = find(resource_of(s).attributes, "service.name");
  return value != nullptr && value->kind == ValueKind::kString ? value->bytes : std::string_view();
}

}  // namespace sightline::model
