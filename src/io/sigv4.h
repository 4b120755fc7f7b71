#pragma once
// Signs a request to S3-compatible storage with AWS Signature Version 4.
//   Source   AWS, "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference; its examples are our tests.
//   Threads  pure functions.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace sightline::io {

struct S3Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // of temporary credentials; empty: none
};

struct SignedRequest {
  std::string method;
  std::string host;  // as the Host header will say it, with a port that is not the scheme's own
  std::string path;  // begins with "/", not encoded
  std::vector<std::pair<std::string, std::string>> query;  // not encoded
  std::vector<std::pair<std::string, std::string>>
      headers;                 // further ones to sign, names in lower case
  std::string payload_sha256;  // hex
};

// The headers to send besides those of the request: x-amz-date, x-amz-content-sha256, perhaps
// x-amz-security-token, and Authorization.
std::vector<std::pair<std::string, std::string>> sign(const SignedRequest& request,
                                                      const S3Credentials& credentials,
                                                      std::string_view region, TimestampNs now);

// Everything but letters, digits and "-_.~" as %XX; "/" stays when it divides a path.
enum class Slash { kKept, kEncoded };
std::string uri_encoded(std::string_view text, Slash slash);
// "a=1&b=2" sorted, as signed and as sent.
std::string canonical_query(std::vector<std::pair<std::string, std::string>> query);
std::string sha256_hex(std::string_view bytes);

}  // namespace sightline::io
