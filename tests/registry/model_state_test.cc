// DeriveState as a table: facts in, the state that a client is shown out.

#include "server/registry/model_state.h"

#include <gtest/gtest.h>

namespace ferry::model_state_test {
namespace {

TEST(DeriveStateTest, NothingInMemoryIsCold) {
  EXPECT_EQ(DeriveState({}), ModelState::kCold);
}

TEST(DeriveStateTest, OnItsWayFromNowhereIsLoading) {
  EXPECT_EQ(DeriveState({.moving = true}), ModelState::kLoading);
}

TEST(DeriveStateTest, OnADeviceIsServing) {
  EXPECT_EQ(DeriveState({.in_host_memory = true, .serves = true}),
            ModelState::kServing);
}

TEST(DeriveStateTest, OnADeviceAndOnItsWayIsMigrating) {
  EXPECT_EQ(
      DeriveState({.in_host_memory = true, .serves = true, .moving = true}),
      ModelState::kMigrating);
}

TEST(DeriveStateTest, OnlyInHostMemoryIsParked) {
  EXPECT_EQ(DeriveState({.in_host_memory = true}), ModelState::kParked);
}

TEST(DeriveStateTest, LeavingBeatsEverything) {
  EXPECT_EQ(DeriveState({.in_host_memory = true,
                         .serves = true,
                         .moving = true,
                         .leaving = true}),
            ModelState::kLeaving);
}

TEST(StateNameTest, NamesAreTheWiresWords) {
  EXPECT_EQ(StateName(ModelState::kMigrating), "MIGRATING");
  EXPECT_EQ(StateName(ModelState::kLeaving), "LEAVING");
}

TEST(StepNameTest, NamesAreTheCataloguesWords) {
  EXPECT_EQ(StepName(MoveStep::kDecide), "decide");
  EXPECT_EQ(StepName(MoveStep::kDrain), "drain");
}

}  // namespace
}  // namespace ferry::model_state_test
