// ChunkQueue against its header. Chunks wait for each other through gates, so
// what runs beside what is decided by the test; a queue that is not fair never
// ends one (and CTest's time limit does).

#include "server/transfer/chunk_queue.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <latch>
#include <sched.h>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::chunk_queue_test {
namespace {

constexpr size_t kEndless = SIZE_MAX;
const std::stop_token kNever;
const absl::Duration kNeverStarved = absl::InfiniteDuration();

TEST(ChunkQueueTest, DoesEveryChunkOnce) {
  ChunkQueue queue(4, kNeverStarved);
  std::vector<std::atomic<int>> done(1000);
  EXPECT_THAT(queue.Run(
                  done.size(),
                  [&](size_t index) {
                    ++done[index];
                    return absl::OkStatus();
                  },
                  kNever),
              IsOk());
  for (const std::atomic<int>& times : done) EXPECT_EQ(times, 1);
}

TEST(ChunkQueueTest, OneWorkerGoesUpwards) {
  ChunkQueue queue(1, kNeverStarved);
  std::vector<size_t> done;
  EXPECT_THAT(queue.Run(
                  4,
                  [&](size_t index) {
                    done.push_back(index);
                    return absl::OkStatus();
                  },
                  kNever),
              IsOk());
  EXPECT_EQ(done, (std::vector<size_t>{0, 1, 2, 3}));
}

TEST(ChunkQueueTest, NoChunksAreDoneAtOnce) {
  ChunkQueue queue(1, kNeverStarved);
  EXPECT_THAT(queue.Run(
                  0, [](size_t) { return absl::InternalError(""); }, kNever),
              IsOk());
}

TEST(ChunkQueueTest, AnErrorIsTheAnswerAndTheEnd) {
  ChunkQueue queue(1, kNeverStarved);
  size_t done = 0;
  EXPECT_THAT(queue.Run(
                  100,
                  [&](size_t index) {
                    ++done;
                    return index == 2 ? absl::DataLossError("third")
                                      : absl::OkStatus();
                  },
                  kNever),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(done, 3);
}

// Two chunks run and both fail: the caller gets one error, after both ended.
TEST(ChunkQueueTest, WaitsForTheOtherChunksOfAFailedTransfer) {
  ChunkQueue queue(2, kNeverStarved);
  std::latch both(2);
  std::atomic<int> ended = 0;
  EXPECT_THAT(queue.Run(
                  2,
                  [&](size_t) {
                    both.arrive_and_wait();
                    ++ended;
                    return absl::InternalError("");
                  },
                  kNever),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(ended, 2);
}

TEST(ChunkQueueTest, AStopBeforeTheStartDoesNothing) {
  ChunkQueue queue(1, kNeverStarved);
  std::stop_source stop;
  stop.request_stop();
  std::atomic<int> done = 0;
  EXPECT_THAT(queue.Run(
                  10,
                  [&](size_t) {
                    ++done;
                    return absl::OkStatus();
                  },
                  stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(done, 0);
}

TEST(ChunkQueueTest, AStopEndsATransferAfterTheChunkThatRuns) {
  ChunkQueue queue(1, kNeverStarved);
  std::stop_source stop;
  size_t done = 0;
  EXPECT_THAT(queue.Run(
                  kEndless,
                  [&](size_t index) {
                    ++done;
                    if (index == 4) stop.request_stop();
                    return absl::OkStatus();
                  },
                  stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(done, 5);
}

TEST(ChunkQueueTest, AStopDoesNotWaitForTheChunksOfOthers) {
  ChunkQueue queue(1, kNeverStarved);
  std::latch begun(1);
  std::latch gate(1);
  std::thread other([&] {
    EXPECT_THAT(queue.Run(
                    1,
                    [&](size_t) {
                      begun.count_down();
                      gate.wait();
                      return absl::OkStatus();
                    },
                    kNever),
                IsOk());
  });
  begun.wait();

  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_THAT(queue.Run(
                  1, [](size_t) { return absl::OkStatus(); }, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
  stopper.join();
  gate.count_down();
  other.join();
}

TEST(ChunkQueueTest, TransfersTakeTurns) {
  ChunkQueue queue(1, kNeverStarved);
  std::string turns;  // Only the one worker writes it.
  std::latch begun(1);
  std::stop_source stop;
  std::thread large([&] {
    EXPECT_THAT(queue.Run(
                    kEndless,
                    [&](size_t index) {
                      if (index == 0) begun.count_down();
                      turns += 'L';
                      return absl::OkStatus();
                    },
                    stop.get_token()),
                StatusIs(absl::StatusCode::kCancelled));
  });
  begun.wait();
  EXPECT_THAT(queue.Run(
                  3,
                  [&](size_t) {
                    turns += 's';
                    return absl::OkStatus();
                  },
                  kNever),
              IsOk());
  stop.request_stop();
  large.join();
  EXPECT_NE(turns.find("sLsLs"), std::string::npos);
}

// The slow transfer's first chunk runs until the fast transfer is through; its
// other chunks must not take the second worker meanwhile.
TEST(ChunkQueueTest, ASlowLinkDoesNotTakeTheWorkersOfAFastOne) {
  ChunkQueue queue(2, kNeverStarved);
  std::latch fast_begun(1);
  std::latch slow_begun(1);
  std::latch fast_done(1);
  std::atomic<int> fast_beside_slow = 0;
  std::atomic<int> slow_in_between = 0;
  std::thread fast([&] {
    std::stop_source stop;
    EXPECT_THAT(queue.Run(
                    kEndless,
                    [&](size_t index) {
                      if (index == 0) {
                        fast_begun.count_down();
                        slow_begun.wait();
                      }
                      if (slow_begun.try_wait() && ++fast_beside_slow == 1000) {
                        stop.request_stop();
                      }
                      return absl::OkStatus();
                    },
                    stop.get_token()),
                StatusIs(absl::StatusCode::kCancelled));
    fast_done.count_down();
  });
  fast_begun.wait();
  EXPECT_THAT(queue.Run(
                  4,
                  [&](size_t index) {
                    if (index == 0) {
                      slow_begun.count_down();
                      fast_done.wait();
                    } else if (fast_beside_slow < 1000) {
                      ++slow_in_between;
                    }
                    return absl::OkStatus();
                  },
                  kNever),
              IsOk());
  fast.join();
  EXPECT_EQ(slow_in_between, 0);
}

TEST(ChunkQueueTest, ATransferThatHangsLeavesAWorkerForOthers) {
  ChunkQueue queue(3, kNeverStarved);
  std::latch hanging(2);
  std::latch gate(1);
  std::thread hung([&] {
    EXPECT_THAT(queue.Run(
                    3,
                    [&](size_t index) {
                      if (index < 2) hanging.count_down();
                      gate.wait();
                      return absl::OkStatus();
                    },
                    kNever),
                IsOk());
  });
  hanging.wait();
  EXPECT_THAT(queue.Run(
                  5, [](size_t) { return absl::OkStatus(); }, kNever),
              IsOk());
  gate.count_down();
  hung.join();
}

TEST(ChunkQueueTest, SurvivesConcurrentUse) {
  ChunkQueue queue(4, kNeverStarved);
  std::vector<std::thread> callers;
  std::atomic<size_t> done = 0;
  for (size_t caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (size_t round = 0; round < 50; ++round) {
        std::stop_source stop;
        const bool stops = (caller + round) % 5 == 0;
        const absl::Status status = queue.Run(
            20,
            [&](size_t index) {
              if (stops && index == 10) stop.request_stop();
              ++done;
              return absl::OkStatus();
            },
            stop.get_token());
        EXPECT_TRUE(status.ok() || stops) << status;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(done, 8 * 50 * 10);
}

// The first two chunks wait for each other: the one worker does one, and what
// is as urgent as all others does the other.
TEST(ChunkQueueTest, GoesOnWhereTheWorkersGetNoProcessor) {
  ChunkQueue queue(1, absl::ZeroDuration());
  std::latch both(2);
  std::array<int, 2> policies = {};
  EXPECT_THAT(queue.Run(
                  2,
                  [&](size_t index) {
                    both.arrive_and_wait();
                    policies.at(index) = sched_getscheduler(0);
                    return absl::OkStatus();
                  },
                  kNever),
              IsOk());
  std::ranges::sort(policies);
  EXPECT_EQ(policies, (std::array<int, 2>{SCHED_OTHER, SCHED_IDLE}));
}

TEST(ChunkQueueDeathTest, NeedsAWorker) {
  EXPECT_DEATH(ChunkQueue(0), "INVARIANT");
  EXPECT_DEATH(ChunkQueue(ChunkQueue::kWorkersMax + 1), "INVARIANT");
}

}  // namespace
}  // namespace ferry::chunk_queue_test
