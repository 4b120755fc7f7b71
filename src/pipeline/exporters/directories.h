#pragma once
// Folders that a component makes for its files.
#include <cstdint>
#include <string>

#include "base/result.h"

namespace sightline::pipeline {

// `path` and what is missing above it, with `mode` less the process' umask. What is there stays as it is.
Status make_directories(const std::string& path, uint32_t mode);

}  // namespace sightline::pipeline
