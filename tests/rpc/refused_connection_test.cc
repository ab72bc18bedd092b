// RefusedConnection on one end of a socket pair, a client's bytes on the other.
// That gRPC's own client reads the sentence is in rpc_server_test.cc.

#include "server/rpc/refused_connection.h"

#include <array>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace ferry::refused_connection_test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

using std::string_literals::operator""s;

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string kSettings = "\0\0\0\4\0\0\0\0\0"s;
// Of one byte that a decoder would not take: it is not looked at.
std::string Call(char stream) {
  return "\0\0\1\1\4\0\0\0"s + stream + "\xFF" + "\0\0\2\0\1\0\0\0"s + stream +
         "ab";
}

class RefusedConnectionTest : public testing::Test {
 protected:
  RefusedConnectionTest() { Start("too many"); }

  void Start(const std::string& why) {
    std::array<int, 2> ends{};
    EXPECT_EQ(
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    client_ = UniqueFd(ends[0]);
    refused_ = std::make_unique<RefusedConnection>(UniqueFd(ends[1]), why,
                                                   absl::InfiniteDuration());
  }

  bool Send(const std::string& bytes) {
    EXPECT_EQ(::send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    return refused_->Advance();
  }

  // What has come so far.
  std::string Received() const {
    std::string received;
    std::array<char, 4096> buffer{};
    while (true) {
      const ssize_t count =
          ::recv(client_.get(), buffer.data(), buffer.size(), 0);
      if (count <= 0) return received;
      received.append(buffer.data(), static_cast<size_t>(count));
    }
  }

  UniqueFd client_;
  std::unique_ptr<RefusedConnection> refused_;
};

TEST_F(RefusedConnectionTest, StartsWithItsSettings) {
  EXPECT_EQ(Received(), kSettings);
}

TEST_F(RefusedConnectionTest, AnswersEachCallAndAsksForNoMore) {
  EXPECT_TRUE(Send(kPreface + kSettings + Call(1) + Call(3)));
  const std::string fields = "\x88\x0F\x10\x10"s +
                             "application/grpc\0\x0Bgrpc-status\x01"s +
                             "8\0\x0Cgrpc-message\x08too many"s;
  const std::string head = "\0\0"s + static_cast<char>(fields.size()) + "\1\5"s;
  EXPECT_EQ(Received(), kSettings + head + "\0\0\0\1"s + fields + head +
                            "\0\0\0\3"s + fields + "\0\0\x10\7\0\0\0\0\0"s +
                            "\x7F\xFF\xFF\xFF\0\0\0\x0Btoo many"s);
  // One that was on its way then.
  EXPECT_TRUE(Send(Call(5)));
  EXPECT_EQ(Received(), head + "\0\0\0\5"s + fields);
  refused_->SayGoodbye();
  EXPECT_EQ(Received(), "\0\0\x10\7\0\0\0\0\0\0\0\0\5\0\0\0\x0Btoo many"s);
}

TEST_F(RefusedConnectionTest, TakesTheBytesAsTheyCome) {
  for (const char byte : kPreface + kSettings) {
    EXPECT_TRUE(Send(std::string(1, byte)));
  }
  EXPECT_EQ(Received(), kSettings);
  for (const char byte : Call(5)) EXPECT_TRUE(Send(std::string(1, byte)));
  EXPECT_THAT(Received(), EndsWith("\x7F\xFF\xFF\xFF\0\0\0\x0Btoo many"s));
}

TEST_F(RefusedConnectionTest, SaysGoodbyeToWhoCallsNothing) {
  EXPECT_TRUE(Send(kPreface + kSettings));
  refused_->SayGoodbye();
  EXPECT_EQ(Received(), kSettings + "\0\0\x10\7\0\0\0\0\0"s +
                            "\0\0\0\0\0\0\0\x0Btoo many"s);
}

TEST_F(RefusedConnectionTest, EndsWhenTheClientDoes) {
  client_ = UniqueFd();
  EXPECT_FALSE(refused_->Advance());
}

TEST_F(RefusedConnectionTest, HasNothingToSayToWhoSpeaksNoHttp2) {
  // A browser, TLS, and what looks like HTTP/2 for a while.
  for (const std::string& bytes :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n"s, "\x16\x03\x01\x02\0\1"s,
        "PRI * HTTP/2.0\r\n\r\nXX"s, std::string(100'000, '\xFF'),
        std::string(100'000, '\0')}) {
    Start("too many");
    EXPECT_FALSE(Send(bytes));
    refused_->SayGoodbye();
    EXPECT_EQ(Received(), kSettings);
  }
}

TEST_F(RefusedConnectionTest, OutlivesFramesWithoutEnd) {
  EXPECT_TRUE(Send(kPreface + "\xFF\xFF\xFF\4\0\0\0\0\0"s));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Send(std::string(4096, 'x')));
  EXPECT_EQ(Received(), kSettings);
}

TEST_F(RefusedConnectionTest, SaysSentencesOfAnyLength) {
  // RFC 7541, 5.1: 127 and more take further bytes.
  for (const auto& [length, prefix] :
       {std::pair(126, "\x7E"s), std::pair(127, "\x7F\0"s),
        std::pair(128, "\x7F\1"s), std::pair(254, "\x7F\x7F"s),
        std::pair(255, "\x7F\x80\1"s), std::pair(300, "\x7F\xAD\1"s)}) {
    const std::string why(static_cast<size_t>(length), 'w');
    Start(why);
    EXPECT_TRUE(Send(kPreface + Call(1)));
    const std::string received = Received();
    EXPECT_THAT(received, StartsWith(kSettings));
    EXPECT_THAT(received, HasSubstr("grpc-message" + prefix + why)) << length;
  }
}

}  // namespace
}  // namespace ferry::refused_connection_test
