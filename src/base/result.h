#pragma once
// Errors as values. Whatever the network, the disk or a query can cause is a
// Result<T>; an assertion (SL_ASSERT) means our own code is wrong.
//   Usage  return fail(Errc::kCorrupt, "chunk is ", n, " bytes, too short");
//          if (!r) return in_context("block 7", std::move(r).error());
#include <expected>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace sightline {

// The class of a fault decides what a server answers; the text is for people.
enum class Errc {
  kInvalidArgument,    // the caller's input is wrong: HTTP 400, never retried
  kNotFound,           // HTTP 404
  kAlreadyExists,      // duplicates
  kOutOfRange,         // out of order, too old, out of bounds
  kResourceExhausted,  // a limit or a full queue: HTTP 429, retryable
  kUnavailable,        // disk full, shutting down, peer away: HTTP 503, retryable
  kDeadlineExceeded,   // HTTP 503 or 504
  kCancelled,          // the client went away: HTTP 499
  kExecution,          // a query that parses but cannot be evaluated: HTTP 422
  kUnsupported,        // content type, encoding, method not understood: HTTP 415
  kCorrupt,            // stored or received bytes do not check
  kIo,                 // the operating system said no
  kInternal,           // our own fault
};

std::string_view errc_name(Errc code);

struct Error {
  Errc code = Errc::kInternal;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

template <typename... Parts>
std::unexpected<Error> fail(Errc code, const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return std::unexpected(Error{code, std::move(text).str()});
}

// Passes a fault on, saying where it happened: "<where>: <what>".
inline std::unexpected<Error> in_context(std::string_view where, Error error) {
  error.message.insert(0, ": ").insert(0, where);
  return std::unexpected(std::move(error));
}

// Ends the process: our own code broke its contract.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace sightline

#ifdef SIGHTLINE_ASSERTIONS
#define SL_ASSERT(expression) \
  ((expression) ? (void)0 : ::sightline::assertion_failed(#expression, __FILE__, __LINE__))
#else
#define SL_ASSERT(expression) ((void)sizeof(expression))
#endif
