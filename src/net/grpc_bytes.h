#pragma once
// Between grpc++'s byte buffers and ours. Inside net/ only, for .cc files that
// wrap grpc++.
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <string_view>

namespace sightline::net {

std::string gather(const grpc::ByteBuffer& buffer);  // one copy
grpc::ByteBuffer to_byte_buffer(std::string bytes);  // no copy
grpc::ByteBuffer to_byte_buffer(std::string_view bytes, std::shared_ptr<const void> owner);
// Sends gRPC's own log lines through ours; every server and client calls it first.
void route_grpc_log();

// How gRPC names who called, without its scheme: "ipv4:127.0.0.1:53412", "ipv6:%5B::1%5D:53412".
std::string remote_of(std::string_view peer);

}  // namespace sightline::net
