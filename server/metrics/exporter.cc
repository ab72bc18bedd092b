#include "server/metrics/exporter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <poll.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/invariant.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

constexpr std::string_view kPointer = "Ferry's metrics are at /metrics\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr int kBacklogMax = 16;

// An IPv4 or IPv6 socket address, as the system wants it.
struct Address {
  sockaddr_storage storage = {};
  socklen_t size_bytes = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
  sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }
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

absl::Status Refusal(int error, std::string_view text) {
  const absl::Status status = absl::ErrnoToStatus(
      error, absl::StrCat("metrics address ", AbslView(text),
                          ": cannot listen there"));
  return absl::UnavailableError(absl::StrCat(
      status.message(), error == EADDRINUSE
                            ? "; choose another port, or 0 for any free one"
                            : ""));
}

absl::StatusOr<UniqueFd> Listen(Address address, std::string_view text) {
  UniqueFd listener(::socket(address.storage.ss_family,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return Refusal(errno, text);
  // For a port whose last connections linger; one that is listened on still
  // refuses.
  const int yes = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(listener.get(), address.get(), address.size_bytes) != 0 ||
      ::listen(listener.get(), kBacklogMax) != 0) {
    return Refusal(errno, text);
  }
  return listener;
}

uint16_t Port(int listener) {
  Address address;
  INVARIANT(::getsockname(listener, address.get(), &address.size_bytes) == 0);
  return ntohs(address.storage.ss_family == AF_INET6 ? address.v6().sin6_port
                                                     : address.v4().sin_port);
}

std::string Response(std::string_view status, std::string_view body,
                     bool with_body = true) {
  return absl::StrCat(
      "HTTP/1.1 ", AbslView(status),
      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8"
      "\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Length: ",
      body.size(), AbslView(kHeadEnd),
      AbslView(with_body ? body : std::string_view()));
}

// The text up to `end`, which is taken from the front of `rest` with it.
std::string_view TakeUntil(std::string_view& rest, char end) {
  const std::string_view taken = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(rest.size(), taken.size() + 1));
  return taken;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Exporter>> Exporter::Create(
    std::string_view address, Metrics& metrics) {
  const std::optional<Address> parsed = ParseAddress(address);
  if (!parsed) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics address ", Shown(address),
                     ": must be an IP address and a port, such as "
                     "127.0.0.1:9090 or [::1]:9090; port 0 is any free one"));
  }
  ASSIGN_OR_RETURN(UniqueFd listener, Listen(*parsed, address));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return Refusal(errno, address);
  const uint16_t port = Port(listener.get());
  return absl::WrapUnique(
      new Exporter(metrics, std::move(listener), std::move(stop), port));
}

Exporter::Exporter(Metrics& metrics, UniqueFd listener, UniqueFd stop,
                   uint16_t port)
    : metrics_(metrics),
      listener_(std::move(listener)),
      stop_(std::move(stop)),
      port_(port) {
  for (int i = 0; i < kThreads; ++i) {
    workers_.push_back(
        std::make_unique<Worker>("metrics-http", [this] { Run(); }));
  }
}

Exporter::~Exporter() {
  const uint64_t one = 1;
  INVARIANT(::write(stop_.get(), &one, sizeof(one)) == sizeof(one));
}

void Exporter::Run() {
  // False only at the end: there is no limit to this wait.
  while (Await(listener_.get(), POLLIN, absl::InfiniteDuration())) {
    const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr,
                                        SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      Serve(connection.get());
    } else if (errno == EMFILE || errno == ENFILE) {
      // The caller stays in the queue; look again when a file may be closed.
      Await(-1, 0, absl::Milliseconds(100));
    }
  }
}

void Exporter::Serve(int connection) {
  const Stopwatch watch;
  std::array<char, 1024> buffer;
  std::string request;
  while (request.find(kHeadEnd) == std::string::npos &&
         request.size() <= kRequestBytesMax) {
    if (!Await(connection, POLLIN, kRequestMax - watch.Elapsed())) return;
    const ssize_t count = ::recv(connection, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    request.append(buffer.data(), static_cast<size_t>(count));
  }
  if (!Write(connection, Answer(request))) return;
  // Closing on bytes unread would take the answer back: let the client close.
  ::shutdown(connection, SHUT_WR);
  size_t unread_max = kRequestBytesMax;
  while (unread_max > 0 &&
         Await(connection, POLLIN, kRequestMax - watch.Elapsed())) {
    const ssize_t count = ::recv(connection, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    unread_max -= std::min(unread_max, static_cast<size_t>(count));
  }
}

std::string Exporter::Answer(std::string_view request) {
  if (request.size() > kRequestBytesMax) {
    return Response("431 Request Header Fields Too Large", "too long\n");
  }
  std::string_view line = TakeUntil(request, '\r');
  const std::string_view method = TakeUntil(line, ' ');
  std::string_view target = TakeUntil(line, ' ');
  const std::string_view path = TakeUntil(target, '?');
  if (!line.starts_with("HTTP/1.")) {
    return Response("400 Bad Request", "not an HTTP/1 request\n");
  }
  if (method != "GET" && method != "HEAD") {
    return Response("405 Method Not Allowed\r\nAllow: GET, HEAD",
                    "GET or HEAD only\n");
  }
  const bool with_body = method == "GET";
  if (path == "/metrics") {
    return Response("200 OK", metrics_.Text(), with_body);
  }
  return Response(path == "/" ? "200 OK" : "404 Not Found", kPointer,
                  with_body);
}

bool Exporter::Await(int fd, int events, absl::Duration patience) const {
  std::array<pollfd, 2> ready = {
      {{stop_.get(), POLLIN, 0},
       {fd, static_cast<int16_t>(events), 0}}};  // poll() skips fd -1.
  const int timeout = patience == absl::InfiniteDuration()
                          ? -1
                          : static_cast<int>(std::max<int64_t>(
                                0, absl::ToInt64Milliseconds(patience)));
  int count = 0;
  do {
    count = ::poll(ready.data(), ready.size(), timeout);
  } while (count < 0 && errno == EINTR);
  return count > 0 && ready[0].revents == 0;
}

bool Exporter::Write(int connection, std::string_view text) const {
  const Stopwatch watch;
  while (!text.empty()) {
    if (!Await(connection, POLLOUT, kRequestMax - watch.Elapsed())) {
      return false;
    }
    const ssize_t count =
        ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) return false;
    text.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  }
  return true;
}

}  // namespace ferry
