// NextBatch: a queue is drawn, the answer is its place in it.

#include "server/scheduling/next_batch.h"

#include <vector>

#include <gtest/gtest.h>

namespace ferry::next_batch_test {
namespace {

constexpr WaitingRequest kReady{.stands_still = false};
constexpr WaitingRequest kStill{.stands_still = true};

std::optional<size_t> Next(const std::vector<WaitingRequest>& queue) {
  return NextBatch(queue.size(), [&](size_t place) { return queue[place]; });
}

TEST(NextBatchTest, IsNothingOfAnEmptyQueue) {
  EXPECT_EQ(Next({}), std::nullopt);
}

TEST(NextBatchTest, IsTheFirst) { EXPECT_EQ(Next({kReady, kReady}), 0); }

TEST(NextBatchTest, PassesOverWhatStandsStill) {
  EXPECT_EQ(Next({kStill, kStill, kReady, kReady}), 2);
}

TEST(NextBatchTest, IsNothingWhenAllStandStill) {
  EXPECT_EQ(Next({kStill, kStill}), std::nullopt);
}

TEST(NextBatchTest, LooksNoFurtherThanItMust) {
  size_t looked = 0;
  EXPECT_EQ(NextBatch(1000,
                      [&](size_t place) {
                        ++looked;
                        return place < 3 ? kStill : kReady;
                      }),
            3);
  EXPECT_EQ(looked, 4);
}

}  // namespace
}  // namespace ferry::next_batch_test
