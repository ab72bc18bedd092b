// CondVar's ways to stop waiting, each made certain by the other thread.

#include "server/base/mutex.h"

#include <stop_token>

#include <gtest/gtest.h>

#include "server/base/worker.h"

namespace ferry::mutex_test {
namespace {

TEST(CondVarTest, WakesTheOneWhoWaits) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  const Worker worker("notifier", [&] {
    MutexLock lock(mutex);
    ready = true;
    changed.NotifyOne();
  });
  MutexLock lock(mutex);
  while (!ready) changed.Wait(mutex);
  EXPECT_TRUE(ready);
}

TEST(CondVarTest, AStopEndsTheWait) {
  Mutex mutex;
  CondVar changed;
  std::stop_source source;
  const Worker worker("stopper", [&] { source.request_stop(); });
  MutexLock lock(mutex);
  while (!source.stop_requested()) {
    changed.Wait(mutex, source.get_token());
  }
  EXPECT_TRUE(source.stop_requested());
}

TEST(CondVarTest, NeverBlocksOnceStopped) {
  Mutex mutex;
  CondVar changed;
  std::stop_source source;
  source.request_stop();
  MutexLock lock(mutex);
  changed.Wait(mutex, source.get_token());
  EXPECT_TRUE(changed.WaitFor(mutex, source.get_token(), absl::Hours(1)));
}

TEST(CondVarTest, SaysWhenPatienceEndedTheWait) {
  Mutex mutex;
  CondVar changed;
  const std::stop_source source;
  MutexLock lock(mutex);
  // Spurious wakes answer true: ask until the time is over.
  while (changed.WaitFor(mutex, absl::Milliseconds(1))) {
  }
  while (changed.WaitFor(mutex, source.get_token(), absl::Milliseconds(1))) {
  }
}

TEST(CondVarTest, WaitsForeverWithoutOverflowing) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  const Worker worker("notifier", [&] {
    MutexLock lock(mutex);
    ready = true;
    changed.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!ready) {
    EXPECT_TRUE(changed.WaitFor(mutex, absl::InfiniteDuration()));
  }
}

}  // namespace
}  // namespace ferry::mutex_test
