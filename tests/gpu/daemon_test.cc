// The whole daemon on the checked device, through a client: gRPC, lanes and
// moves, and requests while it moves.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/gpu/checked_device.h"
#include "tests/integration/test_daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::daemon_test {
namespace {

TEST(DaemonTest, ServesOnTheDeviceAndMovesUnderRequests) {
  constexpr int kMoves = 10;
  const std::string device = CheckedDevice().ToString();
  TestDaemon daemon({absl::StrCat("--devices=cpu=256MiB,", device, "=256MiB")});
  ASSERT_THAT(daemon.started, IsOk());
  ASSERT_THAT(daemon.Load("twice", {device}), IsOk());

  std::atomic<bool> moving{true};
  std::atomic<int> asked{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 3; ++client) {
    clients.emplace_back([&, client] {
      for (float x = static_cast<float>(client); moving || x < 100; ++x) {
        const auto y = daemon.Run("twice", x);
        wrong += !y.ok() || *y != 2 * x + 1;
        ++asked;
        if (x > 1e6F) x = 0;  // Still exact in single precision.
      }
    });
  }
  for (int move = 0; move < kMoves; ++move) {
    EXPECT_THAT(daemon.Migrate("twice", {move % 2 == 0 ? "cpu" : device}),
                IsOk());
  }
  moving = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(daemon.Device(device).healthy);
  Report(absl::StrCat(asked.load(), " requests to the daemon over ", kMoves,
                      " moves, ", wrong.load(), " wrong"));
}

}  // namespace
}  // namespace ferry::daemon_test
