// ActivationAccounts: the peak, and whose a thread's allocations are.

#include "server/executors/torch/activation_account.h"

#include <gtest/gtest.h>

#include "server/base/worker.h"

namespace ferry::activation_account_test {
namespace {

TEST(ActivationAccountTest, ThePeakIsTheMostHeldAtATime) {
  ActivationAccount account;
  account.Add(10);
  account.Add(20);
  account.Remove(20);
  account.Add(5);
  EXPECT_EQ(account.used_bytes(), 15u);
  EXPECT_EQ(account.peak_bytes(), 30u);
}

TEST(ActivationScopeTest, TheInnermostCountsAndIsUndone) {
  const auto outer = c10::make_intrusive<ActivationAccount>();
  const auto inner = c10::make_intrusive<ActivationAccount>();
  EXPECT_EQ(ActivationScope::account(), nullptr);
  {
    const ActivationScope first(outer);
    {
      const ActivationScope second(inner);
      EXPECT_EQ(ActivationScope::account(), inner.get());
    }
    EXPECT_EQ(ActivationScope::account(), outer.get());
  }
  EXPECT_EQ(ActivationScope::account(), nullptr);
}

TEST(ActivationScopeTest, BelongsToItsThread) {
  const auto account = c10::make_intrusive<ActivationAccount>();
  const ActivationScope scope(account);
  const Worker other("other",
                     [] { EXPECT_EQ(ActivationScope::account(), nullptr); });
}

}  // namespace
}  // namespace ferry::activation_account_test
