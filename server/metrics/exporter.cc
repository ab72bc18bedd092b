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

// Until one of them is ready, or the time has come.
void WaitUntil(absl::Duration until, std::vector<pollfd>& ready) {
  constexpr int64_t kWaitMaxMs = 60'000;
  const int64_t left_ms =
      until == absl::InfiniteDuration()
          ? kWaitMaxMs
          : absl::ToInt64Milliseconds(absl::Ceil(
                until - RealClock().Monotonic(), absl::Milliseconds(1)));
  const int64_t wait_ms = std::clamp<int64_t>(left_ms, 0, kWaitMaxMs);
  if (::poll(ready.data(), ready.size(), static_cast<int>(wait_ms)) >= 0) {
    return;
  }
  for (pollfd& one : ready) one.revents = 0;  // Interrupted.
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
  worker_ = std::make_unique<Worker>("metrics-http", [this] { Run(); });
}

Exporter::~Exporter() {
  const uint64_t one = 1;
  INVARIANT(::write(stop_.get(), &one, sizeof(one)) == sizeof(one));
}

void Exporter::Run() {
  Connections connections;
  while (true) {
    std::vector<pollfd> ready = {{stop_.get(), POLLIN, 0},
                                 {listener_.get(), POLLIN, 0}};
    absl::Duration until = absl::InfiniteDuration();
    for (const Connection& one : connections) {
      const bool sends = one.sent_bytes < one.answer.size();
      const auto events = static_cast<int16_t>(sends ? POLLOUT : POLLIN);
      ready.push_back({one.fd.get(), events, 0});
      until = std::min(until, one.until);
    }
    WaitUntil(until, ready);
    if (ready[0].revents != 0) return;
    const absl::Duration now = RealClock().Monotonic();
    size_t next = 2;
    std::erase_if(connections, [&](Connection& one) {
      const bool is_ready = ready[next++].revents != 0;
      return now >= one.until || (is_ready && !Advance(one));
    });
    if (ready[1].revents != 0) Accept(connections);
  }
}

void Exporter::Accept(Connections& connections) const {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
  const bool no_room = !fd && (errno == EMFILE || errno == ENFILE);
  if (!connections.empty() &&
      (no_room || connections.size() >= kConnectionsMax)) {
    connections.erase(connections.begin());
  } else if (no_room) {
    // The caller stays in the queue; look again when a file may be closed.
    std::vector<pollfd> stop = {{stop_.get(), POLLIN, 0}};
    WaitUntil(RealClock().Monotonic() + absl::Milliseconds(100), stop);
  }
  if (!fd) return;
  connections.push_back({.fd = std::move(fd),
                         .until = RealClock().Monotonic() + kRequestMax,
                         .request = {},
                         .answer = {}});
}

bool Exporter::Advance(Connection& connection) {
  const int fd = connection.fd.get();
  const std::string& answer = connection.answer;
  if (connection.sent_bytes == answer.size()) {
    std::array<char, 1024> buffer;
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count <= 0) return count < 0 && errno == EAGAIN;
    const auto size_bytes = static_cast<size_t>(count);
    if (!answer.empty()) {
      connection.unread_bytes += size_bytes;
      return connection.unread_bytes <= kRequestBytesMax;
    }
    std::string& request = connection.request;
    request.append(buffer.data(), size_bytes);
    if (request.find(kHeadEnd) == std::string::npos &&
        request.size() <= kRequestBytesMax) {
      return true;
    }
    connection.answer = Answer(request);
    connection.until = RealClock().Monotonic() + kRequestMax;
  }
  const ssize_t count =
      ::send(fd, answer.data() + connection.sent_bytes,
             answer.size() - connection.sent_bytes, MSG_NOSIGNAL);
  if (count < 0) return errno == EAGAIN;
  connection.sent_bytes += static_cast<size_t>(count);
  // Closing on bytes unread would take the answer back: let the client close.
  if (connection.sent_bytes == answer.size()) ::shutdown(fd, SHUT_WR);
  return true;
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

}  // namespace ferry
