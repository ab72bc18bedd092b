// CallCount: whoever waits is told of the last call's end, and of patience
// running out.

#include "server/base/call_count.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/worker.h"

namespace ferry::call_count_test {
namespace {

TEST(CallCountTest, DoesNotWaitWhenThereIsNoCall) {
  CallCount count;
  EXPECT_TRUE(count.WaitForNone(absl::ZeroDuration()));
  EXPECT_TRUE(count.WaitForNone(absl::InfiniteDuration()));
}

TEST(CallCountTest, GivesUpWhenTheLimitPasses) {
  CallCount count;
  const CallCount::Call call(count);
  EXPECT_FALSE(count.WaitForNone(absl::ZeroDuration()));
  EXPECT_FALSE(count.WaitForNone(absl::Milliseconds(1)));
}

TEST(CallCountTest, WaitsForTheLastCall) {
  for (int round = 0; round < 200; ++round) {
    CallCount count;
    auto first = std::make_unique<CallCount::Call>(count);
    auto second = std::make_unique<CallCount::Call>(count);
    const Worker one("one", [&] { first.reset(); });
    const Worker other("other", [&] { second.reset(); });
    EXPECT_TRUE(count.WaitForNone(absl::InfiniteDuration()));
  }
}

// Whoever waited may be the one that destroys the count.
TEST(CallCountTest, WhoEndsTheLastCallIsDoneWithTheCountWhenTheWaitEnds) {
  for (int round = 0; round < 2000; ++round) {
    auto count = std::make_unique<CallCount>();
    auto call = std::make_unique<CallCount::Call>(*count);
    std::atomic<bool> waits{false};
    const Worker last("last", [&] {
      while (!waits) std::this_thread::yield();
      call.reset();
    });
    waits = true;
    EXPECT_TRUE(count->WaitForNone(absl::InfiniteDuration()));
    count.reset();
  }
}

TEST(CallCountTest, ACallThatIsHandedOnIsStillOne) {
  CallCount count;
  CallCount::Call call(count);
  {
    CallCount::Call held;
    held = std::move(call);
    EXPECT_FALSE(count.WaitForNone(absl::ZeroDuration()));
  }
  EXPECT_TRUE(count.WaitForNone(absl::ZeroDuration()));
}

TEST(CallCountDeathTest, IsNotDestroyedUnderACall) {
  EXPECT_DEATH(
      {
        auto* count = new CallCount;
        new CallCount::Call(*count);
        delete count;
      },
      "calls_ == 0");
}

}  // namespace
}  // namespace ferry::call_count_test
