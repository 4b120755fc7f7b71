#pragma once
// Objects in a bucket of S3-compatible storage: Amazon's, MinIO, Ceph, Garage, versitygw and others.
//   Requests  signed with Signature Version 4 (sigv4.h), bodies included; whole objects in one request, ranges of them
//             when read. What failed on the way, and 408, 429 and 5xx, is tried again: after `backoff_initial`, twice
//             that and so on, at most `backoff_max`, each time between half of it and all.
//   Threads   any; every request has a connection of its own. Waiting ends with interrupt().
//   Lifetime  the clock and telemetry outlive it.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "base/time.h"
#include "io/http_transfer.h"
#include "io/object_store.h"
#include "io/sigv4.h"

namespace sightline::io {

// Where the bucket's name stands in a request.
enum class BucketStyle {
  kHost,  // https://bucket.endpoint/key
  kPath,  // https://endpoint/bucket/key
};

struct S3Options {
  std::string endpoint;  // host, perhaps with a port
  std::string bucket;
  std::string prefix;  // put before every key, with a "/" between; empty: none
  std::string region = "us-east-1";
  bool insecure = false;  // http instead of https
  BucketStyle style = BucketStyle::kPath;
  S3Credentials credentials;
  HttpTransferOptions transfer;
  uint32_t attempts_max = 6;
  std::chrono::milliseconds backoff_initial{100};
  std::chrono::milliseconds backoff_max{5'000};
};

// kInvalidArgument when the options lack something.
Result<std::unique_ptr<ObjectStore>> make_s3_object_store(Clock& clock, Telemetry& telemetry,
                                                          S3Options options);

// Amazon's own endpoints want the name in the host, unless TLS could not check it there; others know it in the path.
BucketStyle usual_bucket_style(std::string_view endpoint, std::string_view bucket);

}  // namespace sightline::io
