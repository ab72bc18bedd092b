// MoveQueue: who is next, and who can still be taken out.

#include "server/registry/move_queue.h"

#include <future>

#include <gtest/gtest.h>

#include "server/base/worker.h"

namespace ferry::move_queue_test {
namespace {

TEST(MoveQueueTest, GivesWhatCameFirst) {
  MoveQueue queue;
  MoveQueue::Entry first;
  MoveQueue::Entry second;
  queue.Add(first);
  queue.Add(second);
  EXPECT_EQ(queue.not_begun(), 2);
  EXPECT_EQ(queue.Take(), &first);
  EXPECT_EQ(queue.Take(), &second);
  EXPECT_EQ(queue.not_begun(), 0);
}

TEST(MoveQueueTest, EndsWhatHasBegunBeforeItBeginsMore) {
  MoveQueue queue;
  MoveQueue::Entry not_begun;
  MoveQueue::Entry first;
  MoveQueue::Entry second;
  queue.Add(not_begun);
  queue.Resume(first);
  queue.Resume(second);
  EXPECT_EQ(queue.not_begun(), 1);
  EXPECT_EQ(queue.Take(), &first);
  EXPECT_EQ(queue.Take(), &second);
  EXPECT_EQ(queue.Take(), &not_begun);
}

TEST(MoveQueueTest, TakesOutOnlyWhatHasNotBegun) {
  MoveQueue queue;
  MoveQueue::Entry not_begun;
  MoveQueue::Entry begun;
  queue.Add(not_begun);
  queue.Resume(begun);
  EXPECT_FALSE(queue.Remove(begun));
  EXPECT_TRUE(queue.Remove(not_begun));
  EXPECT_FALSE(queue.Remove(not_begun));
  EXPECT_EQ(queue.Take(), &begun);
}

TEST(MoveQueueTest, WakesAMoverThatSleeps) {
  MoveQueue queue;
  MoveQueue::Entry entry;
  std::promise<MoveQueue::Entry*> taken;
  const Worker mover("mover", [&] { taken.set_value(queue.Take()); });
  queue.Resume(entry);
  EXPECT_EQ(taken.get_future().get(), &entry);
}

TEST(MoveQueueTest, IsEmptiedBeforeCloseEndsIt) {
  MoveQueue queue;
  MoveQueue::Entry entry;
  queue.Add(entry);
  queue.Close();
  EXPECT_EQ(queue.Take(), &entry);
  EXPECT_EQ(queue.Take(), nullptr);
}

}  // namespace
}  // namespace ferry::move_queue_test
