#pragma once
// Objects by key: what blocks are kept in when they do not lie in a directory of their own. A directory and
// S3-compatible storage answer alike.
//   Keys      relative, parts joined by "/", of letters, digits and "-_.": checked by put().
//   Atomicity an object is there whole or not at all, and put() replaces one at once. After put() everybody reads the new one.
//   Errors    name the store and the key. kNotFound: no such object. kUnavailable: away, over its rate or its disk full,
//             worth trying later; retries of its own are over then. kIo: the storage refused (rights, bucket). kOutOfRange:
//             more bytes asked for than there are. kInvalidArgument: a key or an object out of bounds. After a failure
//             of put() or remove() either may have happened.
//   Threads   any.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/file_system.h"

namespace sightline::io {

inline constexpr uint64_t kObjectBytesMax = 5ull << 30;  // what S3 takes in one request
inline constexpr size_t kObjectKeyBytesMax = 512;

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};
struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual Status put(const std::string& key, std::string_view bytes) = 0;
  virtual Result<std::string> get(const std::string& key) = 0;
  // Exactly those bytes.
  virtual Result<std::string> get_range(const std::string& key, ByteRange range) = 0;
  virtual Result<ObjectInfo> head(const std::string& key) = 0;
  // Every object whose key begins so, by key.
  virtual Result<std::vector<ObjectInfo>> list(const std::string& prefix) = 0;
  virtual Status remove(const std::string& key) = 0;  // one that is not there is removed already
  // What stands before its keys, for people: "s3://bucket/prefix/", "/a/directory/".
  virtual std::string name() const = 0;
  // Whoever waits for an answer or the next try, now or later, gets kCancelled soon.
  virtual void interrupt() {}
};

Status check_object_key(std::string_view key);

// Objects as files below `directory`, which need not be there yet; put() syncs. Files that end in ".tmp" are not objects.
//   Lifetime  `fs` outlives it.
std::unique_ptr<ObjectStore> make_local_object_store(FileSystem& fs, std::string directory);

// The objects of `whole` whose keys begin with `prefix`, by the rest of their keys. Interrupting it interrupts the whole.
std::shared_ptr<ObjectStore> make_prefixed_object_store(std::shared_ptr<ObjectStore> whole,
                                                        std::string prefix);

}  // namespace sightline::io
