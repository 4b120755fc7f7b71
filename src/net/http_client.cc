#include "net/http_client.h"

#include <curl/curl.h>

#include <charconv>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace sightline::net {
namespace {

constexpr int kCancellationPollMs = 50;
constexpr long kRedirectsMax = 10;
constexpr size_t kResponseHeaderBytesMax = 256u << 10;

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// One transfer at a time, with the connections it keeps.
struct Session {
  Session()
      : multi(curl_multi_init(), &curl_multi_cleanup), easy(curl_easy_init(), &curl_easy_cleanup) {}
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi;
  std::unique_ptr<CURL, void (*)(CURL*)> easy;
};

struct Transfer {
  HttpClientResponse response;
  size_t body_bytes_max = 0;
  size_t header_bytes = 0;
  bool too_large = false;
};

size_t on_body(char* bytes, size_t, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (count > transfer.body_bytes_max - transfer.response.body.size()) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(bytes, count);
  return count;
}

size_t on_header(char* bytes, size_t, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::string_view line(bytes, count);
  transfer.header_bytes += count;
  if (transfer.header_bytes > kResponseHeaderBytesMax) {
    transfer.too_large = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) transfer.response.headers = {};  // of the last answer only
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return count;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' '))
    value.remove_suffix(1);
  transfer.response.headers.add(std::string(line.substr(0, colon)), std::string(value));
  return count;
}

bool is_loopback_url(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), &curl_url_cleanup);
  char* text = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &text, 0) != CURLUE_OK)
    return false;
  const std::unique_ptr<char, void (*)(void*)> owner(text, &curl_free);
  const std::string_view host(text);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

Errc class_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return Errc::kInvalidArgument;
    case CURLE_OPERATION_TIMEDOUT: return Errc::kDeadlineExceeded;
    case CURLE_BAD_CONTENT_ENCODING: return Errc::kCorrupt;
    case CURLE_OUT_OF_MEMORY: return Errc::kResourceExhausted;
    default: return Errc::kUnavailable;
  }
}

using HeaderList = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

void add_line(HeaderList& list, const std::string& line) {
  curl_slist* const grown = curl_slist_append(list.get(), line.c_str());
  if (grown == nullptr) return;
  (void)list.release();
  list.reset(grown);
}

// A line break in a name or value would begin another header.
bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// Where a request goes when the certificate is to be that of another name: the URL names it, the connection goes to
// where the first URL led, and the Host header stays.
struct Address {
  std::string url;
  std::string host;  // empty: the URL's
  HeaderList connect_to{nullptr, &curl_slist_free_all};
};

Address address_of(const std::string& url, const std::string& server_name) {
  Address address{.url = url};
  if (server_name.empty() || !url.starts_with("https://")) return address;
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), &curl_url_cleanup);
  const auto part = [&](CURLUPart which, unsigned flags) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, flags) != CURLUE_OK) return std::string();
    const std::unique_ptr<char, void (*)(void*)> owner(text, &curl_free);
    return std::string(text);
  };
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return address;
  const std::string host = part(CURLUPART_HOST, 0);
  const std::string port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const std::string written_port = part(CURLUPART_PORT, 0);
  if (curl_url_set(parsed.get(), CURLUPART_HOST, server_name.c_str(), 0) != CURLUE_OK)
    return address;
  address.url = part(CURLUPART_URL, 0);
  address.host = written_port.empty() ? host : host + ":" + written_port;
  add_line(address.connect_to, server_name + ":" + port + ":" + host + ":" + port);
  return address;
}

HeaderList header_lines(const HttpClientRequest& request) {
  HeaderList list(nullptr, &curl_slist_free_all);
  for (const auto& [name, value] : request.headers.fields())
    if (is_one_line(name) && is_one_line(value))
      add_line(list, value.empty() ? name + ";" : name + ": " + value);
  if (request.compression != Compression::kIdentity)
    add_line(list, "Content-Encoding: " + std::string(compression_name(request.compression)));
  add_line(list, "Expect:");  // a round trip more for nothing: our bodies are small
  if (request.headers.get("Content-Type").empty()) add_line(list, "Content-Type:");
  return list;
}

// CURL_SSLVERSION_TLSv1_0 and what follows it; the bound above is the same number shifted.
long ssl_versions(const HttpClientOptions& options) {
  const auto number = [](std::string_view version, long unset) -> long {
    if (version == "1.0") return CURL_SSLVERSION_TLSv1_0;
    if (version == "1.1") return CURL_SSLVERSION_TLSv1_1;
    if (version == "1.2") return CURL_SSLVERSION_TLSv1_2;
    if (version == "1.3") return CURL_SSLVERSION_TLSv1_3;
    return unset;
  };
  return number(options.tls_version_min, CURL_SSLVERSION_TLSv1_2) |
         number(options.tls_version_max, CURL_SSLVERSION_DEFAULT) << 16;
}

void set_blob(CURL* easy, CURLoption option, const std::string& text) {
  if (text.empty()) return;
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
  curl_easy_setopt(easy, option, &blob);
}

