#pragma once
// A socket that is open, for the log and the status page.
#include <string>

namespace sightline::pipeline {

struct OpenListener {
  std::string name;     // "OTLP gRPC"
  std::string address;  // "127.0.0.1:4317"
};

}  // namespace sightline::pipeline
