#include <algorithm>

#include "io/object_store.h"

namespace sightline::io {
namespace {

constexpr std::string_view kUnfinished = ".tmp";

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '/';
}

class LocalObjectStore final : public ObjectStore {
 public:
  LocalObjectStore(FileSystem& fs, std::string directory)
      : fs_(fs), directory_(std::move(directory)) {}

  Status put(const std::string& key, std::string_view bytes) override {
    if (auto checked = check_object_key(key); !checked) return checked;
    const std::string path = path_of(key);
    if (auto made = fs_.create_directories(path.substr(0, path.rfind('/'))); !made) return made;
    return write_file_atomically(fs_, path, bytes);
  }

  Result<std::string> get(const std::string& key) override { return fs_.read_all(path_of(key)); }

  Result<std::string> get_range(const std::string& key, ByteRange range) override {
    const auto file = fs_.open_read(path_of(key));
    if (!file) return std::unexpected(file.error());
    const std::string_view bytes = (*file)->bytes();
    if (range.offset > bytes.size() || range.length > bytes.size() - range.offset)
      return fail(Errc::kOutOfRange, path_of(key), ": ", range.length, " bytes from ", range.offset,
                  " asked for, it has ", bytes.size());
    return std::string(bytes.substr(range.offset, range.length));
  }

  Result<ObjectInfo> head(const std::string& key) override {
    const auto file = fs_.open_read(path_of(key));
    if (!file) return std::unexpected(file.error());
    return ObjectInfo{key, (*file)->bytes().size()};
  }

  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override {
    std::vector<ObjectInfo> found;
    if (!fs_.exists(directory_)) return found;
    // Only folders that the prefix can lie in are walked.
    const size_t slash = prefix.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : prefix.substr(0, slash + 1);
    if (!fs_.exists(directory_ + "/" + folder)) return found;
    if (auto walked = walk(folder, prefix, found); !walked)
      return std::unexpected(std::move(walked).error());
    std::sort(found.begin(), found.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
    return found;
  }

  Status remove(const std::string& key) override {
    if (auto status = fs_.remove(path_of(key)); !status && status.error().code != Errc::kNotFound)
      return status;
    return {};
  }

  std::string name() const override { return directory_ + "/"; }

 private:
  std::string path_of(const std::string& key) const { return directory_ + "/" + key; }

  Status walk(const std::string& folder, const std::string& prefix,
              std::vector<ObjectInfo>& found) const {
    const auto names = fs_.list(directory_ + "/" + folder);
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      const std::string key = folder + name;
      if (name.ends_with(kUnfinished)) continue;
      if (fs_.is_directory(path_of(key))) {
        if (auto walked = walk(key + "/", prefix, found); !walked) return walked;
      } else if (key.starts_with(prefix)) {
        const auto file = fs_.open_read(path_of(key));
        if (!file) return std::unexpected(file.error());
        found.push_back({key, (*file)->bytes().size()});
      }
    }
    return {};
  }

  FileSystem& fs_;
  const std::string directory_;
};

}  // namespace

Status check_object_key(std::string_view key) {
  const bool well_formed =
      !key.empty() && key.size() <= kObjectKeyBytesMax && key.front() != '/' && key.back() != '/' &&
      key.find("..") == std::string_view::npos && key.find("//") == std::string_view::npos &&
      !key.ends_with(kUnfinished) && std::all_of(key.begin(), key.end(), is_key_character);
  if (well_formed) return {};
  return fail(Errc::kInvalidArgument, "\"", key, "\" is not a key of an object");
}

std::unique_ptr<ObjectStore> make_local_object_store(FileSystem& fs, std::string directory) {
  return std::make_unique<LocalObjectStore>(fs, std::move(directory));
}

}  // namespace sightline::io
