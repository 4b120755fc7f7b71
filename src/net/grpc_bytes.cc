#include "net/grpc_bytes.h"

#include <grpc/slice.h>
#include <grpc/support/log.h>

#include <memory>
#include <mutex>
#include <vector>

#include "base/log.h"
#include "net/http.h"

namespace sightline::net {
namespace {

void write_log_line(gpr_log_func_args* line) {
  if (line->severity == GPR_LOG_SEVERITY_ERROR) {
    SL_LOG_WARN("grpc: {}", line->message);
  } else {
    SL_LOG_DEBUG("grpc: {}", line->message);
  }
}

}  // namespace

std::string gather(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

grpc::ByteBuffer to_byte_buffer(std::string bytes) {
  auto owner = std::make_unique<std::string>(std::move(bytes));
  char* const data = owner->data();
  const size_t size = owner->size();
  const grpc::Slice slice(
      data, size, [](void* owned) { delete static_cast<std::string*>(owned); }, owner.release());
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer to_byte_buffer(std::string_view bytes, std::shared_ptr<const void> owner) {
  using Owner = std::shared_ptr<const void>;
  // gRPC only reads what a slice refers to.
  const grpc::Slice slice(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void* held) { delete static_cast<Owner*>(held); }, new Owner(std::move(owner)));
  return grpc::ByteBuffer(&slice, 1);
}

void route_grpc_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    gpr_set_log_function(&write_log_line);
  });
}

std::string remote_of(std::string_view peer) {
  if (peer.starts_with("ipv4:") || peer.starts_with("ipv6:")) peer.remove_prefix(5);
  return percent_decode(peer);
}

}  // namespace sightline::net
