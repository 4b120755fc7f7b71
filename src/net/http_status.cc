#include "net/http_status.h"

namespace sightline::net {

int http_status_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kOutOfRange:
    case Errc::kExecution: return 400;
    case Errc::kNotFound: return 404;
    case Errc::kResourceExhausted: return 429;
    case Errc::kCancelled: return 499;
    case Errc::kUnavailable: return 503;
    case Errc::kDeadlineExceeded: return 504;
    default: return 500;
  }
}

}  // namespace sightline::net
