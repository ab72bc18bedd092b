// Signals sent to the own thread and process while they are blocked.
//
// pthread_kill() to oneself and a blocked signal make "it has come" certain
// before the wait begins: no other thread, no sleeping.

#include "server/base/stop_signal.h"

#include <memory>
#include <pthread.h>
#include <signal.h>

#include <gtest/gtest.h>

#include "server/base/worker.h"

namespace ferry::stop_signal_test {
namespace {

class StopSignalTest : public testing::Test {
 protected:
  std::unique_ptr<StopSignal> stop_ = *StopSignal::Create();
};

TEST_F(StopSignalTest, TellsWhichSignalCame) {
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_EQ(stop_->Wait(), SIGTERM);
  pthread_kill(pthread_self(), SIGINT);
  EXPECT_EQ(stop_->Wait(), SIGINT);
}

TEST_F(StopSignalTest, TellsASecondSignalToo) {
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_EQ(stop_->Wait(), SIGTERM);
  EXPECT_EQ(stop_->WaitFor(absl::ZeroDuration()), std::nullopt);
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_EQ(stop_->Wait(), SIGTERM);
}

TEST_F(StopSignalTest, TellsEachNotificationOnce) {
  stop_->Notify();
  stop_->Notify();
  EXPECT_EQ(stop_->Wait(), StopSignal::kNotified);
  EXPECT_EQ(stop_->Wait(), StopSignal::kNotified);
  EXPECT_EQ(stop_->WaitFor(absl::ZeroDuration()), std::nullopt);
}

TEST_F(StopSignalTest, GivesUpWhenPatienceEnds) {
  EXPECT_EQ(stop_->WaitFor(absl::Milliseconds(1)), std::nullopt);
}

TEST_F(StopSignalTest, WakesAThreadThatWaits) {
  int told = -1;
  {
    const Worker worker("waiter", [&] { told = stop_->Wait(); });
    stop_->Notify();
  }
  EXPECT_EQ(told, StopSignal::kNotified);
}

TEST_F(StopSignalTest, LeavesTheSignalsBlocked) {
  stop_.reset();
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_EQ((*StopSignal::Create())->Wait(), SIGTERM);
}

}  // namespace
}  // namespace ferry::stop_signal_test
