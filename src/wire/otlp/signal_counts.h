#pragma once
// How much a metrics or logs request holds, so that a service that does not store
// it can reject exactly that much by partial success.
//   Errors  kInvalidArgument with the byte offset of the fault.
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "wire/otlp/responses.h"

namespace sightline::wire::otlp {

Result<uint64_t> count_data_points(std::string_view request, Encoding encoding);
Result<uint64_t> count_log_records(std::string_view request, Encoding encoding);

}  // namespace sightline::wire::otlp
