// Every operator that a file may contain, over edge values, in a child process:
// what raises a signal there would end the daemon.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <new>
#include <unistd.h>
#include <vector>

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "absl/strings/str_cat.h"

#include "server/executors/torch/start_libtorch.h"
#include "server/executors/torchscript/checks/operator_check.h"
#include "tests/executors/operator_arguments.h"

namespace ferry {
namespace {

using Operators = std::vector<std::shared_ptr<torch::jit::Operator>>;

constexpr size_t kDraws = 60;
constexpr rlim_t kSpareBytes = rlim_t{2} << 30;
constexpr rlim_t kSecondsOfOne = 2;

std::string OverloadName(const torch::jit::Operator& op) {
  return absl::StrCat(op.schema().name(), ".", op.schema().overload_name());
}

// In the order of their names.
Operators SweptOperators() {
  Operators all;
  for (const auto& op : torch::jit::getAllOperators()) {
    // Those without a schema take anything that a graph gives them.
    if (op->schema().is_vararg() || !op->hasOperation() ||
        !IsServed(op->schema().name())) {
      continue;
    }
    all.push_back(op);
  }
  std::ranges::sort(all, {}, [](const auto& op) { return OverloadName(*op); });
  return all;
}

// What the child is at, for the parent to read when it has died.
struct Progress {
  std::atomic<size_t> op;
  std::atomic<size_t> draw;
};

// Of this process as it is, and some to spare.
void LimitMemory() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t bytes = pages * sysconf(_SC_PAGESIZE) + kSpareBytes;
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_AS, &limit);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

void LimitTime() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  const rlim_t seconds =
      static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
      kSecondsOfOne;
  const rlimit limit{seconds, RLIM_INFINITY};
  setrlimit(RLIMIT_CPU, &limit);
}

[[noreturn]] void RunChild(const Operators& all, Progress& progress) {
  const int null = open("/dev/null", O_RDWR);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGXCPU}) {
    (void)signal(number, SIG_DFL);
  }
  LimitMemory();
  const c10::InferenceMode inference;
  size_t draw = progress.draw;
  for (size_t i = progress.op; i < all.size(); ++i, draw = 0) {
    progress.op = i;
    LimitTime();
    OperatorArguments arguments(all[i]->schema(),
                                OperatorArguments::Integers::kEdges);
    torch::jit::Operation run = all[i]->getOperation();
    for (size_t k = 0; k < kDraws; ++k) {
      auto stack = arguments.Draw();
      if (!stack) break;
      if (k < draw) continue;
      progress.draw = k;
      try {
        run(*stack);
      } catch (...) {  // Whatever can be caught is well.
      }
    }
  }
  _exit(0);
}

std::string DrawText(const torch::jit::Operator& op, size_t draw) {
  OperatorArguments arguments(op.schema(), OperatorArguments::Integers::kEdges);
  std::optional<std::vector<c10::IValue>> drawn;
  for (size_t k = 0; k <= draw; ++k) drawn = arguments.Draw();
  return OperatorArguments::Text(*drawn);
}

TEST(OperatorSweepTest, NoOperatorThatIsServedEndsTheProcess) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer ends a child that may have no more memory";
#endif
  StartLibTorch(1);
  const Operators all = SweptOperators();
  ASSERT_GT(all.size(), 2000);
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  Progress& progress = *new (shared) Progress{.op = 0, .draw = 0};
  for (size_t deaths = 0; deaths < 100;) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) RunChild(all, progress);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (status == 0) break;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
      // Slow, which blocks a lane and ends nothing: on to the next operator.
      ++progress.op;
      progress.draw = 0;
      continue;
    }
    ++deaths;
    const torch::jit::Operator& op = *all[progress.op];
    ADD_FAILURE() << OverloadName(op) << "(" << DrawText(op, progress.draw)
                  << ") ended the process: "
                  << (WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                          : "it left");
    ++progress.op;
    progress.draw = 0;
  }
  munmap(shared, sizeof(Progress));
}

}  // namespace
}  // namespace ferry
