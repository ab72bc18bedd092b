// A ListenSocket is a TCP port on which connections arrive.
//
// 0.0.0.0 and [::] both mean every address of this machine, IPv4 and IPv6.
//
// Owns:     the socket: the port is free again when it dies.
// Threads:  one thread at a time.
// Fails:    INVALID_ARGUMENT when the address is not IP:PORT; UNAVAILABLE when
//           the system does not let us listen there, with its reason.

#ifndef SERVER_BASE_LISTEN_SOCKET_H_
#define SERVER_BASE_LISTEN_SOCKET_H_

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/unique_fd.h"

namespace ferry {

class [[nodiscard]] ListenSocket {
 public:
  // `address` is 127.0.0.1:8001 or [::1]:8001; port 0 is any free one.
  static absl::StatusOr<ListenSocket> Create(std::string_view address);

  // Whether it is one, without a look at this machine.
  static absl::Status CheckAddress(std::string_view address);

  ListenSocket(ListenSocket&&) = default;
  ListenSocket& operator=(ListenSocket&&) = default;

  // Does not block, and neither does what it accepts with SOCK_NONBLOCK.
  int fd() const { return fd_.get(); }
  uint16_t port() const { return port_; }

 private:
  ListenSocket(UniqueFd fd, uint16_t port) : fd_(std::move(fd)), port_(port) {}

  UniqueFd fd_;
  uint16_t port_;
};

}  // namespace ferry

#endif  // SERVER_BASE_LISTEN_SOCKET_H_
