#include "net/unread_calls.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket_text.h"

namespace sightline::net {
namespace {

TEST(UnreadCalls, CountThoseInARow) {
  UnreadCalls calls(2);
  EXPECT_FALSE(calls.note_unread("a"));
  EXPECT_FALSE(calls.note_unread("a"));
  calls.note_read("b");
  EXPECT_TRUE(calls.note_unread("a"));
  EXPECT_FALSE(calls.note_unread("a"));  // counted anew
  EXPECT_FALSE(calls.note_unread("a"));
  calls.note_read("a");
  EXPECT_FALSE(calls.note_unread("a"));
  for (size_t i = 0; i < 2 * UnreadCalls::kRemotesMax; ++i)
    EXPECT_FALSE(calls.note_unread(std::to_string(i)));
}

TEST(UnreadCalls, AConnectionIsClosedByItsRemoteAddress) {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listening, 2), 0);
  ASSERT_EQ(::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size), 0);
  int clients[2], servers[2];
  std::string remotes[2];
  for (int i = 0; i < 2; ++i) {
    clients[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(clients[i], reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    servers[i] = ::accept(listening, reinterpret_cast<sockaddr*>(&from), &from_size);
    remotes[i] = socket_address_text(from);
  }
  EXPECT_EQ(close_connections_from(remotes[0]), 1u);
  EXPECT_EQ(close_connections_from("127.0.0.1:1"), 0u);
  char byte = 0;
  EXPECT_LE(::recv(clients[0], &byte, 1, 0), 0);
  EXPECT_EQ(::send(clients[1], "x", 1, 0), 1);
  EXPECT_EQ(::recv(servers[1], &byte, 1, 0), 1);
  for (const int descriptor : {listening, clients[0], clients[1], servers[0], servers[1]})
    ::close(descriptor);
}

}  // namespace
}  // namespace sightline::net
