// RunEstimate: the runs are numbers, none is run.

#include "server/registry/run_estimate.h"

#include <gtest/gtest.h>

namespace ferry::run_estimate_test {
namespace {

constexpr absl::Duration kQuick = absl::Microseconds(10);

TEST(RunEstimateTest, KnowsNothingBeforeTheFirstRun) {
  const RunEstimate estimate;
  EXPECT_EQ(estimate.mean(), absl::InfiniteDuration());
  EXPECT_FALSE(estimate.IsShort());
}

TEST(RunEstimateTest, TakesTheFirstRunAtItsWord) {
  RunEstimate estimate;
  estimate.Add(kQuick);
  EXPECT_EQ(estimate.mean(), kQuick);
  EXPECT_TRUE(estimate.IsShort());
}

TEST(RunEstimateTest, ARunOfTheLimitIsNotShort) {
  RunEstimate estimate;
  estimate.Add(RunEstimate::kShortMax);
  EXPECT_FALSE(estimate.IsShort());
}

TEST(RunEstimateTest, OneRunThatWasDrawnOutChangesLittle) {
  RunEstimate estimate;
  estimate.Add(kQuick);
  estimate.Add(absl::Hours(1));  // Counted as 200 us, a twentieth of the mean.
  EXPECT_LT(estimate.mean(), absl::Microseconds(20));
  EXPECT_TRUE(estimate.IsShort());
}

TEST(RunEstimateTest, RunsThatStayLongAreSeenToBe) {
  RunEstimate estimate;
  estimate.Add(kQuick);
  int runs = 0;
  while (estimate.IsShort()) {
    estimate.Add(absl::Milliseconds(1));
    ++runs;
  }
  EXPECT_GT(runs, 1);
  EXPECT_LT(runs, 20);
  for (; !estimate.IsShort(); ++runs) estimate.Add(kQuick);
  EXPECT_LT(runs, 40);
}

TEST(RunEstimateTest, ForgetsWhatIsNoGuideAnyMore) {
  RunEstimate estimate;
  estimate.Add(kQuick);
  estimate.Forget();
  EXPECT_FALSE(estimate.IsShort());
  estimate.Add(2 * kQuick);
  EXPECT_EQ(estimate.mean(), 2 * kQuick);
}

}  // namespace
}  // namespace ferry::run_estimate_test
