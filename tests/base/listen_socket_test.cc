// ListenSocket on ports that the system chose, and connected to.

#include "server/base/listen_socket.h"

#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"

#include "tests/support/status_matchers.h"

namespace ferry::listen_socket_test {
namespace {

using testing::HasSubstr;

bool Connects4(uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)) == 0;
}

bool Connects6(uint16_t port) {
  const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_loopback;
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)) == 0;
}

TEST(ListenSocketTest, ListensOnTheFamilyOfItsAddress) {
  const auto v4 = ListenSocket::Create("127.0.0.1:0");
  ASSERT_THAT(v4, IsOk());
  EXPECT_TRUE(Connects4(v4->port()));
  const auto v6 = ListenSocket::Create("[::1]:0");
  ASSERT_THAT(v6, IsOk());
  EXPECT_TRUE(Connects6(v6->port()));
  EXPECT_FALSE(Connects4(v6->port()));
}

TEST(ListenSocketTest, EveryAddressIsThatOfBothFamilies) {
  for (const char* every : {"0.0.0.0:0", "[::]:0"}) {
    const auto socket = ListenSocket::Create(every);
    ASSERT_THAT(socket, IsOk()) << every;
    EXPECT_TRUE(Connects4(socket->port())) << every;
    EXPECT_TRUE(Connects6(socket->port())) << every;
  }
}

TEST(ListenSocketTest, RefusesAPortInUse) {
  const auto first = ListenSocket::Create("127.0.0.1:0");
  ASSERT_THAT(first, IsOk());
  for (const char* host : {"127.0.0.1", "0.0.0.0", "[::]"}) {
    const std::string address = absl::StrCat(host, ":", first->port());
    const auto second = ListenSocket::Create(address);
    EXPECT_THAT(second, StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(second.status().message(),
              "listen on \"" + address +
                  "\": another process listens there; stop it, or choose "
                  "another port (0 is any free one)");
  }
}

TEST(ListenSocketTest, GivesThePortBack) {
  std::string address;
  {
    const auto first = ListenSocket::Create("127.0.0.1:0");
    ASSERT_THAT(first, IsOk());
    address = absl::StrCat("127.0.0.1:", first->port());
  }
  EXPECT_THAT(ListenSocket::Create(address), IsOk());
}

TEST(ListenSocketTest, RefusesAnAddressThatIsNotOurs) {
  // TEST-NET-1 (RFC 5737): no machine has it.
  const auto socket = ListenSocket::Create("192.0.2.1:0");
  EXPECT_THAT(socket, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(socket.status().message(),
            "listen on \"192.0.2.1:0\": this machine has no such address");
}

TEST(ListenSocketTest, ChecksAnAddressWithoutListening) {
  for (const char* address :
       {"127.0.0.1:0", "0.0.0.0:65535", "[::1]:8001", "192.0.2.1:1"}) {
    EXPECT_THAT(ListenSocket::CheckAddress(address), IsOk()) << address;
  }
}

TEST(ListenSocketTest, RefusesWhatIsNotAnAddress) {
  for (const char* address :
       {"", "9090", ":9090", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:99999", "127.0.0.1:80s", "localhost:0", "::1:0",
        "127.0.0.1:+1", "127.0.0.1: 1", "1.2.3.4.5:1", "unix:/tmp/x"}) {
    const auto socket = ListenSocket::Create(address);
    EXPECT_THAT(socket, StatusIs(absl::StatusCode::kInvalidArgument))
        << address;
    EXPECT_THAT(std::string(socket.status().message()),
                HasSubstr("listen on \""));
    EXPECT_THAT(ListenSocket::CheckAddress(address),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace ferry::listen_socket_test
