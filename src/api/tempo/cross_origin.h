#pragma once
// Which pages of other origins may read Tempo's API in a browser (CORS): those whose origin a regular expression matches
// as a whole, as for the Prometheus API.
//   Threads   immutable once made.
//   Source    Fetch standard, "CORS protocol".
#include <memory>
#include <string>

#include "net/http.h"

namespace re2 {
class RE2;
}

namespace sightline::api::tempo {

class CrossOrigin {
 public:
  // Empty, and what is no expression, allow nobody.
  explicit CrossOrigin(const std::string& origins);
  void add_headers(const net::HttpRequest& request, net::HttpResponse& response) const;

 private:
  std::shared_ptr<const re2::RE2> allowed_;  // null: nobody
};

}  // namespace sightline::api::tempo
