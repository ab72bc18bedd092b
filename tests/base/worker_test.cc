// Workers against their two promises: the name, and the join.

#include "server/base/worker.h"

#include <array>
#include <pthread.h>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "server/base/mutex.h"

namespace ferry::worker_test {
namespace {

std::string OwnThreadName() {
  std::array<char, 16> name = {};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return name.data();
}

TEST(WorkerTest, RunsItsBodyBeforeItIsJoined) {
  int runs = 0;
  {
    const Worker worker("counter", [&runs] { ++runs; });
  }
  EXPECT_EQ(runs, 1);
}

TEST(WorkerTest, CarriesItsName) {
  std::string name;
  {
    const Worker worker("lane-sim:0", [&name] { name = OwnThreadName(); });
  }
  EXPECT_EQ(name, "lane-sim:0");
}

TEST(WorkerTest, CutsANameThatTheKernelWouldRefuse) {
  std::string name;
  {
    const Worker worker("a-name-of-twenty-one",
                        [&name] { name = OwnThreadName(); });
    EXPECT_EQ(worker.name(), "a-name-of-twenty-one");
  }
  EXPECT_EQ(name, "a-name-of-twent");
}

TEST(WorkerTest, HasTheSameStackOnEveryMachine) {
  size_t size_bytes = 0;
  {
    const Worker worker("stack", [&size_bytes] {
      pthread_attr_t attributes;
      ASSERT_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
      pthread_attr_getstacksize(&attributes, &size_bytes);
      pthread_attr_destroy(&attributes);
    });
  }
  EXPECT_EQ(size_bytes, Worker::kStackSizeBytes);
}

TEST(WorkerDeathTest, AThrowingBodyIsABug) {
  EXPECT_DEATH(
      {
        const Worker worker("thrower", [] { throw std::runtime_error("x"); });
      },
      "");
}

TEST(WorkerDeathTest, DestroyingItselfIsABug) {
  EXPECT_DEATH(
      {
        Mutex mutex;
        CondVar born;
        Worker* self = nullptr;
        auto* worker = new Worker("self", [&] {
          MutexLock lock(mutex);
          while (self == nullptr) born.Wait(mutex);
          delete self;
        });
        MutexLock lock(mutex);
        self = worker;
        born.NotifyAll();
        for (;;) born.Wait(mutex);
      },
      "INVARIANT");
}

}  // namespace
}  // namespace ferry::worker_test
