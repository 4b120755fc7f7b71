#pragma once
// An attribute value as the text of a label or a table cell, as the OpenTelemetry
// Collector writes it: strings as they are, numbers shortest, bytes in base64, arrays and
// maps as JSON (maps by sorted key, '<', '>' and '&' escaped). Empty gives "".
#include <string>

#include "model/span_batch.h"

namespace sightline::model {

// Values nested deeper than this are written as null; decoding drops them anyway.
inline constexpr int kValueTextDepthMax = 64;

std::string value_text(const ValueView& value);

// A double as a whole number, towards zero; what no int64 holds is the least one, as on the machines of the peers.
int64_t whole_of(double value);

}  // namespace sightline::model
