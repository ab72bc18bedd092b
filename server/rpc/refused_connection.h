// A RefusedConnection tells a client why it may not stay, in its own language.
//
// A gRPC client shows nobody why a connection was closed, and one that gets a
// GOAWAY instead tries again at once, for as long as its call may wait. So its
// calls are answered, each with RESOURCE_EXHAUSTED and the sentence, and the
// GOAWAY comes behind the first answer.
//
// Owns:     the socket.
// Threads:  one thread at a time.
// Units:    absl::Duration of MonotonicNow().
// Limits:   as much is written as a new socket holds, and nothing is kept of
//           what is read but the head of one frame.

#ifndef SERVER_RPC_REFUSED_CONNECTION_H_
#define SERVER_RPC_REFUSED_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "server/base/unique_fd.h"

namespace ferry {

class [[nodiscard]] RefusedConnection {
 public:
  // `why` is printable ASCII without '%'. It may live until `until`.
  RefusedConnection(UniqueFd fd, std::string why, absl::Duration until);

  int fd() const { return fd_.get(); }
  absl::Duration until() const { return until_; }

  // Takes what is there and answers it. False when the client has gone, or
  // speaks no HTTP/2: the object is of no use then.
  bool Advance();

  // To be called before it is closed on a client that is still there.
  void SayGoodbye();

 private:
  // The streams that these bytes open.
  std::vector<uint32_t> Streams(std::string_view bytes);
  void Send(std::string_view bytes) const;

  UniqueFd fd_;
  std::string why_;
  absl::Duration until_;
  size_t preface_bytes_ = 0;  // Of the client's, seen so far.
  std::string head_;          // Of the frame that is coming, as far as it has.
  size_t skip_bytes_ = 0;     // Of the frame behind its head.
  bool foreign_ = false;
  uint32_t last_stream_ = 0;  // The last that was answered.
};

}  // namespace ferry

#endif  // SERVER_RPC_REFUSED_CONNECTION_H_
