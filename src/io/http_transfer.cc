#include "io/http_transfer.h"

#include <curl/curl.h>

#include <cstring>

namespace sightline::io {
namespace {

// What the callbacks of one call share.
struct Exchange {
  const HttpCall* call = nullptr;
  HttpAnswer* answer = nullptr;
  size_t sent = 0;
  bool too_long = false;
  const std::atomic<bool>* interrupted = nullptr;
};

size_t receive(char* bytes, size_t, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.answer->body.size() + count > exchange.call->answer_bytes_max) {
    exchange.too_long = true;
    return 0;
  }
  exchange.answer->body.append(bytes, count);
  return count;
}

size_t send(char* to, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view rest = exchange.call->body.substr(exchange.sent);
  const size_t step = std::min(rest.size(), size * count);
  std::memcpy(to, rest.data(), step);
  exchange.sent += step;
  return step;
}

// libcurl begins anew where a kept connection turned out closed.
int rewind(void* context, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  static_cast<Exchange*>(context)->sent = static_cast<size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(context)->interrupted->load(std::memory_order_relaxed) ? 1 : 0;
}

long ssl_version(const std::string& version) {
  if (version == "1.0") return CURL_SSLVERSION_TLSv1_0;
  if (version == "1.1") return CURL_SSLVERSION_TLSv1_1;
  if (version == "1.2") return CURL_SSLVERSION_TLSv1_2;
  if (version == "1.3") return CURL_SSLVERSION_TLSv1_3;
  return CURL_SSLVERSION_DEFAULT;
}

void set_method(CURL* handle, const HttpCall& call, Exchange& exchange) {
  switch (call.method) {
    case HttpMethod::kGet: curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L); return;
    case HttpMethod::kHead: curl_easy_setopt(handle, CURLOPT_NOBODY, 1L); return;
    case HttpMethod::kDelete: curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "DELETE"); return;
    case HttpMethod::kPut:
      curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      curl_easy_setopt(handle, CURLOPT_READFUNCTION, send);
      curl_easy_setopt(handle, CURLOPT_READDATA, &exchange);
      curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, rewind);
      curl_easy_setopt(handle, CURLOPT_SEEKDATA, &exchange);
      return;
  }
}

Error transfer_error(CURLcode code, const char* text, const Exchange& exchange) {
  const std::string what = *text != '\0' ? text : curl_easy_strerror(code);
  if (exchange.too_long)
    return {Errc::kIo, "the answer is longer than " +
                           std::to_string(exchange.call->answer_bytes_max) + " bytes"};
  if (code == CURLE_ABORTED_BY_CALLBACK) return {Errc::kCancelled, "interrupted"};
  if (code == CURLE_OPERATION_TIMEDOUT) return {Errc::kDeadlineExceeded, what};
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM ||
      code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT ||
      code == CURLE_UNSUPPORTED_PROTOCOL)
    return {Errc::kIo, what};
  return {Errc::kUnavailable, what};
}

}  // namespace

HttpTransfers::HttpTransfers(HttpTransferOptions options) : options_(std::move(options)) {
  static std::once_flag once;  // libcurl asks for it before threads use it
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

HttpTransfers::~HttpTransfers() {
  for (CURL* handle : idle_) curl_easy_cleanup(handle);
}

CURL* HttpTransfers::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      CURL* handle = idle_.back();
      idle_.pop_back();
      return handle;
    }
  }
  return curl_easy_init();
}

void HttpTransfers::give_back(CURL* handle) {
  curl_easy_reset(handle);  // keeps its connections
  {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleConnectionsMax) {
      idle_.push_back(handle);
      return;
    }
  }
  curl_easy_cleanup(handle);
}

// With a server name of its own the URL names that, and the connection goes to the host all the same.
void HttpTransfers::set_tls(CURL* handle, const HttpCall& call,
                            std::vector<std::string>& connect_to) const {
  const HttpTls& tls = options_.tls;
  if (!tls.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.cert_file.empty()) curl_easy_setopt(handle, CURLOPT_SSLCERT, tls.cert_file.c_str());
  if (!tls.key_file.empty()) curl_easy_setopt(handle, CURLOPT_SSLKEY, tls.key_file.c_str());
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, ssl_version(tls.min_version));
  if (tls.skip_verify) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (tls.server_name.empty()) return;
  const size_t colon = call.host.rfind(':');
  const bool has_port =
      colon != std::string::npos && call.host.find(']', colon) == std::string::npos;
  connect_to.push_back(tls.server_name + "::" + call.host + (has_port ? "" : ":443"));
}

Result<HttpAnswer> HttpTransfers::perform(const HttpCall& call) {
  if (interrupted_) return fail(Errc::kCancelled, "interrupted");
  CURL* handle = take();
  if (handle == nullptr) return fail(Errc::kUnavailable, "no memory for a connection");
  HttpAnswer answer;
  Exchange exchange{&call, &answer, 0, false, &interrupted_};
  char text[CURL_ERROR_SIZE] = "";

  curl_slist* headers = curl_slist_append(nullptr, "Expect:");  // no waiting for "100 Continue"
  headers = curl_slist_append(headers, ("Host: " + call.host).c_str());
  for (const auto& [name, value] : call.headers)
    headers = curl_slist_append(headers, (name + ": " + value).c_str());
  std::vector<std::string> connect_to;
  set_tls(handle, call, connect_to);
  curl_slist* connections =
      connect_to.empty() ? nullptr : curl_slist_append(nullptr, connect_to.front().c_str());
  std::string url_host = call.host;
  if (connections != nullptr) {
    const size_t colon = call.host.rfind(':');
    url_host =
        options_.tls.server_name + (colon == std::string::npos ? "" : call.host.substr(colon));
  }
  curl_easy_setopt(handle, CURLOPT_URL, (call.scheme + "://" + url_host + call.target).c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(handle, CURLOPT_CONNECT_TO, connections);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, text);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT,
                   static_cast<long>(options_.bytes_per_second_min));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME,
                   static_cast<long>(options_.stall_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
  set_method(handle, call, exchange);

  const CURLcode code = curl_easy_perform(handle);
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t length = -1;
  curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  answer.content_length = length < 0 ? 0 : static_cast<uint64_t>(length);
  const Error error = code == CURLE_OK ? Error{} : transfer_error(code, text, exchange);
  give_back(handle);
  curl_slist_free_all(headers);
  curl_slist_free_all(connections);
  if (code != CURLE_OK) return std::unexpected(error);
  return answer;
}

}  // namespace sightline::io
