#include "server/base/listen_socket.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/invariant.h"

namespace ferry {
namespace {

// An IPv4 or IPv6 socket address, as the system wants it.
struct Address {
  sockaddr_storage storage = {};
  socklen_t size_bytes = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
  sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }

  bool is_v6() const { return storage.ss_family == AF_INET6; }
  bool is_every() {
    const in6_addr any = IN6ADDR_ANY_INIT;
    return is_v6() ? std::ranges::equal(v6().sin6_addr.s6_addr, any.s6_addr)
                   : v4().sin_addr.s_addr == INADDR_ANY;
  }
};

std::optional<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string host(text.substr(0, colon));
  const std::string_view port = text.substr(colon + 1);
  uint32_t number = 0;
  if (port.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(AbslView(port), &number) || number > 65535) {
    return std::nullopt;
  }
  Address address;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    address.v6().sin6_family = AF_INET6;
    address.v6().sin6_port = htons(static_cast<uint16_t>(number));
    address.size_bytes = sizeof(sockaddr_in6);
    if (inet_pton(AF_INET6, host.c_str(), &address.v6().sin6_addr) != 1) {
      return std::nullopt;
    }
    return address;
  }
  address.v4().sin_family = AF_INET;
  address.v4().sin_port = htons(static_cast<uint16_t>(number));
  address.size_bytes = sizeof(sockaddr_in);
  if (inet_pton(AF_INET, host.c_str(), &address.v4().sin_addr) != 1) {
    return std::nullopt;
  }
  return address;
}

// Every address of one family, at the port of `address`.
Address Every(Address address, sa_family_t family) {
  const in_port_t port =
      address.is_v6() ? address.v6().sin6_port : address.v4().sin_port;
  Address every;
  every.storage.ss_family = family;
  if (family == AF_INET6) {
    every.v6().sin6_port = port;
    every.size_bytes = sizeof(sockaddr_in6);
  } else {
    every.v4().sin_port = port;
    every.size_bytes = sizeof(sockaddr_in);
  }
  return every;
}

absl::Status ListenError(int error, std::string_view text) {
  const std::string where = absl::StrCat("listen on ", Shown(text), ": ");
  switch (error) {
    case EADDRINUSE:
      return absl::UnavailableError(absl::StrCat(
          where,
          "another process listens there; stop it, or choose another "
          "port (0 is any free one)"));
    case EACCES:
      return absl::UnavailableError(absl::StrCat(
          where, "the system does not permit it; choose a port from 1024 up"));
    case EADDRNOTAVAIL:
      return absl::UnavailableError(
          absl::StrCat(where, "this machine has no such address"));
    default:
      return absl::UnavailableError(
          absl::ErrnoToStatus(error, absl::StrCat(where, "refused")).message());
  }
}

// In errno why not, when it is empty.
UniqueFd TryListen(Address address) {
  UniqueFd fd(::socket(address.storage.ss_family,
                       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fd;
  // For a port whose last connections linger; one that is listened on still
  // refuses.
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (address.is_v6()) {
    const int no = 0;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
  }
  if (::bind(fd.get(), address.get(), address.size_bytes) == 0 &&
      ::listen(fd.get(), SOMAXCONN) == 0) {
    return fd;
  }
  const int error = errno;
  fd = UniqueFd();
  errno = error;
  return fd;
}

uint16_t Port(int fd) {
  Address address;
  INVARIANT(::getsockname(fd, address.get(), &address.size_bytes) == 0);
  return ntohs(address.is_v6() ? address.v6().sin6_port
                               : address.v4().sin_port);
}

}  // namespace

absl::Status ListenSocket::CheckAddress(std::string_view address) {
  if (ParseAddress(address)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "must be an IP address and a port from 0 (any free one) to 65535, such "
      "as 127.0.0.1:8001 or [::1]:8001");
}

absl::StatusOr<ListenSocket> ListenSocket::Create(std::string_view address) {
  std::optional<Address> parsed = ParseAddress(address);
  if (!parsed) {
    return absl::InvalidArgumentError(absl::StrCat(
        "listen on ", Shown(address), ": ", CheckAddress(address).message()));
  }
  UniqueFd fd;
  if (parsed->is_every()) {
    fd = TryListen(Every(*parsed, AF_INET6));
    // A kernel or a container may have no IPv6.
    if (!fd && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
      fd = TryListen(Every(*parsed, AF_INET));
    }
  } else {
    fd = TryListen(*parsed);
  }
  if (!fd) return ListenError(errno, address);
  const uint16_t port = Port(fd.get());
  return ListenSocket(std::move(fd), port);
}

}  // namespace ferry
