#pragma once
// One accepted HTTP/1.1 connection. Inside net/ only: servers are made with http_server.h.
//   Threads   a connection lives on one event loop.
//   Lifetime  a connection keeps itself and its HttpServing alive until it closed.
#include <memory>
#include <string>

#include "net/http_serving.h"

namespace boost::asio {
class io_context;
}

namespace sightline::net {

// Takes over the connected, non-blocking `descriptor`.
void start_http_connection(boost::asio::io_context& loop, int descriptor, std::string remote,
                           std::shared_ptr<HttpServing> serving);

}  // namespace sightline::net
