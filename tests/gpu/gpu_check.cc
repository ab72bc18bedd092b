// gpu_check tries Ferry on a real GPU: the device suite, copy rates beside the
// raw ones, models that serve and move. Without a GPU, or without all of
// torch's CUDA libraries, it says so and ends well.
//
//   gpu_check [--gtest_filter=...]    everything but EndOfDeviceTest, which
//                                     spoils the GPU for its process
//   GPU_CHECK_DEVICE=sim:0            tries the program itself
//   GPU_CHECK_REQUIRED=1              a GPU that cannot be checked is a failure
//   FERRY_MODELS_DIR=FOLDER           where the test models are

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "server/devices/cuda_plugin.h"
#include "tests/gpu/checked_device.h"

int main(int argc, char** argv) {
  // Products in full single precision, as on the cpu they are compared with.
  setenv("NVIDIA_TF32_OVERRIDE", "0", /*overwrite=*/0);
  if (ferry::ChecksGpu()) {
    const auto usable =
        ferry::CudaDevicesUsable(ferry::kCudaDriver, ferry::CudaPluginPlaces());
    if (ferry::CheckedDevice().index >= usable.value_or(0)) {
      const std::string why =
          usable.ok()
              ? "the NVIDIA driver shows " + std::to_string(*usable) + " GPUs"
              : std::string(usable.status().message());
      const bool required = std::getenv("GPU_CHECK_REQUIRED") != nullptr;
      ferry::Report((required ? "failed: " : "skipped: ") + why);
      return required ? 1 : 0;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(filter) == "*") {
    testing::GTEST_FLAG(filter) = "-EndOfDeviceTest.*";
  }
  return RUN_ALL_TESTS();
}
