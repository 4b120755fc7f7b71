#include "io/s3_object_store.h"

#include <algorithm>
#include <condition_variable>
#include <functional>

#include "base/random.h"
#include "io/s3_xml.h"

namespace sightline::io {
namespace {

constexpr uint64_t kErrorBytesMax = 64 << 10;
constexpr uint64_t kListBytesMax = 8 << 20;
constexpr uint64_t kSmallObjectBytesMax = 64 << 20;  // what get() takes whole
constexpr long kOk = 200, kNoContent = 204, kPartialContent = 206;

bool is_worth_another_try(Errc code) {
  return code == Errc::kUnavailable || code == Errc::kDeadlineExceeded;
}

class S3ObjectStore final : public ObjectStore {
 public:
  S3ObjectStore(Clock& clock, Telemetry& telemetry, S3Options options)
      : clock_(clock),
        options_(std::move(options)),
        transfers_(options_.transfer),
        random_(Random::entropy_seed()),
        telemetry_(telemetry),
        retries_(telemetry.counter("sightline_object_store_retries_total",
                                   "Requests to object storage that were tried again.")),
        bytes_sent_(telemetry.counter("sightline_object_store_sent_bytes_total",
                                      "Bytes of objects written to object storage.")),
        bytes_received_(telemetry.counter("sightline_object_store_received_bytes_total",
                                          "Bytes of objects read from object storage.")) {
    if (options_.style == BucketStyle::kHost) {
      host_ = options_.bucket + "." + options_.endpoint;
      root_ = "/";
    } else {
      host_ = options_.endpoint;
      root_ = "/" + options_.bucket + "/";
    }
    if (!options_.prefix.empty()) prefix_ = options_.prefix + "/";
  }

  Status put(const std::string& key, std::string_view bytes) override {
    if (auto checked = check_object_key(key); !checked) return checked;
    if (bytes.size() > kObjectBytesMax)
      return fail(Errc::kInvalidArgument, place_of(key), ": ", bytes.size(),
                  " bytes are more than one object may have");
    Request request{.method = HttpMethod::kPut, .key = key, .query = {}, .headers = {}};
    request.body = bytes;
    auto answer = ask("put", std::move(request));
    if (!answer) return std::unexpected(std::move(answer).error());
    bytes_sent_.add(bytes.size());
    return {};
  }

  Result<std::string> get(const std::string& key) override {
    Request request{.method = HttpMethod::kGet, .key = key, .query = {}, .headers = {}};
    request.answer_bytes_max = kSmallObjectBytesMax;
    auto answer = ask("get", std::move(request));
    if (!answer) return std::unexpected(std::move(answer).error());
    bytes_received_.add(answer->body.size());
    return std::move(answer->body);
  }

  Result<std::string> get_range(const std::string& key, ByteRange range) override {
    if (range.length == 0) return std::string();
    const uint64_t last = range.offset + range.length - 1;
    Request request{.method = HttpMethod::kGet, .key = key, .query = {}, .headers = {}};
    request.headers.emplace_back(
        "range", "bytes=" + std::to_string(range.offset) + "-" + std::to_string(last));
    request.answer_bytes_max = std::max(range.length, kErrorBytesMax);
    request.expected = kPartialContent;
    request.expected_bytes = range.length;
    auto answer = ask("get_range", std::move(request));
    if (!answer) return std::unexpected(std::move(answer).error());
    bytes_received_.add(answer->body.size());
    return std::move(answer->body);
  }

