#pragma once
// The envelope around every answer of /api/v1, for data and for errors.
//   Source  spec: Prometheus HTTP API, Conventions.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "net/http.h"

namespace sightline::api::prometheus {

// More annotations of one kind than this are only counted.
inline constexpr size_t kAnnotationsMax = 10;
inline constexpr std::string_view kTruncatedWarning = "results truncated due to limit";

struct Answer {
  std::string data;                   // JSON; empty: 204 without a body
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

net::HttpResponse to_response(const Result<Answer>& answer);

// Pieces of JSON.
void append_string(std::string& out, std::string_view text);         // with quotes
void append_labels(std::string& out, const model::Labels& labels);   // {"a":"b"}
// "key":"text", with a comma in front unless an object or array has just been opened.
void append_member(std::string& out, std::string_view key, std::string_view text);
void append_key(std::string& out, std::string_view key);             // the same up to the colon
void append_separator(std::string& out);                             // only that comma

}  // namespace sightline::api::prometheus
