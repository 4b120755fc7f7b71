#include "scrape/discovery.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "io/testing_directory.h"
#include "net/http_server.h"
#include "scrape/scraper.h"
#include "tsdb/tsdb.h"

namespace sightline::scrape {
namespace {

struct DiscoveryTest : testing::Test {
  void write(const std::string& name, std::string_view text) {
    std::ofstream(dir.path() + "/next", std::ios::binary) << text;  // a new inode each time
    std::filesystem::rename(dir.path() + "/next", dir.path() + "/" + name);
  }
  // Each target with its labels.
  static std::string text_of(const Discovery& discovery) {
    std::string all;
    for (const auto& group : discovery.groups())
      for (const auto& target : group.targets) {
        all += *target;
        for (const auto& [name, value] : group.labels)
          (((all += " ") += name) += "=") +=
              name == "__meta_filepath" ? std::filesystem::path(value).filename().string() : value;
        all += "\n";
      }
    return all;
  }

  const io::TestingDirectory dir;
  ManualClock clock{{1'000'000'000'000}};
  config::ScrapeConfig config{.job_name = {"j", {}},
                              .scrape_interval = std::chrono::seconds(15),
                              .scrape_timeout = std::chrono::seconds(10)};
};

TEST_F(DiscoveryTest, FilesAreReadWhenTheyChange) {
  config.static_configs.push_back({.targets = {{"fixed:1", {}}}});
  config.file_discoveries.push_back({.files = {{"t*.json", {}}, {"more.yml", {}}}});
  Discovery discovery(config, clock, {.directory = dir.path()});
  EXPECT_FALSE(discovery.poll());  // nothing there
  write("t1.json", R"([{"targets": ["a:1", "b:2"], "labels": {"env": "x"}}])");
  write("more.yml", "- targets: [c:3]\n");
  EXPECT_TRUE(discovery.poll());
  EXPECT_EQ(text_of(discovery),
            "fixed:1\nc:3 __meta_filepath=more.yml\na:1 __meta_filepath=t1.json env=x\n"
            "b:2 __meta_filepath=t1.json env=x\n");
  EXPECT_FALSE(discovery.poll());
  write("t1.json", R"([{"targets": ["a:1"]}])");
  EXPECT_TRUE(discovery.poll());
  write("t1.json", "[{targets: ");  // keeps what it said last
  EXPECT_FALSE(discovery.poll());
  write("t1.json", R"([{"targets": ["http://a:1/x"]}])");
  EXPECT_FALSE(discovery.poll());
  EXPECT_EQ(text_of(discovery),
            "fixed:1\nc:3 __meta_filepath=more.yml\na:1 __meta_filepath=t1.json\n");
  std::filesystem::remove(dir.path() + "/t1.json");
  EXPECT_TRUE(discovery.poll());
  EXPECT_EQ(text_of(discovery), "fixed:1\nc:3 __meta_filepath=more.yml\n");
}

TEST_F(DiscoveryTest, AnEndpointIsAskedAtItsInterval) {
  std::string answer = R"([{"targets": ["a:1"], "labels": {"env": "x"}}])";
  std::string type = "application/json; charset=utf-8";
  int status = 200, asked = 0;
  std::string authorization, interval;
  net::HttpRouter router;
  router.add("GET", "/targets", [&](net::HttpRequest& request) {
    ++asked;
    authorization = request.headers.get("Authorization");
    interval = request.headers.get("X-Prometheus-Refresh-Interval-Seconds");
    net::HttpResponse response;
    response.status = status;
    response.headers.set("Content-Type", type);
    response.body = answer;
    return response;
  });
  WorkPool pool({.thread_count = 1});
  Telemetry telemetry;
  const auto server = net::HttpServer::listen({}, router, pool, telemetry).value();
  write("secret", "s3cret\n");
  const std::string url = "http://" + server->local_address() + "/targets";
  config.http_discoveries.push_back(
      {.url = {url, {}}, .auth = {.type = "Bearer", .credentials_file = dir.path() + "/secret"}});
  Discovery discovery(config, clock, {});
  EXPECT_TRUE(discovery.poll());
  const std::string found = "a:1 __meta_url=" + url + " env=x\n";
  EXPECT_EQ(text_of(discovery), found);
  EXPECT_EQ(authorization, "Bearer s3cret");
  EXPECT_EQ(interval, "60");
  EXPECT_FALSE(discovery.poll());
  EXPECT_EQ(asked, 1);
  const auto again = [&] {
    clock.advance(std::chrono::minutes(1));
    return discovery.poll();
  };
  status = 500;
  EXPECT_FALSE(again());
  status = 200;
  type = "text/html";
  EXPECT_FALSE(again());
  type = "application/json";
  answer = "{}";
  EXPECT_FALSE(again());
  EXPECT_EQ(text_of(discovery), found);  // what it said last
  answer = "[]";
  EXPECT_TRUE(again());
  EXPECT_EQ(text_of(discovery), "");
  EXPECT_EQ(asked, 5);
  server->stop(std::chrono::seconds(1));
}

TEST_F(DiscoveryTest, RecordsOfNames) {
  std::map<std::string, std::vector<DnsRecord>> records = {
      {"SRV _m._tcp.example.", {{"one.example.", 9100}, {"two.example.", 9200}}},
      {"AAAA six.example", {{"2001:db8::1"}}},
      {"MX example", {{"mail.example."}}}};
  bool is_down = false;
  const DnsLookup dns = [&](const std::string& name,
                            std::string_view type) -> Result<std::vector<DnsRecord>> {
    if (is_down) return fail(Errc::kUnavailable, "no server answers");
    return records[std::string(type) + " " + name];
  };
  config.dns_discoveries = {{.names = {{"_m._tcp.example.", {}}}},
                            {.names = {{"six.example", {}}}, .type = "AAAA", .port = 80},
                            {.names = {{"example", {}}}, .type = "MX", .port = 25}};
  Discovery discovery(config, clock, {.dns = dns});
  EXPECT_TRUE(discovery.poll());
  const std::string found =
      "[2001:db8::1]:80 __meta_dns_name=six.example\n"
      "mail.example:25 __meta_dns_mx_record_target=mail.example. __meta_dns_name=example\n"
      "one.example:9100 __meta_dns_name=_m._tcp.example. __meta_dns_srv_record_port=9100 "
      "__meta_dns_srv_record_target=one.example.\n"
      "two.example:9200 __meta_dns_name=_m._tcp.example. __meta_dns_srv_record_port=9200 "
      "__meta_dns_srv_record_target=two.example.\n";
  EXPECT_EQ(text_of(discovery), found);
  is_down = true;
  clock.advance(std::chrono::seconds(31));
  EXPECT_FALSE(discovery.poll());
  EXPECT_EQ(text_of(discovery), found);
}

TEST(Dns, ReadsAServersAnswer) {
  using namespace std::string_view_literals;
  const std::string_view head = "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"sv;
  const std::string_view question = "\x02_m\x04_tcp\x01x\x00\x00\x21\x00\x01"sv;
  const std::string_view record =
      "\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x0c\x00\x01\x00\x02\x23\x8c\x03one\xc0\x14"sv;
  const std::string message = std::string(head) + std::string(question) + std::string(record);
  const auto found = parse_dns_answer(message, "SRV");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, (std::vector<DnsRecord>{{"one.x.", 9100}}));
  EXPECT_TRUE(parse_dns_answer(message, "MX")->empty());
  for (size_t size = 0; size < message.size(); ++size)
    EXPECT_FALSE(parse_dns_answer(message.substr(0, size), "SRV")) << size;
}

TEST(Dns, AddressesComeFromTheSystem) {
  const auto found = system_dns_lookup("localhost", "A");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, (std::vector<DnsRecord>{{"127.0.0.1"}}));
}

TEST_F(DiscoveryTest, TargetsComeAndGoWhileOthersGoOn) {
  net::HttpRouter router;
  router.add("GET", "/metrics", [&](net::HttpRequest&) {
    net::HttpResponse response;
    response.headers.set("Content-Type", "text/plain; version=0.0.4");
    response.body = "a 1\n";
    return response;
  });
  SystemClock system_clock;
  Telemetry telemetry;
  const auto fs = io::make_posix_file_system();
  const auto store =
      tsdb::Tsdb::open(*fs, system_clock, telemetry, {.directory = dir.path() + "/tsdb"}).value();
  config::PrometheusConfig all;
  all.file = dir.path() + "/prometheus.yml";
  config.file_discoveries.push_back({.files = {{"t.yml", {}}}});
  all.scrape_configs = {config};
  write("t.yml", "- targets: [a:1, b:1]\n");
  const auto scraper =
      Scraper::create(all, *store, system_clock, telemetry, [&](std::string_view, uint16_t) {
        return &router;
      }).value();
  scraper->start();
  const auto wait_for = [&](auto condition) {
    while (!condition()) std::this_thread::yield();
  };
  wait_for([&] { return scraper->targets().size() == 2; });
  const auto a = scraper->targets()[0], b = scraper->targets()[1];
  wait_for([&] { return b->health().health == Health::kUp; });
  write("t.yml", "- targets: [c:1, a:1]\n");
  wait_for([&] { return scraper->targets()[0]->url() == "http://c:1/metrics"; });
  EXPECT_EQ(scraper->targets()[1], a);  // the same as before
  const auto last_of = [&](const std::string& instance) {
    const auto querier = store->querier().value();
    const auto set =
        querier
            ->select(
                std::vector{
                    tsdb::Matcher::create(tsdb::MatchOp::kEqual, "__name__", "a").value(),
                    tsdb::Matcher::create(tsdb::MatchOp::kEqual, "instance", instance).value()},
                {})
            .value();
    if (set->size() == 0) return 0.0;
    tsdb::SampleColumns columns;
    EXPECT_TRUE(set->read(0, {}, columns));
    return columns.values.back();
  };
  wait_for([&] { return model::is_stale_marker(last_of("b:1")); });
  EXPECT_EQ(last_of("a:1"), 1);
  scraper->stop();
}

}  // namespace
}  // namespace sightline::scrape