  Result<ObjectInfo> head(const std::string& key) override {
    auto answer =
        ask("head", {.method = HttpMethod::kHead, .key = key, .query = {}, .headers = {}});
    if (!answer) return std::unexpected(std::move(answer).error());
    return ObjectInfo{key, answer->content_length};
  }

  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override {
    std::vector<ObjectInfo> found;
    std::string continuation;
    do {
      Request request{.method = HttpMethod::kGet, .key = {}, .query = {}, .headers = {}};
      request.of_bucket = true;
      request.query = {{"list-type", "2"}, {"prefix", prefix_ + prefix}};
      if (!continuation.empty()) request.query.emplace_back("continuation-token", continuation);
      request.answer_bytes_max = kListBytesMax;
      const auto answer = ask("list", std::move(request));
      if (!answer) return std::unexpected(answer.error());
      auto page = parse_object_list(answer->body);
      if (!page) return in_context(place_of(prefix), std::move(page).error());
      for (ObjectInfo& info : page->objects) {
        if (!info.key.starts_with(prefix_))
          return fail(Errc::kIo, place_of(prefix), ": the list holds \"", info.key,
                      "\", which was not asked for");
        info.key.erase(0, prefix_.size());
        found.push_back(std::move(info));
      }
      if (page->continuation == continuation && !continuation.empty())
        return fail(Errc::kIo, place_of(prefix), ": the list does not end");
      continuation = std::move(page->continuation);
    } while (!continuation.empty());
    std::sort(found.begin(), found.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
    return found;
  }

  Status remove(const std::string& key) override {
    auto answer =
        ask("remove", {.method = HttpMethod::kDelete, .key = key, .query = {}, .headers = {}});
    if (!answer && answer.error().code != Errc::kNotFound)
      return std::unexpected(std::move(answer).error());
    return {};
  }

  std::string name() const override { return "s3://" + options_.bucket + "/" + prefix_; }

  void interrupt() override {
    transfers_.interrupt();
    {
      const std::lock_guard lock(mutex_);
      interrupted_ = true;
    }
    wake_.notify_all();
  }

 private:
  struct Request {
    HttpMethod method = HttpMethod::kGet;
    std::string key;
    bool of_bucket = false;  // about the bucket, not about `key`
    std::vector<std::pair<std::string, std::string>> query;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string_view body;
    uint64_t answer_bytes_max = kErrorBytesMax;
    long expected = kOk;
    uint64_t expected_bytes = 0;  // of the answer; 0: as many as come
  };

  std::string place_of(const std::string& key) const { return name() + key; }

  // Until it succeeds, is refused, or was tried often enough.
  Result<HttpAnswer> ask(std::string_view operation, const Request& request) {
    Counter& requests = counted("requests", operation);
    const std::string payload_hash = sha256_hex(request.body);
    for (uint32_t attempt = 1;; ++attempt) {
      requests.add();
      auto answer = ask_once(request, payload_hash);
      if (answer) return answer;
      if (answer.error().code != Errc::kNotFound) counted("errors", operation).add();
      const bool again =
          is_worth_another_try(answer.error().code) && attempt < options_.attempts_max;
      if (!again || !wait_before(attempt + 1)) {
        std::string where = place_of(request.key) + ": " + std::string(operation);
        if (attempt > 1) where += ", tried " + std::to_string(attempt) + " times";
        return in_context(where, std::move(answer).error());
      }
      retries_.add();
    }
  }

  Result<HttpAnswer> ask_once(const Request& request, const std::string& payload_hash) {
    SignedRequest to_sign{.method = method_name(request.method),
                          .host = host_,
                          .path = root_,
                          .query = request.query,
                          .headers = request.headers,
                          .payload_sha256 = payload_hash};
    if (!request.of_bucket) to_sign.path += prefix_ + request.key;
    HttpCall call{.method = request.method,
                  .scheme = options_.insecure ? "http" : "https",
                  .host = host_,
                  .target = uri_encoded(to_sign.path, Slash::kKept),
                  .headers = request.headers,
                  .body = request.body,
                  .answer_bytes_max = request.answer_bytes_max};
    if (!request.query.empty()) call.target += "?" + canonical_query(request.query);
    for (auto& header : sign(to_sign, options_.credentials, options_.region, clock_.now()))
      call.headers.push_back(std::move(header));
    auto answer = transfers_.perform(call);
    if (!answer) return answer;
    return judged(request, std::move(*answer));
  }

  static Result<HttpAnswer> judged(const Request& request, HttpAnswer answer) {
    const bool fits = request.expected_bytes == 0 || answer.body.size() == request.expected_bytes;
    if (answer.status == request.expected && fits) return answer;
    if (request.method == HttpMethod::kDelete && answer.status == kNoContent) return answer;
    if (answer.status == kPartialContent)
      return fail(Errc::kOutOfRange, request.expected_bytes, " bytes asked for, ",
                  answer.body.size(), " are there");
    // A server that knows no ranges sends everything.
    if (answer.status == kOk)
      return fail(Errc::kIo, "the server ignores ranges: ", answer.body.size(),
                  " bytes instead of ", request.expected_bytes);
    return refused(answer);
  }

  static std::unexpected<Error> refused(const HttpAnswer& answer) {
    const S3Error said = parse_s3_error(answer.body);
    const Errc code = answer.status == 404 && said.code != "NoSuchBucket" ? Errc::kNotFound
                      : answer.status == 416                              ? Errc::kOutOfRange
                      : answer.status == 408 || answer.status == 429 || answer.status >= 500
                          ? Errc::kUnavailable
                          : Errc::kIo;
    return fail(code, "HTTP ", answer.status, said.code.empty() ? "" : " " + said.code,
                said.message.empty() ? "" : ": " + said.message);
  }

  static std::string method_name(HttpMethod method) {
    switch (method) {
      case HttpMethod::kGet: return "GET";
      case HttpMethod::kHead: return "HEAD";
      case HttpMethod::kPut: return "PUT";
      case HttpMethod::kDelete: return "DELETE";
    }
    return {};
  }

  // False when interrupted.
  bool wait_before(uint32_t attempt) {
    auto backoff = options_.backoff_initial;
    for (uint32_t i = 2; i < attempt && backoff < options_.backoff_max; ++i) backoff *= 2;
    backoff = std::min(backoff, options_.backoff_max);
    std::unique_lock lock(mutex_);
    const auto jittered = backoff * (0.5 + random_.unit() / 2);
    return !wake_.wait_for(lock, jittered, [this] { return interrupted_; });
  }

  Counter& counted(std::string_view what, std::string_view operation) {
    return telemetry_.counter("sightline_object_store_" + std::string(what) + "_total",
                              what == "requests" ? "Requests sent to object storage, by operation."
                                                 : "Requests to object storage that failed.",
                              {{"operation", std::string(operation)}});
  }

  Clock& clock_;
  const S3Options options_;
  std::string host_, root_, prefix_;  // set by the constructor
  HttpTransfers transfers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool interrupted_ = false;  // guarded by mutex_
  Random random_;             // guarded by mutex_
  Telemetry& telemetry_;
  Counter& retries_;
  Counter& bytes_sent_;
  Counter& bytes_received_;
};

}  // namespace

BucketStyle usual_bucket_style(std::string_view endpoint, std::string_view bucket) {
  const std::string_view host = endpoint.substr(0, endpoint.find(':'));
  const bool amazon = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
  return amazon && bucket.find('.') == std::string_view::npos ? BucketStyle::kHost
                                                              : BucketStyle::kPath;
}

Result<std::unique_ptr<ObjectStore>> make_s3_object_store(Clock& clock, Telemetry& telemetry,
                                                          S3Options options) {
  if (options.endpoint.empty() || options.endpoint.find('/') != std::string::npos)
    return fail(Errc::kInvalidArgument, "s3: endpoint \"", options.endpoint,
                "\" is not a host, perhaps with a port");
  if (options.bucket.empty() || options.bucket.find('/') != std::string::npos)
    return fail(Errc::kInvalidArgument, "s3: \"", options.bucket, "\" is not the name of a bucket");
  if (options.credentials.access_key.empty() || options.credentials.secret_key.empty())
    return fail(Errc::kInvalidArgument, "s3: no access key and secret key");
  while (options.prefix.ends_with('/')) options.prefix.pop_back();
  if (!options.prefix.empty())
    if (auto checked = check_object_key(options.prefix); !checked)
      return in_context("s3: prefix", std::move(checked).error());
  return std::make_unique<S3ObjectStore>(clock, telemetry, std::move(options));
}

}  // namespace sightline::io
