#include "api/prometheus/answer.h"

#include <algorithm>

#include "base/text_codec.h"

namespace sightline::api::prometheus {
namespace {

struct ErrorClass {
  std::string_view type;
  int status;
};

ErrorClass class_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kOutOfRange:
    case Errc::kAlreadyExists: return {"bad_data", 400};
    case Errc::kNotFound: return {"not_found", 404};
    case Errc::kUnsupported: return {"not_acceptable", 406};
    case Errc::kExecution:
    case Errc::kResourceExhausted: return {"execution", 422};
    case Errc::kCancelled: return {"canceled", 499};
    case Errc::kDeadlineExceeded: return {"timeout", 503};
    case Errc::kUnavailable: return {"unavailable", 500};
    case Errc::kCorrupt:
    case Errc::kIo:
    case Errc::kInternal: break;
  }
  return {"internal", 500};
}

void append_annotations(std::string& out, std::string_view key, const std::vector<std::string>& texts,
                        std::string_view kind) {
  if (texts.empty()) return;
  append_key(out, key);
  out += '[';
  const size_t shown = std::min(texts.size(), kAnnotationsMax);
  for (size_t i = 0; i < shown; ++i) {
    append_separator(out);
    append_string(out, texts[i]);
  }
  if (shown < texts.size()) {
    append_separator(out);
    append_string(out, std::to_string(texts.size() - shown) + " more " + std::string(kind) + " annotations omitted");
  }
  out += ']';
}

net::HttpResponse error_response(const Error& error) {
  const ErrorClass fault = class_of(error.code);
  std::string body = R"({"status":"error")";
  append_member(body, "errorType", fault.type);
  append_member(body, "error", error.message);
  body += '}';
  return net::HttpResponse::json(std::move(body), fault.status);
}

}  // namespace

net::HttpResponse to_response(const Result<Answer>& answer) {
  if (!answer) return error_response(answer.error());
  if (answer->data.empty()) return net::HttpResponse{.status = 204};
  std::string body = R"({"status":"success","data":)";
  body.reserve(body.size() + answer->data.size() + 64);
  body += answer->data;
  append_annotations(body, "warnings", answer->warnings, "warning");
  append_annotations(body, "infos", answer->infos, "info");
  body += '}';
  return net::HttpResponse::json(std::move(body));
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

void append_separator(std::string& out) {
  if (!out.empty() && out.back() != '{' && out.back() != '[') out += ',';
}

void append_key(std::string& out, std::string_view key) {
  append_separator(out);
  append_string(out, key);
  out += ':';
}

void append_member(std::string& out, std::string_view key, std::string_view text) {
  append_key(out, key);
  append_string(out, text);
}

void append_labels(std::string& out, const model::Labels& labels) {
  out += '{';
  for (const model::LabelView label : labels) append_member(out, label.name, label.value);
  out += '}';
}

}  // namespace sightline::api::prometheus
