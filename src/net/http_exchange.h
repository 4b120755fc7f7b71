#pragma once
// What happens to one request between its last byte and its answer's first,
// without sockets: unpack the body, read the form, run the handler, pack the
// answer, write its head.
//   Threads  pure functions, on the thread that runs the handler.
#include <memory>
#include <string>

#include "net/compression.h"
#include "net/http.h"

namespace sightline::net {

// The wire form of a body that is still being made: compressed and cut into chunks as the
// answer's head announced. Threads: as BodySource.
class BodyStream {
 public:
  BodyStream(std::string first, std::shared_ptr<BodySource> source,
             std::unique_ptr<StreamCompressor> compressor, bool chunked)
      : pending_(std::move(first)),
        source_(std::move(source)),
        compressor_(std::move(compressor)),
        chunked_(chunked) {}
  BodySource::Next next(std::string& out);

 private:
  std::string pending_;  // plain, not yet handed out
  const std::shared_ptr<BodySource> source_;
  const std::unique_ptr<StreamCompressor> compressor_;  // null: sent as it is
  const bool chunked_;
};

struct HttpAnswer {
  int status = 200;
  std::string head;  // status line and headers, with the empty line
  std::string body;  // as sent; empty for HEAD
  bool keep_alive = false;
  std::shared_ptr<BodyStream> stream;  // instead of `body`; usually null
};

struct HttpAnswerOptions {
  bool keep_alive = false;
  bool http_1_0 = false;
  size_t compress_bytes_min = 1024;
};

// Undoes Content-Encoding and reads the query and a form body into `params`.
// kUnsupported, kResourceExhausted (over `body_bytes_max`) or kInvalidArgument.
Status unpack_request(HttpRequest& request, const RouteOptions& options);
// Unpacks, runs the matched handler (or answers 404 and 405) and packs the answer.
HttpAnswer answer_request(HttpRequest& request, const HttpRouter::Match& match,
                          const HttpAnswerOptions& options);
// Writes `response` out for `request`; a body is compressed when both sides gain.
HttpAnswer pack_answer(const HttpRequest& request, HttpResponse response,
                       const HttpAnswerOptions& options);

}  // namespace sightline::net
