#pragma once
// The envelope around every answer of /api/v1, for data and for errors.
//   Source  spec: Prometheus HTTP API, Conventions.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "net/http.h"

namespace sightline::api::prometheus {

// More annotations of one kind than this are only counted.
inline constexpr size_t kAnnotationsMax = 10;
// An answer up to this size is made whole; a longer one is sent while it is made.
inline constexpr size_t kWholeAnswerBytesMax = 1u << 20;
inline constexpr std::string_view kTruncatedWarning = "results truncated due to limit";

struct Answer {
  std::string data;                       // JSON; empty: 204 without a body
  std::shared_ptr<net::BodySource> rest;  // of `data`, when it may be large; usually null
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
  std::string members;  // further members of the envelope, "key":value; usually none
};

net::HttpResponse to_response(Result<Answer> answer);

// A JSON list of `count` elements, each written when its turn comes. `append` keeps alive what it reads;
// an error breaks the answer off.
std::shared_ptr<net::BodySource> list_source(
    size_t count, std::function<Status(std::string& out, size_t index)> append);

// Pieces of JSON. As the peer does it, texts are written safe to stand in HTML (< as \u003c), labels are not.
void append_text(std::string& out, std::string_view text);          // with quotes
void make_html_safe(std::string& json, size_t begin);               // what stands from there on
void append_plain_text(std::string& out, std::string_view text);    // with quotes, as labels are
void append_labels(std::string& out, const model::Labels& labels);  // {"a":"b"}
// "key":"text", with a comma in front unless an object or array has just been opened.
void append_member(std::string& out, std::string_view key, std::string_view text);
void append_key(std::string& out, std::string_view key);  // the same up to the colon
void append_separator(std::string& out);                  // only that comma

template <typename Integer>
void append_integer_member(std::string& out, std::string_view key, Integer value) {
  append_key(out, key);
  out += std::to_string(value);
}

}  // namespace sightline::api::prometheus
