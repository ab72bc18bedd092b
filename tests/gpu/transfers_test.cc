// What a whole move to the checked device takes, by how many threads copy and
// check: figures for the report. Only the answers are tested.

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

#include "tests/gpu/checked_device.h"
#include "tests/integration/test_daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::transfers_test {
namespace {

TEST(TransfersTest, AreReportedByThreads) {
  constexpr int kMoves = 4;
  const uint64_t size_mebibytes = ChecksGpu() ? 2048 : 32;
  const std::string device = CheckedDevice().ToString();
  for (const int threads : {1, 2, 4, 8, 16}) {
    TestDaemon daemon(
        {absl::StrFormat("--devices=cpu=%dMiB,%s=%dMiB", size_mebibytes + 64,
                         device, size_mebibytes + 64),
         absl::StrFormat("--transfer-threads=%d", threads),
         "--log-level=warn"});
    ASSERT_THAT(daemon.started, IsOk());
    SaveScaleModel(daemon.models / "large.pt", 2, size_mebibytes << 20);
    const auto loaded = daemon.Load("large", {"cpu"});
    ASSERT_THAT(loaded, IsOk());
    double rate = 0;
    absl::Duration total = absl::InfiniteDuration();
    for (int move = 0; move < kMoves; ++move) {
      const auto there = daemon.Migrate("large", {device});
      ASSERT_THAT(there, IsOk());
      EXPECT_EQ(*daemon.Run("large", 3), 7);
      ASSERT_TRUE(there->report.has_value());
      rate = std::max(rate, there->report->bytes_per_second);
      total = std::min(total, there->report->total);
      ASSERT_THAT(daemon.Migrate("large", {"cpu"}), IsOk());
    }
    Report(absl::StrFormat(
        "%2d transfer threads: from disk %5.2f GB/s; the best of %d moves of "
        "%d MiB %5.2f GB/s, %.0f ms in all",
        threads, loaded->report->bytes_per_second / 1e9, kMoves, size_mebibytes,
        rate / 1e9, absl::ToDoubleMilliseconds(total)));
  }
}

// A forward that wants more than the device has is refused, and the next one
// runs.
TEST(TransfersTest, AForwardBeyondTheDeviceIsRefusedAlone) {
  const std::string device = CheckedDevice().ToString();
  TestDaemon daemon({absl::StrFormat("--devices=cpu=64MiB,%s=64MiB", device),
                     "--activation-bytes-max=256MiB"});
  ASSERT_THAT(daemon.started, IsOk());
  SaveGreedyDeviceModel(daemon.models / "greedy.pt");
  ASSERT_THAT(daemon.Load("greedy", {device}), IsOk());
  EXPECT_EQ(*daemon.Run("greedy", 8), 8);
  const auto refused = daemon.Run("greedy", 1 << 20);  // A tebibyte.
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  Report(std::string(refused.status().message()));
  EXPECT_EQ(*daemon.Run("greedy", 8), 8);
  EXPECT_TRUE(daemon.Device(device).healthy);
}

}  // namespace
}  // namespace ferry::transfers_test
