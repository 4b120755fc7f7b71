#include "api/ui/ui_routes.h"

#include <gtest/gtest.h>

#include "net/compression.h"

namespace sightline::api::ui {
namespace {

std::shared_ptr<const UiContent> content() {
  auto made = std::make_shared<UiContent>();
  made->data_sources.push_back({"prom", "Metrics", "prometheus", "http://localhost:9090", true,
                                R"({"timeInterval":"15s"})"});
  made->dashboards.push_back(
      {"d1", "One \"quoted\"", {"a", "b"}, "", "one.json", R"({"title":"One"})"});
  return made;
}

net::HttpRequest get(std::string path) { return {.method = "GET", .path = std::move(path)}; }

TEST(UiRoutes, ListsWhatIsProvisioned) {
  net::HttpRouter router;
  add_ui_routes(router, content(), nullptr);
  auto request = get("/api/ui/dashboards");
  EXPECT_EQ(router.dispatch(request).body,
            R"([{"uid":"d1","title":"One \"quoted\"","tags":["a","b"],"folder":""}])");
  request = get("/api/ui/dashboards/d1");
  EXPECT_EQ(router.dispatch(request).body, R"({"path":"one.json","dashboard":{"title":"One"}})");
  request = get("/api/ui/dashboards/none");
  EXPECT_EQ(router.dispatch(request).status, 404);
  request = get("/api/ui/datasources");
  EXPECT_EQ(
      router.dispatch(request).body,
      R"([{"uid":"prom","name":"Metrics","type":"prometheus","url":"http://localhost:9090","isDefault":true,"jsonData":{"timeInterval":"15s"}}])");
}

TEST(UiRoutes, ForwardsTheRestOfThePathUntouched) {
  net::HttpRouter router;
  std::string seen;
  add_ui_routes(router, content(), [&](const DataSource& source, net::HttpRequest& request) {
    seen = source.uid + " " + request.path + "?" + request.query;
    return net::HttpResponse::json("{}");
  });
  net::HttpRequest request = get("/api/datasources/proxy/uid/prom/api/v2/search/tag/a%2Fb/values");
  request.query = "q=1";
  EXPECT_EQ(router.dispatch(request).status, 200);
  EXPECT_EQ(seen, "prom /api/v2/search/tag/a%2Fb/values?q=1");
  request = get("/api/datasources/proxy/uid/other/api");
  EXPECT_EQ(router.dispatch(request).status, 404);
}

TEST(Pages, ServeFilesAndFallBackToTheIndex) {
  const std::string index = net::compress(net::Compression::kGzip, "<html>");
  const std::string script = net::compress(net::Compression::kGzip, "js");
  const std::vector<EmbeddedFile> files = {
      {"/index.html", "text/html; charset=utf-8", "\"1\"", index},
      {"/assets/a.js", "text/javascript", "\"2\"", script}};
  net::HttpRouter router;
  add_pages(router, files);
  auto request = get("/trace/abc");
  EXPECT_EQ(router.dispatch(request).body, "<html>");
  request = get("/assets/a.js");
  request.headers.add("Accept-Encoding", "gzip");
  auto response = router.dispatch(request);
  EXPECT_EQ(response.body, script);
  EXPECT_EQ(response.headers.get("Content-Encoding"), "gzip");
  request.headers.add("If-None-Match", "\"2\"");
  EXPECT_EQ(router.dispatch(request).status, 304);
  request = get("/assets/missing.js");
  EXPECT_EQ(router.dispatch(request).status, 404);
  request = get("/api/unknown");
  EXPECT_EQ(router.dispatch(request).status, 404);
}

}  // namespace
}  // namespace sightline::api::ui
