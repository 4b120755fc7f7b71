#pragma once
// For tests: a temporary directory that goes away with the object.
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace sightline::io {

class TestingDirectory {
 public:
  TestingDirectory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sightline-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestingDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestingDirectory(const TestingDirectory&) = delete;
  TestingDirectory& operator=(const TestingDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace sightline::io
