#include "server/rpc/connection_gate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/file_limit.h"
#include "server/base/invariant.h"
#include "server/base/log.h"
#include "server/base/poll_until.h"

namespace ferry {
namespace {

// Of kConnectionsRefusedTotal: who had as many as they may.
constexpr const char* kPeer = "peer";
constexpr const char* kAll = "all";

// While no descriptor is left. Nothing tells when there is one again.
constexpr absl::Duration kPause = absl::Milliseconds(50);

// For each connection, ten times what looking at it takes.
constexpr absl::Duration kLookPause = absl::Microseconds(4);

// Zero when the descriptor is no socket. Not by fstat(): ThreadSanitizer takes
// that for a race with the close() of whoever has the descriptor. There is
// none: whatever is found is compared.
ino_t SocketOf(int fd) {
  struct stat found = {};
  const bool is_socket =
      ::fstatat(fd, "", &found, AT_EMPTY_PATH) == 0 && S_ISSOCK(found.st_mode);
  return is_socket ? found.st_ino : 0;
}

// As gRPC writes them, without the port.
std::string PeerOf(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return absl::StrCat("ipv4:", text.data());
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    return absl::StrCat("ipv4:", text.data());
  }
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return absl::StrCat("ipv6:[", text.data(), "]");
}

ConnectionGate::Options WithinFileLimit(ConnectionGate::Options options) {
  const int64_t files = FileLimit();
  const int64_t room = std::max(files - ConnectionGate::kFilesKept, files / 2);
  if (options.connections_max > room) {
    Log(LogLevel::kWarning, "connections limited by the limit of files",
        {{"connections_max", options.connections_max},
         {"files", files},
         {"taken", room}});
    options.connections_max = room;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionGate>> ConnectionGate::Create(
    ListenSocket listener, Options options, Metrics& metrics, Take take) {
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) {
    return absl::ResourceExhaustedError(
        "connection gate: no file descriptor is left; raise `ulimit -n`");
  }
  return absl::WrapUnique(
      new ConnectionGate(std::move(listener), std::move(stop),
                         WithinFileLimit(options), metrics, std::move(take)));
}

ConnectionGate::ConnectionGate(ListenSocket listener, UniqueFd stop,
                               Options options, Metrics& metrics, Take take)
    : stop_(std::move(stop)),
      port_(listener.port()),
      options_(options),
      metrics_(metrics),
      take_(std::move(take)),
      listener_(std::move(listener)) {
  for (const char* reason : {kPeer, kAll}) {
    metrics.Find(kConnectionsRefusedTotal, {reason});
  }
  worker_ = std::make_unique<Worker>("grpc-accept", [this] { Run(); });
}

ConnectionGate::~ConnectionGate() { Close(); }

void ConnectionGate::Close() {
  const uint64_t one = 1;
  INVARIANT(::write(stop_.get(), &one, sizeof(one)) == sizeof(one));
  worker_.reset();
  listener_.reset();
}

void ConnectionGate::Run() {
  while (true) {
    const bool paused = MonotonicNow() < listen_from_;
    absl::Duration until = paused ? listen_from_ : absl::InfiniteDuration();
    std::vector<pollfd> ready = {{stop_.get(), POLLIN, 0},
                                 {paused ? -1 : listener_->fd(), POLLIN, 0}};
    for (const RefusedConnection& one : refused_) {
      ready.push_back({one.fd(), POLLIN, 0});
      until = std::min(until, one.until());
    }
    PollUntil(until, ready);
    if (ready[0].revents != 0) return;
    AdvanceRefused(ready.data() + 2);
    if (ready[1].revents != 0) Accept();
  }
}

void ConnectionGate::AdvanceRefused(const pollfd* ready) {
  const absl::Duration now = MonotonicNow();
  std::erase_if(refused_, [&](RefusedConnection& one) {
    if ((ready++)->revents != 0 && !one.Advance()) return true;
    if (now < one.until()) return false;
    one.SayGoodbye();
    return true;
  });
}

void ConnectionGate::Accept() {
  sockaddr_storage address = {};
  socklen_t size_bytes = sizeof(address);
  UniqueFd fd(::accept4(listener_->fd(), reinterpret_cast<sockaddr*>(&address),
                        &size_bytes, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) {
    const int error = errno;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS &&
        error != ENOMEM) {
      return;  // It has gone again.
    }
    refused_.clear();
    const absl::Duration now = MonotonicNow();
    listen_from_ = now + kPause;
    if (const std::optional<uint64_t> left_out =
            log_limit_.Take("accept", now)) {
      Log(LogLevel::kWarning, "connections wait",
          {{"error", std::string(absl::ErrnoToStatus(error, "").message())},
           {"files", FileLimit()},
           {"left_out", *left_out}});
    }
    return;
  }
  // gRPC would complain of one that has gone again.
  if (::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&address),
                    &size_bytes) != 0) {
    return;
  }
  const std::string peer = PeerOf(address);
  if (std::optional<Excess> excess = Admit(fd.get(), peer)) {
    Refuse(std::move(fd), peer, *std::move(excess));
  } else {
    take_(std::move(fd));
  }
}

