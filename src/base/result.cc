#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace sightline {

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument: return "invalid argument";
    case Errc::kNotFound: return "not found";
    case Errc::kAlreadyExists: return "already exists";
    case Errc::kOutOfRange: return "out of range";
    case Errc::kResourceExhausted: return "resource exhausted";
    case Errc::kUnavailable: return "unavailable";
    case Errc::kDeadlineExceeded: return "deadline exceeded";
    case Errc::kCancelled: return "cancelled";
    case Errc::kExecution: return "execution";
    case Errc::kUnsupported: return "unsupported";
    case Errc::kCorrupt: return "corrupt";
    case Errc::kIo: return "io";
    case Errc::kInternal: return "internal";
  }
  return "unknown";
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace sightline
