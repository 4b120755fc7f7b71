#pragma once
// What a configuration may refer to outside itself: environment variables and
// files. Handed in, so that tests own both.
//   Limits  a file read through it is at most kFileBytesMax.
//   Threads implementations are called from the loading thread only.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::config {

inline constexpr size_t kFileBytesMax = 16 << 20;

class Environment {
 public:
  virtual ~Environment() = default;
  virtual std::optional<std::string> variable(const std::string& name) const = 0;
  virtual Result<std::string> read_file(const std::string& path) const = 0;
  // Paths of regular files below `directory`, sorted; subdirectories too when `recursive`.
  // kNotFound when there is no such directory.
  virtual Result<std::vector<std::string>> list_files(const std::string& directory,
                                                      bool recursive) const = 0;
};

// The process' own environment and disk.
class SystemEnvironment final : public Environment {
 public:
  std::optional<std::string> variable(const std::string& name) const override;
  Result<std::string> read_file(const std::string& path) const override;
  Result<std::vector<std::string>> list_files(const std::string& directory,
                                              bool recursive) const override;
};

// Variables and files from two maps: tests, fuzzing, embedded defaults.
class FixedEnvironment final : public Environment {
 public:
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;
  std::optional<std::string> variable(const std::string& name) const override;
  Result<std::string> read_file(const std::string& path) const override;
  Result<std::vector<std::string>> list_files(const std::string& directory,
                                              bool recursive) const override;
};

}  // namespace sightline::config
