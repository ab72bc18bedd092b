// The CUDA plugin itself, loaded with torch's CUDA libraries as on a machine
// with a GPU; without one it must say so. That it can be loaded is not known
// before: a plugin may be linked with symbols that nobody has.

#include <memory>
#include <string>

#include <ATen/detail/CUDAHooksInterface.h>
#include <gtest/gtest.h>

#include "server/devices/cuda_plugin.h"
#include "server/executors/torch/start_libtorch.h"
#include "tests/support/status_matchers.h"

namespace ferry::plugin_load_test {
namespace {

TEST(PluginLoadTest, BringsCudaToALibTorchThatStartsAfterIt) {
  const auto entry = LoadCudaPlugin({FERRY_CUDA_PLUGIN});
  ASSERT_THAT(entry, IsOk());
  EXPECT_EQ((*entry)->version, CudaPluginEntry::kVersion);
  StartLibTorch(1);
  EXPECT_TRUE(at::detail::getCUDAHooks().hasCUDART());
}

TEST(PluginLoadTest, OpensAGpuOrSaysWhyItCannot) {
  const auto entry = LoadCudaPlugin({FERRY_CUDA_PLUGIN});
  ASSERT_THAT(entry, IsOk());
  const auto device = (*entry)->open(0, uint64_t{1} << 20);
  if (device.ok()) return;
  EXPECT_THAT(device, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(device.status().message()),
              testing::StartsWith("cuda:0: open: "));
}

}  // namespace
}  // namespace ferry::plugin_load_test
