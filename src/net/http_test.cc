#include "net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_exchange.h"

namespace sightline::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HttpHandler answering(std::string text) {
  return [text = std::move(text)](HttpRequest& request) {
    std::string body = text;
    for (const std::string& capture : request.captures) body.append("|").append(capture);
    return HttpResponse::text(200, std::move(body));
  };
}

std::string body_of(const HttpRouter& router, std::string method, std::string path) {
  HttpRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  const HttpResponse response = router.dispatch(request);
  return std::to_string(response.status) + " " + response.body;
}

TEST(HeadersTest, NamesCompareWithoutCaseAndKeepTheirOrder) {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("accept", "b");
  EXPECT_EQ(headers.get("ACCEPT"), "a");
  headers.set("aCCEPT", "c");
  ASSERT_EQ(headers.fields().size(), 1u);
  EXPECT_EQ(headers.get("Accept"), "c");
  EXPECT_EQ(headers.get("Other"), "");
}

TEST(ParamsTest, DecodesPairsInOrder) {
  Params params;
  ASSERT_TRUE(params.parse("match[]=up&match%5B%5D=a%20b+c&&flag&x=1=2&empty="));
  EXPECT_THAT(params.all("match[]"), ElementsAre("up", "a b c"));
  EXPECT_TRUE(params.has("flag"));
  EXPECT_EQ(params.get("x"), "1=2");
  EXPECT_TRUE(params.has("empty"));
  EXPECT_FALSE(params.has("other"));
  EXPECT_EQ(params.fields().size(), 5u);
}

TEST(ParamsTest, MalformedEscapesNameTheirOffset) {
  for (const auto& [text, where] : std::vector<std::pair<std::string, std::string>>{
           {"a=%zz", "offset 2"}, {"a=1&b%2", "offset 5"}, {"a=1&b=xy%", "offset 8"}}) {
    Params params;
    const Status status = params.parse(text);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, Errc::kInvalidArgument);
    EXPECT_THAT(status.error().message, HasSubstr(where));
  }
}

TEST(ParamsTest, HasALimit) {
  std::string text;
  for (int i = 0; i < 10'001; ++i) text += "a&";
  Params params;
  EXPECT_FALSE(params.parse(text));
  EXPECT_EQ(params.fields().size(), 10'000u);
}

TEST(PercentTest, EncodesAndDecodes) {
  std::string every;
  for (int i = 0; i < 256; ++i) every.push_back(static_cast<char>(i));
  EXPECT_EQ(percent_decode(percent_encode(every)), every);
  EXPECT_EQ(percent_encode("a b/~"), "a%20b%2F~");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%4x%41%"), "%4xA%");
}

TEST(RouterTest, LiteralsWinOverCapturesAndCapturesOverTheRest) {
  HttpRouter router;
  router.add("GET", "/{path...}", answering("rest"));
  router.add("GET", "/api/{name}", answering("one"));
  router.add("GET,POST", "/api/query", answering("query"));
  router.add("GET", "/api/{name}/values", answering("values"));
  router.add("GET", "/", answering("root"));
  EXPECT_EQ(body_of(router, "GET", "/"), "200 root");
  EXPECT_EQ(body_of(router, "GET", "/api/query"), "200 query");
  EXPECT_EQ(body_of(router, "POST", "/api/query"), "200 query");
  EXPECT_EQ(body_of(router, "GET", "/api/a%2Fb"), "200 one|a/b");
  EXPECT_EQ(body_of(router, "GET", "/api/job/values"), "200 values|job");
  EXPECT_EQ(body_of(router, "GET", "/api//values"), "200 rest|api//values");
  EXPECT_EQ(body_of(router, "GET", "/static/a%20b.js"), "200 rest|static/a b.js");
  EXPECT_EQ(body_of(router, "DELETE", "/api/query"), "405 Method Not Allowed\n");
}

TEST(RouterTest, AKnownPathAllowsWhatItKnows) {
  HttpRouter router;
  router.add("GET,POST", "/api/query", answering("query"));
  router.add("DELETE", "/api/{name}", answering("one"));
  router.set_fallback(answering("fallback"));
  const HttpRouter::Match match = router.match("PUT", "/api/query");
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.status, 405);
  EXPECT_EQ(match.allow, "GET, POST, DELETE");
  EXPECT_EQ(body_of(router, "GET", "/nothing"), "200 fallback");
  EXPECT_EQ(body_of(HttpRouter(), "GET", "/nothing"), "404 404 page not found\n");
  EXPECT_EQ(body_of(HttpRouter(), "GET", "*"), "404 404 page not found\n");
}

TEST(RouterTest, AHandlerThatThrowsAnswers500) {
  HttpRouter router;
  router.add("GET", "/", [](HttpRequest&) -> HttpResponse { throw std::runtime_error("no"); });
  EXPECT_EQ(body_of(router, "GET", "/"), "500 internal error\n");
}

TEST(ExchangeTest, AnswersAreCompressedWhenBothSidesGain) {
  HttpRequest request;
  request.method = "GET";
  request.headers.add("Accept-Encoding", "gzip");
  const HttpAnswer large = pack_answer(request, HttpResponse::json(std::string(5000, 'x')), {});
  EXPECT_THAT(large.head, HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_THAT(large.head, HasSubstr("Vary: Accept-Encoding\r\n"));
  EXPECT_LT(large.body.size(), 200u);
  const HttpAnswer small = pack_answer(request, HttpResponse::json(std::string(100, 'x')), {});
  EXPECT_EQ(small.body.size(), 100u);
  HttpResponse image;
  image.headers.add("Content-Type", "image/png");
  image.body.assign(5000, 'x');
  EXPECT_EQ(pack_answer(request, image, {}).body.size(), 5000u);
}

TEST(ExchangeTest, AHeaderValueCannotEndTheHeader) {
  HttpResponse response = HttpResponse::text(200, "");
  response.headers.add("X-A", "1\r\nX-B: 2");
  EXPECT_THAT(pack_answer({}, response, {}).head, HasSubstr("X-A: 1  X-B: 2\r\n"));
}

}  // namespace
}  // namespace sightline::net
