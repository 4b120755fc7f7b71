#include "net/http_exchange.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <exception>

#include "base/log.h"
#include "net/compression.h"

namespace sightline::net {
namespace {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Status";
  }
}

bool is_compressible(std::string_view content_type) {
  const std::string type = lower_case(content_type.substr(0, content_type.find(';')));
  constexpr std::array kTypes{"application/json",       "application/openmetrics-text",
                              "application/javascript", "application/xml",
                              "application/protobuf",   "application/x-protobuf",
                              "application/x-ndjson",   "application/yaml",
                              "image/svg+xml",          "application/manifest+json"};
  return type.starts_with("text/") || std::ranges::find(kTypes, type) != kTypes.end();
}

// Names that the server writes itself.
bool is_own_header(std::string_view name) {
  const std::string lower = lower_case(name);
  return lower == "content-length" || lower == "transfer-encoding" || lower == "connection" ||
         lower == "date";
}

// A line break in a value would end the header: such bytes become spaces.
void append_header(std::string& head, std::string_view name, std::string_view value) {
  for (const char c : name)
    if (c > ' ' && c != ':' && c != 127) head.push_back(c);
  head.append(": ");
  for (const char c : value) head.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  head.append("\r\n");
}

std::string date_text() {
  const time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[40];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays[static_cast<size_t>(parts.tm_wday) % 7], parts.tm_mday % 100,
                kMonths[static_cast<size_t>(parts.tm_mon) % 12], (parts.tm_year + 1900) % 10000,
                parts.tm_hour % 100, parts.tm_min % 100, parts.tm_sec % 100);
  return text;
}

bool has_form_body(const HttpRequest& request) {
  if (request.method != "POST" && request.method != "PUT" && request.method != "PATCH")
    return false;
  const std::string_view type = request.headers.get("Content-Type");
  return lower_case(type.substr(0, type.find(';')))
      .starts_with("application/x-www-form-urlencoded");
}

int status_of(Errc code) {
  switch (code) {
    case Errc::kUnsupported: return 415;
    case Errc::kResourceExhausted: return 413;
    case Errc::kInvalidArgument: return 400;
    default: return 500;
  }
}

HttpResponse run_handler(HttpRequest& request, const HttpRouter::Match& match) {
  if (match.handler == nullptr && match.status == 405) {
    HttpResponse response = HttpResponse::text(405, "Method Not Allowed\n");
    response.headers.set("Allow", match.allow);
    return response;
  }
  if (match.handler == nullptr) return HttpResponse::text(404, "404 page not found\n");
  if (const Status unpacked = unpack_request(request, match.options); !unpacked)
    return HttpResponse::text(status_of(unpacked.error().code), unpacked.error().message + "\n");
  request.captures = match.captures;
  return (*match.handler)(request);
}

// Says that the answer depends on what the client can unpack, unless it says so already.
void vary_by_encoding(HttpResponse& response) {
  for (const auto& [name, value] : response.headers.fields())
    if (lower_case(name) == "vary" && lower_case(value).contains("accept-encoding")) return;
  response.headers.add("Vary", "Accept-Encoding");
}

// How a body that is still being made is to be compressed; says so in the headers.
Compression choose_stream_compression(const HttpRequest& request, HttpResponse& response) {
  const std::string_view type = response.headers.get("Content-Type");
  // Events are to arrive at once, not when a block of the compressor is full.
  if (!is_compressible(type) || type.starts_with("text/event-stream") ||
      !response.headers.get("Content-Encoding").empty())
    return Compression::kIdentity;
  vary_by_encoding(response);
  const Compression how = choose_compression(request.headers.get("Accept-Encoding"));
  if (how != Compression::kIdentity)
    response.headers.set("Content-Encoding", std::string(compression_name(how)));
  return how;
}

void compress_body(const HttpRequest& request, HttpResponse& response, size_t bytes_min) {
  if (response.body.size() < bytes_min || !response.headers.get("Content-Encoding").empty() ||
      response.status == 206 || !is_compressible(response.headers.get("Content-Type")))
    return;
  vary_by_encoding(response);
  const Compression how = choose_compression(request.headers.get("Accept-Encoding"));
  if (how == Compression::kIdentity) return;
  std::string packed = compress(how, response.body);
  if (packed.empty() || packed.size() >= response.body.size()) return;
  response.body = std::move(packed);
  response.headers.set("Content-Encoding", std::string(compression_name(how)));
}

}  // namespace

