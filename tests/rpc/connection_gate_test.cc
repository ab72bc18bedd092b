// A ConnectionGate on a free port, with plain sockets as clients and a list in
// gRPC's place. With gRPC behind it: rpc_server_test.cc.

#include "server/rpc/connection_gate.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "tests/support/pipe.h"
#include "tests/support/status_matchers.h"

namespace ferry::connection_gate_test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class Gate {
 public:
  explicit Gate(ConnectionGate::Options options,
                const std::string& address = "127.0.0.1:0") {
    auto listener = ListenSocket::Create(address);
    EXPECT_THAT(listener, IsOk());
    gate_ = *ConnectionGate::Create(*std::move(listener), options, metrics,
                                    [this](UniqueFd fd) {
                                      MutexLock lock(mutex_);
                                      taken_.push_back(std::move(fd));
                                      changed_.NotifyAll();
                                    });
  }

  ConnectionGate& operator*() { return *gate_; }
  ConnectionGate* operator->() { return gate_.get(); }

  void AwaitTaken(size_t count) {
    MutexLock lock(mutex_);
    while (taken_.size() < count) changed_.Wait(mutex_);
    EXPECT_EQ(taken_.size(), count);
  }

  UniqueFd Give(size_t index) {
    MutexLock lock(mutex_);
    UniqueFd fd = std::move(taken_[index]);
    taken_.erase(taken_.begin() + static_cast<ptrdiff_t>(index));
    return fd;
  }

  double Refused(const char* reason) {
    const std::string row = absl::StrCat(
        "ferry_connections_refused_total{reason=\"", reason, "\"} ");
    const std::string text = metrics.Text();
    const size_t found = text.find(row);
    return found == std::string::npos
               ? 0
               : std::stod(text.substr(found + row.size()));
  }

  Metrics metrics;

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<UniqueFd> taken_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<ConnectionGate> gate_;
};

sockaddr_in Loopback(uint8_t host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl((uint32_t{127} << 24) + host);
  return address;
}

UniqueFd Socket() { return UniqueFd(::socket(AF_INET, SOCK_STREAM, 0)); }

// From 127.0.0.<host>.
void Connect(const UniqueFd& fd, uint16_t port, uint8_t host = 1) {
  const sockaddr_in from = Loopback(host, 0);
  ASSERT_EQ(
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof(from)),
      0);
  const sockaddr_in to = Loopback(1, port);
  ASSERT_EQ(
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
      0);
}

UniqueFd Connected(Gate& gate, uint8_t host = 1) {
  UniqueFd fd = Socket();
  Connect(fd, gate->port(), host);
  return fd;
}

// Until the server closes.
std::string ReadAll(const UniqueFd& fd) {
  std::string received;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return received;
    received.append(buffer.data(), static_cast<size_t>(count));
  }
}

