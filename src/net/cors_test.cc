#include "net/cors.h"

#include <gtest/gtest.h>

namespace sightline::net {
namespace {

HttpRequest request_from(std::string_view origin, std::string_view method = "",
                         std::string_view headers = "") {
  HttpRequest request{.method = "OPTIONS"};
  request.headers.set("Origin", std::string(origin));
  if (!method.empty()) request.headers.set("Access-Control-Request-Method", std::string(method));
  if (!headers.empty()) request.headers.set("Access-Control-Request-Headers", std::string(headers));
  return request;
}

TEST(CorsPolicy, AnswersPreflightOfAllowedOrigins) {
  const CorsPolicy policy({.allowed_origins = {"https://*.example.com"},
                           .allowed_headers = {"X-Tenant"},
                           .max_age_seconds = 60});
  auto allowed = request_from("https://app.example.com", "POST", "content-type, x-tenant");
  const auto answer = policy.preflight()(allowed);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers.get("Access-Control-Allow-Origin"), "https://app.example.com");
  EXPECT_EQ(answer.headers.get("Access-Control-Max-Age"), "60");
  for (auto refused : {request_from("https://example.org", "POST"),
                       request_from("https://app.example.com", "DELETE"),
                       request_from("https://app.example.com", "POST", "x-other"),
                       request_from("https://.com", "POST")})
    EXPECT_EQ(policy.preflight()(refused).headers.get("Access-Control-Allow-Origin"), "");
}

TEST(CorsPolicy, AddsHeadersToAnswers) {
  const CorsPolicy policy({.allowed_origins = {"*"}, .exposed_headers = {"X-Id"}});
  const auto handler = policy.wrap([](HttpRequest&) { return HttpResponse::text(200, "ok"); });
  auto from_page = request_from("http://a");
  const auto answer = handler(from_page);
  EXPECT_EQ(answer.headers.get("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(answer.headers.get("Access-Control-Expose-Headers"), "X-Id");
  HttpRequest plain{.method = "POST"};
  EXPECT_EQ(handler(plain).headers.get("Access-Control-Allow-Origin"), "");
}

}  // namespace
}  // namespace sightline::net
