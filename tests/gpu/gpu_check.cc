// gpu_check tries Ferry on a real GPU: the device suite, copy rates beside the
// raw ones, models that serve and move. Without a GPU it says so and ends well.
//
//   gpu_check [--gtest_filter=...]    everything but EndOfDeviceTest, which
//                                     spoils the GPU for its process
//   GPU_CHECK_DEVICE=sim:0            tries the program itself
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
    const int present = ferry::CudaDevicesPresent();
    if (ferry::CheckedDevice().index >= present) {
      ferry::Report("skipped: the NVIDIA driver shows " +
                    std::to_string(present) + " GPUs");
      return 0;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(filter) == "*") {
    testing::GTEST_FLAG(filter) = "-EndOfDeviceTest.*";
  }
  return RUN_ALL_TESTS();
}
