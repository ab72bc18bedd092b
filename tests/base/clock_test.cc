// The clock against what may never happen.

#include "server/base/clock.h"

#include <gtest/gtest.h>

namespace ferry::clock_test {
namespace {

TEST(ClockTest, NeverRunsBackwards) {
  absl::Duration last = MonotonicNow();
  for (int step = 0; step < 1000; ++step) {
    const absl::Duration now = MonotonicNow();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(StopwatchTest, ALapStartsItAnew) {
  Stopwatch whole;
  Stopwatch laps;
  absl::Duration sum = laps.Lap();
  sum += laps.Lap();
  EXPECT_GE(sum, absl::ZeroDuration());
  EXPECT_LE(sum, whole.Elapsed());
}

}  // namespace
}  // namespace ferry::clock_test
