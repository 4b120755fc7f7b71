#pragma once
// The few documents that S3-compatible storage answers with. Not a general XML reader: it finds elements by name,
// wherever they are, and ignores all others.
//   Threads  pure functions.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/object_store.h"

namespace sightline::io {

struct ObjectListPage {
  std::vector<ObjectInfo> objects;
  std::string continuation;  // not empty: there are more
};
// ListBucketResult of ListObjectsV2. kCorrupt when it is none.
Result<ObjectListPage> parse_object_list(std::string_view xml);

struct S3Error {
  std::string code;     // "NoSuchKey"
  std::string message;  // for people
};
// Empty texts where the body says nothing.
S3Error parse_s3_error(std::string_view xml);

}  // namespace sightline::io
