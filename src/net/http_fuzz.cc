// Parameters, percent escapes and routing of foreign text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/http.h"
#include "net/http_exchange.h"

namespace {

using sightline::net::HttpRequest;
using sightline::net::HttpResponse;
using sightline::net::HttpRouter;

HttpRouter make_router() {
  HttpRouter router;
  const auto answer = [](HttpRequest& request) {
    return HttpResponse::text(200, request.captures.empty() ? "" : request.captures.back());
  };
  router.add("GET,POST", "/api/v1/query", answer);
  router.add("GET", "/api/v1/label/{name}/values", answer);
  router.add("GET", "/static/{path...}", answer);
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const HttpRouter router = make_router();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t question = std::min(text.find('?'), text.size());
  HttpRequest request;
  request.method = "POST";
  request.path = text.substr(0, question);
  request.query = text.substr(std::min(question + 1, text.size()));
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.body = request.query;
  const auto match = router.match(size % 2 == 0 ? "GET" : "POST", request.path);
  sightline::net::answer_request(request, match, {});
  if (sightline::net::percent_decode(sightline::net::percent_encode(text)) != text) std::abort();
  return 0;
}
