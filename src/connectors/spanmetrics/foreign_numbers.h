#pragma once
// Kinds and statuses of a span that the specification does not know. Decoding takes them for "unspecified" and "unset";
// the span's own bytes still tell them apart, for who does as the peer does.
#include "base/protobuf_reader.h"
#include "model/span_batch.h"

namespace sightline::connectors::spanmetrics {

// Of fields sent twice the last one counts, as in decoding. False where the span has no bytes of its own.
inline bool has_foreign_kind(const model::SpanView& span) {
  uint64_t kind = 0;
  for (ProtobufReader r(span.encoded); r.next();) {
    if (r.tag() == protobuf_varint(6))
      kind = r.varint();
    else
      r.skip();
  }
  return kind > static_cast<uint64_t>(model::SpanKind::kConsumer);
}

inline bool has_foreign_status(const model::SpanView& span) {
  uint64_t code = 0;
  for (ProtobufReader r(span.encoded); r.next();) {
    if (r.tag() != protobuf_bytes(15)) {
      r.skip();
      continue;
    }
    code = 0;
    for (ProtobufReader status(r.bytes()); status.next();) {
      if (status.tag() == protobuf_varint(3))
        code = status.varint();
      else
        status.skip();
    }
  }
  return code > static_cast<uint64_t>(model::StatusCode::kError);
}

}  // namespace sightline::connectors::spanmetrics
