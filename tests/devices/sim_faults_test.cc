// SimFaults: each kind of fault, when it happens and when it is over.

#include "server/devices/sim_faults.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::sim_faults_test {
namespace {

using Kind = SimFault::Kind;

class SimFaultsTest : public testing::Test {
 protected:
  SimFaults faults_{"sim:0"};
};

TEST_F(SimFaultsTest, LetsEverythingBeWithoutAFault) {
  const SimFaults::Verdict verdict = faults_.OnCopy(10);
  EXPECT_THAT(verdict.status, IsOk());
  EXPECT_EQ(verdict.good_bytes, 10u);
  EXPECT_FALSE(verdict.corrupt);
  EXPECT_FALSE(faults_.OnAllocation());
  EXPECT_THAT(faults_.health(), IsOk());
}

TEST_F(SimFaultsTest, RefusesAsManyAllocationsAsTold) {
  faults_.Inject({.kind = Kind::kOutOfMemory, .count = 2});
  EXPECT_TRUE(faults_.OnAllocation());
  EXPECT_THAT(faults_.OnCopy(1).status, IsOk());
  EXPECT_TRUE(faults_.OnAllocation());
  EXPECT_FALSE(faults_.OnAllocation());
}

TEST_F(SimFaultsTest, FailsOneCopyAndGoesOn) {
  faults_.Inject({.kind = Kind::kFailCopy});
  const SimFaults::Verdict verdict = faults_.OnCopy(10);
  EXPECT_THAT(verdict.status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(verdict.good_bytes, 0u);
  EXPECT_THAT(faults_.health(), IsOk());
  EXPECT_THAT(faults_.OnCopy(10).status, IsOk());
}

TEST_F(SimFaultsTest, AKernelThatAssertsEndsTheDeviceAndNoCopyCountsForIt) {
  faults_.OnKernel();
  faults_.Inject({.kind = Kind::kAssert});
  EXPECT_THAT(faults_.OnCopy(10).status, IsOk());
  EXPECT_FALSE(faults_.OnAllocation());
  EXPECT_THAT(faults_.health(), IsOk());
  faults_.OnKernel();
  EXPECT_THAT(faults_.health(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(faults_.OnCopy(10).status, StatusIs(absl::StatusCode::kInternal));
}

TEST_F(SimFaultsTest, FailsTheDeviceAtTheByteTold) {
  faults_.Inject({.kind = Kind::kFailDevice, .after_bytes = 25});
  EXPECT_EQ(faults_.OnCopy(10).good_bytes, 10u);
  EXPECT_EQ(faults_.OnCopy(15).good_bytes, 15u);
  EXPECT_THAT(faults_.health(), IsOk());
  const SimFaults::Verdict last = faults_.OnCopy(10);
  EXPECT_THAT(last.status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(last.good_bytes, 0u);
}

TEST_F(SimFaultsTest, FailsTheDeviceInTheMiddleOfACopy) {
  faults_.Inject({.kind = Kind::kFailDevice, .after_bytes = 25});
  ASSERT_THAT(faults_.OnCopy(20).status, IsOk());
  EXPECT_EQ(faults_.OnCopy(10).good_bytes, 5u);
}

TEST_F(SimFaultsTest, AFailedDeviceStaysFailed) {
  faults_.Inject({.kind = Kind::kFailDevice});
  const absl::Status first = faults_.OnCopy(1).status;
  faults_.Clear();
  EXPECT_THAT(faults_.health(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(faults_.OnCopy(1).status, first);
  EXPECT_EQ(faults_.OnCopy(1).good_bytes, 0u);
}

TEST_F(SimFaultsTest, CorruptsAsManyCopiesInARowAsTold) {
  faults_.Inject({.kind = Kind::kCorrupt, .count = 2, .after_bytes = 10});
  EXPECT_FALSE(faults_.OnCopy(10).corrupt);
  EXPECT_TRUE(faults_.OnCopy(1).corrupt);
  EXPECT_TRUE(faults_.OnCopy(1).corrupt);
  EXPECT_FALSE(faults_.OnCopy(1).corrupt);
}

TEST_F(SimFaultsTest, GoesOnForeverUntilCleared) {
  faults_.Inject({.kind = Kind::kCorrupt, .count = SimFault::kForever});
  for (int copy = 0; copy < 100; ++copy) EXPECT_TRUE(faults_.OnCopy(1).corrupt);
  faults_.Clear();
  EXPECT_FALSE(faults_.OnCopy(1).corrupt);
}

TEST_F(SimFaultsTest, KeepsSeveralFaultsAtOnce) {
  faults_.Inject({.kind = Kind::kCorrupt});
  faults_.Inject({.kind = Kind::kFailCopy, .after_bytes = 10});
  EXPECT_TRUE(faults_.OnCopy(10).corrupt);
  EXPECT_THAT(faults_.OnCopy(1).status, StatusIs(absl::StatusCode::kInternal));
}

TEST_F(SimFaultsTest, HoldsACopyUntilItIsReleased) {
  faults_.Inject({.kind = Kind::kStall});
  SimFaults::Verdict verdict;
  std::thread copy([&] { verdict = faults_.OnCopy(10); });
  faults_.AwaitStall();
  EXPECT_EQ(faults_.OnCopy(5).good_bytes, 5u);  // Others pass.
  faults_.Release();
  copy.join();
  EXPECT_THAT(verdict.status, IsOk());
  EXPECT_EQ(verdict.good_bytes, 10u);
}

TEST_F(SimFaultsTest, AReleaseDoesNotCountForLaterStalls) {
  faults_.Release();
  faults_.Inject({.kind = Kind::kStall});
  std::thread copy([&] { faults_.OnCopy(10); });
  faults_.AwaitStall();
  faults_.Release();
  copy.join();
}

TEST_F(SimFaultsTest, AStalledCopyFailsWhenTheDeviceFailsMeanwhile) {
  faults_.Inject({.kind = Kind::kStall});
  SimFaults::Verdict verdict;
  std::thread copy([&] { verdict = faults_.OnCopy(10); });
  faults_.AwaitStall();
  faults_.Inject({.kind = Kind::kFailDevice});
  EXPECT_THAT(faults_.OnCopy(1).status, StatusIs(absl::StatusCode::kInternal));
  faults_.Release();
  copy.join();
  EXPECT_THAT(verdict.status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(verdict.good_bytes, 0u);
}

}  // namespace
}  // namespace ferry::sim_faults_test
