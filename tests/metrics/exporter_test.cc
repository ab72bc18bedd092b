// An Exporter asked over a real socket on a port that the system chose.

#include "server/metrics/exporter.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/clock.h"
#include "server/base/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace ferry::exporter_test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The system doubles `receive_bytes`; 0 leaves it to the system.
UniqueFd Connect(uint16_t port, int receive_bytes = 0) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  if (receive_bytes > 0) {
    EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                           sizeof(receive_bytes)),
              0);
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address)),
            0);
  return fd;
}

// All that comes back until the server closes.
std::string ReadAll(const UniqueFd& fd) {
  std::string answer;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count <= 0) return answer;
    answer.append(buffer.data(), static_cast<size_t>(count));
  }
}

std::string Ask(uint16_t port, std::string_view request) {
  const UniqueFd fd = Connect(port);
  EXPECT_GT(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
  return ReadAll(fd);
}

class ExporterTest : public testing::Test {
 protected:
  std::string Request(std::string_view line) {
    return Ask(exporter_->port(),
               absl::StrCat(AbslView(line), " HTTP/1.1\r\nHost: a\r\n\r\n"));
  }

  // More than a socket holds, which on Linux is 4 MiB to be sent.
  void FillMetrics() {
    for (int i = 0; i < 8000; ++i) {
      const std::string label = metrics_.Keep(absl::StrCat("m", i));
      metrics_.Observe(kInferStepSeconds, {label, "run"}, 0.1);
    }
    ASSERT_GT(metrics_.Text().size(), size_t{6} << 20);
  }

  Metrics metrics_{{.models_max = 10'000}};
  std::unique_ptr<Exporter> exporter_ =
      *Exporter::Create("127.0.0.1:0", metrics_);
};

TEST_F(ExporterTest, ServesWhatTheMetricsSay) {
  metrics_.Set(kModels, {"SERVING"}, 3);
  EXPECT_THAT(Request("GET /metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                    HasSubstr("Content-Type: text/plain; version=0.0.4"),
                    EndsWith("\r\n\r\n" + metrics_.Text())));
}

TEST_F(ExporterTest, AnswersHeadWithoutABody) {
  metrics_.Set(kModels, {"SERVING"}, 3);
  EXPECT_THAT(Request("HEAD /metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\n"),
                    HasSubstr(absl::StrCat("Content-Length: ",
                                           metrics_.Text().size()))));
}

TEST_F(ExporterTest, PointsFromTheRootToTheMetrics) {
  EXPECT_THAT(Request("GET /"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                      HasSubstr("/metrics\n")));
}

TEST_F(ExporterTest, ServesNothingElse) {
  EXPECT_THAT(Request("GET /etc/passwd"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Request("GET /../../../etc/passwd"),
              AllOf(StartsWith("HTTP/1.1 4"), Not(HasSubstr("root:"))));
  EXPECT_THAT(Request("POST /metrics"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Request("GET /metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ExporterTest, OutlivesARequestThatIsNoHttp) {
  EXPECT_THAT(Ask(exporter_->port(), "\x16\x03\x01 no http\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Request("GET /metrics"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(ExporterTest, RefusesAHeadWithoutEnd) {
  EXPECT_THAT(
      Ask(exporter_->port(), std::string(Exporter::kRequestBytesMax + 1, 'x')),
      StartsWith("HTTP/1.1 431 "));
}

TEST_F(ExporterTest, TakesARequestInPieces) {
  const UniqueFd fd = Connect(exporter_->port());
  for (const std::string_view piece :
       {"GE", "T /metrics?a=b HT", "TP/1.0\r\nHost: a\r\n\r", "\n"}) {
    ASSERT_GT(::send(fd.get(), piece.data(), piece.size(), MSG_NOSIGNAL), 0);
  }
  EXPECT_THAT(ReadAll(fd), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(ExporterTest, AnswersOthersWhileOneSaysNothing) {
  const UniqueFd silent = Connect(exporter_->port());
  EXPECT_THAT(Request("GET /metrics"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(ExporterTest, AnswersHoweverManySayNothing) {
  const Stopwatch watch;
  std::vector<UniqueFd> silent;
  for (size_t i = 0; i < Exporter::kConnectionsMax + 10; ++i) {
    silent.push_back(Connect(exporter_->port()));
  }
  EXPECT_THAT(Request("GET /metrics"), StartsWith("HTTP/1.1 200 OK"));
  // The oldest made room, and was not only late.
  EXPECT_EQ(ReadAll(silent.front()), "");
  EXPECT_LT(watch.Elapsed(), Exporter::kRequestMax);
}

TEST_F(ExporterTest, AnswersOthersWhileOneDoesNotReadItsAnswer) {
  FillMetrics();
  std::vector<UniqueFd> slow;
  for (int i = 0; i < 2; ++i) {
    slow.push_back(Connect(exporter_->port(), 4096));
    constexpr std::string_view kRequest = "GET /metrics HTTP/1.1\r\n\r\n";
    ASSERT_GT(::send(slow.back().get(), kRequest.data(), kRequest.size(),
                     MSG_NOSIGNAL),
              0);
  }
  const Stopwatch watch;
  EXPECT_THAT(Request("GET /"), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_LT(watch.Elapsed(), Exporter::kRequestMax);
}

TEST_F(ExporterTest, HangsUpOnWhoSendsOnBehindItsAnswer) {
  const UniqueFd fd = Connect(exporter_->port());
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_GT(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
  EXPECT_THAT(ReadAll(fd), StartsWith("HTTP/1.1 200 OK"));
  const Stopwatch watch;
  while (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0) {
  }
  EXPECT_LT(watch.Elapsed(), Exporter::kRequestMax);
}

TEST_F(ExporterTest, HangsUpOnWhoSaysNothingWhenItStops) {
  const UniqueFd silent = Connect(exporter_->port());
  const Stopwatch watch;
  exporter_.reset();
  EXPECT_EQ(ReadAll(silent), "");
  EXPECT_LT(watch.Elapsed(), Exporter::kRequestMax);
}

TEST_F(ExporterTest, SendsMoreThanASocketHolds) {
  FillMetrics();
  EXPECT_TRUE(Request("GET /metrics").ends_with(metrics_.Text()));
}

TEST_F(ExporterTest, RefusesAPortInUse) {
  const auto second =
      Exporter::Create(absl::StrCat("127.0.0.1:", exporter_->port()), metrics_);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr(absl::StrCat("127.0.0.1:", exporter_->port())),
                    HasSubstr("another process listens there"),
                    HasSubstr("choose another port")));
}

TEST_F(ExporterTest, GivesThePortBack) {
  const std::string address = absl::StrCat("127.0.0.1:", exporter_->port());
  exporter_.reset();
  EXPECT_THAT(Exporter::Create(address, metrics_), IsOk());
}

TEST_F(ExporterTest, RefusesAnAddressThatIsNotOurs) {
  // TEST-NET-1 (RFC 5737): no machine has it.
  EXPECT_THAT(Exporter::Create("192.0.2.1:0", metrics_),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ExporterTest, RefusesWhatIsNotAnAddress) {
  for (const std::string_view address :
       {"", "9090", ":9090", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:80s", "127.0.0.1:0,127.0.0.1:0", "localhost:0", "::1:0",
        "127.0.0.1:+1", "127.0.0.1: 1"}) {
    EXPECT_THAT(Exporter::Create(address, metrics_),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << address;
  }
}

}  // namespace
}  // namespace ferry::exporter_test