void set_security(CURL* easy, const HttpClientOptions& options) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, ssl_versions(options));
  set_blob(easy, CURLOPT_CAINFO_BLOB, options.ca_pem);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, options.cert_pem);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, options.key_pem);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options.verify_peer ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options.verify_peer ? 2L : 0L);
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  // Who names roots trusts those alone: curl would look into the system's folder besides.
  if (!options.ca_file.empty() || !options.ca_pem.empty())
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  if (!options.cipher_list.empty())
    curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, options.cipher_list.c_str());
  if (!options.curve_list.empty())
    curl_easy_setopt(easy, CURLOPT_SSL_EC_CURVES, options.curve_list.c_str());
  if (!options.cert_file.empty())
    curl_easy_setopt(easy, CURLOPT_SSLCERT, options.cert_file.c_str());
  if (!options.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, options.key_file.c_str());
}

void set_request(CURL* easy, const HttpClientOptions& options, const HttpClientRequest& request,
                 const std::string& url, const std::string& body) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, options.follow_redirects ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kRedirectsMax);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, options.keep_connections ? 0L : 1L);
  // A caller that names its own Accept-Encoding still gets the body unpacked.
  const std::string accepted(request.headers.get("Accept-Encoding"));
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, accepted.empty() ? "gzip" : accepted.c_str());
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN,
                   static_cast<long>(options.idle_connection_max.count()));
  if (!options.proxy_url.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, options.proxy_url.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  } else if (is_loopback_url(request.url)) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  }
  // A 303 turns POST into GET only while curl knows the method as POST.
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (!body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  }
  if ((request.method != "GET" || !body.empty()) && request.method != "HEAD" &&
      request.method != "POST")
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

// Runs the transfer that is set up in `session`; nullopt when cancelled.
std::optional<CURLcode> run(Session& session, const Cancellation* cancellation) {
  curl_multi_add_handle(session.multi.get(), session.easy.get());
  std::optional<CURLcode> outcome;
  int running = 1;
  while (running > 0 && !(cancellation != nullptr && cancellation->cancelled())) {
    if (curl_multi_perform(session.multi.get(), &running) != CURLM_OK) break;
    if (running > 0)
      curl_multi_poll(session.multi.get(), nullptr, 0,
                      cancellation != nullptr ? kCancellationPollMs : 1000, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(session.multi.get(), &left))
    if (message->msg == CURLMSG_DONE) outcome = message->data.result;
  curl_multi_remove_handle(session.multi.get(), session.easy.get());
  return outcome;
}

}  // namespace

struct HttpClient::State {
  explicit State(HttpClientOptions given) : options(std::move(given)) {}

  std::unique_ptr<Session> borrow() {
    {
      const std::lock_guard lock(mutex);
      if (!kept.empty()) {
        auto session = std::move(kept.back());
        kept.pop_back();
        return session;
      }
    }
    start_curl();
    return std::make_unique<Session>();
  }
  void give_back(std::unique_ptr<Session> session) {
    curl_easy_reset(session->easy.get());  // keeps the connections
    const std::lock_guard lock(mutex);
    if (kept.size() < options.kept_max) kept.push_back(std::move(session));
  }

  const HttpClientOptions options;
  std::mutex mutex;
  std::vector<std::unique_ptr<Session>> kept;  // guarded by mutex; the last was used last
};

HttpClient::HttpClient(HttpClientOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

HttpClient::~HttpClient() = default;

Result<HttpClientResponse> HttpClient::send(const HttpClientRequest& request) {
  if (!is_one_line(request.url) || !is_one_line(request.method))
    return fail(Errc::kInvalidArgument, request.method, ": the URL or method holds a line break");
  auto session = state_->borrow();
  CURL* const easy = session->easy.get();
  if (easy == nullptr || !session->multi) return fail(Errc::kInternal, "curl did not start");

  const std::string packed =
      request.compression == Compression::kIdentity
          ? std::string()
          : compress(request.compression, request.body, request.compression_level);
  const Address address = address_of(request.url, state_->options.server_name);
  HeaderList headers = header_lines(request);
  if (!address.host.empty()) {
    add_line(headers, "Host: " + address.host);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, address.connect_to.get());
  }
  Transfer transfer{.body_bytes_max = request.response_bytes_max};
  char detail[CURL_ERROR_SIZE] = {};
  set_request(easy, state_->options, request, address.url, packed.empty() ? request.body : packed);
  set_security(easy, state_->options);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
  const std::optional<CURLcode> outcome = run(*session, request.cancellation.get());
  long status = 0;
  curl_off_t received = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
  if (outcome) state_->give_back(std::move(session));

  const std::string where = request.method + " " + request.url;
  if (!outcome && request.cancellation && request.cancellation->cancelled())
    return fail(Errc::kCancelled, where, ": cancelled");
  if (!outcome) return fail(Errc::kInternal, where, ": the transfer did not end");
  if (transfer.too_large)
    return fail(Errc::kResourceExhausted, where, ": answer is larger than ",
                request.response_bytes_max, " bytes");
  if (*outcome != CURLE_OK)
    return fail(class_of(*outcome), where, ": ",
                detail[0] != '\0' ? detail : curl_easy_strerror(*outcome));
  transfer.response.status = static_cast<int>(status);
  transfer.response.received_bytes = static_cast<size_t>(received);
  return std::move(transfer.response);
}

std::optional<std::chrono::seconds> retry_after_of(const HttpClientResponse& response) {
  const std::string_view text = response.headers.get("Retry-After");
  uint32_t seconds = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace sightline::net
