// The real clock against what may never happen; the fake one against itself.

#include "server/base/clock.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace ferry::clock_test {
namespace {

TEST(RealClockTest, NeverRunsBackwards) {
  const RealClock clock;
  absl::Duration last = clock.Monotonic();
  for (int step = 0; step < 1000; ++step) {
    const absl::Duration now = clock.Monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(RealClockTest, KnowsTheCentury) {
  EXPECT_GT(RealClock().Now(), absl::FromUnixSeconds(1'600'000'000));
}

TEST(FakeClockTest, StandsStillUntilMoved) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  EXPECT_EQ(clock.Monotonic(), absl::ZeroDuration());
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now() - start, absl::Seconds(3));
  EXPECT_EQ(clock.Monotonic(), absl::Seconds(3));
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
