// The order of a start: the devices are opened, which may bring CUDA in, before
// LibTorch first asks whether there is CUDA. It asks once in a process, so this
// test is one of its own, with hooks that note when they are asked for. Its
// driver is a fake that shows one GPU, and there is no plugin.

#include <memory>
#include <string>
#include <vector>

#include <ATen/detail/CUDAHooksInterface.h>
#include <gtest/gtest.h>

#include "server/config.h"
#include "server/daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::start_order_test {
namespace {

bool asked = false;

// LibTorch makes the hooks of this name, as those of libtorch_cuda.
struct CUDAHooks final : at::CUDAHooksInterface {
  explicit CUDAHooks(at::CUDAHooksArgs) { asked = true; }
};
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks);

absl::StatusOr<std::unique_ptr<Daemon>> Start(
    std::vector<const char*> flags = {}) {
  flags.insert(flags.begin(), {"ferryd", "--grpc-listen=127.0.0.1:0",
                               "--metrics-listen=127.0.0.1:0"});
  const auto config = ParseConfig(static_cast<int>(flags.size()), flags.data(),
                                  [](const char*) { return nullptr; });
  if (!config.ok()) return config.status();
  return Daemon::Start(*config);
}

TEST(StartOrderTest, LibTorchAsksForCudaWhenTheDevicesAreOpen) {
  EXPECT_THAT(Start({"--devices=cuda:63"}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(asked);
  ASSERT_THAT(Start({"--devices=cpu=4MiB"}), IsOk());
  EXPECT_TRUE(asked);
}

TEST(StartOrderTest, AGpuThatNobodyAskedForIsLeftOutWhenItCannotBeOpened) {
  EXPECT_THAT(Start({"--devices=cuda:0"}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  testing::internal::CaptureStderr();
  const auto daemon = Start();
  const std::string log = testing::internal::GetCapturedStderr();
  ASSERT_THAT(daemon, IsOk()) << log;
  ASSERT_EQ((*daemon)->devices().devices().size(), 1u);
  EXPECT_EQ((*daemon)->devices().cpu().name(), "cpu");
  EXPECT_THAT(log, testing::AllOf(testing::HasSubstr("GPUs left out"),
                                  testing::HasSubstr("libferry_cuda.so")));
}

}  // namespace
}  // namespace ferry::start_order_test
