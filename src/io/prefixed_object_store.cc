#include "io/object_store.h"

namespace sightline::io {
namespace {

class PrefixedObjectStore final : public ObjectStore {
 public:
  PrefixedObjectStore(std::shared_ptr<ObjectStore> whole, std::string prefix)
      : whole_(std::move(whole)), prefix_(std::move(prefix)) {}

  Status put(const std::string& key, std::string_view bytes) override {
    return whole_->put(prefix_ + key, bytes);
  }
  Result<std::string> get(const std::string& key) override { return whole_->get(prefix_ + key); }
  Result<std::string> get_range(const std::string& key, ByteRange range) override {
    return whole_->get_range(prefix_ + key, range);
  }
  Result<ObjectInfo> head(const std::string& key) override {
    auto info = whole_->head(prefix_ + key);
    if (info) info->key = key;
    return info;
  }
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override {
    auto objects = whole_->list(prefix_ + prefix);
    if (objects)
      for (ObjectInfo& object : *objects) object.key.erase(0, prefix_.size());
    return objects;
  }
  Status remove(const std::string& key) override { return whole_->remove(prefix_ + key); }
  std::string name() const override { return whole_->name() + prefix_; }
  void interrupt() override { whole_->interrupt(); }

 private:
  const std::shared_ptr<ObjectStore> whole_;
  const std::string prefix_;
};

}  // namespace

std::shared_ptr<ObjectStore> make_prefixed_object_store(std::shared_ptr<ObjectStore> whole,
                                                        std::string prefix) {
  return std::make_shared<PrefixedObjectStore>(std::move(whole), std::move(prefix));
}

}  // namespace sightline::io
