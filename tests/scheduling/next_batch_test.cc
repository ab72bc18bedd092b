// NextBatch: a queue is drawn, the answer is its place in it.

#include "server/scheduling/next_batch.h"

#include <ranges>
#include <vector>

#include <gtest/gtest.h>

namespace ferry::next_batch_test {
namespace {

constexpr WaitingRequest kReady{.stands_still = false};
constexpr WaitingRequest kStill{.stands_still = true};

TEST(NextBatchTest, IsNothingOfAnEmptyQueue) {
  EXPECT_EQ(NextBatch(std::vector<WaitingRequest>{}), std::nullopt);
}

TEST(NextBatchTest, IsTheFirst) {
  EXPECT_EQ(NextBatch(std::vector{kReady, kReady}), 0);
}

TEST(NextBatchTest, PassesOverWhatStandsStill) {
  EXPECT_EQ(NextBatch(std::vector{kStill, kStill, kReady, kReady}), 2);
}

TEST(NextBatchTest, IsNothingWhenAllStandStill) {
  EXPECT_EQ(NextBatch(std::vector{kStill, kStill}), std::nullopt);
}

TEST(NextBatchTest, LooksNoFurtherThanItMust) {
  int looked = 0;
  const auto queue =
      std::views::iota(0, 1000) | std::views::transform([&looked](int i) {
        ++looked;
        return WaitingRequest{.stands_still = i < 3};
      });
  EXPECT_EQ(NextBatch(queue), 3);
  EXPECT_EQ(looked, 4);
}

}  // namespace
}  // namespace ferry::next_batch_test
