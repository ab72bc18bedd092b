// ByteBudget: shares that grow, shrink and are refused, with the numbers.

#include "server/rpc/byte_budget.h"

#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::byte_budget_test {
namespace {

TEST(ByteBudgetTest, SharesTakeGrowShrinkAndGiveBack) {
  ByteBudget budget(100);
  std::optional<ByteBudget::Share> first(std::in_place, budget);
  ByteBudget::Share second(budget);
  EXPECT_THAT(first->Set(60), IsOk());
  EXPECT_THAT(second.Set(40), IsOk());
  EXPECT_EQ(budget.used_bytes(), 100u);
  EXPECT_THAT(first->Set(10), IsOk());
  EXPECT_THAT(second.Set(90), IsOk());
  first.reset();
  EXPECT_EQ(budget.used_bytes(), 90u);
}

TEST(ByteBudgetTest, RefusesWithTheNumbersAndLeavesTheShareAsItWas) {
  ByteBudget budget(100);
  ByteBudget::Share first(budget);
  ByteBudget::Share second(budget);
  EXPECT_THAT(first.Set(60), IsOk());
  const absl::Status refused = second.Set(41);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(refused.message(),
            "requests and answers take 60 bytes here, this one would take 41 "
            "more, and all may take 100; try again later");
  EXPECT_EQ(second.bytes(), 0u);
  EXPECT_THAT(second.Set(~uint64_t{0}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(budget.used_bytes(), 60u);
}

TEST(ByteBudgetDeathTest, AShareDoesNotOutliveItsBudget) {
  EXPECT_DEATH(
      {
        auto* budget = new ByteBudget(1);
        auto* share = new ByteBudget::Share(*budget);
        EXPECT_THAT(share->Set(1), IsOk());
        delete budget;
      },
      "INVARIANT");
}

}  // namespace
}  // namespace ferry::byte_budget_test
