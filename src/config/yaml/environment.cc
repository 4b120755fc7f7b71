#include "config/yaml/environment.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace sightline::config {

namespace fs = std::filesystem;

namespace {
constexpr size_t kFilesMax = 10'000;  // one directory listing
}

std::optional<std::string> SystemEnvironment::variable(const std::string& name) const {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

Result<std::string> SystemEnvironment::read_file(const std::string& path) const {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) return fail(Errc::kNotFound, path, ": no such file");
  if (fs::is_directory(status))
    return fail(Errc::kInvalidArgument, path, " is a directory, not a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::kIo, path, ": cannot be opened; check its permissions");
  std::string text;
  char buffer[64 << 10];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (text.size() > kFileBytesMax)
      return fail(Errc::kInvalidArgument, path, " is larger than ", kFileBytesMax, " bytes");
  }
  if (in.bad()) return fail(Errc::kIo, path, ": cannot be read");
  return text;
}

Result<std::vector<std::string>> SystemEnvironment::list_files(const std::string& directory,
                                                               bool recursive) const {
  std::error_code error;
  if (!fs::is_directory(directory, error))
    return fail(Errc::kNotFound, directory, ": no such directory");
  std::vector<std::string> files;
  const auto keep = [&](const fs::directory_entry& entry) {
    std::error_code ignored;
    if (entry.is_regular_file(ignored)) files.push_back(entry.path().string());
    return files.size() <= kFilesMax;
  };
  const auto skip = fs::directory_options::skip_permission_denied;
  if (recursive) {
    for (fs::recursive_directory_iterator it(directory, skip, error), end; !error && it != end;
         it.increment(error))
      if (!keep(*it)) break;
  } else {
    for (fs::directory_iterator it(directory, skip, error), end; !error && it != end;
         it.increment(error))
      if (!keep(*it)) break;
  }
  if (error) return fail(Errc::kIo, directory, ": ", error.message());
  if (files.size() > kFilesMax)
    return fail(Errc::kInvalidArgument, directory, " holds more than ", kFilesMax, " files");
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<std::string> FixedEnvironment::variable(const std::string& name) const {
  const auto found = variables.find(name);
  if (found == variables.end()) return std::nullopt;
  return found->second;
}

Result<std::string> FixedEnvironment::read_file(const std::string& path) const {
  const auto found = files.find(path);
  if (found == files.end()) return fail(Errc::kNotFound, path, ": no such file");
  return found->second;
}

Result<std::vector<std::string>> FixedEnvironment::list_files(const std::string& directory,
                                                              bool recursive) const {
  const std::string prefix = directory.ends_with('/') ? directory : directory + "/";
  std::vector<std::string> found;
  bool exists = false;
  for (const auto& [path, text] : files) {
    if (!path.starts_with(prefix)) continue;
    exists = true;
    if (recursive || path.find('/', prefix.size()) == std::string::npos) found.push_back(path);
  }
  if (!exists) return fail(Errc::kNotFound, directory, ": no such directory");
  return found;
}

}  // namespace sightline::config
