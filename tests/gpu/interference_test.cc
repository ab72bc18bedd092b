// What a request to a small model on the checked device takes, alone and while
// a gibibyte moves there and back: figures for the report. Only the answers are
// tested.

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

#include "server/base/clock.h"
#include "tests/gpu/checked_device.h"
#include "tests/integration/test_daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::interference_test {
namespace {

constexpr int kRequests = 2000;

// Asks one after another, at least kRequests times and until `done` says so.
void AskAndReport(TestDaemon& daemon, const char* what,
                  const std::function<bool()>& done) {
  std::vector<double> micros;
  int wrong = 0;
  for (int i = 0; i < kRequests || !done(); ++i) {
    const Stopwatch watch;
    const auto y = daemon.Run("small", static_cast<float>(i % 1000));
    micros.push_back(absl::ToDoubleMicroseconds(watch.Elapsed()));
    wrong += !y.ok() || *y != 2 * static_cast<float>(i % 1000) + 1;
  }
  EXPECT_EQ(wrong, 0);
  std::ranges::sort(micros);
  Report(absl::StrFormat("a small model, %s: p50 %.0f us, p99 %.0f us, of %d",
                         what, micros[micros.size() / 2],
                         micros[micros.size() * 99 / 100], micros.size()));
}

TEST(InterferenceTest, IsReported) {
  constexpr int kMoves = 6;
  const uint64_t size_mebibytes = ChecksGpu() ? 1024 : 64;
  const std::string device = CheckedDevice().ToString();
  TestDaemon daemon(
      {absl::StrFormat("--devices=cpu=%dMiB,%s=%dMiB", 2 * size_mebibytes,
                       device, 2 * size_mebibytes)});
  ASSERT_THAT(daemon.started, IsOk());
  SaveScaleModel(daemon.models / "small.pt", 2, uint64_t{8} << 20);
  SaveScaleModel(daemon.models / "large.pt", 2, size_mebibytes << 20);
  ASSERT_THAT(daemon.Load("small", {device}), IsOk());
  ASSERT_THAT(daemon.Load("large", {"cpu"}), IsOk());
  AskAndReport(daemon, "alone", [] { return true; });

  std::atomic<bool> moved{false};
  double rate = 0;
  std::thread moves([&] {
    for (int move = 0; move < kMoves; ++move) {
      const auto outcome =
          daemon.Migrate("large", {move % 2 == 0 ? device : "cpu"});
      EXPECT_THAT(outcome, IsOk());
      if (outcome.ok() && outcome->report.has_value()) {
        rate = std::max(rate, outcome->report->bytes_per_second);
      }
    }
    moved = true;
  });
  AskAndReport(daemon, "beside moves", [&] { return moved.load(); });
  moves.join();
  Report(absl::StrFormat("the best of %d moves of %d MiB beside it: %.2f GB/s",
                         kMoves, size_mebibytes, rate / 1e9));
}

}  // namespace
}  // namespace ferry::interference_test
