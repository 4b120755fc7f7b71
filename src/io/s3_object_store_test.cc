// Signing as AWS documents it, the documents of S3, and what becomes of failing requests.
#include "io/s3_object_store.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>

#include "io/s3_xml.h"

namespace sightline::io {
namespace {

// The examples of "Signature Calculations for the Authorization Header" in AWS' S3 API reference.
struct SigV4 : ::testing::Test {
  std::string authorization(const SignedRequest& request) const {
    for (const auto& [name, value] : sign(request, credentials, "us-east-1", when))
      if (name == "Authorization") return value;
    return {};
  }
  const S3Credentials credentials{"AKIAIOSFODNN7EXAMPLE",
                                  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
  const TimestampNs when{1369353600ull * 1'000'000'000};  // 2013-05-24T00:00:00Z
  const std::string host = "examplebucket.s3.amazonaws.com";
};

TEST_F(SigV4, SignsAGetOfARange) {
  EXPECT_EQ(authorization({"GET", host, "/test.txt", {}, {{"range", "bytes=0-9"}}, sha256_hex("")}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(SigV4, SignsAPutWithABodyAndAKeyThatIsEncoded) {
  EXPECT_EQ(authorization({"PUT",
                           host,
                           "/test$file.text",
                           {},
                           {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                           sha256_hex("Welcome to Amazon S3.")}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
            "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(SigV4, SignsAQuery) {
  const std::string signed_headers = "SignedHeaders=host;x-amz-content-sha256;x-amz-date,";
  const std::string begin =
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,";
  EXPECT_EQ(authorization({"GET", host, "/", {{"lifecycle", ""}}, {}, sha256_hex("")}),
            begin + signed_headers +
                "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(
      authorization({"GET", host, "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}, sha256_hex("")}),
      begin + signed_headers +
          "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_F(SigV4, ASessionTokenIsSentAndSigned) {
  const S3Credentials temporary{"A", "S", "the token"};
  const auto headers = sign({"GET", host, "/", {}, {}, sha256_hex("")}, temporary, "eu-1", when);
  EXPECT_EQ(std::count(headers.begin(), headers.end(),
                       std::pair<std::string, std::string>("x-amz-security-token", "the token")),
            1);
  EXPECT_NE(headers.back().second.find("x-amz-date;x-amz-security-token"), std::string::npos);
  EXPECT_NE(headers.back().second.find("/20130524/eu-1/s3/aws4_request"), std::string::npos);
}

TEST(S3Xml, ReadsLists) {
  const auto page = parse_object_list(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>a&amp;b=</NextContinuationToken><Contents><Key>p/1</Key><Size>0</"
      "Size>"
      "</Contents><Contents><ETag>&quot;e&quot;</ETag><Size>77</Size><Key>p/&#50;&#x33;</Key></"
      "Contents>"
      "</ListBucketResult>");
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[1].key, "p/23");
  EXPECT_EQ(page->objects[1].bytes, 77u);
  EXPECT_EQ(page->continuation, "a&b=");
  EXPECT_TRUE(parse_object_list("<ListBucketResult/>")->objects.empty());
  for (const char* broken :
       {"", "<html></html>", "<ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>1x</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size></Size></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"})
    EXPECT_FALSE(parse_object_list(broken)) << broken;
}

TEST(S3Xml, ReadsErrors) {
  const S3Error error =
      parse_s3_error("<Error><Code>NoSuchKey</Code><Message>&lt;gone&gt;</Message></Error>");
  EXPECT_EQ(error.code, "NoSuchKey");
  EXPECT_EQ(error.message, "<gone>");
  EXPECT_EQ(parse_s3_error("Bad Gateway").code, "");
}

// Answers connections one after the other with what it was given, "" by closing, and keeps what it was asked.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::deque<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{
        .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void run() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request;
      char buffer[4096];
      while (!is_whole(request)) {
        const ssize_t n = ::recv(connection, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        request.append(buffer, static_cast<size_t>(n));
      }
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(request);
        if (!answers_.empty()) {
          answer = answers_.front();
          answers_.pop_front();
        }
      }
      (void)!::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(connection);
    }
  }
  static bool is_whole(const std::string& request) {
    const size_t end = request.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const size_t length = request.find("Content-Length: ");
    const size_t body = length == std::string::npos ? 0 : std::stoul(request.substr(length + 16));
    return request.size() >= end + 4 + body;
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::deque<std::string> answers_;  // guarded by mutex_
  std::vector<std::string> asked_;   // guarded by mutex_
  std::thread thread_;
};

std::string answer(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

struct ScriptedS3 : ::testing::Test {
  void serve(std::deque<std::string> answers) {
    server = std::make_unique<ScriptedServer>(std::move(answers));
    S3Options options{.endpoint = server->endpoint(), .bucket = "b", .prefix = "pre/fix/"};
    options.insecure = true;
    options.credentials = {"A", "S", ""};
    options.attempts_max = 4;
    options.backoff_initial = std::chrono::milliseconds(1);
    options.backoff_max = std::chrono::milliseconds(2);
    auto made = make_s3_object_store(clock, telemetry, options);
    ASSERT_TRUE(made) << made.error().message;
    store = std::move(*made);
  }
  ManualClock clock{{1369353600ull * 1'000'000'000}};
  Telemetry telemetry;
  std::unique_ptr<ScriptedServer> server;
  std::unique_ptr<ObjectStore> store;
};

TEST_F(ScriptedS3, TriesAgainWhatMayPass) {
  serve({answer("503 Slow Down", "<Error><Code>SlowDown</Code></Error>"), "",
         answer("500 Internal", ""), answer("200 OK", "")});
  const auto put = store->put("a/b", "content");
  EXPECT_TRUE(put) << put.error().message;
  const auto asked = server->asked();
  ASSERT_EQ(asked.size(), 4u);
  for (const std::string& request : asked) {
    EXPECT_TRUE(request.starts_with("PUT /b/pre/fix/a/b HTTP/1.1\r\n")) << request;
    EXPECT_TRUE(request.ends_with("\r\n\r\ncontent")) << request;
  }
  EXPECT_EQ(telemetry.counter_total("sightline_object_store_retries_total"), 3u);
}

TEST_F(ScriptedS3, GivesUpAfterItsAttempts) {
  serve({answer("503 Slow Down", "<Error><Code>SlowDown</Code><Message>less</Message></Error>"),
         answer("503 Slow Down", ""), answer("503 Slow Down", ""),
         answer("503 Slow Down", "<Error><Code>SlowDown</Code><Message>less</Message></Error>")});
  const auto got = store->get("a");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kUnavailable);
  EXPECT_EQ(got.error().message, "s3://b/pre/fix/a: get, tried 4 times: HTTP 503 SlowDown: less");
  EXPECT_EQ(server->asked().size(), 4u);
}

TEST_F(ScriptedS3, DoesNotTryAgainWhatIsRefused) {
  serve({answer("403 Forbidden", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"),
         answer("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>"),
         answer("404 Not Found", "<Error><Code>NoSuchBucket</Code></Error>")});
  EXPECT_EQ(store->get("a").error().message, "s3://b/pre/fix/a: get: HTTP 403 AccessDenied: no");
  EXPECT_EQ(store->get("a").error().code, Errc::kNotFound);
  EXPECT_EQ(store->get("a").error().code, Errc::kIo);
  EXPECT_EQ(server->asked().size(), 3u);
}

TEST_F(ScriptedS3, AnAnswerThatIsNotWhatWasAskedForIsAnError) {
  serve({answer("200 OK", "the whole object"), answer("206 Partial Content", "abc"),
         answer("200 OK", "<html>login</html>"),
         answer("206 Partial Content", std::string(100'000, 'x'))});
  EXPECT_EQ(store->get_range("a", {0, 4}).error().code, Errc::kIo);
  EXPECT_EQ(store->get_range("a", {0, 4}).error().code, Errc::kOutOfRange);
  EXPECT_EQ(store->list("a").error().code, Errc::kCorrupt);
  EXPECT_EQ(store->get_range("a", {0, 4}).error().code, Errc::kIo);  // longer than it can be
}

TEST_F(ScriptedS3, InterruptingEndsTheWait) {
  serve({});  // every connection is closed without an answer
  std::thread later([&] { store->interrupt(); });
  for (;;) {
    const auto got = store->get("a");
    ASSERT_FALSE(got);
    if (got.error().code == Errc::kCancelled) break;
  }
  later.join();
}

TEST(S3Options, LackingOnesAreSaid) {
  SystemClock clock;
  Telemetry telemetry;
  const S3Options good{.endpoint = "h:1", .bucket = "b", .credentials = {"a", "s", ""}};
  EXPECT_TRUE(make_s3_object_store(clock, telemetry, good));
  for (int fault = 0; fault < 6; ++fault) {
    S3Options bad = good;
    if (fault == 0) bad.endpoint = "";
    if (fault == 1) bad.endpoint = "http://h";
    if (fault == 2) bad.bucket = "";
    if (fault == 3) bad.credentials.access_key = "";
    if (fault == 4) bad.credentials.secret_key = "";
    if (fault == 5) bad.prefix = "a b";
    const auto made = make_s3_object_store(clock, telemetry, bad);
    ASSERT_FALSE(made) << fault;
    EXPECT_EQ(made.error().code, Errc::kInvalidArgument);
  }
  EXPECT_EQ(usual_bucket_style("s3.eu-west-1.amazonaws.com", "b"), BucketStyle::kHost);
  EXPECT_EQ(usual_bucket_style("s3.eu-west-1.amazonaws.com:443", "a.b"), BucketStyle::kPath);
  EXPECT_EQ(usual_bucket_style("minio:9000", "b"), BucketStyle::kPath);
}

}  // namespace
}  // namespace sightline::io
