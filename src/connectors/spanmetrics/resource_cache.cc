#include "connectors/spanmetrics/resource_cache.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "connectors/spanmetrics/label_names.h"
#include "model/value_text.h"

namespace sightline::connectors::spanmetrics {
namespace {

// Equal bytes mean equal attributes, whether the message is there or only its views.
std::string cache_key(const model::SpanBatch& batch, const model::ResourceView& resource) {
  if (!resource.encoded.empty()) return "m" + std::string(resource.encoded);
  std::string key = "v";
  for (const model::AttributeView& attribute : batch.of(resource.attributes)) {
    append_sized(key, attribute.key);
    key += static_cast<char>(attribute.value.kind);
    append_le(key, attribute.value.int_value);
    append_sized(key, attribute.value.bytes);
  }
  return key;
}

std::string text_of(const model::SpanBatch& batch, model::Run run, std::string_view key) {
  const model::ValueView* value = batch.find(run, key);
  return value == nullptr ? std::string() : model::value_text(*value);
}

}  // namespace

std::shared_ptr<const Resource> ResourceCache::find_or_make(const model::SpanBatch& batch,
                                                            const model::ResourceView& resource) {
  // The usual case looks up by the received bytes behind a one-letter prefix.
  std::string key = cache_key(batch, resource);
  const std::scoped_lock lock(mutex_);
  if (const auto found = by_bytes_.find(key); found != by_bytes_.end()) return found->second;
  if (by_bytes_.size() >= options_.resources_cached_max) by_bytes_.clear();
  if (groups_.size() >= options_.resources_cached_max) groups_.clear();
  auto made = make(batch, resource, next_id_++);
  by_bytes_.emplace(std::move(key), made);
  return made;
}

std::shared_ptr<const Resource> ResourceCache::make(const model::SpanBatch& batch,
                                                    const model::ResourceView& resource,
                                                    uint64_t id) {
  auto made = std::make_shared<Resource>();
  made->id = id;
  made->counted = batch.find(resource.attributes, "service.name") != nullptr;
  // As a dimension only a string is a name; as a job any value is its text.
  const model::ValueView* name = batch.find(resource.attributes, "service.name");
  if (name != nullptr && name->kind == model::ValueKind::kString) made->service_name = name->bytes;
  const std::string job_name = text_of(batch, resource.attributes, "service.name");
  made->instance = text_of(batch, resource.attributes, "service.instance.id");
  const std::string space = text_of(batch, resource.attributes, "service.namespace");
  made->job = space.empty() ? job_name : space + "/" + job_name;
  append_sized(made->target_key, made->job);
  append_sized(made->target_key, made->instance);
  if (options_.flushes_as_peer) made->target_key += cache_key(batch, resource);
  made->target_hash = xxh3(made->target_key);

  if (options_.keep_attributes)
    made->attributes =
        std::make_shared<const model::OwnedAttributes>(batch.of(resource.attributes));
  AttributeLabels others({"__name__", "job", "instance"});
  for (const model::AttributeView& attribute : batch.of(resource.attributes)) {
    if (attribute.key == "service.name" || attribute.key == "service.namespace" ||
        attribute.key == "service.instance.id")
      continue;
    others.add(attribute.key, model::value_text(attribute.value));
  }
  if (!made->job.empty() && !made->instance.empty()) {
    model::LabelsBuilder labels;
    others.build_into(labels);
    labels.set("job", made->job).set("instance", made->instance);
    made->target_info = labels.build();
  }
  for (size_t kind = 0; kind < kSeriesKinds; ++kind) {
    for (const Dimension& dimension : dimensions_[kind]) {
      const model::ValueView* value = batch.find(resource.attributes, dimension.name);
      made->fallbacks[kind].push_back(value != nullptr ? std::optional(model::value_text(*value))
                                                       : dimension.default_value);
    }
  }
  if (!options_.resource_key_attributes.empty()) join_group(batch, resource, *made);
  return made;
}

// The first resource of a group lends the others its job, instance and target_info.
void ResourceCache::join_group(const model::SpanBatch& batch, const model::ResourceView& resource,
                               Resource& made) {
  std::string key;
  for (const std::string& name : options_.resource_key_attributes) {
    const model::ValueView* value = batch.find(resource.attributes, name);
    key += value == nullptr ? '\0' : '\1';
    append_sized(key, value == nullptr ? std::string() : model::value_text(*value));
  }
  const Resource& first = groups_.try_emplace(std::move(key), made).first->second;
  made.job = first.job;
  made.instance = first.instance;
  made.target_key = first.target_key;
  made.target_hash = first.target_hash;
  made.target_info = first.target_info;
  made.attributes = first.attributes;
}

}  // namespace sightline::connectors::spanmetrics
