// What StartLibTorch() leaves set, and what TryLibTorchOn() says of devices
// good and bad.

#include "server/executors/torch/start_libtorch.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"

namespace ferry::start_libtorch_test {
namespace {

TEST(StartLibTorchTest, SetsThreadsAndTheExecutorAndSilencesLibTorch) {
  const int former = at::get_num_threads();
  StartLibTorch(1);
  EXPECT_EQ(at::get_num_threads(), 1);
  EXPECT_FALSE(torch::jit::getProfilingMode());
  EXPECT_TRUE(torch::jit::getExecutorMode());
  ::testing::internal::CaptureStdout();
  Scripted("def forward(self, x):\n    print(\"loud\")\n    return x\n")
      .forward({at::ones({1})});
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  ::testing::internal::CaptureStderr();
  TORCH_WARN("loud");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  at::set_num_threads(former);
}

TEST(TryLibTorchTest, IsContentWithADeviceThatWorks) {
  Devices devices;
  for (Device* device : devices.all) {
    EXPECT_THAT(TryLibTorchOn(*device), IsOk());
  }
  EXPECT_EQ(devices.sim0->usage().scratch.used_bytes, 0u);
}

TEST(TryLibTorchTest, NamesADeviceThatLibTorchCannotUse) {
  Devices devices;
  const auto unknown = *SimDevice::Create({.index = 5});
  const absl::Status status = TryLibTorchOn(*unknown);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(status.message()),
              ::testing::StartsWith("sim:5: LibTorch cannot run there: "));
}

TEST(TryLibTorchTest, TellsAFullDeviceFromOneThatCannotBeUsed) {
  Devices devices;
  devices.sim1->Inject({.kind = SimFault::Kind::kOutOfMemory});
  EXPECT_THAT(TryLibTorchOn(*devices.sim1),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace ferry::start_libtorch_test
