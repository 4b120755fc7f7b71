#pragma once
// How many files and sockets this process may have open, which bounds how many clients it can hold.
//   Threads  any.
//   Source   getrlimit(2), RLIMIT_NOFILE.
#include <cstddef>
#include <cstdint>
#include <string>

namespace sightline::net {

// Raises the soft limit to the hard one, as everything does that serves many clients. Once, at the start; says the limit.
uint64_t raise_descriptor_limit();
uint64_t descriptor_limit();
// Connections of one listener: at most `wanted`, and never so many that nothing is left for the files of the process.
size_t connections_allowed(size_t wanted);
// What to raise, and how: "this process may open 1024 files, ...". Empty where `wanted` connections fit.
std::string descriptor_advice(size_t wanted);

}  // namespace sightline::net
