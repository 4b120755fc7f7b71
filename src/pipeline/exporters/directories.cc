#include "pipeline/exporters/directories.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sightline::pipeline {

Status make_directories(const std::string& path, uint32_t mode) {
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(path)) {
    made /= part;
    if (::mkdir(made.c_str(), mode) != 0 && errno != EEXIST)
      return fail(Errc::kInvalidArgument, "make directory ", made.string(), ": ",
                  std::strerror(errno));
  }
  return {};
}

}  // namespace sightline::pipeline
