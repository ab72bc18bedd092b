// RequestQueue: order, waking, closing.

#include "server/scheduling/request_queue.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/worker.h"
#include "tests/scheduling/recorded_request.h"

namespace ferry::request_queue_test {
namespace {

TEST(RequestQueueTest, GivesWhatCameFirst) {
  RequestQueue queue;
  RecordedRequest first;
  RecordedRequest second;
  queue.Push(first);
  queue.Push(second);
  EXPECT_EQ(queue.Pop(), &first);
  EXPECT_EQ(queue.Pop(), &second);
}

TEST(RequestQueueTest, CountsWhatWaitsAndWhatRuns) {
  RequestQueue queue;
  RecordedRequest first;
  RecordedRequest second;
  queue.Push(first);
  queue.Push(second);
  EXPECT_EQ(queue.load(), 2);
  EXPECT_EQ(queue.Pop(), &first);
  EXPECT_EQ(queue.load(), 2);
  queue.Ran();
  EXPECT_EQ(queue.load(), 1);
  EXPECT_EQ(queue.TakeAll().size(), 1);
  EXPECT_EQ(queue.load(), 0);
}

TEST(RequestQueueTest, RemovesOneThatWaitsAndNoOther) {
  RequestQueue queue;
  RecordedRequest first;
  RecordedRequest second;
  RecordedRequest third;
  for (RecordedRequest* request : {&first, &second, &third})
    queue.Push(*request);
  EXPECT_TRUE(queue.Remove(second));
  EXPECT_FALSE(queue.Remove(second));
  EXPECT_EQ(queue.load(), 2);
  EXPECT_EQ(queue.Pop(), &first);
  EXPECT_FALSE(queue.Remove(first)) << "it runs";
  EXPECT_EQ(queue.Pop(), &third);
}

TEST(RequestQueueTest, WakesALaneThatSleeps) {
  RequestQueue queue;
  RecordedRequest request;
  std::promise<InferRequest*> popped;
  const Worker lane("lane", [&] { popped.set_value(queue.Pop()); });
  queue.Push(request);
  EXPECT_EQ(popped.get_future().get(), &request);
}

TEST(RequestQueueTest, IsEmptiedBeforeCloseEndsIt) {
  RequestQueue queue;
  RecordedRequest request;
  queue.Push(request);
  queue.Close();
  EXPECT_EQ(queue.Pop(), &request);
  EXPECT_EQ(queue.Pop(), nullptr);
}

TEST(RequestQueueTest, CloseWakesEverySleeper) {
  RequestQueue queue;
  std::vector<std::unique_ptr<Worker>> lanes;
  for (int i = 0; i < 3; ++i) {
    lanes.push_back(std::make_unique<Worker>(
        "lane", [&] { EXPECT_EQ(queue.Pop(), nullptr); }));
  }
  queue.Close();
}

TEST(RequestQueueTest, LendsALaneThatSleepsAndWakesItAfterwards) {
  RequestQueue queue;
  EXPECT_FALSE(queue.Borrow()) << "no lane yet";
  RecordedRequest request;
  std::promise<InferRequest*> popped;
  std::future<InferRequest*> pop = popped.get_future();
  const Worker lane("lane", [&] { popped.set_value(queue.Pop()); });
  while (!queue.Borrow()) std::this_thread::yield();  // Until it sleeps.
  EXPECT_EQ(queue.load(), 1);
  EXPECT_FALSE(queue.Borrow()) << "lent already";

  queue.Push(request);
  // Still the borrower's: the lane must not run beside it.
  EXPECT_EQ(pop.wait_for(std::chrono::milliseconds(20)),
            std::future_status::timeout);
  queue.GiveBack();
  EXPECT_EQ(pop.get(), &request);
  EXPECT_EQ(queue.load(), 1) << "what the lane runs";
}

TEST(RequestQueueTest, LendsToOneOfManyAtATime) {
  RequestQueue queue;
  const Worker lane("lane", [&] { EXPECT_EQ(queue.Pop(), nullptr); });
  std::atomic<int> inside{0};
  std::atomic<int> loans{0};
  {
    std::vector<std::unique_ptr<Worker>> borrowers;
    for (int i = 0; i < 4; ++i) {
      borrowers.push_back(std::make_unique<Worker>("borrower", [&] {
        for (int mine = 0; mine < 500;) {
          if (!queue.Borrow()) continue;
          EXPECT_EQ(++inside, 1);
          --inside;
          ++mine;
          ++loans;
          queue.GiveBack();
        }
      }));
    }
  }
  EXPECT_EQ(loans, 2000);
  queue.Close();
}

TEST(RequestQueueTest, LendsNothingWhileRequestsWait) {
  RequestQueue queue;
  RecordedRequest request;
  queue.Push(request);
  EXPECT_FALSE(queue.Borrow());
  EXPECT_EQ(queue.Pop(), &request);
}

TEST(RequestQueueTest, TakeAllLeavesNothing) {
  RequestQueue queue;
  RecordedRequest first;
  RecordedRequest second;
  queue.Push(first);
  queue.Push(second);
  EXPECT_EQ(queue.TakeAll().size(), 2);
  EXPECT_TRUE(queue.TakeAll().empty());
}

TEST(RequestQueueDeathTest, PushingIntoAClosedQueueIsABug) {
  RequestQueue queue;
  queue.Close();
  RecordedRequest request;
  EXPECT_DEATH(queue.Push(request), "INVARIANT");
}

}  // namespace
}  // namespace ferry::request_queue_test
