#include "server/metrics/exporter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/clock.h"
#include "server/base/invariant.h"
#include "server/base/poll_until.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

constexpr std::string_view kPointer = "Ferry's metrics are at /metrics\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

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
  ASSIGN_OR_RETURN(ListenSocket listener, ListenSocket::Create(address));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return absl::ErrnoToStatus(errno, "metrics: no descriptor left");
  return absl::WrapUnique(
      new Exporter(metrics, std::move(listener), std::move(stop)));
}

Exporter::Exporter(Metrics& metrics, ListenSocket listener, UniqueFd stop)
    : metrics_(metrics),
      listener_(std::move(listener)),
      stop_(std::move(stop)) {
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
                                 {listener_.fd(), POLLIN, 0}};
    absl::Duration until = absl::InfiniteDuration();
    for (const Connection& one : connections) {
      const bool sends = one.sent_bytes < one.answer.size();
      const auto events = static_cast<int16_t>(sends ? POLLOUT : POLLIN);
      ready.push_back({one.fd.get(), events, 0});
      until = std::min(until, one.until);
    }
    PollUntil(until, ready);
    if (ready[0].revents != 0) return;
    const absl::Duration now = MonotonicNow();
    size_t next = 2;
    std::erase_if(connections, [&](Connection& one) {
      const bool is_ready = ready[next++].revents != 0;
      return now >= one.until || (is_ready && !Advance(one));
    });
    if (ready[1].revents != 0) Accept(connections);
  }
}

void Exporter::Accept(Connections& connections) const {
  UniqueFd fd(::accept4(listener_.fd(), nullptr, nullptr,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
  const bool no_room = !fd && (errno == EMFILE || errno == ENFILE);
  if (!connections.empty() &&
      (no_room || connections.size() >= kConnectionsMax)) {
    connections.erase(connections.begin());
  } else if (no_room) {
    // The caller stays in the queue; look again when a file may be closed.
    std::vector<pollfd> stop = {{stop_.get(), POLLIN, 0}};
    PollUntil(MonotonicNow() + absl::Milliseconds(100), stop);
  }
  if (!fd) return;
  connections.push_back({.fd = std::move(fd),
                         .until = MonotonicNow() + kRequestMax,
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
    connection.until = MonotonicNow() + kRequestMax;
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
