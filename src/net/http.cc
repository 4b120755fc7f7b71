#include "net/http.h"

#include <algorithm>
#include <exception>

#include "base/log.h"

namespace sightline::net {
namespace {

constexpr size_t kParamsMax = 10'000;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? x + 32 : x) == (y >= 'A' && y <= 'Z' ? y + 32 : y);
  });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One name or value of a form; `offset` is where it begins, for the error.
Result<std::string> decode_form_text(std::string_view text, size_t offset) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] == '%') {
      const int high = text.size() - i > 2 ? hex_value(text[i + 1]) : -1;
      const int low = text.size() - i > 2 ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return fail(Errc::kInvalidArgument, "invalid percent escape \"", text.substr(i, 3),
                    "\" at offset ", offset + i);
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

enum class SegmentKind { kLiteral, kCapture, kRest };

SegmentKind kind_of(std::string_view segment) {
  if (segment.size() < 2 || segment.front() != '{' || segment.back() != '}')
    return SegmentKind::kLiteral;
  return segment.ends_with("...}") ? SegmentKind::kRest : SegmentKind::kCapture;
}

// Whether `pattern` fits the decoded `path` segments.
bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    const SegmentKind kind = kind_of(pattern[i]);
    if (kind == SegmentKind::kRest) return i < path.size();
    if (i >= path.size()) return false;
    if (kind == SegmentKind::kLiteral ? pattern[i] != path[i] : path[i].empty()) return false;
  }
  return pattern.size() == path.size();
}

// Literal before capture before rest, from the left.
bool more_specific(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::lexicographical_compare(a, b, {}, kind_of, kind_of);
}

bool has_rest(const std::vector<std::string>& pattern) {
  return !pattern.empty() && kind_of(pattern.back()) == SegmentKind::kRest;
}

std::vector<std::string> captures_of(const std::vector<std::string>& pattern,
                                     const std::vector<std::string>& path) {
  std::vector<std::string> captures;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const SegmentKind kind = kind_of(pattern[i]);
    if (kind == SegmentKind::kLiteral) continue;
    std::string text = path[i];
    if (kind == SegmentKind::kRest)
      for (size_t j = i + 1; j < path.size(); ++j) text.append("/").append(path[j]);
    captures.push_back(std::move(text));
  }
  return captures;
}

}  // namespace

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_,
                [&](const auto& field) { return equals_ignoring_case(field.first, name); });
  fields_.emplace_back(std::string(name), std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (equals_ignoring_case(key, name)) return value;
  return {};
}

Status Params::parse(std::string_view encoded) {
  size_t offset = 0;
  while (offset < encoded.size()) {
    const size_t end = std::min(encoded.find('&', offset), encoded.size());
    const std::string_view pair = encoded.substr(offset, end - offset);
    if (!pair.empty()) {
      if (fields_.size() >= kParamsMax)
        return fail(Errc::kInvalidArgument, "more than ", kParamsMax, " parameters, at offset ",
                    offset);
      const size_t equals = std::min(pair.find('='), pair.size());
      const size_t value_at = std::min(equals + 1, pair.size());
      auto name = decode_form_text(pair.substr(0, equals), offset);
      if (!name) return std::unexpected(std::move(name).error());
      auto value = decode_form_text(pair.substr(value_at), offset + value_at);
      if (!value) return std::unexpected(std::move(value).error());
      fields_.emplace_back(std::move(*name), std::move(*value));
    }
    offset = end + 1;
  }
  return {};
}

std::string_view Params::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (key == name) return value;
  return {};
}

bool Params::has(std::string_view name) const {
  return std::ranges::any_of(fields_, [&](const auto& field) { return field.first == name; });
}

std::vector<std::string_view> Params::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : fields_)
    if (key == name) values.push_back(value);
  return values;
}

std::string HttpResponse::take_whole_body() {
  std::string whole = std::move(body);
  while (rest && rest->next(whole) == BodySource::Next::kMore) {
  }
  rest.reset();
  return whole;
}

HttpResponse HttpResponse::text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::json(std::string body, int status) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

void HttpRouter::add(std::string_view methods, std::string_view pattern, HttpHandler handler,
                     RouteOptions options) {
  SL_ASSERT(pattern.starts_with('/'));
  Route route{.handler = std::move(handler), .options = options};
  for (const std::string_view method : split(methods, ',')) route.methods.emplace_back(method);
  for (const std::string_view segment : split(pattern.substr(1), '/'))
    route.segments.emplace_back(segment);
  routes_.push_back(std::move(route));
}

HttpRouter::Match HttpRouter::match(std::string_view method, std::string_view path) const {
  Match match;
  const Route* best = nullptr;       // fits path and method
  const Route* best_path = nullptr;  // fits the path
  std::vector<std::string> segments;
  if (path.starts_with('/')) {
    for (const std::string_view segment : split(path.substr(1), '/'))
      segments.push_back(percent_decode(segment));
    for (const Route& route : routes_) {
      if (!fits(route.segments, segments)) continue;
      if (best_path == nullptr || more_specific(route.segments, best_path->segments))
        best_path = &route;
      if (std::ranges::find(route.methods, method) == route.methods.end()) {
        for (const std::string& allowed : route.methods)
          if (!match.allow.contains(allowed))
            match.allow.append(match.allow.empty() ? "" : ", ").append(allowed);
      } else if (best == nullptr || more_specific(route.segments, best->segments)) {
        best = &route;
      }
    }
  }
  // A route for the rest of a path does not take what a fuller pattern names.
  if (best != nullptr && has_rest(best->segments) && !has_rest(best_path->segments)) best = nullptr;
  if (best != nullptr) {
    match.handler = &best->handler;
    match.options = best->options;
    match.captures = captures_of(best->segments, segments);
    match.status = 200;
    match.allow.clear();
  } else if (best_path != nullptr) {
    match.status = 405;
  } else if (fallback_) {
    match.handler = &fallback_;
    match.status = 200;
  }
  return match;
}

HttpResponse HttpRouter::dispatch(HttpRequest& request) const {
  Match found = match(request.method, request.path);
  if (found.handler == nullptr && found.status == 405) {
    HttpResponse response = HttpResponse::text(405, "Method Not Allowed\n");
    response.headers.set("Allow", std::move(found.allow));
    return response;
  }
  if (found.handler == nullptr) return HttpResponse::text(404, "404 page not found\n");
  request.captures = std::move(found.captures);
  try {
    return (*found.handler)(request);
  } catch (const std::exception& fault) {
    SL_LOG_ERROR("net: {} {} threw: {}", request.method, request.path, fault.what());
  } catch (...) {
    SL_LOG_ERROR("net: {} {} threw", request.method, request.path);
  }
  return HttpResponse::text(500, "internal error\n");
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && text.size() - i > 2 ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

}  // namespace sightline::net
