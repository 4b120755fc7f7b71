#pragma once
// Who may call a server: one header of the request is looked at before anything is done with it.
//   Errors    a caller that is not let in gets 401 with WWW-Authenticate, or UNAUTHENTICATED.
//   Threads   `accepts` is called from any thread.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sightline::net {

struct Authenticator {
  std::string header = "authorization";  // lower case
  std::string challenge = "Bearer";      // of WWW-Authenticate
  std::function<bool(std::string_view value)> accepts;
};

}  // namespace sightline::net
