// Workers against their promises: the name, the join, and who goes first.

#include "server/base/worker.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

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

// From here on the kernel refuses this thread, and those that it starts, to
// change their policy.
bool RefuseSchedulingPolicies() {
  std::array<sock_filter, 4> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setscheduler, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program = {.len = code.size(), .filter = code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(WorkerTest, ServesUnlessItIsToldToStandBack) {
  int serving = -1;
  int background = -1;
  int low = -1;
  {
    const Worker worker("serving", [&] { serving = sched_getscheduler(0); });
  }
  {
    const Worker worker("background", Worker::Priority::kBackground,
                        [&] { background = sched_getscheduler(0); });
  }
  {
    const Worker worker("low", Worker::Priority::kLow,
                        [&] { low = getpriority(PRIO_PROCESS, 0); });
  }
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 0);
  EXPECT_EQ(low, 10);
  EXPECT_EQ(serving, SCHED_OTHER);
  EXPECT_EQ(background, SCHED_IDLE);
}

TEST(WorkerTest, CountsTheProcessorsThatItMayUse) {
  int counted = 0;
  {
    const Worker worker("counter", [&] {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
      EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
      counted = ProcessorCount();
    });
  }
  EXPECT_EQ(counted, 1);
  EXPECT_GE(ProcessorCount(), counted);
}

TEST(WorkerDeathTest, GoesOnWhereTheKernelRefusesAndSaysItOnce) {
  const auto start_two = [] {
    FILE* const log = std::tmpfile();
    if (log == nullptr || dup2(fileno(log), STDERR_FILENO) < 0) _exit(2);
    if (!RefuseSchedulingPolicies()) _exit(3);
    int served = 0;
    for (int i = 0; i < 2; ++i) {
      const Worker worker("background", Worker::Priority::kBackground, [&] {
        served += sched_getscheduler(0) == SCHED_OTHER ? 1 : 0;
      });
    }
    std::array<char, 4096> bytes = {};
    std::rewind(log);
    const std::string said(bytes.data(),
                           std::fread(bytes.data(), 1, bytes.size(), log));
    const bool once = std::ranges::count(said, '\n') == 1 &&
                      said.find("SCHED_IDLE") != std::string::npos &&
                      said.find("Operation not permitted") != std::string::npos;
    _exit(served == 2 && once ? 0 : 1);
  };
  EXPECT_EXIT(start_two(), testing::ExitedWithCode(0), "");
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