void ConnectionGate::Refuse(UniqueFd fd, const std::string& peer,
                            Excess excess) {
  metrics_.Add(kConnectionsRefusedTotal, {excess.reason});
  const absl::Duration now = MonotonicNow();
  if (const std::optional<uint64_t> left_out = log_limit_.Take(peer, now)) {
    Log(LogLevel::kInfo, "connection refused",
        {{"error", excess.why}, {"peer", peer}, {"left_out", *left_out}});
  }
  if (refused_.size() >= kRefusedMax) refused_.erase(refused_.begin());
  refused_.emplace_back(std::move(fd), std::move(excess.why),
                        now + kRefusalMax);
}

std::optional<ConnectionGate::Excess> ConnectionGate::Admit(
    int fd, const std::string& peer) {
  MutexLock lock(mutex_);
  // Whatever had this descriptor has ended.
  if (const auto former = open_.find(fd); former != open_.end()) {
    Forget(former);
  }
  // Looking again and again would let who is refused keep this thread busy.
  if (const absl::Duration now = MonotonicNow();
      TooMany(peer) && now >= look_from_) {
    ForgetEnded();
    look_from_ = now + kLookPause * open_.size();
  }
  std::optional<Excess> excess = TooMany(peer);
  if (!excess) {
    open_.emplace(fd, Connection{.socket = SocketOf(fd), .peer = peer});
    ++of_peer_[peer];
  }
  return excess;
}

std::optional<ConnectionGate::Excess> ConnectionGate::TooMany(
    const std::string& peer) {
  const auto found = of_peer_.find(peer);
  const int64_t of_peer = found == of_peer_.end() ? 0 : found->second;
  if (of_peer >= options_.per_peer_max) {
    return Excess{
        .reason = kPeer,
        .why = absl::StrCat(
            "connect from ", peer, ": this address has ", of_peer,
            " connections, of at most ", options_.per_peer_max,
            " (--connections-per-peer-max); close some, or share one channel "
            "between calls")};
  }
  const auto all = static_cast<int64_t>(open_.size());
  if (all >= options_.connections_max) {
    return Excess{.reason = kAll,
                  .why = absl::StrCat(
                      "connect from ", peer, ": this server has ", all,
                      " connections, of at most ", options_.connections_max,
                      " (--connections-max); try again later, or another "
                      "replica")};
  }
  return std::nullopt;
}

void ConnectionGate::Forget(std::map<int, Connection>::iterator connection) {
  const auto peer = of_peer_.find(connection->second.peer);
  if (--peer->second == 0) of_peer_.erase(peer);
  open_.erase(connection);
}

void ConnectionGate::ForgetEnded() {
  for (auto next = open_.begin(); next != open_.end();) {
    const auto one = next++;
    if (SocketOf(one->first) != one->second.socket) Forget(one);
  }
}

size_t ConnectionGate::CountOpen() {
  MutexLock lock(mutex_);
  ForgetEnded();
  return open_.size();
}

}  // namespace ferry
