#include "api/prometheus/answer.h"

#include <algorithm>
#include <utility>

#include "base/text_codec.h"

namespace sightline::api::prometheus {
namespace {

constexpr size_t kListPieceBytes = 256u << 10;
constexpr std::string_view kHead = R"({"status":"success","data":)";

// The rest of the data, then what closes the envelope.
class WithTail final : public net::BodySource {
 public:
  WithTail(std::shared_ptr<net::BodySource> data, std::string tail)
      : data_(std::move(data)), tail_(std::move(tail)) {}
  Next next(std::string& out) override {
    const Next next = data_->next(out);
    if (next == Next::kEnd) out += tail_;
    return next;
  }

 private:
  const std::shared_ptr<net::BodySource> data_;
  const std::string tail_;
};

class List final : public net::BodySource {
 public:
  List(size_t count, std::function<Status(std::string&, size_t)> append)
      : count_(count), append_(std::move(append)) {}
  Next next(std::string& out) override {
    const size_t begin = out.size();
    if (at_ == 0) out += '[';
    for (; at_ < count_ && out.size() - begin < kListPieceBytes; ++at_) {
      if (at_ > 0) out += ',';
      if (!append_(out, at_)) return Next::kBroken;
    }
    if (at_ < count_) return Next::kMore;
    out += ']';
    return Next::kEnd;
  }

 private:
  const size_t count_;
  const std::function<Status(std::string&, size_t)> append_;
  size_t at_ = 0;
};

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

void append_annotations(std::string& out, std::string_view key,
                        const std::vector<std::string>& texts, std::string_view kind) {
  if (texts.empty()) return;
  out += ',';
  append_text(out, key);
  out += ":[";
  const size_t shown = std::min(texts.size(), kAnnotationsMax);
  for (size_t i = 0; i < shown; ++i) {
    append_separator(out);
    append_text(out, texts[i]);
  }
  if (shown < texts.size()) {
    append_separator(out);
    append_text(out, std::to_string(texts.size() - shown) + " more " + std::string(kind) +
                         " annotations omitted");
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

net::HttpResponse to_response(Result<Answer> answer) {
  if (!answer) return error_response(answer.error());
  if (answer->data.empty() && !answer->rest) return net::HttpResponse{.status = 204};
  std::string tail;
  if (!answer->members.empty())
    tail = (answer->members.starts_with(',') ? "" : ",") + answer->members;
  append_annotations(tail, "warnings", answer->warnings, "warning");
  append_annotations(tail, "infos", answer->infos, "info");
  tail += '}';
  std::string body(kHead);
  if (!answer->rest) body.reserve(body.size() + answer->data.size() + tail.size());
  body += answer->data;
  auto next = answer->rest ? net::BodySource::Next::kMore : net::BodySource::Next::kEnd;
  while (next == net::BodySource::Next::kMore && body.size() < kWholeAnswerBytesMax)
    next = answer->rest->next(body);
  if (next == net::BodySource::Next::kBroken)
    return error_response({Errc::kInternal, "the answer could not be made"});
  if (next == net::BodySource::Next::kEnd) body += tail;
  auto response = net::HttpResponse::json(std::move(body));
  if (next != net::BodySource::Next::kEnd)
    response.rest = std::make_shared<WithTail>(std::move(answer->rest), std::move(tail));
  return response;
}

std::shared_ptr<net::BodySource> list_source(
    size_t count, std::function<Status(std::string& out, size_t index)> append) {
  return std::make_shared<List>(count, std::move(append));
}

void append_plain_text(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

void append_text(std::string& out, std::string_view text) {
  const size_t begin = out.size();
  append_plain_text(out, text);
  make_html_safe(out, begin);
}

void make_html_safe(std::string& out, size_t begin) {
  if (out.find_first_of("<>&\xe2", begin) == std::string::npos) return;
  std::string safe;
  for (size_t i = begin; i < out.size(); ++i) {
    const std::string_view line_separator = std::string_view(out).substr(i, 3);
    if (out[i] == '<')
      safe += "\\u003c";
    else if (out[i] == '>')
      safe += "\\u003e";
    else if (out[i] == '&')
      safe += "\\u0026";
    else if (line_separator == "\xe2\x80\xa8")
      safe += "\\u2028", i += 2;
    else if (line_separator == "\xe2\x80\xa9")
      safe += "\\u2029", i += 2;
    else
      safe += out[i];
  }
  out.replace(begin, std::string::npos, safe);
}

void append_separator(std::string& out) {
  if (!out.empty() && out.back() != '{' && out.back() != '[') out += ',';
}

void append_key(std::string& out, std::string_view key) {
  append_separator(out);
  append_text(out, key);
  out += ':';
}

void append_member(std::string& out, std::string_view key, std::string_view text) {
  append_key(out, key);
  append_text(out, text);
}

void append_labels(std::string& out, const model::Labels& labels) {
  out += '{';
  bool first = true;
  for (const model::LabelView label : labels) {
    if (!std::exchange(first, false)) out += ',';
    append_plain_text(out, label.name);
    out += ':';
    append_plain_text(out, label.value);
  }
  out += '}';
}

}  // namespace sightline::api::prometheus
