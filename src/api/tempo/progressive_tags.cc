#include "api/tempo/progressive_tags.h"

#include <atomic>
#include <chrono>

#include "api/tempo/protobuf_answers.h"
#include "api/tempo/tag_routes.h"

namespace sightline::api::tempo {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kPause =
    std::chrono::milliseconds(100);  // between messages that are not full

// Ends the search for more once nobody takes what is found.
class Listener final : public net::Cancellation {
 public:
  explicit Listener(std::shared_ptr<const net::Cancellation> outer) : outer_(std::move(outer)) {}
  bool cancelled() const override { return gone_ || (outer_ && outer_->cancelled()); }
  void leave() { gone_ = true; }

 private:
  const std::shared_ptr<const net::Cancellation> outer_;
  std::atomic<bool> gone_ = false;
};

// What was found and is not yet sent. `Part` is what one message holds.
template <typename Part>
class Outbox {
 public:
  using Write = std::string (*)(const Part&, const std::optional<Jobs>&);
  Outbox(const TempoApi& api, Write write, const SendMessage& send, Listener& listener)
      : clock_(api.clock),
        write_(write),
        send_(send),
        listener_(listener),
        sent_at_(api.clock.monotonic()) {}

  Part& part() { return part_; }
  // Tells that `bytes` more are in part(); sends it when it is full or due.
  void grew(size_t bytes) {
    bytes_ += bytes + kItemBytes;
    if (bytes_ < kMessageBytesMax / 2 && clock_.monotonic() - sent_at_ < kPause) return;
    if (listener_.cancelled()) return;
    ++sent_;
    if (!send_(write_(part_, Jobs{sent_, sent_ + 1}))) listener_.leave();
    part_ = {};
    bytes_ = 0;
    sent_at_ = clock_.monotonic();
  }
  Status finish() {
    if (!listener_.cancelled() && send_(write_(part_, Jobs{sent_ + 1, sent_ + 1}))) return {};
    return fail(Errc::kCancelled, "context canceled");
  }

 private:
  static constexpr size_t kItemBytes = 16;  // what a message adds to an item

  Clock& clock_;
  const Write write_;
  const SendMessage& send_;
  Listener& listener_;
  Part part_;
  size_t bytes_ = 0;  // about
  uint32_t sent_ = 0;
  nanoseconds sent_at_;
};

// Runs `find` with a request that is cancelled when the client is gone.
template <typename Part, typename Find>
Status stream(const TempoApi& api, const net::HttpRequest& given, const SendMessage& send,
              typename Outbox<Part>::Write write, const Find& find) {
  const auto listener = std::make_shared<Listener>(given.cancellation);
  net::HttpRequest request = given;
  request.cancellation = listener;
  Outbox<Part> outbox(api, write, send, *listener);
  if (auto found = find(request, outbox); !found) return found;
  return outbox.finish();
}

Status stream_values(const TempoApi& api, const net::HttpRequest& request, const SendMessage& send,
                     Outbox<traceql::TagValues>::Write write, decltype(&find_tag_values_v2) find) {
  return stream<traceql::TagValues>(
      api, request, send, write, [&](const net::HttpRequest& own, auto& outbox) -> Status {
        const auto whole = find(api, own, [&](const traceql::OwnedValue& value) {
          outbox.part().values.push_back(value);
          outbox.grew(value.text.size());
        });
        if (!whole) return std::unexpected(whole.error());
        outbox.part().inspected_bytes = whole->inspected_bytes;
        return {};
      });
}

}  // namespace

Status stream_tags_v1(const TempoApi& api, const net::HttpRequest& request,
                      const SendMessage& send) {
  using Names = std::vector<std::string>;
  return stream<Names>(api, request, send, tags_protobuf_v1,
                       [&](const net::HttpRequest& own, auto& outbox) -> Status {
                         const auto whole =
                             find_tags_v1(api, own, [&](std::string_view, const std::string& tag) {
                               outbox.part().push_back(tag);
                               outbox.grew(tag.size());
                             });
                         if (!whole) return std::unexpected(whole.error());
                         return {};
                       });
}

Status stream_tags_v2(const TempoApi& api, const net::HttpRequest& request,
                      const SendMessage& send) {
  using Scopes = std::vector<NamedTags>;
  return stream<Scopes>(api, request, send, tags_protobuf_v2,
                        [&](const net::HttpRequest& own, auto& outbox) -> Status {
                          const auto whole = find_tags_v2(
                              api, own, [&](std::string_view scope, const std::string& tag) {
                                Scopes& scopes = outbox.part();
                                if (scopes.empty() || scopes.back().scope != scope)
                                  scopes.push_back({std::string(scope), {}});
                                scopes.back().tags.push_back(tag);
                                outbox.grew(tag.size());
                              });
                          if (!whole) return std::unexpected(whole.error());
                          return {};
                        });
}

Status stream_tag_values_v1(const TempoApi& api, const net::HttpRequest& request,
                            const SendMessage& send) {
  return stream_values(api, request, send, tag_values_protobuf_v1, find_tag_values_v1);
}

Status stream_tag_values_v2(const TempoApi& api, const net::HttpRequest& request,
                            const SendMessage& send) {
  return stream_values(api, request, send, tag_values_protobuf_v2, find_tag_values_v2);
}

}  // namespace sightline::api::tempo