Status unpack_request(HttpRequest& request, const RouteOptions& options) {
  const std::string_view encoding = request.headers.get("Content-Encoding");
  if (options.content_encodings != nullptr &&
      std::ranges::find(*options.content_encodings, encoding) == options.content_encodings->end())
    return fail(Errc::kInvalidArgument, "unsupported Content-Encoding: ", encoding);
  if (!options.raw_body && !encoding.empty()) {
    const auto how = parse_compression(encoding);
    if (!how)
      return fail(Errc::kUnsupported, "Content-Encoding \"", encoding,
                  "\" is not supported; use gzip, deflate, zstd or snappy");
    if (*how != Compression::kIdentity) {
      auto plain = decompress(*how, request.body, options.body_bytes_max);
      if (!plain) return std::unexpected(std::move(plain).error());
      request.body = std::move(*plain);
    }
  }
  // The form first: where both name a parameter, the peers take the form's.
  if (!options.raw_body && has_form_body(request))
    if (const Status form = request.params.parse(request.body); !form)
      return in_context("form body", form.error());
  if (const Status query = request.params.parse(request.query); !query)
    return in_context("query string", query.error());
  return {};
}

BodySource::Next BodyStream::next(std::string& out) {
  BodySource::Next next = BodySource::Next::kMore;
  std::string plain = std::move(pending_);
  pending_.clear();
  if (plain.empty()) next = source_->next(plain);
  if (next == BodySource::Next::kBroken) return next;
  std::string packed;
  if (compressor_) {
    compressor_->add(plain, packed);
    if (next == BodySource::Next::kEnd) compressor_->finish(packed);
    plain = std::move(packed);
  }
  if (!chunked_) {
    out += plain;
    return next;
  }
  char size[20];
  // A chunk of length 0 would end the body (RFC 9112 section 7.1).
  if (!plain.empty()) {
    out.append(size,
               static_cast<size_t>(std::snprintf(size, sizeof size, "%zx\r\n", plain.size())));
    out.append(plain).append("\r\n");
  }
  if (next == BodySource::Next::kEnd) out.append("0\r\n\r\n");
  return next;
}

HttpAnswer answer_request(HttpRequest& request, const HttpRouter::Match& match,
                          const HttpAnswerOptions& options) {
  try {
    return pack_answer(request, run_handler(request, match), options);
  } catch (const std::exception& fault) {
    SL_LOG_ERROR("net: {} {} threw: {}", request.method, request.path, fault.what());
  } catch (...) {
    SL_LOG_ERROR("net: {} {} threw", request.method, request.path);
  }
  return pack_answer(request, HttpResponse::text(500, "internal error\n"), options);
}

HttpAnswer pack_answer(const HttpRequest& request, HttpResponse response,
                       const HttpAnswerOptions& options) {
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  const bool streamed = response.rest != nullptr && !bodiless;
  Compression how = Compression::kIdentity;
  if (streamed)
    how = choose_stream_compression(request, response);
  else if (!bodiless)
    compress_body(request, response, options.compress_bytes_min);
  HttpAnswer answer;
  answer.status = response.status;
  // HTTP/1.0 has no chunks: there the end of the connection is the end of the body.
  answer.keep_alive = options.keep_alive &&
                      lower_case(response.headers.get("Connection")) != "close" &&
                      !(streamed && options.http_1_0);
  std::string& head = answer.head;
  head.reserve(256);
  head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  head.append(reason_phrase(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers.fields())
    if (!is_own_header(name)) append_header(head, name, value);
  append_header(head, "Date", date_text());
  if (streamed && !options.http_1_0)
    append_header(head, "Transfer-Encoding", "chunked");
  else if (!bodiless && !streamed)
    append_header(head, "Content-Length", std::to_string(response.body.size()));
  if (!answer.keep_alive) append_header(head, "Connection", "close");
  if (answer.keep_alive && options.http_1_0) append_header(head, "Connection", "keep-alive");
  head.append("\r\n");
  if (bodiless || request.method == "HEAD") return answer;
  if (streamed)
    answer.stream = std::make_shared<BodyStream>(std::move(response.body), std::move(response.rest),
                                                 StreamCompressor::create(how), !options.http_1_0);
  else
    answer.body = std::move(response.body);
  return answer;
}

}  // namespace sightline::net
