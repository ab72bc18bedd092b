// MoveHistory: what is kept, and in which order.

#include "server/registry/move_history.h"

#include <gtest/gtest.h>

namespace ferry::move_history_test {
namespace {

TEST(MoveHistoryTest, KeepsTheNewestInFront) {
  MoveHistory history;
  for (size_t move = 0; move < MoveHistory::kMovesKept + 3; ++move) {
    MoveReport report;
    report.model.version = static_cast<int64_t>(move);
    history.Keep(report);
  }
  const auto moves = history.Newest();
  ASSERT_EQ(moves.size(), MoveHistory::kMovesKept);
  EXPECT_EQ(moves.front().model.version, MoveHistory::kMovesKept + 2);
  EXPECT_EQ(moves.back().model.version, 3);
}

}  // namespace
}  // namespace ferry::move_history_test
