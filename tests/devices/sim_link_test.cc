// SimLink's bookkeeping, on times that the test makes up.

#include "server/devices/sim_link.h"

#include <gtest/gtest.h>

#include "server/base/clock.h"

namespace ferry::sim_link_test {
namespace {

constexpr absl::Duration kStart = absl::Hours(1);

TEST(SimLinkTest, TakesSizeOverRate) {
  SimLink link(1e9);
  EXPECT_EQ(link.Reserve(kStart, 500'000'000),
            kStart + absl::Milliseconds(500));
}

TEST(SimLinkTest, QueuesTransfersBehindEachOther) {
  SimLink link(1e6);
  EXPECT_EQ(link.Reserve(kStart, 1'000'000), kStart + absl::Seconds(1));
  EXPECT_EQ(link.Reserve(kStart + absl::Milliseconds(10), 2'000'000),
            kStart + absl::Seconds(3));
  EXPECT_EQ(link.Reserve(kStart + absl::Milliseconds(20), 0),
            kStart + absl::Seconds(3));
}

TEST(SimLinkTest, StartsAtOnceAfterAnIdleTime) {
  SimLink link(1e6);
  link.Reserve(kStart, 1'000'000);
  EXPECT_EQ(link.Reserve(kStart + absl::Seconds(5), 1'000'000),
            kStart + absl::Seconds(6));
}

// The rate over a run of chunks is the link's, although each caller is woken a
// little late.
TEST(SimLinkTest, LosesNothingToCallersThatAreALittleLate) {
  SimLink link(1e9);
  absl::Duration now = kStart;
  for (int chunk = 0; chunk < 100; ++chunk) {
    now = link.Reserve(now, 4'000'000) + absl::Microseconds(300);
  }
  EXPECT_EQ(now - absl::Microseconds(300),
            kStart + 100 * absl::Milliseconds(4));
}

TEST(SimLinkTest, IsNeverFasterThanItsRateByMoreThanTheSlack) {
  SimLink link(1e9);
  const absl::Duration first = link.Reserve(kStart, 1'000'000);
  const absl::Duration late = first + SimLink::kSlack + absl::Nanoseconds(1);
  EXPECT_EQ(link.Reserve(late, 1'000'000), late + absl::Milliseconds(1));
}

TEST(SimLinkTest, TakesNoTimeWithoutARate) {
  SimLink link(0);
  EXPECT_EQ(link.Reserve(kStart, 1 << 30), kStart);
}

TEST(SimLinkTest, WaitsNoShorterThanAsked) {
  const absl::Duration end = MonotonicNow() + absl::Milliseconds(3);
  SimLink::WaitUntil(end);
  EXPECT_GE(MonotonicNow(), end);
  SimLink::WaitUntil(kStart - absl::Hours(1));  // Past: returns at once.
}

}  // namespace
}  // namespace ferry::sim_link_test