// The sentence that a call on it is answered with.
std::string Refusal(const UniqueFd& fd) {
  using std::string_literals::operator""s;
  const std::string call =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\1\1\5\0\0\0\1\x82"s;
  EXPECT_EQ(::send(fd.get(), call.data(), call.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(call.size()));
  ::shutdown(fd.get(), SHUT_WR);
  // Behind the answer a GOAWAY says it again.
  const std::string received = ReadAll(fd);
  const size_t found = received.rfind("connect from ");
  return found == std::string::npos ? received : received.substr(found);
}

TEST(ConnectionGateTest, RefusesOneMoreOfAnAddressButNotOfAnother) {
  Gate gate({.connections_max = 100, .per_peer_max = 2});
  const UniqueFd first = Connected(gate);
  const UniqueFd second = Connected(gate);
  gate.AwaitTaken(2);
  const UniqueFd third = Connected(gate);
  EXPECT_EQ(Refusal(third),
            "connect from ipv4:127.0.0.1: this address has 2 connections, of "
            "at most 2 (--connections-per-peer-max); close some, or share one "
            "channel between calls");
  const UniqueFd other = Connected(gate, 2);
  gate.AwaitTaken(3);
  EXPECT_EQ(gate->CountOpen(), 3);
  EXPECT_EQ(gate.Refused("peer"), 1);
  EXPECT_EQ(gate.Refused("all"), 0);
}

TEST(ConnectionGateTest, RefusesOneMoreInAll) {
  Gate gate({.connections_max = 3, .per_peer_max = 100});
  std::vector<UniqueFd> clients;
  for (uint8_t host = 1; host <= 3; ++host) {
    clients.push_back(Connected(gate, host));
  }
  gate.AwaitTaken(3);
  const UniqueFd fourth = Connected(gate, 4);
  EXPECT_EQ(Refusal(fourth),
            "connect from ipv4:127.0.0.4: this server has 3 connections, of "
            "at most 3 (--connections-max); try again later, or another "
            "replica");
  EXPECT_EQ(gate.Refused("all"), 1);
}

TEST(ConnectionGateTest, CountsNoLongerWhatWasClosed) {
  Gate gate({.connections_max = 100, .per_peer_max = 2});
  const UniqueFd first = Connected(gate);
  const UniqueFd second = Connected(gate);
  gate.AwaitTaken(2);
  { const UniqueFd closed = gate.Give(0); }
  const UniqueFd third = Connected(gate);
  gate.AwaitTaken(2);
  EXPECT_EQ(gate->CountOpen(), 2);
}

TEST(ConnectionGateTest, CountsNoLongerADescriptorThatIsSomethingElseNow) {
  Gate gate({.connections_max = 1, .per_peer_max = 1});
  UniqueFd client = Connected(gate);
  for (const int kind : {0, 1}) {
    gate.AwaitTaken(1);
    const UniqueFd taken = gate.Give(0);
    const UniqueFd other(kind == 0 ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                                   : Socket().Release());
    ASSERT_EQ(::dup3(other.get(), taken.get(), O_CLOEXEC), taken.get());
    client = Connected(gate);
  }
  gate.AwaitTaken(1);
  EXPECT_EQ(gate->CountOpen(), 1);
  EXPECT_EQ(gate.Refused("peer") + gate.Refused("all"), 0);
}

TEST(ConnectionGateTest, AnIPv4ClientOfAnIPv6SocketIsTheSamePeer) {
  Gate gate({.connections_max = 100, .per_peer_max = 1}, "[::]:0");
  const UniqueFd first = Connected(gate);
  gate.AwaitTaken(1);
  const UniqueFd second = Connected(gate);
  EXPECT_THAT(Refusal(second), HasSubstr("connect from ipv4:127.0.0.1: this "
                                         "address has 1 connections"));
}

TEST(ConnectionGateTest, HasFewOfThoseThatItRefuses) {
  Gate gate({.connections_max = 1, .per_peer_max = 1});
  const UniqueFd first = Connected(gate);
  gate.AwaitTaken(1);
  std::vector<UniqueFd> refused;
  for (size_t i = 0; i < 3 * ConnectionGate::kRefusedMax; ++i) {
    refused.push_back(Connected(gate));
  }
  // The oldest made room, without a word.
  EXPECT_EQ(ReadAll(refused.front()).size(), 9u);
  EXPECT_THAT(Refusal(refused.back()), EndsWith("between calls"));
}

TEST(ConnectionGateTest, ClosesOnWhoIsRefusedAndSaysNothing) {
  Gate gate({.connections_max = 1, .per_peer_max = 1});
  const UniqueFd first = Connected(gate);
  gate.AwaitTaken(1);
  const Stopwatch watch;
  EXPECT_THAT(ReadAll(Connected(gate)), EndsWith("between calls"));
  EXPECT_GE(watch.Elapsed(), ConnectionGate::kRefusalMax);
}

TEST(ConnectionGateTest, RefusesManyWithFewLinesInTheLog) {
  testing::internal::CaptureStderr();
  {
    Gate gate({.connections_max = 1, .per_peer_max = 1});
    const UniqueFd first = Connected(gate);
    gate.AwaitTaken(1);
    for (int i = 0; i < 200; ++i) {
      const UniqueFd refused = Connected(gate);
      std::array<char, 9> settings{};
      ASSERT_EQ(::recv(refused.get(), settings.data(), 9, MSG_WAITALL), 9);
    }
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log,
              HasSubstr(" INFO  connection refused error=\"connect from "));
  EXPECT_LE(std::count(log.begin(), log.end(), '\n'), 3 * LogLimit::kLinesMax);
}

// Stderr through a pipe, which takes no descriptor to read.
class PipedStderr {
 public:
  PipedStderr() : saved_(::dup(STDERR_FILENO)) {
    Pipe pipe;
    read_ = std::move(pipe.reader);
    ::dup2(pipe.writer.get(), STDERR_FILENO);
  }
  ~PipedStderr() { ::dup2(saved_.get(), STDERR_FILENO); }

  std::string Await(const std::string& words) const {
    std::string log;
    std::array<char, 4096> buffer{};
    while (log.find(words) == std::string::npos) {
      const ssize_t count = ::read(read_.get(), buffer.data(), buffer.size());
      if (count <= 0) break;
      log.append(buffer.data(), static_cast<size_t>(count));
    }
    return log;
  }

 private:
  UniqueFd saved_;
  UniqueFd read_;
};

TEST(ConnectionGateTest, WaitsForADescriptorWhenNoneIsLeft) {
  Gate gate({.connections_max = 100, .per_peer_max = 100});
  const UniqueFd first = Connected(gate);
  gate.AwaitTaken(1);
  const UniqueFd client = Socket();
  const PipedStderr log;
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low = {.rlim_cur = 256, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<UniqueFd> rest;
  while (true) {
    UniqueFd fd(::dup(client.get()));
    if (!fd) break;
    rest.push_back(std::move(fd));
  }
  Connect(client, gate->port());
  EXPECT_THAT(log.Await("connections wait"), HasSubstr("Too many open files"));
  rest.clear();
  gate.AwaitTaken(2);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(ConnectionGateTest, TakesNoMoreThanTheLimitOfFilesLeaves) {
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low = {.rlim_cur = 300, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  testing::internal::CaptureStderr();
  Gate gate({});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("connections limited by the limit of files "
                        "connections_max=4096 files=300 taken=150"));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 150; ++i) clients.push_back(Connected(gate));
  gate.AwaitTaken(150);
  EXPECT_THAT(Refusal(Connected(gate)), HasSubstr("of at most 150 "));
}

TEST(ConnectionGateTest, ClosesWithConnectionsOfBothKinds) {
  Gate gate({.connections_max = 1, .per_peer_max = 1});
  const std::string address = absl::StrCat("127.0.0.1:", gate->port());
  const UniqueFd first = Connected(gate);
  gate.AwaitTaken(1);
  const UniqueFd refused = Connected(gate);
  gate->Close();
  EXPECT_EQ(gate->CountOpen(), 1);  // Not the gate's to close.
  EXPECT_THAT(ListenSocket::Create(address), IsOk());
  gate->Close();
}

}  // namespace
}  // namespace ferry::connection_gate_test
