#pragma once
// For tests: a call of a streaming method without a socket, which keeps what is sent.
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/grpc_stream_server.h"

namespace sightline::net::testing {

// Cancelled when it is told so, or at the n-th time it is asked.
class ToldCancellation final : public Cancellation {
 public:
  bool cancelled() const override { return asked_++ >= at_ || told_; }
  void cancel() { told_ = true; }
  void cancel_at(uint64_t asked) { at_ = asked; }
  uint64_t asked() const { return asked_; }

 private:
  mutable std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> at_{UINT64_MAX};
  std::atomic<bool> told_{false};
};

struct StreamCall final : GrpcStreamCall {
  std::string_view metadata(std::string_view name) const override {
    const auto found = metadata_of.find(name);
    return found == metadata_of.end() ? std::string_view() : std::string_view(found->second);
  }
  std::shared_ptr<const Cancellation> cancellation() const override { return told; }
  bool send(std::string message) override {
    if (told->cancelled()) return false;
    messages.push_back(std::move(message));
    if (on_send) on_send();
    return true;
  }

  std::map<std::string, std::string, std::less<>> metadata_of;
  std::shared_ptr<ToldCancellation> told = std::make_shared<ToldCancellation>();
  std::vector<std::string> messages;
  std::function<void()> on_send;
};

}  // namespace sightline::net::testing
