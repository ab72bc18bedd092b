// What StartLibTorch() leaves set.

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include "server/executors/program.h"
#include "tests/executors/scripted.h"

namespace ferry {
namespace {

TEST(StartLibTorchTest, SetsThreadsAndTheExecutorAndSilencesPrint) {
  const int former = at::get_num_threads();
  StartLibTorch(1);
  EXPECT_EQ(at::get_num_threads(), 1);
  EXPECT_FALSE(torch::jit::getProfilingMode());
  EXPECT_TRUE(torch::jit::getExecutorMode());
  ::testing::internal::CaptureStdout();
  Scripted("def forward(self, x):\n    print(\"loud\")\n    return x\n")
      .forward({at::ones({1})});
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  at::set_num_threads(former);
}

}  // namespace
}  // namespace ferry
