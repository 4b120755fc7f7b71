#include "io/faulty_object_store.h"

namespace sightline::io {

Status FaultyObjectStore::step_of_reading(std::string_view what) {
  return plan().count_reads ? step(what) : Status{};
}

Status FaultyObjectStore::put(const std::string& key, std::string_view bytes) {
  if (auto status = step("put " + key); !status) {
    if (plan().half_writes) (void)real_.put(key, bytes);
    return status;
  }
  return real_.put(key, bytes);
}

Status FaultyObjectStore::remove(const std::string& key) {
  if (auto status = step("remove " + key); !status) {
    if (plan().half_writes) (void)real_.remove(key);
    return status;
  }
  return real_.remove(key);
}

Result<std::string> FaultyObjectStore::get(const std::string& key) {
  if (auto status = step_of_reading("get " + key); !status)
    return std::unexpected(std::move(status).error());
  return real_.get(key);
}

Result<std::string> FaultyObjectStore::get_range(const std::string& key, ByteRange range) {
  if (auto status = step_of_reading("get_range " + key); !status)
    return std::unexpected(std::move(status).error());
  return real_.get_range(key, range);
}

Result<ObjectInfo> FaultyObjectStore::head(const std::string& key) {
  if (auto status = step_of_reading("head " + key); !status)
    return std::unexpected(std::move(status).error());
  return real_.head(key);
}

Result<std::vector<ObjectInfo>> FaultyObjectStore::list(const std::string& prefix) {
  if (auto status = step_of_reading("list " + prefix); !status)
    return std::unexpected(std::move(status).error());
  return real_.list(prefix);
}

}  // namespace sightline::io
