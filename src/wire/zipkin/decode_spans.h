#pragma once
// A Zipkin v2 JSON array of spans to a SpanBatch, as the collector's zipkin receiver translates it:
// the local endpoint's service is the resource, the remote endpoint and the tags are attributes, annotations are
// events, the tag `error` is the status; events with attributes and links are unpacked from the texts they come in.
//   Ownership  the batch owns its texts.
//   Rejected   a span whose ids are no hex of the right length, or zero; the others are kept.
//   Errors     kInvalidArgument: no JSON, or no array of objects; the text says which span and field.
//   Limits     ZipkinLimits.
//   Threads    pure function.
//   Source     Zipkin API v2, "Span"; opentelemetry-collector-contrib, pkg/translator/zipkin.
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "model/span_batch.h"

namespace sightline::wire::zipkin {

struct ZipkinLimits {
  size_t spans_max = 50'000;
  size_t tags_max = 1'024;  // of one span; further ones are dropped and counted on the span
  size_t annotations_max = 4'096;
};

struct DecodedZipkin {
  std::shared_ptr<const model::SpanBatch> batch;  // never null
  uint64_t rejected = 0;
};

// `parse_tags`: a tag that reads as a whole number, a number or a boolean becomes one.
Result<DecodedZipkin> decode_zipkin_spans(std::string_view json, bool parse_tags,
                                          const ZipkinLimits& limits = {});

}  // namespace sightline::wire::zipkin
